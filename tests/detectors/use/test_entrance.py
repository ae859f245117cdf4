"""Article 12: whose first education app of a day is a national platform."""

from __future__ import annotations

from datetime import date

import numpy as np

from detectors.use.day import AppUse
from detectors.use.entrance import Entrance, entrance
from detectors.use.sessions import DEVICE_USE

DAY = date(2026, 3, 2)
KINDS = {1: "national-platform", 2: "k12-homework", 3: "mooc"}


def app(service: int, **first_active: int) -> AppUse:
    """An app and the first active minute of each device, by the device's letter; -1: never in earnest."""
    uses = np.zeros(len(first_active), DEVICE_USE)
    for at, (device, minute) in enumerate(first_active.items()):
        uses[at]["device_lo"], uses[at]["first_active"] = ord(device), minute
        uses[at]["active"] = 5 if minute >= 0 else 0
    return AppUse(service, uses)


def test_the_first_app_of_each_device_decides() -> None:
    apps = {
        1: app(1, a=10, b=30, d=20, e=-1),
        2: app(2, a=20, b=20, c=5, d=20, e=7),
        4: app(4, c=1, f=2),  # no education app
    }
    # a: the platform first; d: in the same minute; b: later; c and e: never in earnest
    assert entrance(DAY, apps, KINDS) == Entrance(DAY, first=2, later=1, never=2)


def test_a_day_without_education_has_none() -> None:
    assert entrance(DAY, {4: app(4, a=1)}, KINDS) is None
    assert entrance(DAY, {1: app(1, a=-1)}, KINDS) is None
