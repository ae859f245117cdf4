"""The rules of the flow table in plain Python: dictionaries, lists, `statistics`. Slow and clear.

It takes parsed packets, knows TCP and UDP, and keeps every size and time of a row, so its
statistics come from the definition, not from running sums.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from tests.wire.flows.frames import ACK, FIN, RST, SYN
from wire.flows.table import FlowSettings

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
SERVICE_PORTS = frozenset(range(1024)) | {8080, 8443}


@dataclass(frozen=True)
class Packet:
    timestamp_ns: int
    source: str
    source_port: int
    target: str
    target_port: int
    flags: int = 0  # TCP; UDP when `udp`
    sequence: int = 0
    payload: int = 0
    window: int = 8192
    ttl: int = 64
    udp: bool = False

    @property
    def wire_bytes(self) -> int:
        return (40 if ":" in self.source else 20) + (8 if self.udp else 20) + self.payload


@dataclass
class Direction:
    """What a row keeps of one direction, and what the connection keeps."""

    sizes: list[int] = field(default_factory=list)
    payloads: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    ttls: list[int] = field(default_factory=list)
    flags: int = 0
    retransmissions: int = 0
    zero_windows: int = 0
    highest_end: int | None = None
    syn: int | None = None  # sequence number of the newest SYN
    seen: bool = False
    goes_on: bool = False  # it acknowledged something after its SYN
    looked_at: list[bool] = field(default_factory=list)  # False: only counted

    def start_row(self) -> None:
        self.sizes, self.payloads, self.times, self.ttls = [], [], [], []
        self.flags = self.retransmissions = self.zero_windows = 0
        self.looked_at = []

    def facts(self) -> dict[str, float]:
        gaps = [(b - a) / 1e6 for a, b in zip(self.times, self.times[1:], strict=False)]
        all_seen = all(self.looked_at)
        sizes = [size for size, seen in zip(self.sizes, self.looked_at, strict=True) if seen]
        seen_gaps = [gap for gap, seen in zip(gaps, self.looked_at[1:], strict=True) if seen]
        return {
            "packets": len(self.sizes),
            "bytes": sum(self.sizes),
            "payload_bytes": sum(self.payloads),
            "size_mean": statistics.fmean(self.sizes) if self.sizes else math.nan,
            "size_std": statistics.stdev(sizes) if len(sizes) > 1 and all_seen else math.nan,
            "size_min": min(sizes, default=0),
            "size_max": max(sizes, default=0),
            "iat_mean_ms": statistics.fmean(gaps) if gaps else math.nan,
            "iat_std_ms": statistics.stdev(gaps) if len(gaps) > 1 and all_seen else math.nan,
            "iat_min_ms": min(seen_gaps, default=0.0 if gaps else math.nan),
            "iat_max_ms": max(seen_gaps, default=0.0 if gaps else math.nan),
            "tcp_flags": self.flags,
            "retransmissions": self.retransmissions,
            "zero_windows": self.zero_windows,
            "ttl_min": min(self.ttls, default=0),
            "ttl_max": max(self.ttls, default=0),
        }


@dataclass
class Flow:
    serial: int
    udp: bool
    client: tuple[str, int]
    server: tuple[str, int]
    first_ns: int
    row_start_ns: int
    last_ns: int
    heard: int  # number of the packet that was heard last
    midstream: bool
    established: bool
    directions: tuple[Direction, Direction] = field(default_factory=lambda: (Direction(), Direction()))
    fins: set[int] = field(default_factory=set)
    closed: bool = False
    reset: bool = False
    syn_ns: int | None = None
    rtt_ms: float = math.nan
    first: list[tuple[int, int]] = field(default_factory=list)  # signed size, gap in us
    pending: list[tuple[int, int, int]] = field(default_factory=list)  # direction, size, payload
    pending_minute: int = 0
    opened_told: bool = False

    @property
    def kind(self) -> int:
        if self.udp:
            return 3
        if self.closed or self.reset:
            return 2
        return 1 if self.established or any(half.goes_on for half in self.directions) else 0


class PlainTable:
    """`rows` and `deltas` as dictionaries, in the order in which they become due."""

    def __init__(self, settings: FlowSettings) -> None:
        self.settings = settings
        self.idle_ns = [round(seconds * 1e9) for seconds in settings.idle_seconds]
        self.flows: dict[frozenset[tuple[str, int]] | tuple[object, ...], Flow] = {}
        self.rows: list[dict[str, object]] = []
        self.deltas: list[dict[str, object]] = []
        self.clock: int | None = None
        self.jump: int | None = None
        self.minute = 0
        self.expire_at = 0
        self.serials = 0
        self.evicted = 0
        self.heard = 0

    def carry(self, packet: Packet) -> None:
        self.heard += 1
        self._advance_clock(packet.timestamp_ns)
        self._drain()
        ends = ((packet.source, packet.source_port), (packet.target, packet.target_port))
        key = (packet.udp, frozenset(ends)) if ends[0] != ends[1] else (packet.udp, ends[0])
        flow = self.flows.get(key)
        if flow is not None:
            direction = 0 if ends[0] == flow.client else 1
            idle = packet.timestamp_ns - flow.last_ns >= self.idle_ns[flow.kind]
            if idle or self._opens_another(flow, direction, packet):
                self._end(key, "timeout")
                flow = None
            elif packet.timestamp_ns - flow.row_start_ns >= self.settings.active_timeout_seconds * 1e9:
                self._delta(flow, over=False, ended="none")
                self._row(flow, checkpoint=True, ended="none")
                flow.row_start_ns = packet.timestamp_ns
        if flow is None:
            flow = self._open(key, ends, packet)
        direction = 0 if ends[0] == flow.client else 1
        elephant = self._is_elephant(flow, direction, packet)
        self._count(flow, direction, packet, not elephant)
        if elephant:
            half = flow.directions[direction]
            half.flags |= packet.flags
            if half.highest_end is not None:
                half.highest_end = packet.sequence + packet.payload
        elif not packet.udp:
            self._follow(flow, direction, packet)

    def finish(self) -> None:
        for key in list(self.flows):
            self._end(key, "capture_end")

    def _advance_clock(self, timestamp_ns: int) -> None:
        if self.clock is None:
            self.clock = timestamp_ns
            self.minute = timestamp_ns // MINUTE
            return
        if self.jump is not None and timestamp_ns >= self.jump - HOUR:
            self.clock = self.jump
        self.jump = None
        if timestamp_ns - self.clock > HOUR:
            self.jump = timestamp_ns
        else:
            self.clock = max(self.clock, timestamp_ns)

    def _drain(self) -> None:
        assert self.clock is not None
        if self.clock // MINUTE > self.minute:
            self.minute = self.clock // MINUTE
            for flow in self.flows.values():
                self._delta(flow, over=False, ended="none")
        if self.clock >= self.expire_at:
            for key, flow in list(self.flows.items()):
                if self.clock - flow.last_ns >= self.idle_ns[flow.kind]:
                    self._end(key, "timeout")
            self.expire_at = self.clock + 100_000_000

    def _opens_another(self, flow: Flow, direction: int, packet: Packet) -> bool:
        if packet.udp or not packet.flags & SYN:
            return False
        if packet.flags & ACK:  # it tells only where the client is not seen
            seen = flow.directions[direction].syn
            return not flow.directions[1 - direction].seen and seen is not None and packet.sequence != seen
        if flow.closed or flow.reset:
            return True
        seen = flow.directions[direction].syn
        if seen is not None:
            return packet.sequence != seen
        return direction == 0 or flow.established

    def _open(self, key: tuple[object, ...], ends: tuple[tuple[str, int], ...], packet: Packet) -> Flow:
        if len(self.flows) == self.settings.max_flows:
            expired = [k for k, f in self.flows.items() if self.clock - f.last_ns >= self.idle_ns[f.kind]]
            if expired:
                self._end(min(expired, key=lambda k: (self.flows[k].kind, self.flows[k].heard)), "timeout")
            else:
                self.evicted += 1
                oldest = min(
                    self.flows, key=lambda k: (self.flows[k].last_ns, self.flows[k].kind, self.flows[k].heard)
                )
                self._end(oldest, "evicted")
        if not packet.udp and packet.flags & SYN:
            client, server = (ends[1], ends[0]) if packet.flags & ACK else (ends[0], ends[1])
        elif packet.source_port in SERVICE_PORTS and packet.target_port not in SERVICE_PORTS:
            client, server = ends[1], ends[0]
        else:
            client, server = ends
        self.serials += 1
        plain_syn = packet.flags & (SYN | ACK) == SYN
        flow = Flow(
            serial=self.serials,
            udp=packet.udp,
            client=client,
            server=server,
            first_ns=packet.timestamp_ns,
            row_start_ns=packet.timestamp_ns,
            last_ns=packet.timestamp_ns,
            heard=self.heard,
            midstream=not packet.udp and not plain_syn,
            established=not packet.udp and not packet.flags & SYN,
        )
        self.flows[key] = flow
        return flow

    def _is_elephant(self, flow: Flow, direction: int, packet: Packet) -> bool:
        sent = flow.directions[direction].sizes
        dns = flow.server[1] == 53 or (packet.udp and flow.client[1] == 53)
        large = bool(sent) and sum(sent) >= self.settings.elephant_bytes > 0
        return large and not dns and not packet.flags & (SYN | FIN | RST)

    def _count(self, flow: Flow, direction: int, packet: Packet, looked_at: bool) -> None:
        minute = packet.timestamp_ns // MINUTE
        if flow.pending_minute != minute:
            self._delta(flow, over=False, ended="none")
            flow.pending_minute = minute
        flow.pending.append((direction, packet.wire_bytes, packet.payload))
        if len(flow.first) < 8 and looked_at:
            gap = packet.timestamp_ns // 1000 - flow.last_ns // 1000
            flow.first.append((packet.wire_bytes * (-1 if direction else 1), gap))
        half = flow.directions[direction]
        half.sizes.append(packet.wire_bytes)
        half.payloads.append(packet.payload)
        half.times.append(packet.timestamp_ns)
        half.looked_at.append(looked_at)
        if looked_at:
            half.ttls.append(packet.ttl)
        flow.last_ns = packet.timestamp_ns
        flow.heard = self.heard

    def _follow(self, flow: Flow, direction: int, packet: Packet) -> None:
        half = flow.directions[direction]
        half.flags |= packet.flags
        half.seen = True
        if packet.window == 0 and not packet.flags & (SYN | RST | FIN):
            half.zero_windows += 1
        occupied = packet.payload + bool(packet.flags & SYN) + bool(packet.flags & FIN)
        if occupied:
            end = packet.sequence + occupied
            if half.highest_end is None or end > half.highest_end:
                half.highest_end = end
            else:
                keep_alive = (
                    packet.sequence == half.highest_end - 1
                    and packet.payload <= 1
                    and not packet.flags & (SYN | FIN)
                )
                half.retransmissions += not keep_alive
        if packet.flags & SYN:
            half.syn = packet.sequence
            if not packet.flags & ACK:
                flow.syn_ns = packet.timestamp_ns
        elif not packet.flags & RST:
            goes_on = half.syn is not None and not half.goes_on and bool(packet.flags & ACK)
            opens = direction == 0 and not flow.established and flow.directions[1].syn is not None
            half.goes_on |= goes_on
            flow.established |= opens
            if direction == 0 and (goes_on or opens) and flow.syn_ns is not None:
                flow.rtt_ms = (packet.timestamp_ns - flow.syn_ns) / 1e6
        if packet.flags & RST:
            flow.reset = True
        if packet.flags & FIN:
            flow.fins.add(direction)
            if flow.fins == {0, 1} and not flow.reset:
                flow.closed = True

    def _end(self, key: object, why: str) -> None:
        flow = self.flows.pop(key)  # type: ignore[call-overload]
        ended = "none" if flow.udp else "fin" if flow.closed else "rst" if flow.reset else why
        self._delta(flow, over=True, ended=ended)
        self._row(flow, checkpoint=False, ended=ended)

    def _delta(self, flow: Flow, over: bool, ended: str) -> None:
        if not flow.pending:
            return
        delta: dict[str, object] = {
            "flow": flow.serial,
            "minute": flow.pending_minute,
            "over": over,
            "ended": ended,
            "opened": not flow.opened_told,
        }
        for direction, name in enumerate(("c2s", "s2c")):
            mine = [(size, payload) for way, size, payload in flow.pending if way == direction]
            delta[f"packets_{name}"] = len(mine)
            delta[f"bytes_{name}"] = sum(size for size, _ in mine)
            delta[f"payload_bytes_{name}"] = sum(payload for _, payload in mine)
        self.deltas.append(delta)
        flow.pending = []
        flow.opened_told = True

    def _row(self, flow: Flow, checkpoint: bool, ended: str) -> None:
        times = [time for half in flow.directions for time in half.times]
        self.rows.append(
            {
                "flow": flow.serial,
                "client": flow.client,
                "server": flow.server,
                "udp": flow.udp,
                "ts_start_ns": flow.row_start_ns,
                "ts_end_ns": max(times),
                "flow_start_ns": flow.first_ns,
                "checkpoint": checkpoint,
                "tcp_end": ended,
                "midstream": flow.midstream,
                "rtt_ms": flow.rtt_ms,
                "first": list(flow.first),
                "directions": tuple(half.facts() for half in flow.directions),
            }
        )
        for half in flow.directions:
            half.start_row()
