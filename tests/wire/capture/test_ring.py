"""Rings of real packet sockets on veth pairs: every frame as it was sent, and none in silence lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from tests.wire.capture.live_frames import MACS, PLAN, WAIT, drained, numbered, seen, send
from tests.wire.capture.namespaces import ends_within, ip, promiscuity
from wire.capture.errors import CaptureError
from wire.capture.frames import DIRECTION_OUTBOUND, DIRECTION_UNKNOWN, VLAN_ABSENT
from wire.capture.packet_socket import open_packet_socket
from wire.capture.ring import Ring, now_ns
from wire.capture.ring_block import OURS

pytestmark = pytest.mark.usefixtures("veth")


def test_every_frame_comes_once_whole_and_in_order() -> None:
    sent = [numbered(i, 60 + i % 1400) for i in range(5_000)]
    with (
        open_packet_socket(replace(PLAN, blocks=256)) as sock,
        Ring(sock.fileno(), replace(PLAN, blocks=256)) as ring,
    ):
        send(sent)
        assert drained(ring, 5_000) == sent
        statistics = ring.statistics()
        assert (statistics.received, statistics.dropped) == (5_000, 0)
        assert ring.filling == 0
        assert ring.unreadable == 0


def test_unreadable_blocks_are_given_back_and_reading_goes_on() -> None:
    """More of them than may be held at once, and not one frame to give out."""
    with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring, ends_within(30):
        send([numbered(i, 1_000) for i in range(500)])
        time.sleep(WAIT)  # until the last of them is handed over
        waiting = (ring._status & OURS) > 0
        assert waiting.sum() > PLAN.blocks // 4
        ring._first[waiting] = 1 << 30  # no frame can be there
        assert next(ring.blocks(WAIT)) is None
        assert ring.unreadable > 0
        assert ring.filling == 0
        send([numbered(1)])
        assert drained(ring, 1) == [numbered(1)]


def test_statistics_add_up_though_the_kernel_forgets() -> None:
    with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring:
        for total in (10, 20, 30):
            send([numbered(i) for i in range(10)])
            assert len(drained(ring, 10)) == 10
            assert ring.statistics().received == total


def test_what_a_full_ring_cannot_take_is_counted() -> None:
    plan = replace(PLAN, blocks=2)
    with open_packet_socket(plan) as sock, Ring(sock.fileno(), plan) as ring:
        send([numbered(i, 1_000) for i in range(500)])
        assert ring.filling == 1
        found = drained(ring, 1)
        statistics = ring.statistics()
        assert statistics.dropped > 0
        assert statistics.freezes > 0
        assert statistics.received == 500 == len(found) + statistics.dropped
        assert found == [numbered(i, 1_000) for i in range(len(found))]
        send([numbered(7)])  # and it goes on
        assert drained(ring, 1) == [numbered(7)]


def test_a_vlan_tag_comes_beside_the_frame_and_counts_in_its_length() -> None:
    plain = numbered(1)
    tagged = MACS + b"\x81\x00\x20\x0a" + plain[12:]
    service = MACS + b"\x88\xa8\x00\x07" + b"\x81\x00\x00\x08" + plain[12:]
    with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring:
        send([plain, tagged, service])
        got = seen(ring, 3)
        assert [frame.vlan for frame in got] == [VLAN_ABSENT, 0x200A, 7]
        assert [frame.data for frame in got] == [plain, plain, MACS + b"\x81\x00\x00\x08" + plain[12:]]
        assert [frame.wire for frame in got] == [60, 64, 68]


def test_time_is_the_kernels_and_in_order() -> None:
    with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring:
        before = now_ns()
        send([numbered(i) for i in range(100)])
        after = now_ns()
        block = next(block for block in ring.blocks(WAIT) if block is not None)
        times = block.timestamp_ns.tolist()
        assert times == sorted(times)
        assert before <= times[0] <= times[-1] <= after


def test_own_traffic_is_outbound_and_others_frames_are_taken() -> None:
    with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring:
        send([numbered(1)], "tap")
        send([numbered(2)], "wire")
        assert [frame.direction for frame in seen(ring, 2)] == [DIRECTION_OUTBOUND, DIRECTION_UNKNOWN]
        assert promiscuity("tap") == 1
    assert promiscuity("tap") == 0


def test_loopback_shows_each_frame_once() -> None:
    ip("link", "set", "lo", "up")
    plan = replace(PLAN, interface="lo")
    with open_packet_socket(plan) as sock, Ring(sock.fileno(), plan) as ring:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind(("127.0.0.1", 0))
            for _ in range(5):
                out.sendto(b"x" * 100, out.getsockname())
        assert len(drained(ring, 5)) == 5


def test_frames_longer_than_the_mtu_are_whole() -> None:
    """As segmentation offload and GRO make them: a TCP stream over veth shows up in large pieces."""
    peer = f"cw-ring-{os.getpid()}"
    ip("addr", "add", "10.0.0.1/24", "dev", "tap")
    other = subprocess.run(["ip", "netns", "add", peer], capture_output=True, check=False)
    if other.returncode:
        pytest.skip(f"no named namespace: {other.stderr.decode()}")
    try:
        ip("link", "set", "wire", "netns", peer)
        for words in ("addr add 10.0.0.2/24 dev wire", "link set wire up"):
            ip("-n", peer, *words.split())
        plan = replace(PLAN, block_bytes=1 << 20, blocks=64)
        with open_packet_socket(plan) as sock, Ring(sock.fileno(), plan) as ring:
            with socket.create_server(("10.0.0.1", 0)) as server:
                code = (
                    "import socket,sys; s=socket.create_connection(('10.0.0.1',int(sys.argv[1]))); "
                    "s.sendall(bytes(4<<20)); s.shutdown(1); s.recv(1)"
                )
                command = ["ip", "netns", "exec", peer, sys.executable, "-c", code]
                with subprocess.Popen([*command, str(server.getsockname()[1])]) as client:
                    connection, _ = server.accept()
                    received = 0
                    while chunk := connection.recv(1 << 20):
                        received += len(chunk)
                    connection.close()
                    assert client.wait(20) == 0
            assert received == 4 << 20
            sizes, spans, first = [], [], 0
            for frame in drained(ring, 1):
                sizes.append(len(frame))
                if frame[12:14] == b"\x08\x00" and frame[26:30] == bytes([10, 0, 0, 2]):
                    at = int.from_bytes(frame[38:42], "big")
                    first = at + 1 if frame[47] & 2 else first  # behind the SYN
                    start = (at - first) & 0xFFFFFFFF
                    spans.append((start, start + len(frame) - 34 - (frame[46] >> 4) * 4))
            assert ring.statistics().dropped == 0
            assert max(sizes) > 1_514
            reached = 0
            for start, end in sorted(span for span in spans if span[0] < span[1]):
                assert start <= reached
                reached = max(reached, end)
            assert reached == 4 << 20
    finally:
        ip("netns", "del", peer)


def test_a_frame_larger_than_a_block_is_cut_and_keeps_its_length() -> None:
    ip("link", "set", "wire", "mtu", "9000")
    ip("link", "set", "tap", "mtu", "9000")
    plan = replace(PLAN, block_bytes=1 << 12)
    with pytest.raises(CaptureError, match="no ring of 16 blocks of 1024 bytes"):
        open_packet_socket(replace(PLAN, block_bytes=1 << 10))
    with open_packet_socket(plan) as sock, Ring(sock.fileno(), plan) as ring:
        send([numbered(1, 9_000)])
        (frame,) = seen(ring, 1)
        assert frame.wire == 9_000
        assert 3_500 < len(frame.data) < 4_096
        assert numbered(1, 9_000).startswith(frame.data)


def test_a_successor_skips_what_its_predecessor_died_with() -> None:
    sock = open_packet_socket(PLAN)
    send([numbered(1)])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        ring = Ring(sock.fileno(), PLAN)
        blocks = ring.blocks(10)
        next(blocks)  # and holds it
        os.write(writing, b"h")
        signal.pause()
    assert os.read(reading, 1) == b"h"
    send([numbered(2)])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with Ring(sock.fileno(), PLAN) as ring:
        assert drained(ring, 1) == [numbered(2)]
        assert ring.abandoned == 1
        send([numbered(3)])
        assert drained(ring, 1) == [numbered(3)]
    for descriptor in (reading, writing):
        os.close(descriptor)
    sock.close()


def test_a_ring_is_taken_over_wherever_it_stands() -> None:
    with open_packet_socket(PLAN) as sock:
        for number in range(40):  # more often than the ring has blocks
            with Ring(sock.fileno(), PLAN) as ring:
                send([numbered(number)])
                assert drained(ring, 1) == [numbered(number)]
