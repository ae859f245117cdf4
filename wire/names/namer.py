"""Namer: payload references in; what each flow's own bytes say of it out, and events for the join.

    namer = Namer(NamerSettings())
    events = namer.read(block.buffer, refs) one block's PAYLOAD_REF[n], while its buffer is alive
    facts = namer.facts(flows)              FACTS[n] for serials, e.g. of deltas and flow rows
    offsets, ids = namer.dns_queries(flows) list i is ids[offsets[i]:offsets[i + 1]]
    namer.forget(flows)                     serials of flows that are over, after joining

String ids in the facts and events are looked up in `namer.strings`. What a flow is called is for
NameJoin (join.py) to say, who also knows what other workers' flows were told by DNS.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wire.flows.records import PAYLOAD_REF, TCP
from wire.names.answers import AnswerSettings
from wire.names.dns_message import dns_message
from wire.names.dns_name import DNS_STATUS_NAMES
from wire.names.events import EVENT
from wire.names.facts import FACTS
from wire.names.flow_index import empty_index, empty_states, fill_index, grow
from wire.names.flow_states import BLANK_STATE, FLOW_STATE
from wire.names.name_block import (
    REF_SETTLE,
    collect_facts,
    find_states,
    forget_flows,
    name_block,
    take_quic_hellos,
)
from wire.names.queries import NO_QUERIES, gather_queries, query_pool
from wire.names.quic import QuicReader
from wire.names.stream import SLOT_BYTES, empty_slots
from wire.names.strings import StringTable
from wire.names.work import COUNT_BLOCK_LOST, COUNTER_NAMES, HANDSHAKE_BYTES, work_space
from wire.record_arrays import picked

_FIRST_FLOWS = 1 << 14
#: Events beyond one a reference: room for some answers, and for the most that one reference yields.
_MORE_EVENTS = 1 << 15
#: `first_frame` of a block whose events are put in order by time.
BY_TIME = -1


@dataclass(frozen=True, slots=True)
class NamerSettings:
    """Bounds of everything that the network feeds. Memory is taken as it is used.

    max_flows: flows with state at one time, about 180 bytes each; reassembly_slots: streams that
    are in pieces at one time, 17 KiB each; max_strings, max_string_bytes: distinct names, user
    agents and TLS parameter sets of a run; max_query_nodes: DNS names asked for by open flows;
    ech_public_names: further outer names of ECH operators, lower case.
    """

    max_flows: int = 1 << 20
    reassembly_slots: int = 4096
    max_strings: int = 1 << 20
    max_string_bytes: int = 1 << 26
    max_query_nodes: int = 1 << 18
    max_quic_flows: int = 4096
    answers: AnswerSettings = field(default_factory=AnswerSettings)
    ech_public_names: tuple[str, ...] = ()


def writable(buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same bytes as an array of the writable type, so that kernels are compiled once.

    Pages of a capture are mapped read-only, which Numba takes for another type than a ring's block.
    No name kernel writes to the buffer; one that did would be stopped by the mapping.
    """
    if buffer.flags.writeable or len(buffer) == 0:
        return buffer if buffer.flags.writeable else np.zeros(0, np.uint8)
    pages = (ctypes.c_uint8 * len(buffer)).from_address(buffer.ctypes.data)
    view: NDArray[np.uint8] = np.ctypeslib.as_array(pages)
    return view


class Namer:
    """Reads names out of early payload; bounded in all it keeps; never raises on what it reads."""

    def __init__(self, settings: NamerSettings) -> None:
        self._settings = settings
        self.strings = StringTable(settings.max_strings, settings.max_string_bytes)
        self._message = dns_message()
        self._dns_counters = np.zeros(len(DNS_STATUS_NAMES), np.int64)
        self._work = work_space()
        self._handshake = np.zeros(HANDSHAKE_BYTES, np.uint8)
        self._quic = QuicReader(settings.max_quic_flows)
        self._empty_tables()

    def read(
        self, buffer: NDArray[np.uint8], refs: NDArray[np.void], first_frame: int = BY_TIME
    ) -> NDArray[np.void]:
        """Read one block's references (PAYLOAD_REF[n], packet order) into its buffer; EVENT[m].

        first_frame: the number of the block's first frame, if events are ordered by frames.
        A block that a kernel could not read whole is counted as `block_lost`; names of flows that
        were open then are lost with it.
        """
        if len(refs) == 0:
            return np.zeros(0, EVENT)
        quic = np.empty(len(refs), np.int64)
        events, selected = self._name(buffer, refs, first_frame, quic)
        if selected:
            hellos = self._quic.read(buffer, picked(refs, quic[:selected]))
            if len(hellos.rows):
                take_quic_hellos(
                    self._index, self._states, self._work, self.strings.arrays, hellos.rows, hellos.arena
                )
        return events

    def facts(self, flows: NDArray[np.int64]) -> NDArray[np.void]:
        """What is known of each flow, FACTS[n]; `flow` is 0 where nothing is.

        Streams of these flows that wait for bytes behind a hole are read as they are and let go.
        """
        flows = np.ascontiguousarray(flows, np.int64)
        found = np.empty(len(flows), np.int64)
        if find_states(self._index, self._states, flows, found):
            self._settle(found)
        facts = np.empty(len(flows), FACTS)
        collect_facts(self._states, BLANK_STATE, found, facts)
        return facts

    def dns_queries(self, flows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The DNS names each flow asked for: offsets int64[n + 1], string ids int32."""
        flows = np.ascontiguousarray(flows, np.int64)
        found = np.empty(len(flows), np.int64)
        find_states(self._index, self._states, flows, found)
        heads = self._states["queries"][found]
        heads[found < 0] = NO_QUERIES
        return gather_queries(self._queries, heads)

    def forget(self, flows: NDArray[np.int64]) -> None:
        """Drop the state of flows that are over."""
        flows = np.ascontiguousarray(flows, np.int64)
        forget_flows(self._index, self._states, self._work, self._slots, self._queries, flows)
        self._quic.forget(flows)

    @property
    def counters(self) -> dict[str, int]:
        """What was refused or malformed, by a closed set of reasons."""
        counts = dict(zip(COUNTER_NAMES, self._work["counters"][0].tolist(), strict=True))
        for name, count in zip(DNS_STATUS_NAMES, self._dns_counters.tolist(), strict=True):
            counts[f"dns_{name}"] = count
        counts["strings_refused"] = self.strings.refused
        counts.update({f"quic_{name}": count for name, count in self._quic.counters.items()})
        return counts

    def _empty_tables(self) -> None:
        settings = self._settings
        capacity = min(_FIRST_FLOWS, settings.max_flows)
        self._states = empty_states(FLOW_STATE, capacity)
        self._index = empty_index(capacity)
        self._slots = empty_slots(settings.reassembly_slots)
        self._room = np.zeros(settings.reassembly_slots * SLOT_BYTES, np.uint8)
        self._queries = query_pool(settings.max_query_nodes)
        for head in ("free_state", "used_states", "free_slot", "slot_hand", "used_slots"):
            self._work[head] = 0
        self._work["may_grow"] = capacity < settings.max_flows

    def _grow(self) -> None:
        """Make room for more flows, up to the bound."""
        capacity = min(2 * len(self._states), self._settings.max_flows)
        self._states = grow(self._states, self._work, capacity)
        self._index = empty_index(capacity)
        fill_index(self._index, self._states)
        self._work["may_grow"] = capacity < self._settings.max_flows

    def _name(
        self, buffer: NDArray[np.uint8], refs: NDArray[np.void], first_frame: int, quic: NDArray[np.int64]
    ) -> tuple[NDArray[np.void], int]:
        """Events of the references, and how many of them QUIC must look at."""
        told: list[NDArray[np.void]] = []
        work, reached = self._work, 0
        work["selected"] = 0
        longest = min(max(int(refs["length"].max()), 0), len(buffer))
        while reached < len(refs):
            events = np.empty(len(refs) + longest + _MORE_EVENTS, EVENT)
            work["events"] = 0
            try:
                reached = name_block(
                    self._index, self._states, BLANK_STATE, work, self._slots, self._room,
                    self._handshake, self.strings.arrays, self._queries, self._message,
                    self._dns_counters, writable(buffer), refs, reached, first_frame, quic, events,
                )  # fmt: skip
            except IndexError:
                work["counters"][0, COUNT_BLOCK_LOST] += 1
                self._empty_tables()
                return np.concatenate([*told, events[:0]]), 0
            told.append(events[: int(work["events"][0])])
            # It stops when `events` is full, too, which more room for flows would not mend.
            if reached < len(refs) and work["may_grow"][0] and work["free_state"][0] < 0:
                self._grow()
        return told[0] if len(told) == 1 else np.concatenate(told), int(work["selected"][0])

    def _settle(self, found: NDArray[np.int64]) -> None:
        """Read what stands behind holes in the streams of these states."""
        for side in (0, 1):
            waiting = found[found >= 0]
            waiting = np.unique(waiting[self._states["slot"][waiting, side] >= 0])
            refs = np.zeros(len(waiting), PAYLOAD_REF)
            refs["flow"] = self._states["facts"]["flow"][waiting]
            refs["kind"], refs["protocol"], refs["direction"] = REF_SETTLE, TCP, side
            if len(refs):
                self._name(self._room[:0], refs, BY_TIME, np.empty(0, np.int64))
