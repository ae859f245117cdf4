"""How a packet socket is opened: what its filter and its fanout let through, and what is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.wire.capture.live_frames import MACS, PLAN, drained, numbered, send
from wire.capture.errors import CaptureError
from wire.capture.packet_socket import open_packet_socket
from wire.capture.ring import Ring

pytestmark = pytest.mark.usefixtures("veth")


def udp(source: int, destination: int, source_port: int, destination_port: int) -> bytes:
    header = struct.pack(
        ">BBHHHBBHII", 0x45, 0, 32, 0, 0, 64, 17, 0, 0x0A000000 + source, 0xC6120000 + destination
    )
    if source > 0xFFFF:
        header = header[:12] + struct.pack(">II", 0xC6120000 + destination, 0x0A000000 + (source & 0xFFFF))
    return MACS + b"\x08\x00" + header + struct.pack(">HHHH", source_port, destination_port, 12, 0) + bytes(4)


def test_only_what_passes_the_filter_comes() -> None:
    plan = replace(PLAN, filter_text="udp port 53 or vlan 10")
    with open_packet_socket(plan) as sock, Ring(sock.fileno(), plan) as ring:
        wanted, other = udp(1, 2, 40_000, 53), udp(1, 2, 40_000, 54)
        tagged = MACS + b"\x81\x00\x00\x0a" + other[12:]
        send([wanted, other, tagged, other])
        assert drained(ring, 2) == [wanted, other]  # the tag itself is beside the frame
        assert ring.statistics().received == 2


def test_nothing_comes_before_the_filter_stands() -> None:
    """Frames flow all the while that sockets are opened; none that the filter refuses gets through."""
    code = (
        "import socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,0); s.bind(('wire',0))\n"
        f"while True: s.send({numbered(1)!r})"
    )
    flood = subprocess.Popen([sys.executable, "-c", code])
    try:
        plan = replace(PLAN, filter_text="udp port 53", fanout_group=7, fanout_size=1)
        for _ in range(20):
            with open_packet_socket(plan) as sock, Ring(sock.fileno(), plan) as ring:
                assert next(ring.blocks(0.05)) is None
                assert ring.statistics().received == 0
        with open_packet_socket(PLAN) as sock, Ring(sock.fileno(), PLAN) as ring:
            assert next(ring.blocks(20)) is not None  # it did flow
    finally:
        flood.kill()
        flood.wait()


def test_fanout_gives_both_directions_of_a_flow_to_one_member() -> None:
    plan = replace(PLAN, fanout_group=99, fanout_size=4)
    sockets = [open_packet_socket(plan) for _ in range(4)]
    rings = [Ring(sock.fileno(), plan) for sock in sockets]
    out = [udp(k, 2 * k, 20_000 + k, 443) for k in range(200)]
    back = [udp(k | 1 << 16, 2 * k, 443, 20_000 + k) for k in range(200)]
    send(out + back)
    shares = [drained(ring, 0) for ring in rings]
    assert sorted(frame for share in shares for frame in share) == sorted(out + back)
    assert sum(bool(share) for share in shares) > 1
    for share in shares:
        there = {frame[34:36] for frame in share if frame[36:38] == struct.pack(">H", 443)}
        here = {frame[36:38] for frame in share if frame[34:36] == struct.pack(">H", 443)}
        assert there == here
    for ring, sock in zip(rings, sockets, strict=True):
        ring.close()
        sock.close()


def test_fanout_that_is_not_granted_is_refused() -> None:
    with open_packet_socket(replace(PLAN, fanout_group=5)):
        with open_packet_socket(replace(PLAN, interface="wire")):
            pass
        with pytest.raises(CaptureError, match=r"wire: the kernel refuses to share packets .*one worker"):
            open_packet_socket(replace(PLAN, interface="wire", fanout_group=5))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"interface": "nothing0"}, r"nothing0: no such interface \(there are: lo, tap, wire\)"),
        ({"interface": "a-name-that-is-far-too-long"}, "no such interface"),
        ({"interface": "nothing0", "filter_text": "ip"}, "nothing0: no such interface"),
        ({"filter_text": "udp porrt 53"}, "capture filter 'udp porrt 53': .*syntax error"),
        ({"filter_text": "ip\0"}, "capture filter: it contains a zero byte"),
        ({"block_bytes": 1 << 24, "blocks": 256}, "a ring must be smaller than 4 GiB"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(change: dict[str, object], line: str) -> None:
    with pytest.raises(CaptureError, match=line) as caught:
        open_packet_socket(replace(PLAN, **change))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("filter_text", [None, "ip"])
def test_who_is_not_permitted_is_told_so(root: Path, filter_text: str | None) -> None:
    code = (
        "from wire.capture.errors import CaptureError\n"
        "from wire.capture.packet_socket import SocketPlan, open_packet_socket\n"
        f"try: open_packet_socket(SocketPlan('tap', 65536, 16, 20, True, None, 1, {filter_text!r}))\n"
        "except CaptureError as error: raise SystemExit(str(error))"
    )
    without = ["setpriv", "--inh-caps=-net_raw", "--bounding-set=-net_raw"]
    done = subprocess.run(
        [*without, sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stderr == "tap: not permitted to capture: it needs CAP_NET_RAW (or root)\n"


def test_the_opening_side_stays_small(root: Path) -> None:
    code = (
        "import sys, wire.capture.packet_socket, wire.capture.offloads\n"
        "assert 'numpy' not in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
