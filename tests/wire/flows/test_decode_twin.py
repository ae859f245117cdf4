"""Decode and flow keys against an independent walk with dpkt, and against mangled frames."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.wire.flows.frames as frames_module
from tests.wire.flows.dpkt_walk import Key, Walk
from tests.wire.flows.frames import Frame, carry, carry_blocks
from tests.wire.flows.test_rejects import REJECTED
from wire.capture.files import open_captures
from wire.capture.frames import FrameBlock
from wire.flows.records import ICMP, ICMP6

ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "pcaps"
OWN = ROOT / "pcaps"


def our_keys(rows: Any) -> Counter[Key]:
    counted: Counter[Key] = Counter()
    for row in rows:
        _, client, client_port, server, server_port = frames_module.key_of(row)
        if row["protocol"] in (ICMP, ICMP6):
            client_port = server_port = client_port << 8 | server_port
        ends = frozenset({(client, client_port), (server, server_port)})
        counted[(int(row["protocol"]), ends)] += int(row["packets"].sum())
    return counted


def frames_of(blocks: list[FrameBlock]) -> list[tuple[int, bytes, int, int]]:
    """(link type, bytes, time, bytes on the wire) of each frame."""
    found = []
    for block in blocks:
        for i in range(len(block)):
            start, length = int(block.offset[i]), int(block.captured_bytes[i])
            link_type = int(block.link_types[block.interface[i]])
            data = block.buffer[start : start + length].tobytes()
            found.append((link_type, data, int(block.timestamp_ns[i]), int(block.wire_bytes[i])))
    return found


def captures() -> list[Path]:
    return sorted(OWN.glob("*.pcap*")) + sorted(REAL.glob("*.pcap*"))


@pytest.mark.parametrize("capture", captures(), ids=lambda path: path.name)
def test_flow_keys_are_those_of_the_walk(capture: Path) -> None:
    reader = open_captures([capture])
    blocks = list(reader)
    if not blocks:
        return
    result = carry_blocks(blocks)
    result.check_accounting()
    walk = Walk()
    theirs: Counter[Key] = Counter()
    for link_type, frame, timestamp_ns, wire_bytes in frames_of(blocks):
        key = walk.key(link_type, frame, timestamp_ns, wire_bytes)
        if key is not None:
            theirs[key] += 1
    assert our_keys(result.rows) == theirs
    reader.close()


def test_real_captures_are_walked(real_captures: Path) -> None:
    assert len([path for path in captures() if path.parent == real_captures]) > 50


def sample_frames() -> list[tuple[int, bytes]]:
    """Some frames of every capture of the project's own, and every malformed one."""
    found = [(link_type, data) for _, link_type, data in REJECTED if data]
    for capture in sorted(OWN.glob("*.pcap*")):
        reader = open_captures([capture])
        found += [(link_type, data) for link_type, data, _, _ in frames_of(list(reader))[:6]]
        reader.close()
    return found


SAMPLES = sample_frames()
LINK_TYPES = (0, 1, 9, 12, 50, 101, 105, 108, 113, 127, 228, 229, 239, 276, 147)


@st.composite
def mangled(draw: st.DrawFn) -> tuple[int, bytes]:
    link_type, data = draw(st.sampled_from(SAMPLES))
    frame = bytearray(data[: draw(st.integers(0, 200) | st.just(1500))])
    for at, value in draw(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=6)):
        if at < len(frame):
            frame[at] = value
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(frame)))
        frame[at:at] = draw(st.binary(max_size=40))
    return draw(st.sampled_from((link_type,) * 6 + LINK_TYPES)), bytes(frame)


@given(st.lists(mangled(), min_size=1, max_size=30))
def test_mangled_frames_are_counted_and_nothing_raises(frames: list[tuple[int, bytes]]) -> None:
    """Every frame ends at the buffer's end of some block, so that a read past it is a fault."""
    link_types = sorted({link_type for link_type, _ in frames})
    given_frames = [
        Frame(data, frames_module.START + at, interface=link_types.index(link_type))
        for at, (link_type, data) in enumerate(frames)
    ]
    result = carry(given_frames, None, link_types, block_frames=1)
    result.check_accounting()
    assert result.counters["packets"] == len(frames)
    whole = carry(given_frames, None, link_types)
    assert whole.rejects == result.rejects
    assert whole.rows.tobytes() == result.rows.tobytes()


@given(st.lists(mangled(), min_size=1, max_size=30))
def test_mangled_frames_get_the_keys_of_the_walk(frames: list[tuple[int, bytes]]) -> None:
    frames = [(link_type, data) for link_type, data in frames if link_type in (1, 101, 113, 276)]
    if not frames:
        return
    link_types = sorted({link_type for link_type, _ in frames})
    result = carry(
        [
            Frame(data, frames_module.START + at, interface=link_types.index(link_type))
            for at, (link_type, data) in enumerate(frames)
        ],
        None,
        link_types,
    )
    walk = Walk()
    keys = [
        walk.key(link_type, data, frames_module.START + at) for at, (link_type, data) in enumerate(frames)
    ]
    assert our_keys(result.rows) == Counter(key for key in keys if key is not None)


@given(
    st.binary(max_size=300), st.sampled_from(LINK_TYPES), st.integers(0, 2**31 - 1), st.integers(-1, 65535)
)
def test_any_bytes_under_any_link_type(data: bytes, link_type: int, wire_bytes: int, vlan: int) -> None:
    result = carry([Frame(data, wire_bytes=wire_bytes, vlan=vlan)], None, (link_type,))
    result.check_accounting()
