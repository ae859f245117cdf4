"""Several rings as one stream in order of time, on real veth pairs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.wire.capture.live_frames import PLAN, WAIT, frames_of, numbered
from tests.wire.capture.namespaces import ends_within, ip, own_namespace, pair, sender
from wire.capture.packet_socket import SocketPlan, open_packet_socket
from wire.capture.ring import Ring, open_rings
from wire.capture.ring_merge import merged

TAPS = ("east", "west")


@pytest.fixture(autouse=True)
def taps() -> Iterator[None]:
    """Two taps, `east` and `west`, and their far ends."""
    with own_namespace():
        for name in TAPS:
            pair(f"{name}-far", name)
        yield


@pytest.fixture
def plans() -> list[SocketPlan]:
    return [replace(PLAN, interface=name) for name in TAPS]


def rings_of(plans: list[SocketPlan], stack: ExitStack) -> list[Ring]:
    sockets = [stack.enter_context(open_packet_socket(plan)) for plan in plans]
    taps = [(sock.fileno(), plan) for sock, plan in zip(sockets, plans, strict=True)]
    return [stack.enter_context(ring) for ring in open_rings(taps)]


def collected(rings: list[Ring], count: int) -> tuple[list[bytes], list[int], list[int]]:
    """Frames, times and interfaces until `count` have come and a silence follows."""
    frames: list[bytes] = []
    times: list[int] = []
    interfaces: list[int] = []
    for _, block in zip(range(2_000), merged(rings, WAIT), strict=False):
        if block is None:
            if len(frames) >= count:
                return frames, times, interfaces
            continue
        frames += frames_of(block)
        times += block.timestamp_ns.tolist()
        interfaces += block.interface.tolist()
    raise AssertionError(f"{len(frames)} of {count} frames")


def test_two_one_way_taps_are_one_stream_in_order(plans: list[SocketPlan]) -> None:
    sent = [numbered(i, 60 + i % 700) for i in range(2_000)]
    with ExitStack() as stack:
        rings = rings_of([replace(plan, blocks=64) for plan in plans], stack)
        ends = [stack.enter_context(sender(f"{name}-far")) for name in TAPS]
        for i, frame in enumerate(sent):
            ends[i * 7 % 3 % 2].send(frame)
        frames, times, interfaces = collected(rings, len(sent))
        assert times == sorted(times)
        assert frames == sent
        assert interfaces == [i * 7 % 3 % 2 for i in range(len(sent))]
        assert [ring.statistics().received for ring in rings] == [
            interfaces.count(0),
            interfaces.count(1),
        ]


def test_a_busy_tap_does_not_wait_for_a_silent_one(plans: list[SocketPlan]) -> None:
    with ExitStack() as stack:
        rings = rings_of(plans, stack)
        end = stack.enter_context(sender("west-far"))
        for start in range(0, 3_000, 300):  # twice what the ring holds, at most a part at a time
            for i in range(start, start + 300):
                end.send(numbered(i, 1_000))
            assert collected(rings, 300)[0] == [numbered(i, 1_000) for i in range(start, start + 300)]
        assert rings[1].statistics().dropped == 0
        assert rings[1].filling == 0


def test_one_ring_goes_through_and_a_silence_is_told(plans: list[SocketPlan]) -> None:
    with ExitStack() as stack:
        (ring,) = rings_of(plans[:1], stack)
        end = stack.enter_context(sender("east-far"))
        assert next(merged([ring], 0.01)) is None
        end.send(numbered(1))
        assert collected([ring], 1)[0] == [numbered(1)]


def test_removed_taps_tell_silence_and_come_back(plans: list[SocketPlan]) -> None:
    with ExitStack() as stack:
        rings = rings_of(plans, stack)
        ip("link", "del", "east")
        for _, block in zip(range(5), merged(rings, 0.3), strict=False):
            assert block is None
        pair("east-far", "east")
        for _, block in zip(range(5), merged(rings, 0.3), strict=False):
            assert block is None
        assert not rings[0].removed
        stack.enter_context(sender("east-far")).send(numbered(1))
        assert collected(rings, 1)[0] == [numbered(1)]


def test_a_removed_tap_comes_back_while_the_other_is_busy(plans: list[SocketPlan]) -> None:
    with ExitStack() as stack:
        rings = rings_of(plans, stack)
        busy = stack.enter_context(sender("west-far"))
        ip("link", "del", "east")
        pair("east-far", "east")
        end = time.monotonic() + 20
        blocks = merged(rings, 60.0)  # so long a silence never comes
        number = 0
        while rings[0].removed and time.monotonic() < end:
            for _ in range(10):
                busy.send(numbered(number, 1_000))
                number += 1
            assert next(blocks) is not None
        assert not rings[0].removed
        blocks.close()
        stack.enter_context(sender("east-far")).send(numbered(number))
        assert numbered(number) in collected(rings, 1)[0]


def test_unreadable_blocks_of_a_ring_do_not_hold_up_the_other(plans: list[SocketPlan]) -> None:
    with ExitStack() as stack:
        rings = rings_of(plans, stack)
        stack.enter_context(ends_within(30))
        east, west = (stack.enter_context(sender(f"{name}-far")) for name in TAPS)
        for i in range(500):
            east.send(numbered(i, 1_000))
        rings[0]._first[:] = 1 << 30  # no frame can be there
        west.send(numbered(1))
        assert collected(rings, 1)[0] == [numbered(1)]
        assert rings[0].unreadable > 0
        assert rings[0].filling == 0
