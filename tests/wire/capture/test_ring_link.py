"""An interface that goes down, is renamed or removed under its ring."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.capture.live_frames import PLAN, drained, numbered, send
from tests.wire.capture.namespaces import ip, pair, promiscuity, up
from wire.capture.packet_socket import bound_interface, open_packet_socket
from wire.capture.ring import Ring

pytestmark = pytest.mark.usefixtures("veth")


def test_a_link_that_flaps_goes_on() -> None:
    with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring:
        for number in range(10):
            ip("link", "set", "tap", "down")
            assert next(ring.blocks(0.01)) is None
            up("tap", "wire")
            send([numbered(number)])
            assert drained(ring, 1) == [numbered(number)]


def test_a_renamed_interface_is_still_ours() -> None:
    with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring:
        ip("link", "set", "tap", "down")
        ip("link", "set", "tap", "name", "tap-new")
        up("tap-new", "wire")
        send([numbered(1)])
        assert drained(ring, 1) == [numbered(1)]
        assert bound_interface(sock) == "tap-new"


def test_an_interface_that_was_removed_is_taken_up_when_it_is_back() -> None:
    with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring:
        ip("link", "del", "tap")
        assert ring.removed
        assert drained(ring, 0) == []
        pair("wire", "tap")
        for _ in range(20):
            if not ring.removed:
                break
            assert drained(ring, 0) == []
        send([numbered(1)])
        assert drained(ring, 1) == [numbered(1)]
        assert promiscuity("tap") == 1


def test_an_interface_that_is_down_is_opened_and_waited_for() -> None:
    ip("link", "set", "tap", "down")
    with open_packet_socket(replace(PLAN, filter_text="ip")) as sock, Ring(sock.fileno(), PLAN) as ring:
        up("tap", "wire")
        send([numbered(1)])
        assert drained(ring, 1) == [numbered(1)]
