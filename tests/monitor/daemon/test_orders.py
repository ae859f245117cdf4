"""Orders between parent and child come whole, in order, and are not lost in silence."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from monitor.daemon.orders import Orders

Pair = tuple[Orders, Orders]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = Orders.pair()
    other = Orders(theirs)
    yield ours, other
    ours.close()
    other.close()


def kinds(end: Orders) -> list[str]:
    heard = []
    while (order := end.receive()) is not None and order[0] is not None:
        heard.append(str(order[0]["kind"]))
    return heard


def test_an_order_of_any_length_comes_whole(pair: Pair) -> None:
    """Longer than any datagram may be: net.core.wmem_max is 208 KiB as systems come."""
    ours, theirs = pair
    text = "配置" * 1_000_000
    assert ours.send("start", config=text)
    assert ours.send("stop")
    heard = theirs.receive()
    assert heard is not None
    assert heard[0] == {"kind": "start", "config": text}
    assert heard[1] == []
    assert kinds(theirs) == ["stop"]


def test_descriptors_come_with_an_order_of_any_length(pair: Pair) -> None:
    ours, theirs = pair
    before = len(os.listdir("/proc/self/fd"))
    for text in ("short", "x" * 1_000_000):
        reads, writes = os.pipe()
        assert ours.send("link", (writes,), config=text)
        os.close(writes)
        heard = theirs.receive()
        assert heard is not None
        (descriptor,) = heard[1]
        os.write(descriptor, b"!")
        assert os.read(reads, 1) == b"!"
        os.close(descriptor)
        os.close(reads)
    assert len(os.listdir("/proc/self/fd")) == before


def test_orders_wait_for_an_end_that_does_not_read(pair: Pair) -> None:
    ours, theirs = pair
    sent = 0
    while ours.flush() and not ours._waiting:
        assert ours.send("progress", filling="x" * 10_000)
        sent += 1
        assert sent < 10_000
    assert ours.send("commit")
    heard = kinds(theirs)
    assert ours.flush()
    heard += kinds(theirs)
    assert heard == ["progress"] * sent + ["commit"]


def test_what_waits_is_bounded_and_a_lost_order_is_told(pair: Pair) -> None:
    ours, _ = pair
    before = len(os.listdir("/proc/self/fd"))
    told = [ours.send("progress", filling="x" * 100_000) for _ in range(1_000)]
    assert told[0]
    assert not told[-1]
    assert len(os.listdir("/proc/self/fd")) < before + 200
    ours.close()


def test_an_end_that_is_gone_is_told(pair: Pair) -> None:
    ours, theirs = pair
    theirs.close()
    assert not ours.send("stop")
    assert ours.receive() == (None, [])
