"""What a page tells of one app on one day: how long devices used it, and its standing then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

#: Days of apps that are kept; the oldest goes first.
MOST_APP_DAYS = 20_000


@dataclass(frozen=True, slots=True)
class AppDay:
    """One education app on one local day.

    minutes: active minutes of each device that used it, rising; no device is named. standing: the
    values of each status that a list gives it, `none` where a complete list lacks it, `unknown` else.
    """

    service: str
    date: date
    minutes: tuple[int, ...]
    standing: Mapping[str, str]
