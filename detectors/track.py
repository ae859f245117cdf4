"""Everything that is known about one kind of host: windows, patterns, scores, episodes, findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.feedback import OF_HOSTS, Feedback, subjects_of
from detectors.findings import Finding, Origin
from detectors.forest.drift import Drift
from detectors.forest.learner import Learner, Learning
from detectors.forest.scorers import Scorer
from detectors.forest.trust import Trust, tails_of
from detectors.host_context import ContextSettings
from detectors.host_hours import HostHours
from detectors.host_news import HostNews
from detectors.hour_rows import merged_places, places_of_minutes, rare_opens, rows_of_hours
from detectors.involvement import NOBODY, first_touch, hosts_among, strongest
from detectors.kept_rows import KeptRows
from detectors.minutes import Minutes
from detectors.open_rows import OPEN_ROW
from detectors.parts import Parts, under, within
from detectors.rules.anomalous_host import ForestSigns, findings
from detectors.rules.carriers import with_carriers
from detectors.rules.episodes import Due, Episodes
from detectors.rules.model_drift import model_drift
from detectors.rules.patterns.pattern import Pattern, Watch
from detectors.rules.patterns.watches import (
    OF_DNS_ROWS,
    OF_HOST_ROWS,
    OF_HOUR_ROWS,
    OF_NX_ROWS,
    OF_OPEN_ROWS,
    OF_POOL_ROWS,
    OF_RARE_OPENS,
)
from detectors.rules.signal import Signal
from detectors.window_features import HOUR_NS, MINUTE_NS, WINDOW
from detectors.windows import HostWindows, RowsOfRows
from wire.record_arrays import joined

#: What each store of a replay's closed minutes may take as it is: half a million rows of an hour.
_LOOSE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Judged:
    """What is decided: a window (WINDOW) comes out once, and so does a finding.

    A finding is told as soon as its episode shows; `updates` holds it again, under the same id,
    when the episode is over and had grown meanwhile. `involved`: INVOLVED, whose windows may have
    come out hours before.
    """

    windows: NDArray[np.void]
    findings: list[Finding] = field(default_factory=list)
    updates: list[Finding] = field(default_factory=list)
    involved: NDArray[np.void] = field(default_factory=lambda: NOBODY)


class HostTrack:
    """Rows in, windows and findings out. `scorer` decides when windows leave."""

    def __init__(
        self,
        scorer: Scorer,
        origin: Origin,
        accepted_false_alerts_per_day: float,
        max_open_rows: int,
        feedback: Feedback | None = None,
        context: ContextSettings | None = None,
        keeps_news: bool = False,
    ) -> None:
        """keeps_news: there are checkpoints, and what was learned is kept now and then.

        A replay has none: it takes room in memory for time, and packs only what is beyond it.
        """
        self._feedback = feedback or Feedback(None, origin)
        self._scorer = scorer
        self._origin = origin
        self._forest_signs = ForestSigns(accepted_false_alerts_per_day)
        self._episodes = Episodes()
        context = context or ContextSettings()
        self._host_hours = HostHours(context)
        of_hours = partial(rows_of_hours, zone=ZoneInfo(context.timezone))
        self._news = HostNews()
        self._keeps_news = keeps_news
        self._held: list[Signal] = []
        loose_bytes = 0 if keeps_news else _LOOSE_BYTES
        self._kept = KeptRows(max_open_rows, loose_bytes)
        self._involved: list[NDArray[np.void]] = []  # since the last `advance`
        self.lanes = {
            "host": _Lane(OF_HOST_ROWS, max_open_rows),
            "dns": _Lane(OF_DNS_ROWS, max_open_rows),
            "nx": _Lane(OF_NX_ROWS, max_open_rows),
            "open": _Lane(OF_OPEN_ROWS, max_open_rows),
            "pool": _Lane(OF_POOL_ROWS, max_open_rows),
            "place-hours": _Lane(OF_HOUR_ROWS, max_open_rows, HOUR_NS, of_hours, merged_places, loose_bytes),
            "open-hours": _Lane(OF_RARE_OPENS, max_open_rows, HOUR_NS, rare_opens, loose_bytes=loose_bytes),
        }

    def add(self, lane: str, rows: NDArray[np.void]) -> None:
        """Rows of a lane: `host` HOST_ROW, `dns` DNS_ROW, `nx` NX_ROW, `open` OPEN_ROW, `pool` POOL_ROW."""
        if len(rows):
            self.lanes[lane].windows.add(rows)

    def advance(self, before_ns: int) -> Judged:
        """Close the minutes that end by `before_ns`; what is decided by now."""
        self._feedback.refresh()
        if OF_HOSTS in self._feedback.news:
            self._feedback.teach(OF_HOSTS, subjects_of(self._scorer.hosts()), self._scorer)
        windows = self._close(lambda lane: lane.windows.close(before_ns), before_ns)
        if self._scorer.holds:
            return Judged(windows, involved=self._took_part())
        judged = self._judged(windows, self._episodes.due(before_ns))
        drifted = self.drift.large(before_ns) if self.drift is not None else {}
        if drifted:
            judged.findings.append(model_drift(drifted, before_ns, self._origin, self.learner is not None))
        return judged

    def finish(self) -> Judged:
        """Close everything; what is left."""
        early = self._close(lambda lane: lane.windows.finish(), None)
        late = self._scorer.finish()
        found = self._kept.carried(self._forest_signs.take(late))
        self._episodes.add(self._held + self._counted(found))
        return self._judged(joined([early, late]), self._episodes.finish())

    @property
    def counters(self) -> dict[str, int]:
        """What was late, and what did not fit."""
        lanes = list(self.lanes.values())
        return {
            "rows_late": sum(lane.windows.late for lane in lanes),
            "rows_shed": sum(lane.windows.shed for lane in lanes),
            "pattern_rows_shed": sum(watch.shed for lane in lanes for watch in lane.watches),
            "windows_shed": self._scorer.shed,
            **self._host_hours.counters,
        }

    @property
    def drift(self) -> Drift | None:
        """How far the last day lies from what the model learned from; None where that cannot be said."""
        return self._scorer.drift

    @property
    def learner(self) -> Learner | None:
        """Who makes the models; None where one was given."""
        return self._scorer if isinstance(self._scorer, Learner) else None

    @property
    def learning(self) -> Learning:
        """How far the forest's learning is."""
        scorer = self._scorer
        return scorer.learning if isinstance(scorer, Learner) else Learning(scorer.model is not None)

    @property
    def trust(self) -> Trust:
        """How far the forest's findings can be trusted."""
        index = {} if self.drift is None else self.drift.index()
        tails = tails_of(self._scorer.model)
        return Trust(self._forest_signs.expected, self._episodes.of_forest, tails, index)

    @property
    def days(self) -> float:
        """Of event time in which some host was seen."""
        return self._forest_signs.days

    def _judged(self, windows: NDArray[np.void], due: Due) -> Judged:
        for episode in (*due.new, *due.grown):
            self._flag(episode.host, episode.start_ns, episode.last_ns)
        level = self._forest_signs.level
        new, grown = (
            findings(each, self._origin, self._scorer.model, level) for each in (due.new, due.grown)
        )
        return Judged(windows, new, grown, self._took_part())

    def _flag(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        self._scorer.flag(host, start_ns, end_ns)
        if self._keeps_news:
            self._news.flag(host, start_ns, end_ns)

    def _score(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        """The windows that the scorer lets go, when these have come."""
        if self._keeps_news:
            self._news.add(windows, self._host_hours.infra)
        return self._scorer.take(windows)

    def so_far(self, before_ns: int) -> Judged:
        """As `advance`, with what there is to tell of episodes that go on: the daemon stops here."""
        judged = self.advance(before_ns)
        left = self._judged(judged.windows, self._episodes.so_far())
        findings, updates = [*judged.findings, *left.findings], [*judged.updates, *left.updates]
        return Judged(judged.windows, findings, updates, judged.involved)

    def state(self) -> Parts:
        """What a restart needs; not for a replay, whose scorer holds everything to the end."""
        parts = {**under("signs", self._forest_signs.state()), **under("episodes", self._episodes.state())}
        parts |= under("hours", self._host_hours.state())
        for name, lane in self.lanes.items():
            parts |= under(f"{name}/windows", lane.windows.state())
            for watch in lane.watches:
                parts |= under(f"{name}/{watch.name}", watch.state())
        return parts

    def restore(self, parts: Parts) -> None:
        """Take a state back; into a track that has seen nothing. A lane or pattern it lacks starts anew."""
        self._forest_signs.restore(within("signs", parts))
        self._episodes.restore(within("episodes", parts))
        self._host_hours.restore(within("hours", parts))
        for name, lane in self.lanes.items():
            windows = within(f"{name}/windows", parts)
            if windows:
                lane.windows.restore(windows)
            for watch in lane.watches:
                own = within(f"{name}/{watch.name}", parts)
                if own:
                    watch.restore(own)

    def learned(self) -> Parts:
        """What the scorer has learned, and what is known of hosts."""
        self._news.forget()
        return {**under("scorer", self._scorer.state()), **under("hosts", self._host_hours.learned())}

    def recall(self, parts: Parts) -> None:
        """Take that back."""
        self._scorer.restore(within("scorer", parts))
        self._host_hours.recall(within("hosts", parts))

    def news(self) -> Parts:
        """What has come since `learned`: small, for a checkpoint that comes more often."""
        return self._news.state()

    def catch_up(self, parts: Parts) -> None:
        """After `restore` and `recall`: such news come once more, silently."""
        for windows, infra in self._news.again(parts, self._flag):
            self._host_hours.again(windows, infra)
            self._news.add(windows, infra)
            self._scorer.take(windows)

    def _close(
        self, close: Callable[[_Lane], NDArray[np.void] | None], before_ns: int | None
    ) -> NDArray[np.void]:
        """Judge the rows of closed minutes, then hours; the windows that the scorer lets go."""
        signals: list[Signal] = []
        minutes: list[tuple[Minutes, Columns]] = []
        rare = opens = np.zeros(0, OPEN_ROW)
        carriers: dict[str, NDArray[np.void]] = {}
        for name, lane in self.lanes.items():
            rows = close(lane)
            if rows is None or len(rows) == 0:
                continue
            columns = Columns(rows)
            if name == "host":
                minutes = self._host_hours.minutes(rows, columns)
                if self._scorer.holds:
                    self._kept.add(rows)
            if name in _HOURS_OF:
                hours, wanted = _HOURS_OF[name]
                self.lanes[hours].windows.add(wanted(rows, columns))
            shaped = lane.shape(rows)
            if name in ("host", "place-hours"):
                carriers[name] = rows
            if name == "open-hours":
                opens, rare = rows, shaped
            columns = columns if shaped is rows else Columns(shaped)
            for watch in lane.watches if len(shaped) else ():
                signals.extend(watch.take(shaped, columns))
        scored = [
            self._score(windows) for windows in self._host_hours.windows(minutes, opens, rare, before_ns)
        ]
        found = [signal for windows in scored for signal in self._forest_signs.take(windows)]
        # An hour's rows hold those of its minutes, which may have closed with it.
        for name, of_hours in (("host", False), ("place-hours", True)):
            own = [signal for signal in found if signal.of_hour is of_hours]
            signals.extend(with_carriers(own, carriers[name]) if own and name in carriers else own)
        signals = self._counted(signals)
        if self._scorer.holds:
            self._held.extend(replace(signal, involved=first_touch(signal.involved)) for signal in signals)
        else:
            self._episodes.add(signals)
        return joined([*scored, np.zeros(0, WINDOW)])

    def _counted(self, signals: list[Signal]) -> list[Signal]:
        """The signs that no verdict lowers; of those who took part, the hosts."""
        known = self._host_hours.context.knows
        told = [
            replace(signal, involved=hosts_among(signal.involved, known))
            for signal in self._feedback.told(signals)
        ]
        self._involved += [signal.involved for signal in told]
        return told

    def _took_part(self) -> NDArray[np.void]:
        """INVOLVED of the signs since this was asked last."""
        taken, self._involved = self._involved, []
        return strongest(np.concatenate(taken)) if taken else NOBODY


#: Closed minutes of a lane make the hours of another, which stands behind it; the rows it wants of them.
_HOURS_OF: dict[str, tuple[str, Callable[[NDArray[np.void], Columns], NDArray[np.void]]]] = {
    "host": ("place-hours", lambda _, columns: places_of_minutes(columns)),
    "open": ("open-hours", lambda rows, _: rows),
}


class _Lane:
    """One kind of row: what is open of it, and the patterns that read it.

    `shape` makes of the closed rows those that the patterns read, `merged` one of several that wait.
    """

    def __init__(
        self,
        patterns: Sequence[Pattern],
        max_rows: int,
        unit_ns: int = MINUTE_NS,
        shape: RowsOfRows = lambda rows: rows,
        merged: RowsOfRows | None = None,
        loose_bytes: int = 0,
    ) -> None:
        self.windows = HostWindows(max_rows, unit_ns, merged, loose_bytes)
        self.watches = [Watch(pattern, max_rows) for pattern in patterns]
        self.shape = shape
