"""Incidents as windows that went through the whole pipeline, on which a new model is tried.

An incident is the windows of one host while it did something; a model finds it when one of the tests that
make findings does. Those that come with the program are made by `campuswatch model incidents` of a
simulated campus; windows of a sensor's own findings that people confirmed join them.

FILE is an npz (array_file.py): a row per window in `incident`, `seconds`, `group`, `start` (seconds from
the incident's own first hour), `features`, `usual`, `deviation`; names in the description. No address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.forest import array_file
from detectors.forest.array_file import Arrays, ModelFileError
from detectors.forest.episode_test import pairs, strangeness
from detectors.forest.host_groups import GROUPS
from detectors.forest.model import Model, with_peaks
from detectors.minutes import host_keys
from detectors.parts import Parts, json_of, of_json
from detectors.window_features import HOUR_NS, HOUR_SECONDS, MINUTE_SECONDS, SECOND_NS, WINDOW

FILE_SCHEMA = 1
#: Of one incident: its first minutes, its last hours.
MOST_MINUTES, MOST_HOURS = 30, 6
MOST_INCIDENTS = 500
#: Of each window, by the name of the array; `start` and `incident` stand for time and host.
_TYPES = {"seconds": "i4", "group": "u1", "features": "f4", "usual": "f2", "deviation": "f2"}
_HOST_HI = 1 << 63  # no host of a campus


@dataclass(frozen=True, slots=True)
class Incidents:
    """names: of each incident. windows: WINDOWs, whose host is the place of the incident's name."""

    names: tuple[str, ...] = ()
    windows: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, WINDOW))

    @classmethod
    def of(cls, found: Mapping[str, NDArray[np.void]]) -> Incidents:
        """From WINDOWs of one host each; a bounded part of each incident, and of them, is kept."""
        names: list[str] = []
        kept: list[NDArray[np.void]] = []
        for name, windows in found.items():
            some = _bounded(windows)
            if len(some) == 0 or len(names) == MOST_INCIDENTS:
                continue
            first_ns = int(some["window_start_ns"].min())
            some["window_start_ns"] -= first_ns - first_ns % HOUR_NS
            some["host_hi"], some["host_lo"] = _HOST_HI, len(names)
            names.append(name)
            kept.append(some)
        return cls(tuple(names), np.concatenate([np.zeros(0, WINDOW), *kept]))

    def and_those(self, others: Incidents) -> Incidents:
        """Both together, these first; beyond the bound the others' last are left out."""
        room = MOST_INCIDENTS - len(self.names)
        others = Incidents(others.names[:room], others.windows[others.windows["host_lo"] < max(room, 0)])
        moved = others.windows.copy()
        moved["host_lo"] += len(self.names)
        return Incidents(self.names + others.names, np.concatenate([self.windows, moved]))

    def newest(self, most: int) -> Incidents:
        """The last of them."""
        return self._only(range(max(len(self.names) - most, 0), len(self.names)))

    def without(self, name: str) -> Incidents:
        """All but those of a name."""
        return self._only([at for at, each in enumerate(self.names) if each != name])

    def found_by(self, model: Model, level: float) -> frozenset[str]:
        """Those with a window that a test finds: at a level of alarm_p, or its least where that is higher."""
        windows = self.windows.copy()
        if len(windows) == 0:
            return frozenset()
        of_hours = windows["seconds"] == HOUR_SECONDS
        minutes = windows[~of_hours]
        model.score(minutes)
        host = host_keys(minutes["host_hi"], minutes["host_lo"])
        model.test_minutes(minutes, pairs(host, minutes["window_start_ns"], strangeness(minutes["score"])))
        hours = with_peaks(model, minutes, windows[of_hours])
        model.score(hours)
        scored = np.concatenate([minutes, hours])
        found = scored["alarm_p"] <= np.maximum(level, model.least(scored))
        return frozenset(self.names[at] for at in np.unique(scored["host_lo"][found]).tolist())

    def _only(self, places: Sequence[int]) -> Incidents:
        """Those at some places, in order."""
        kept = self.windows[np.isin(self.windows["host_lo"], np.array(places, np.uint64))]
        kept["host_lo"] = np.searchsorted(np.array(places, np.uint64), kept["host_lo"])
        return Incidents(tuple(self.names[at] for at in places), kept)

    def state(self) -> Parts:
        """Everything, for a restart."""
        return {"names": of_json(self.names), "windows": self.windows}

    @classmethod
    def restored(cls, parts: Parts) -> Incidents:
        """From such a state."""
        return cls(tuple(json_of(parts["names"])), parts["windows"])


def save(incidents: Incidents, path: Path) -> None:
    """Write a set of incidents. Raises OSError."""
    windows = incidents.windows
    arrays: Arrays = {name: windows[name].astype(kind) for name, kind in _TYPES.items()}
    arrays["incident"] = windows["host_lo"].astype(np.int32)
    arrays["start"] = (windows["window_start_ns"] // SECOND_NS).astype(np.int32)
    array_file.write(path, {"schema": FILE_SCHEMA, "incidents": list(incidents.names)}, arrays)


def load(path: Path) -> Incidents:
    """Read a set of incidents. Raises ModelFileError."""
    what = "set of incidents"
    about, arrays = array_file.read(path, what, len(_TYPES) + 3)
    array_file.check(path, about, arrays, (FILE_SCHEMA,))
    try:
        names = tuple(map(str, about["incidents"]))
        windows = np.zeros(len(arrays["incident"]), WINDOW)
        for name in _TYPES:
            if arrays[name].shape != windows[name].shape:
                raise ValueError(name)
            windows[name] = arrays[name]
        at = arrays["incident"]
        windows["host_hi"], windows["host_lo"] = _HOST_HI, at
        windows["window_start_ns"] = arrays["start"].astype(np.int64) * SECOND_NS
        known = np.isin(windows["seconds"], (MINUTE_SECONDS, HOUR_SECONDS)) & (windows["group"] < len(GROUPS))
        if not known.all() or (len(at) and not 0 <= at.min() <= at.max() < len(names)):
            raise ValueError("a window of no incident, length or group")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{path}: its arrays are not those of a {what} ({error})") from error
    _without_scores(windows)
    return Incidents(names, windows)


def _bounded(windows: NDArray[np.void]) -> NDArray[np.void]:
    """A copy of the first minutes and the last hours, in order, rounded as a file keeps them."""
    order = np.argsort(windows["window_start_ns"], kind="stable")
    hours = order[windows["seconds"][order] == HOUR_SECONDS][-MOST_HOURS:]
    minutes = order[windows["seconds"][order] != HOUR_SECONDS][:MOST_MINUTES]
    kept = windows[np.concatenate([minutes, hours])]
    kept["seconds"] = np.where(kept["seconds"] == HOUR_SECONDS, HOUR_SECONDS, MINUTE_SECONDS)
    kept["features"] = kept["features"].astype(np.float32)
    _without_scores(kept)
    return np.asarray(kept)


def _without_scores(windows: NDArray[np.void]) -> None:
    for name in ("score", "p_value", "alarm_p", "peak"):
        windows[name] = np.nan
