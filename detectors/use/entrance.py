"""Article 12: do devices come to education apps by the national public service system?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors.use.day import AppUse

#: Days that are kept; the oldest goes first.
MOST_ENTRANCES = 4_000
NATIONAL = "national-platform"


@dataclass(frozen=True, slots=True)
class Entrance:
    """Devices that used an education app in earnest on one local day.

    first: those whose first active minute of the day was a national platform's; later: those that
    used one, but not first; never: the others.
    """

    date: date
    first: int
    later: int
    never: int


def entrance(day: date, apps: Mapping[int, AppUse], kinds: Mapping[int, str]) -> Entrance | None:
    """Of a day's apps by service index; kinds: of the education services alone. None without a device."""
    parts = [(kinds[index] == NATIONAL, app.devices) for index, app in apps.items() if index in kinds]
    parts = [(national, uses[uses["active"] > 0]) for national, uses in parts]
    if not any(len(uses) for _, uses in parts):
        return None
    devices = np.concatenate([_devices(uses) for _, uses in parts])
    began = np.concatenate([uses["first_active"] for _, uses in parts])
    national = np.concatenate([np.full(len(uses), told) for told, uses in parts])
    # National first where two begin in the same minute: such a page leads on.
    order = np.lexsort((~national, began, devices[:, 1], devices[:, 0]))
    ordered = devices[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = national[order][new]
    ever = np.logical_or.reduceat(national[order], np.flatnonzero(new))
    return Entrance(day, int(first.sum()), int((ever & ~first).sum()), int((~ever).sum()))


def _devices(uses: NDArray[np.void]) -> NDArray[np.uint64]:
    return np.stack([uses["device_hi"], uses["device_lo"]], axis=1)
