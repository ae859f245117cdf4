"""The kernel that walks a ring's block against plain Python, and blocks damaged at random."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.capture.ring_craft import HARDWARE, SECOND, VLAN_VALID, RingFrame, Row, block, walk
from wire.capture.frame_index import FrameArrays
from wire.capture.ring_block import index_ring_block

OPENED, NOW = 1_000 * SECOND, 1_005 * SECOND
FRAMES = st.builds(
    RingFrame,
    data=st.binary(max_size=120),
    seconds=st.sampled_from([0, 990, 999, 1000, 1003, 1006, 1037, 2**32 - 1]),
    nanoseconds=st.integers(0, SECOND - 1),
    wire=st.integers(0, 2**32 - 1) | st.integers(0, 1600),
    status=st.sampled_from([1, 1 | VLAN_VALID, 1 | HARDWARE, 1 | VLAN_VALID | HARDWARE]),
    tci=st.integers(0, 2**32 - 1),
    packet_type=st.integers(0, 7),
    mac=st.sampled_from([68, 82, 82, 96]),
)
DAMAGE = st.lists(st.tuples(st.integers(0, 2_000), st.binary(min_size=1, max_size=4)), max_size=3)


def indexed(ring: bytes, start: int, size: int, left: int, rows: int) -> tuple[list[Row], int, int]:
    memory = np.frombuffer(bytearray(ring), np.uint8)
    frames = FrameArrays.empty(rows)
    found: list[Row] = []
    unsound = 0
    position = start + 56
    while True:
        count, position, left, more = index_ring_block(
            memory, position, start + size, left, OPENED, NOW, 0, frames
        )
        unsound += more
        for i in range(count):
            at, length = int(frames.offset[i]), int(frames.captured_bytes[i])
            assert start <= at <= at + length <= start + size
            found.append(
                Row(
                    memory[at : at + length].tobytes(), int(frames.timestamp_ns[i]),
                    int(frames.wire_bytes[i]), int(frames.vlan[i]), int(frames.direction[i]),
                )
            )  # fmt: skip
        if count < rows or not left:
            return found, left, unsound


@given(frames=st.lists(FRAMES, max_size=8), damage=DAMAGE, rows=st.integers(1, 9), wrong=st.integers(-1, 2))
def test_kernel_walks_a_block_as_plain_python_does(
    frames: list[RingFrame], damage: list[tuple[int, bytes]], rows: int, wrong: int
) -> None:
    size = 2_048
    content = block(frames, size)
    for at, patch in damage:
        content[at : at + len(patch)] = patch[: size - at]
    left = max(int.from_bytes(content[12:16], "little") % 100 + wrong, 0)
    neighbours = b"\xee" * size
    got = indexed(neighbours + content + neighbours, size, size, left, rows)
    assert got == walk(bytes(content), 56, left, OPENED, NOW)


def test_a_nic_clock_that_is_not_set_is_not_believed() -> None:
    in_1970 = RingFrame(b"a" * 60, 17, 5, 60, status=1 | HARDWARE)
    sound = RingFrame(b"b" * 60, 1_002, 7, 60, status=1 | HARDWARE)
    rows, left, unsound = indexed(block([in_1970, sound], 4096), 0, 4096, 2, 10)
    assert [row.time for row in rows] == [OPENED, 1_002 * SECOND + 7]
    assert (left, unsound) == (0, 1)


def test_lengths_beyond_the_block_end_the_walk() -> None:
    content = block([RingFrame(b"a" * 60, 1_000, 0, 60), RingFrame(b"b" * 60, 1_000, 0, 60)], 4096)
    content[56 + 144 + 12 : 56 + 144 + 16] = b"\xff\xff\xff\x7f"
    rows, left, _ = indexed(content, 0, 4096, 2, 10)
    assert [row.data for row in rows] == [b"a" * 60]
    assert left == 1
