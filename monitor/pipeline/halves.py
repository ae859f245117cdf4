"""HalfJoin: flows of which several workers saw a part each, made one before anything is named or judged.

    halves = HalfJoin(max_flows, vlan)
    events, steps = halves.join(due)        what others may see: without the parts, with the wholes
    steps = halves.rest()                   all that still waits, at the end

Deltas of a flow that was met wait until their minute is over for all workers, its rows until every
part has one. Nothing else waits, and a flow that was met by nobody is passed on as it is.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monitor.pipeline.handover import MAX_WORKERS, Step
from monitor.pipeline.merge import Due
from wire.flows.records import DELTA, FLOW_ROW
from wire.names.meetings import Meetings
from wire.record_arrays import joined

_MINUTE_NS = 60_000_000_000
#: Rows that may wait for those of other parts, about 400 bytes each; beyond it they wait no longer.
MAX_WAITING_ROWS = 1 << 16


@dataclass(slots=True)
class _Waiting:
    """Records of parts with the leader of each and the names that they asked DNS for."""

    records: NDArray[np.void]
    leaders: NDArray[np.int64]
    offsets: NDArray[np.int64]
    ids: NDArray[np.int32]

    @classmethod
    def nothing(cls, dtype: np.dtype[np.void]) -> _Waiting:
        """No records yet."""
        return cls(np.zeros(0, dtype), np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int32))

    def take(self, chosen: NDArray[np.int64]) -> _Waiting:
        """The records at these places."""
        return _Waiting(
            self.records[chosen], self.leaders[chosen], *_lists_of(self.offsets, self.ids, chosen)
        )

    def and_(self, more: _Waiting) -> _Waiting:
        """These and more."""
        return _Waiting(
            joined([self.records, more.records]),
            np.concatenate([self.leaders, more.leaders]),
            np.concatenate([self.offsets, more.offsets[1:] + self.offsets[-1]]),
            np.concatenate([self.ids, more.ids]),
        )


class HalfJoin:
    """Bounded in all it keeps. vlan: VLAN_* of index.py; max_flows: open flows of all workers."""

    def __init__(self, max_flows: int, vlan: int) -> None:
        self.meetings = Meetings(max_flows, MAX_WORKERS, vlan, secrets.randbits(63))
        self._met_before = self._refused_before = self._rows_given_up = 0
        self._deltas = _Waiting.nothing(DELTA)
        self._rows = _Waiting.nothing(FLOW_ROW)

    def join(self, due: Due) -> tuple[NDArray[np.void], list[Step]]:
        """Events without the openings of parts, and steps in which wholes stand for their parts."""
        own = self.meetings.meet(due.events)
        steps = [self._without_parts(step) for step in due.steps]
        joined = self._joined(due.clock_ns, at_the_end=False)
        if joined is not None:
            steps.append(joined)
        return (due.events if own.all() else due.events[own]), steps

    def rest(self) -> list[Step]:
        """All that still waits, as far as it has come."""
        joined = self._joined(0, at_the_end=True)
        return [] if joined is None else [joined]

    @property
    def met(self) -> int:
        """Parts that joined an earlier flow."""
        return self._met_before + self.meetings.met

    @property
    def given_up(self) -> dict[str, int]:
        """Flows that found no room, and rows that waited no longer."""
        return {"flows": self._refused_before + self.meetings.refused, "rows": self._rows_given_up}

    def follow(self, earlier: HalfJoin) -> None:
        """Go on counting where an earlier join ended."""
        self._met_before = earlier.met
        self._refused_before, self._rows_given_up = earlier.given_up["flows"], earlier.given_up["rows"]

    def forget_worker(self, worker: int) -> None:
        """A worker has died: its parts will say nothing more."""
        self.meetings.forget_worker(worker)

    def _without_parts(self, step: Step) -> Step:
        """Take the parts out of a step."""
        of_deltas = self.meetings.learn(step.deltas, step.delta_facts)
        of_rows = self.meetings.note(step.rows, step.row_facts)
        if of_deltas.any():
            parts, step = _taken_out(step, "delta", of_deltas)
            self._deltas = self._deltas.and_(parts)
        if of_rows.any():
            parts, step = _taken_out(step, "row", of_rows)
            self._rows = self._rows.and_(parts)
        return step

    def _joined(self, clock_ns: int, at_the_end: bool) -> Step | None:
        """A step of what need wait no longer, None when that is nothing."""
        if not len(self._deltas.records) and not len(self._rows.records):
            return None
        step = Step()
        minutes, leaders = self._deltas.records["window_start_ns"], self._deltas.leaders
        _, over = self.meetings.standing(leaders)
        out, self._deltas = _parted(
            self._deltas, over | (minutes + _MINUTE_NS <= clock_ns) | at_the_end, minutes
        )
        step.deltas = self.meetings.joined_deltas(out.records, out.leaders)
        step.delta_facts = self.meetings.facts(np.ascontiguousarray(step.deltas["flow"]))
        step.delta_query_offsets, step.delta_query_ids = _united(out, _first_of(out, "window_start_ns"))
        ready, over = self.meetings.standing(self._rows.leaders)
        if len(self._rows.records) > MAX_WAITING_ROWS:
            self._rows_given_up += int(np.count_nonzero(~ready))
            ready[:] = True
        out, self._rows = _parted(self._rows, ready | at_the_end, self._rows.records["ts_start_ns"])
        step.rows = self.meetings.joined_rows(out.records, out.leaders)
        step.row_facts = self.meetings.facts(np.ascontiguousarray(step.rows["flow"]))
        step.row_query_offsets, step.row_query_ids = _united(out, _first_of(out, None))
        self.meetings.end(np.ascontiguousarray(step.rows["flow"][step.rows["checkpoint"] == 0]))
        return step


def _taken_out(step: Step, what: str, leaders: NDArray[np.int64]) -> tuple[_Waiting, Step]:
    """The deltas or rows of a step (`what`) that have a leader, and the step without them."""
    records, facts = getattr(step, f"{what}s"), getattr(step, f"{what}_facts")
    offsets, ids = getattr(step, f"{what}_query_offsets"), getattr(step, f"{what}_query_ids")
    every, lone = _Waiting(records, leaders, offsets, ids), np.flatnonzero(leaders == 0)
    others = every.take(lone)
    changed = {
        f"{what}s": others.records,
        f"{what}_facts": facts[lone],
        f"{what}_query_offsets": others.offsets,
        f"{what}_query_ids": others.ids,
    }
    return every.take(np.flatnonzero(leaders)), replace(step, **changed)


def _parted(
    waiting: _Waiting, chosen: NDArray[np.bool_], time: NDArray[np.int64]
) -> tuple[_Waiting, _Waiting]:
    """What is chosen, in the order of (leader, time); and the rest."""
    if not chosen.any():
        return waiting.take(np.zeros(0, np.int64)), waiting
    at = np.flatnonzero(chosen)
    at = at[np.lexsort((time[at], waiting.leaders[at]))]
    return waiting.take(at), waiting.take(np.flatnonzero(~chosen))


def _first_of(waiting: _Waiting, also: str | None) -> NDArray[np.int64]:
    """Where another leader begins (or another value of the field `also`)."""
    if not len(waiting.records):
        return np.zeros(0, np.int64)
    new = np.diff(waiting.leaders) != 0
    if also is not None:
        new |= np.diff(waiting.records[also]) != 0
    return np.append(0, np.flatnonzero(new) + 1)


def _united(waiting: _Waiting, first: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The lists of each group of records as one, every id once."""
    if not len(waiting.ids):
        return np.zeros(len(first) + 1, np.int64), waiting.ids
    edges = waiting.offsets[np.append(first, len(waiting.records))].tolist()
    ids = waiting.ids.tolist()
    lists = [list(dict.fromkeys(ids[a:b])) for a, b in pairwise(edges)]
    offsets = np.append(0, np.cumsum([len(each) for each in lists]))
    return offsets.astype(np.int64), np.array([each for one in lists for each in one], np.int32)


def _lists_of(
    offsets: NDArray[np.int64], ids: NDArray[np.int32], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The lists of these records."""
    starts, lengths = offsets[chosen], offsets[chosen + 1] - offsets[chosen]
    ends = np.append(0, np.cumsum(lengths))
    within = np.arange(ends[-1]) - np.repeat(ends[:-1], lengths)
    return ends.astype(np.int64), ids[np.repeat(starts, lengths) + within]
