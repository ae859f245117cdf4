"""NameJoin: the events and facts of all workers in, what each flow is called out.

    join = NameJoin(settings)
    ids = join.learn(lengths, text)         strings that are new to a worker; their ids here
    join.apply(events)                      EVENT[n] of all workers, in order
    join.name(flows, facts)                 FACTS[n] of these flows, completed in place
    join.forget(flows)                      flows that are over, after joining

String ids and flows are those of all workers. DNS is looked up when a flow opens, as the answers
stand at that moment; only flows for which there was one are kept in mind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.flows.records import TCP, UDP
from wire.kernel import kernel
from wire.names.answers import (
    FOUND_NONE,
    FOUND_OWN,
    LOOK_CHAIN_END,
    LOOK_FIELDS,
    LOOK_NAME,
    LOOK_SEVERAL,
    answer_map,
    ech_offered,
    look_up,
    remember,
    remember_ech,
)
from wire.names.events import EVENT_ANSWER, EVENT_ECH, EVENT_OPEN
from wire.names.evidence import (
    DOUBT_ECH_ON_OFFER,
    DOUBT_SEVERAL_NAMES,
    VERDICT_BAD_NAME,
    VERDICT_ECH_PUBLIC_NAME,
    judge_and_name,
)
from wire.names.facts import SOURCE_DNS_ANSWER, SOURCE_DNS_ANSWER_SHARED, SOURCE_NONE
from wire.names.flow_index import (
    claim_state,
    drop_state,
    empty_index,
    empty_states,
    fill_index,
    find_state,
    grow,
)
from wire.names.hostnames import idna_valid
from wire.names.kept_answers import kept_answers
from wire.names.namer import NamerSettings
from wire.names.strings import ABSENT, StringTable
from wire.names.tls import ECH_PUBLIC_NAMES

_FIRST_FLOWS = 1 << 12

#: What DNS said of a flow's server when it opened.
TOLD = np.dtype(
    [
        ("flow", "i8"),
        ("dns_name", "i4"),
        ("dns_chain_end", "i4"),
        ("next_free", "i4"),
        ("dns_source", "u1"),
        ("doubt", "u1"),  # DOUBT_* of evidence.py
    ],
    align=True,
)

_HEADS = np.dtype([("free_state", "i8"), ("used_states", "i8"), ("may_grow", "i8"), ("refused", "i8")])
_BLANK = np.zeros(1, TOLD)


class NameJoin:
    """Joins names to flows; bounded in all it keeps; never raises on what it is told."""

    def __init__(self, settings: NamerSettings) -> None:
        self._settings = settings
        self.strings = StringTable(settings.max_strings, settings.max_string_bytes)
        self._answers = answer_map(settings.answers)
        self._verdicts = np.zeros(settings.max_strings, np.uint8)
        self._judged = 0
        self._bad_idna = 0
        self._heads = np.zeros(1, _HEADS)
        capacity = min(_FIRST_FLOWS, settings.max_flows)
        self._heads["may_grow"] = capacity < settings.max_flows
        self._told = empty_states(TOLD, capacity)
        self._index = empty_index(capacity)
        self._found = np.zeros(LOOK_FIELDS, np.int64)
        for name in ECH_PUBLIC_NAMES + settings.ech_public_names:
            known = self.strings.add(name.encode("ascii"))
            if known >= 0:
                self._verdicts[known] |= VERDICT_ECH_PUBLIC_NAME

    def learn(self, lengths: NDArray[np.int32], text: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Take strings, one after the other in `text`; their ids, ABSENT where the table is full."""
        ids = self.strings.add_all(lengths, text)
        self._judge_new_strings()
        return ids

    def apply(self, events: NDArray[np.void]) -> None:
        """Take events in their order: answers are kept, and looked up for the flows that open."""
        reached = 0
        while reached < len(events):
            reached = apply_events(
                self._index, self._told, _BLANK, self._heads, self._answers, self._found, events, reached
            )
            if reached < len(events):
                self._grow()

    def answers_kept(self, now_ns: int) -> NDArray[np.void]:
        """The answers that are still alive, as EVENTs to be applied by a successor, the oldest first."""
        return kept_answers(self._answers, now_ns)

    def name(self, flows: NDArray[np.int64], facts: NDArray[np.void]) -> None:
        """Complete the facts of these flows: what DNS says, the judgement on ECH, the name."""
        name_flows(self._index, self._told, self._verdicts, np.ascontiguousarray(flows, np.int64), facts)

    def forget(self, flows: NDArray[np.int64]) -> None:
        """Drop what is kept of flows that are over."""
        forget_told(self._index, self._told, self._heads, np.ascontiguousarray(flows, np.int64))

    def forget_worker(self, worker: int, workers: int) -> None:
        """Drop what is kept of all flows of a worker that has died."""
        flows = self._told["flow"]
        self.forget(flows[(flows > 0) & (flows % workers == worker)])

    @property
    def counters(self) -> dict[str, int]:
        """What was refused or judged here, by the names of Namer.counters."""
        return {
            "name_bad_idna": self._bad_idna,
            "strings_refused": self.strings.refused,
            "flow_state_refused": int(self._heads["refused"][0]),
        }

    def _grow(self) -> None:
        capacity = min(2 * len(self._told), self._settings.max_flows)
        self._told = grow(self._told, self._heads, capacity)
        self._index = empty_index(capacity)
        fill_index(self._index, self._told)
        self._heads["may_grow"] = capacity < self._settings.max_flows

    def _judge_new_strings(self) -> None:
        """Check the punycode of strings that are new, once each."""
        arrays = self.strings.arrays
        first, count = self._judged, len(self.strings)
        if count == first:
            return
        self._judged = count
        base = int(arrays.starts[first])
        fresh = arrays.arena[base : int(arrays.starts[count])].tobytes()
        at = fresh.find(b"xn--")
        while at >= 0:
            known = int(np.searchsorted(arrays.starts[: count + 1], base + at, side="right")) - 1
            if not idna_valid(self.strings[known]):
                self._verdicts[known] |= VERDICT_BAD_NAME
                self._bad_idna += 1
            at = fresh.find(b"xn--", int(arrays.starts[known + 1]) - base)


@kernel
def apply_events(index, told, blank, heads1, answers, found, events, first):  # type: ignore[no-untyped-def]
    """Take events from events[first] on. Returns the one at which `told` must grow, or their number."""
    heads = heads1[0]
    for i in range(first, len(events)):
        event = events[i]
        if event.kind == EVENT_ANSWER:
            remember(
                answers, event.client_hi, event.client_lo, event.server_hi, event.server_lo,
                event.name, event.chain_end, event.timestamp_ns, event.ttl_seconds,
            )  # fmt: skip
        elif event.kind == EVENT_ECH:
            remember_ech(
                answers, event.client_hi, event.client_lo, event.name, event.offered, event.timestamp_ns,
                event.ttl_seconds,
            )  # fmt: skip
        elif event.kind == EVENT_OPEN and (event.protocol == TCP or event.protocol == UDP):
            if heads.free_state < 0 and heads.may_grow:
                return i
            _look_up_server(index, told, blank, heads, answers, found, event)
    return len(events)


@kernel
def _look_up_server(index, told, blank, heads, answers, found, event):  # type: ignore[no-untyped-def]
    """Note which name the flow's server was answered for, as DNS stands when the flow opens."""
    how = look_up(
        answers, event.client_hi, event.client_lo, event.server_hi, event.server_lo, event.timestamp_ns, found
    )
    if how == FOUND_NONE:
        return
    place = claim_state(index, told, blank, heads, event.flow)
    if place < 0:
        heads.refused += 1
        return
    about = told[place]
    name = found[LOOK_NAME]
    about.dns_name = name
    about.dns_chain_end = found[LOOK_CHAIN_END] if found[LOOK_CHAIN_END] != name else ABSENT
    if how != FOUND_OWN:
        about.dns_source = SOURCE_DNS_ANSWER_SHARED
        return
    about.dns_source = SOURCE_DNS_ANSWER
    if found[LOOK_SEVERAL]:
        about.doubt |= np.uint8(DOUBT_SEVERAL_NAMES)
    if ech_offered(answers, event.client_hi, event.client_lo, name, event.timestamp_ns):
        about.doubt |= np.uint8(DOUBT_ECH_ON_OFFER)


@kernel
def name_flows(index, told, verdicts, flows, facts):  # type: ignore[no-untyped-def]
    """Complete facts[i], FACTS, of each flow, int64[n]. verdicts: uint8[:] by string id, VERDICT_*."""
    for i in range(len(flows)):
        record = facts[i]
        doubt = np.uint8(0)
        place = find_state(index, told, flows[i])
        if place >= 0:
            about = told[place]
            record.flow = flows[i]
            record.dns_name = about.dns_name
            record.dns_chain_end = about.dns_chain_end
            record.dns_source = about.dns_source
            doubt = about.doubt
        judge_and_name(verdicts, record, doubt)


@kernel
def forget_told(index, told, heads1, flows):  # type: ignore[no-untyped-def]
    """Drop the record of each flow that has one."""
    heads = heads1[0]
    for i in range(len(flows)):
        place = find_state(index, told, flows[i])
        if place >= 0:
            drop_state(index, told, heads, place)


@kernel
def translate(ids, facts, worker, workers):  # type: ignore[no-untyped-def]
    """Put facts of one worker into the terms of all: string ids by ids[own id], flows spread apart.

    ids: int32[:]; an id that the worker never told becomes ABSENT. facts: FACTS[n], changed in place.
    """
    for i in range(len(facts)):
        record = facts[i]
        if record.flow > 0:
            record.flow = record.flow * workers + worker
        record.name = ABSENT  # the join's own fields are nobody else's to fill in
        record.outer_name = ABSENT
        record.dns_name = ABSENT
        record.dns_chain_end = ABSENT
        record.name_source = SOURCE_NONE
        record.dns_source = SOURCE_NONE
        record.http_host = translated(ids, record.http_host)
        record.user_agent = translated(ids, record.user_agent)
        record.alpn = translated(ids, record.alpn)
        record.alpn_chosen = translated(ids, record.alpn_chosen)
        record.parameters = translated(ids, record.parameters)
        record.cert_name = translated(ids, record.cert_name)
        record.server_name = translated(ids, record.server_name)
        record.proxy_target = translated(ids, record.proxy_target)
        record.referer = translated(ids, record.referer)
        for k in range(len(record.more_hosts)):
            record.more_hosts[k] = translated(ids, record.more_hosts[k])


@kernel(inline=True)
def translated(ids, own):  # type: ignore[no-untyped-def]
    """The id of all for a worker's own."""
    return ids[own] if 0 <= own < len(ids) else np.int32(ABSENT)
