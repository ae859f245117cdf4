"""The packet sockets of a run, on veth pairs in a network namespace of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain

import pytest

from monitor.config.config import Capture
from monitor.daemon.taps import Tap, open_taps
from tests.wire.capture.live_frames import numbered
from tests.wire.capture.namespaces import ip, own_namespace, pair, sender
from wire.capture.errors import CaptureError

Opener = Callable[[Capture], list[list[Tap]]]


@pytest.fixture(autouse=True)
def links() -> Iterator[None]:
    with own_namespace():
        pair("far", "near")
        yield


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens taps, and closes them after the test."""
    with ExitStack() as stack:

        def open_them(capture: Capture) -> list[list[Tap]]:
            taps = open_taps(capture)
            for tap in chain.from_iterable(taps):
                stack.callback(tap.close)
            return taps

        yield open_them


def capture(workers: int = 1, filter_text: str | None = None) -> Capture:
    return Capture(interfaces=("near",), workers=workers, ring_mib=4, block_kib=64, filter=filter_text)


def send(count: int, ethertype: bytes = b"\x08\x00") -> None:
    with sender("far") as sock:
        for number in range(count):
            frame = numbered(number)
            sock.send(frame[:12] + ethertype + frame[14:])


def sums(taps: list[list[Tap]]) -> dict[str, int]:
    counts = [tap.counts() for own in taps for tap in own]
    return {name: sum(each[name] for each in counts) for name in counts[0]}


@pytest.mark.parametrize("workers", [1, 3])
def test_what_the_filter_refused_is_known(opened: Opener, workers: int) -> None:
    taps = opened(capture(workers, "ip"))
    send(20)
    send(30, b"\x88\xcc")
    assert sums(taps) == {"received": 20, "kernel_drops": 0, "freezes": 0, "shown": 50}
    send(1_000, b"\x88\xcc")
    assert sums(taps)["shown"] == 1_050


def test_without_filter_and_group_all_that_is_shown_is_received(opened: Opener) -> None:
    taps = opened(capture())
    send(20)
    assert sums(taps) == {"received": 20, "kernel_drops": 0, "freezes": 0, "shown": 20}


def test_a_group_is_opened_anew_when_its_interface_is_back(opened: Opener) -> None:
    taps = opened(capture(workers=2))
    send(5)
    descriptors = [tap.descriptor for own in taps for tap in own]
    assert not any(tap.take_up_again() for own in taps for tap in own)
    ip("link", "del", "near")
    assert not any(tap.take_up_again() for own in taps for tap in own)
    pair("far", "near")
    assert all(tap.take_up_again() for own in taps for tap in own)
    assert [tap.descriptor for own in taps for tap in own] == descriptors
    assert not any(tap.take_up_again() for own in taps for tap in own)
    sums(taps)
    send(7)
    assert sums(taps) == {"received": 12, "kernel_drops": 0, "freezes": 0, "shown": 12}


def test_what_cannot_be_opened_is_told() -> None:
    with pytest.raises(CaptureError, match="nowhere: no such interface"):
        open_taps(Capture(interfaces=("nowhere",), workers=2))
