"""Frames by hand, blocks of them, and the flow table's output as plain objects."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wire.capture.frames import FrameBlock
from wire.flows.records import PROTO_NAMES, REF_PAYLOAD, TUNNEL_NAMES
from wire.flows.table import FlowSettings, FlowTable

ETHERNET, RAW = 1, 101
SECOND = 1_000_000_000
#: 2025-09-01 00:00 UTC, a whole minute.
START = 1_756_684_800 * SECOND
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

CLIENT, SERVER = "10.0.0.1", "192.0.2.1"


@dataclass(frozen=True)
class Frame:
    """One frame as a capture gives it."""

    data: bytes
    timestamp_ns: int = START
    wire_bytes: int = 0
    interface: int = 0
    vlan: int = -1


def block_of(frames: Sequence[Frame], link_types: Sequence[int] = (RAW,)) -> FrameBlock:
    """A block whose (writable, as mapped files are) buffer holds the frames and nothing beside them."""
    sizes = np.array([len(frame.data) for frame in frames], np.int64)
    return FrameBlock(
        buffer=np.frombuffer(bytearray(b"".join(frame.data for frame in frames)), np.uint8),
        offset=np.cumsum(sizes) - sizes,
        captured_bytes=sizes.astype(np.int32),
        wire_bytes=np.array([frame.wire_bytes or len(frame.data) for frame in frames], np.int32),
        timestamp_ns=np.array([frame.timestamp_ns for frame in frames], np.int64),
        interface=np.array([frame.interface for frame in frames], np.int32),
        vlan=np.array([frame.vlan for frame in frames], np.int32),
        direction=np.zeros(len(frames), np.uint8),
        link_types=np.array(link_types, np.int32),
    )


@dataclass
class Result:
    """All that a table gave out, in order; `payloads` are (serial, direction, stream offset, bytes)."""

    table: FlowTable
    rows: NDArray[np.void]
    deltas: NDArray[np.void]
    refs: NDArray[np.void]
    payloads: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)

    @property
    def rejects(self) -> dict[str, int]:
        return {reason: count for reason, count in self.table.rejects().items() if count}

    @property
    def counters(self) -> dict[str, int]:
        return self.table.counters()

    def check_accounting(self) -> None:
        """packets = decoded + rejected + duplicates, and what was decoded stands in rows and deltas."""
        counters = self.counters
        assert counters["kernel_faults"] == 0
        assert counters["packets"] == (
            counters["decoded"] + sum(self.table.rejects().values()) + counters["duplicates"]
        )
        assert int(self.rows["packets"].sum()) == counters["decoded"]
        total = self.deltas["packets_c2s"].sum(dtype=int) + self.deltas["packets_s2c"].sum(dtype=int)
        assert int(total) == counters["decoded"]
        assert self.table.active_flows == 0
        assert np.count_nonzero(self.rows["checkpoint"] == 0) == counters["flows_opened"]


def carry(
    frames: Sequence[Frame],
    settings: FlowSettings | None = None,
    link_types: Sequence[int] = (RAW,),
    block_frames: int = 65_536,
) -> Result:
    """Carry frames through a fresh table to its end."""
    blocks = [
        block_of(frames[at : at + block_frames], link_types) for at in range(0, len(frames), block_frames)
    ]
    return carry_blocks(blocks, settings)


def carry_blocks(blocks: Sequence[FrameBlock], settings: FlowSettings | None = None) -> Result:
    table = FlowTable(settings or FlowSettings())
    outputs = [output for block in blocks for output in table.advance(block)]
    outputs += list(table.finish())
    result = Result(
        table,
        np.concatenate([output.rows for output in outputs]),
        np.concatenate([output.deltas for output in outputs]),
        np.concatenate([output.refs for output in outputs]),
        clocks=[output.clock_ns for output in outputs],
    )
    for output in outputs:
        for ref in output.refs:
            if ref["kind"] == REF_PAYLOAD:
                start, length = int(ref["offset"]), int(ref["length"])
                assert output.block is not None
                data = output.block.buffer[start : start + length].tobytes()
                assert len(data) == length > 0
                result.payloads.append(
                    (int(ref["flow"]), int(ref["direction"]), int(ref["stream_offset"]), data)
                )
    return result


def address(high: Any, low: Any) -> str:
    """Two halves as text; the IPv4-mapped form as IPv4."""
    value = ipaddress.IPv6Address((int(high) << 64) | int(low))
    return str(value.ipv4_mapped or value)


def key_of(row: Any) -> tuple[str, str, int, str, int]:
    """(protocol, client, port, server, port) of a row, a delta or a reference."""
    return (
        PROTO_NAMES[int(row["protocol"])],
        address(row["client_hi"], row["client_lo"]),
        int(row["client_port"]),
        address(row["server_hi"], row["server_lo"]),
        int(row["server_port"]),
    )


def tunnel_of(row: Any) -> str:
    return TUNNEL_NAMES[int(row["tunnel"])]


def ip(source: str, target: str, protocol: int, payload: bytes, ttl: int = 64) -> bytes:
    """An IPv4 or IPv6 packet, by the look of the addresses; no checksum."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if a.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, ttl, protocol, 0)
    else:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl)
    return head + a.packed + b.packed + payload


def tcp(
    source: str,
    source_port: int,
    target: str,
    target_port: int,
    flags: int,
    sequence: int = 0,
    payload: bytes = b"",
    window: int = 8192,
    ttl: int = 64,
) -> bytes:
    """A TCP segment in raw IP."""
    head = struct.pack(
        "!HHIIBBHHH", source_port, target_port, sequence & 0xFFFFFFFF, 0, 0x50, flags, window, 0, 0
    )
    return ip(source, target, 6, head + payload, ttl)


def udp(
    source: str, source_port: int, target: str, target_port: int, payload: bytes = b"", ttl: int = 64
) -> bytes:
    """A UDP datagram in raw IP."""
    head = struct.pack("!HHHH", source_port, target_port, 8 + len(payload), 0)
    return ip(source, target, 17, head + payload, ttl)


def timed(packets: Sequence[tuple[float, bytes]], start_ns: int = START) -> list[Frame]:
    """Frames from (seconds after the start, bytes)."""
    return [Frame(data, start_ns + round(seconds * SECOND)) for seconds, data in packets]
