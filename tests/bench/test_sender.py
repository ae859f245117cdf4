"""The sender of the benchmarks: where it sends, how much, and into what it refuses to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.sender import Frames, refuse_other_interfaces, send
from tests.wire.capture.live_frames import PLAN, WAIT, frames_of
from tests.wire.capture.namespaces import ip, own_namespace, pair
from wire.capture.files import open_captures
from wire.capture.packet_socket import open_packet_socket
from wire.capture.ring import Ring


def test_frames_go_out_as_they_stand_and_again_from_the_start(root: Path) -> None:
    capture = root / "pcaps" / "curl-https.pcap"
    with open_captures([capture]) as reader:
        wanted = [frame for block in reader for frame in frames_of(block)]
    count = 2 * len(wanted) + 3
    plan = replace(PLAN, blocks=256)
    with own_namespace():
        pair("wire", "tap", 9_000)
        with open_packet_socket(plan) as sock, Ring(sock.fileno(), plan) as ring:
            sent = send(Frames(capture, 10_000), "wire", 0, count, 20)
            found: list[bytes] = []
            for _, block in zip(range(500), ring.blocks(WAIT), strict=False):
                if block is not None:
                    found += frames_of(block)
                elif len(found) >= count:
                    break
    assert found == (wanted * 3)[:count]
    assert (sent.packets, sent.bytes) == (count, sum(map(len, found)))


def test_it_ends_in_time(root: Path) -> None:
    with own_namespace():
        pair("wire", "tap", 9_000)
        frames = Frames(root / "pcaps" / "curl-https.pcap", 5)
        assert len(frames) == 5
        assert send(frames, "wire", 100, 1_000_000, 0.3).packets < 100


def test_it_sends_into_a_pair_of_its_own_namespace_only() -> None:
    with pytest.raises(SystemExit, match="no such interface"):
        refuse_other_interfaces("nothing0")
    with own_namespace():
        pair("wire", "tap")
        refuse_other_interfaces("wire")
        with pytest.raises(SystemExit, match="lo: no veth"):
            refuse_other_interfaces("lo")
        ip("link", "add", "card", "type", "bridge")
        with pytest.raises(SystemExit, match="has other interfaces"):
            refuse_other_interfaces("wire")
