"""What a model is learned from and what comes of it, as named arrays: another process may do the learning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forest.found import Found
from detectors.forest.incidents import Incidents
from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.forest.model_file import arrays_of, from_arrays
from detectors.forest.promotion import Verdict, compare
from detectors.forest.sample import Sample, scatter
from detectors.forest.steady import steady
from detectors.grouping import address_ids, distinct, total
from detectors.parts import Parts, json_of, of_json, under, within
from detectors.window_features import FEATURE_AT, HOUR_NS, HOUR_SECONDS
from wire.record_arrays import kept, picked

_LASTING_HOURS = 3
_RECENT_NS = 72 * HOUR_NS

#: What came of a lesson; None while it goes on, empty where it failed.
Outcome = Callable[[], Parts | None]
#: Begins a lesson.
Teacher = Callable[[Parts], Outcome]


@dataclass(frozen=True, slots=True)
class Lesson:
    """From what to learn, at an event time, and what the challenger has to hold against.

    least_windows, host_share: as of the schedule. incidents: on which champion and challenger are tried.
    """

    now_ns: int
    forest: ForestSettings
    least_windows: int
    host_share: float
    sample: Sample
    found: Found
    incidents: Incidents
    champion: Model | None

    def parts(self) -> Parts:
        """As arrays."""
        plain = [self.now_ns, asdict(self.forest), self.least_windows, self.host_share, self.found.spans()]
        parts = {"plain": of_json(plain), **under("sample", self.sample.state())}
        parts |= under("incidents", self.incidents.state())
        return parts if self.champion is None else {**parts, **parts_of(self.champion)}

    @classmethod
    def of(cls, parts: Parts) -> Lesson:
        """From such arrays."""
        now_ns, forest, least_windows, host_share, found = json_of(parts["plain"])
        sample = Sample(np.iinfo(np.int64).max)
        sample.restore(within("sample", parts))
        return cls(
            now_ns,
            ForestSettings(**forest),
            least_windows,
            host_share,
            sample,
            Found(((hi, lo), start, end) for (hi, lo), start, end in found),
            Incidents.restored(within("incidents", parts)),
            model_of(parts),
        )


def parts_of(model: Model) -> Parts:
    """A model as arrays."""
    settings, (first_ns, last_ns) = model.forest.settings, model.span_ns
    return {
        **under("model", arrays_of(model)),
        "forest": np.array([settings.trees, settings.max_samples, settings.seed], np.int64),
        "span": np.array([first_ns, last_ns], np.int64),
    }


def model_of(parts: Parts) -> Model | None:
    """The model of such arrays, None where there is none. Raises ValueError, KeyError."""
    if "forest" not in parts:
        return None
    trees, max_samples, seed = parts["forest"].tolist()
    first_ns, last_ns = parts["span"].tolist() if "span" in parts else (0, 0)
    return from_arrays(within("model", parts), ForestSettings(trees, max_samples, seed), (first_ns, last_ns))


def verdict_of(outcome: Parts) -> Verdict:
    """The verdict that an outcome with a model or without holds."""
    told: dict[str, Any] = json_of(outcome["verdict"])
    for name, each in told.items():
        told[name] = tuple(each) if isinstance(each, list) else each
    return Verdict(**told)


def at_once(parts: Parts) -> Outcome:
    """The Teacher that has learned when it returns, in this process."""
    outcome = learn(parts)
    return lambda: outcome


def learn(parts: Parts) -> Parts:
    """Hold a lesson: the verdict, and the challenger where it holds; nothing where there is too little."""
    lesson = Lesson.of(parts)
    clean = _clean(lesson)
    if np.count_nonzero(clean["seconds"] != HOUR_SECONDS) < lesson.least_windows:
        return {}
    clean["group"] = _latest_groups(clean)
    # Every other hour calibrates, the others the day after.
    hour = clean["window_start_ns"] // HOUR_NS
    calibrates = (hour + hour // 24) % 2 == 1
    if calibrates.all() or not calibrates.any():
        return {}
    theirs = picked(clean, calibrates)
    ours = kept(clean, ~calibrates)
    challenger = Model.learn(ours, theirs, lesson.forest)
    recent = theirs[theirs["window_start_ns"] >= lesson.now_ns - _RECENT_NS]
    verdict = compare(challenger, lesson.champion, recent, lesson.incidents)
    told = {"verdict": of_json(asdict(verdict))}
    return {**told, **parts_of(challenger)} if verdict.holds else told


def _clean(lesson: Lesson) -> NDArray[np.void]:
    """What may be learned from. A hundred megabytes, which no step copies."""
    windows = lesson.sample.windows()
    windows = kept(windows, ~lesson.found.hold(windows) & ~_passive(windows))
    windows = kept(windows, _of_steady_hosts(windows))
    return kept(windows, _within_share(windows, lesson.host_share))


def _of_steady_hosts(windows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Those, minutes and hours, of hosts whose minutes do not drift away from the others'."""
    steadily = steady(windows, windows["seconds"] != HOUR_SECONDS)
    host, _ = address_ids(windows["host_hi"], windows["host_lo"])
    return np.asarray(~np.isin(host, np.unique(host[~steadily])))


def _passive(windows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Windows of hosts that never opened a flow and were seen in fewer than three hours.

    Such an address was woken by somebody else: a scan would teach that being scanned is usual.
    """
    host, first = address_ids(windows["host_hi"], windows["host_lo"])
    opened = total(host, windows["features"][:, FEATURE_AT["flows_opened"]], len(first))
    hours = distinct(host, windows["window_start_ns"] // HOUR_NS, len(first))
    return np.asarray(((opened == 0) & (hours < _LASTING_HOURS))[host])


def _latest_groups(windows: NDArray[np.void]) -> NDArray[np.uint8]:
    """The group that each window's host is in by now: at first every host is held for a client."""
    host, first = address_ids(windows["host_hi"], windows["host_lo"])
    latest = np.zeros(len(first), np.int64)
    order = np.argsort(windows["window_start_ns"], kind="stable")
    latest[host[order]] = order  # of equal places the last assignment stays
    return np.asarray(windows["group"][latest[host]])


def _within_share(windows: NDArray[np.void], share: float) -> NDArray[np.bool_]:
    """Of each host no more windows than a share of all, chosen evenly."""
    within = np.ones(len(windows), np.bool_)
    most = max(int(share * len(windows)), 1)
    hosts = np.stack([windows["host_hi"], windows["host_lo"]], axis=1)
    _, host, counts = np.unique(hosts, axis=0, return_inverse=True, return_counts=True)
    if len(counts) == 0 or len(counts) * share < 1 or counts.max() <= most:
        return within  # with fewer hosts than shares, a cap would only throw away
    host = host.reshape(-1)
    order = np.lexsort((scatter(windows), host))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    within[order[rank >= most]] = False
    return within
