"""Meetings: which flows of several workers are parts of one, and what these parts said so far.

    meetings = Meetings(max_flows, workers, vlan, secret)
    own = meetings.meet(events)             False at the openings of flows that belong to an earlier one
    leaders = meetings.learn(deltas, facts) the flow that each belongs to, 0 where it stands alone
    leaders = meetings.note(rows, facts)    the same for rows; counts the parts that are over
    ready, over = meetings.standing(leaders)
    deltas = meetings.joined_deltas(held, leaders)      in the order of (leader, minute)
    rows = meetings.joined_rows(held, leaders)          one a leader
    facts = meetings.facts(leaders)
    meetings.end(leaders)

The kernel's hash shares frames out by their outer addresses. Inside a tunnel the two directions of a
connection may have two outer pairs, and two one-way taps may be read by two workers; each then has
a flow of half the packets. The halves have the same key and live at the same time. The part that
opened first leads: it says who is the client, and the whole bears its serial.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wire.flows.records import DELTA, FLOW_ROW
from wire.names.events import EVENT_OPEN
from wire.names.facts import FACTS
from wire.names.flow_index import empty_index, fill_index, grow
from wire.names.meeting_tables import (
    drop_keys,
    drop_parts,
    end_wholes,
    learn_facts,
    meet_events,
    meeting_tables,
    note_rows,
)
from wire.names.wholes import join_deltas, join_rows, standing_of, whole_facts
from wire.record_arrays import joined

_FIRST = 1 << 10


class Meetings:
    """Bounded in all it keeps: flows that find no room stay alone, and are counted in `refused`.

    max_flows: open flows of all workers, and a quarter of it of flows that were met. workers: a flow's
    worker is its serial modulo this. vlan: VLAN_* of index.py. secret: of the hash over keys.
    """

    def __init__(self, max_flows: int, workers: int, vlan: int, secret: int) -> None:
        self._limits = {"key": max_flows, "part": max_flows, "whole": max(max_flows // 4, 1)}
        self._settings = np.array([workers, vlan, secret & 0x7FFF_FFFF_FFFF_FFFF], np.int64)
        self._counts = np.zeros(2, np.int64)  # met, refused
        self._tables = meeting_tables(min(_FIRST, max_flows), min(_FIRST, self._limits["whole"]))

    @property
    def met(self) -> int:
        """Parts that joined an earlier flow."""
        return int(self._counts[0])

    @property
    def refused(self) -> int:
        """Flows for which there was no room."""
        return int(self._counts[1])

    @property
    def any(self) -> bool:
        """Whether some flow has parts at several workers now."""
        return bool(self._tables.whole_heads["used_states"][0])

    def meet(self, events: NDArray[np.void]) -> NDArray[np.bool_]:
        """Take EVENTs in order; False at the openings of what belongs to a flow that opened earlier."""
        own = np.ones(len(events), np.bool_)
        opens = int(np.count_nonzero(events["kind"] == EVENT_OPEN))
        if opens:
            self._make_room(opens)
            meet_events(self._tables, self._settings, self._counts, events, own)
        return own

    def learn(self, deltas: NDArray[np.void], facts: NDArray[np.void]) -> NDArray[np.int64]:
        """The leader of each delta's flow, 0 where it stands alone; facts of the others are kept."""
        leaders = np.zeros(len(deltas), np.int64)
        if self.any:
            learn_facts(self._tables, np.ascontiguousarray(deltas["flow"]), facts, leaders)
        return leaders

    def note(self, rows: NDArray[np.void], facts: NDArray[np.void]) -> NDArray[np.int64]:
        """The same of rows, after the deltas of the same step; parts that are over are counted off."""
        leaders = np.zeros(len(rows), np.int64)
        if self.any:
            learn_facts(self._tables, np.ascontiguousarray(rows["flow"]), facts, leaders)
        note_rows(self._tables, self._settings, rows, leaders)
        return leaders

    def standing(self, leaders: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each leader: whether every open part has a row that waits; whether all parts are over."""
        ready, over = np.ones(len(leaders), np.bool_), np.ones(len(leaders), np.bool_)
        standing_of(self._tables, leaders, ready, over)
        return ready, over

    def joined_deltas(self, held: NDArray[np.void], leaders: NDArray[np.int64]) -> NDArray[np.void]:
        """DELTA[m], one a leader and minute, of deltas that lie in the order of both."""
        out = np.zeros(len(held), DELTA)
        return out[: join_deltas(self._tables, held, leaders, out)] if len(held) else out

    def joined_rows(self, held: NDArray[np.void], leaders: NDArray[np.int64]) -> NDArray[np.void]:
        """FLOW_ROW[m], one a leader, of rows that lie in the order of leaders."""
        out = np.zeros(len(held), FLOW_ROW)
        return out[: join_rows(self._tables, held, leaders, out)] if len(held) else out

    def facts(self, leaders: NDArray[np.int64]) -> NDArray[np.void]:
        """FACTS of these flows: what all their parts know."""
        facts = np.zeros(len(leaders), FACTS)
        whole_facts(self._tables, leaders, facts)
        return facts

    def end(self, leaders: NDArray[np.int64]) -> None:
        """Forget flows all of whose parts are over."""
        end_wholes(self._tables, leaders)

    def forget_worker(self, worker: int) -> None:
        """The parts of a worker that died are over, and its flows that stand alone."""
        tables, workers = self._tables, int(self._settings[0])
        keys = tables.keys[(tables.keys["flow"] != 0) & (tables.keys["leader"] % workers == worker)]
        parts = tables.parts[(tables.parts["flow"] > 0) & (tables.parts["flow"] % workers == worker)]
        drop_keys(tables, keys["flow"].copy(), keys["leader"].copy())
        drop_parts(tables, parts["flow"].copy())

    def _make_room(self, opens: int) -> None:
        """Room for so many openings, up to the bounds."""
        tables = self._tables
        changed: dict[str, Any] = {}
        for name, each in (("key", 1), ("part", 2), ("whole", 1)):
            states, heads = getattr(tables, f"{name}s"), getattr(tables, f"{name}_heads")
            wanted = int(heads["used_states"][0]) + each * opens
            capacity = len(states)
            while capacity < min(wanted, self._limits[name]):
                capacity = min(2 * capacity, self._limits[name])
            if capacity == len(states):
                continue
            changed[f"{name}s"] = grow(states, heads, capacity)
            changed[f"{name}_index"] = empty_index(capacity)
            fill_index(changed[f"{name}_index"], changed[f"{name}s"])
            if name == "whole":
                for beside in ("lead_rows", "other_rows", "lead_facts", "other_facts"):
                    old = getattr(tables, beside)
                    changed[beside] = joined([old, np.zeros(capacity - len(old), old.dtype)])
        if changed:
            self._tables = tables._replace(**changed)
