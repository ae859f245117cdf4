"""The campus's days: where they begin, which are school days, when the curfew is."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from detectors.rules.settings import CalendarSettings, Curfew, Period
from detectors.window_features import SECOND_NS

_MINUTE_NS = 60 * SECOND_NS
_SATURDAY = 5


class Calendar:
    """Days and curfews of a time zone, in nanoseconds and minutes since 1970."""

    def __init__(self, settings: CalendarSettings, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._settings = settings
        self._workdays = frozenset(settings.workdays)

    def day_of(self, time_ns: int) -> date:
        """The local day in which a time lies."""
        moment = datetime.fromtimestamp(time_ns // SECOND_NS, UTC)
        return moment.astimezone(self._zone).date()

    def start_ns(self, day: date) -> int:
        """When a local day begins."""
        return self._at(day, time(0))

    def end_ns(self, day: date) -> int:
        """When a local day is over."""
        return self._at(day + timedelta(days=1), time(0))

    def is_school_day(self, day: date) -> bool:
        """A weekday that is no holiday, or a weekend day on which school is held."""
        if day in self._workdays:
            return True
        for free in self._settings.holidays:
            if free.first <= day <= free.last if isinstance(free, Period) else day == free:
                return False
        return day.weekday() < _SATURDAY

    def curfew_minutes(self, day: date) -> list[tuple[int, int]]:
        """The parts of a local day under curfew: first minute, and the minute after the last.

        A night belongs to the day on whose eve it begins: the eve of a school day has the curfew of
        school days.
        """
        start, end = self.start_ns(day) // _MINUTE_NS, self.end_ns(day) // _MINUTE_NS
        parts = []
        for eve in (day - timedelta(days=1), day):
            first, last = self._night(eve)
            if max(first, start) < min(last, end):
                parts.append((max(first, start), min(last, end)))
        return parts

    def _night(self, eve: date) -> tuple[int, int]:
        """The curfew that begins on the eve, in minutes."""
        settings, after = self._settings, eve + timedelta(days=1)
        curfew: Curfew = settings.curfew if self.is_school_day(after) else settings.curfew_before_free_days
        last_day = after if curfew.end <= curfew.start else eve
        return self._at(eve, curfew.start) // _MINUTE_NS, self._at(last_day, curfew.end) // _MINUTE_NS

    def _at(self, day: date, clock: time) -> int:
        return int(datetime.combine(day, clock, self._zone).timestamp()) * SECOND_NS
