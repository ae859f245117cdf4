"""Another filter on sockets that are open: each frame is judged once, and what is refused is counted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest

from monitor.daemon.filters import FilterChange
from monitor.daemon.taps import Tap, open_taps
from tests.monitor.daemon.test_taps import capture, send, sums
from tests.wire.capture.namespaces import ip, own_namespace, pair
from wire.capture.errors import CaptureError


@pytest.fixture(params=[1, 3])
def taps(request: pytest.FixtureRequest) -> Iterator[list[list[Tap]]]:
    with own_namespace():
        pair("far", "near")
        opened = open_taps(capture(request.param))
        yield opened
        for tap in chain.from_iterable(opened):
            tap.close()


def change(taps: list[list[Tap]], text: str | None) -> FilterChange:
    return FilterChange(list(chain.from_iterable(taps)), text)


def test_frames_are_judged_by_the_filter_of_their_moment(taps: list[list[Tap]]) -> None:
    send(20, b"\x88\xcc")
    narrow = change(taps, "ip")
    send(5, b"\x88\xcc")  # it is not taken yet
    narrow.take()
    send(30, b"\x88\xcc")
    send(7)
    assert sums(taps) == {"received": 32, "kernel_drops": 0, "freezes": 0, "shown": 62}
    change(taps, None).take()
    send(11, b"\x88\xcc")
    assert sums(taps) == {"received": 43, "kernel_drops": 0, "freezes": 0, "shown": 73}


def test_a_change_that_is_forgotten_changes_nothing(taps: list[list[Tap]]) -> None:
    change(taps, "ip").discard()
    send(20, b"\x88\xcc")
    assert sums(taps) == {"received": 20, "kernel_drops": 0, "freezes": 0, "shown": 20}


@pytest.mark.parametrize("text", ["port port", "ip and"])
def test_what_is_no_filter_is_told(taps: list[list[Tap]], text: str) -> None:
    with pytest.raises(CaptureError, match="capture filter"):
        change(taps, text)


def test_where_the_kernel_refuses_all_sockets_keep_the_old_one(
    taps: list[list[Tap]],
) -> None:
    narrow = change(taps, "ip")
    narrow._taps[-1] = (narrow._taps[-1][0], b"\xff" * 8, None)  # no instruction of the kernel's
    with pytest.raises(CaptureError, match="the kernel refuses it"):
        narrow.take()
    send(20, b"\x88\xcc")
    assert sums(taps) == {"received": 20, "kernel_drops": 0, "freezes": 0, "shown": 20}
    assert all(tap.plan.filter_text is None for tap in chain.from_iterable(taps))


def test_an_interface_that_comes_back_has_the_new_filter(taps: list[list[Tap]]) -> None:
    change(taps, "ip").take()
    if len(taps) == 1:
        return  # its ring binds the same socket again, which keeps its filter
    ip("link", "del", "near")
    pair("far", "near")
    assert all(tap.take_up_again() for tap in chain.from_iterable(taps))
    received = sums(taps)["received"]
    send(20, b"\x88\xcc")
    send(3)
    assert sums(taps)["received"] == received + 3
