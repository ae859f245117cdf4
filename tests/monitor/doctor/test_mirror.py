"""A mirror port played on a veth pair: what the doctor says of good ones and of each common mistake."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from detectors.campus_networks import DEFAULT_NETWORKS
from monitor.doctor.check import BAD, GOOD, UNKNOWN, WARN, Check
from monitor.doctor.link import address
from monitor.doctor.listening import listen
from monitor.doctor.mirror import mirror
from monitor.health.answer_schemas import schemas
from tests.monitor.doctor.test_machine import is_sound
from tests.wire.capture.namespaces import own_namespace, pair, promiscuity, sender
from tests.wire.flows.frames import ACK, FIN, PSH, SYN, tcp, udp
from wire.capture.errors import CaptureError

CLIENT_MAC, SERVER_MAC = bytes.fromhex("02000000aa01"), bytes.fromhex("02000000bb02")
CONNECTIONS, HOSTS = 60, 12
Change = Callable[[bool, bytes], list[bytes]]


def conversations() -> Iterator[tuple[bool, bytes]]:
    """(by the client?, IP packet) of sixty connections of twelve hosts, each with a look-up before."""
    for k in range(CONNECTIONS):
        host, port = f"10.0.0.{1 + k % HOSTS}", 40_000 + k
        there, back = (host, port, "192.0.2.1", 443), ("192.0.2.1", 443, host, port)
        yield True, udp(host, port, "10.0.255.1", 53, b"question of %d" % k)
        yield False, udp("10.0.255.1", 53, host, port, b"answer to %d" % k)
        yield True, tcp(*there, SYN, 999)
        yield False, tcp(*back, SYN | ACK, 4999)
        yield True, tcp(*there, PSH | ACK, 1000, b"hello")
        yield False, tcp(*back, PSH | ACK, 5000, b"welcome")
        yield True, tcp(*there, FIN | ACK, 1005)
        yield False, tcp(*back, FIN | ACK, 5007)


def frame(by_client: bool, packet: bytes, tag: bytes = b"", client: bytes = CLIENT_MAC) -> bytes:
    macs = SERVER_MAC + client if by_client else client + SERVER_MAC
    return (macs + tag + b"\x08\x00" + packet).ljust(60, b"\0")


def as_it_is(by_client: bool, packet: bytes) -> list[bytes]:
    return [frame(by_client, packet)]


def one_way(by_client: bool, packet: bytes) -> list[bytes]:
    return [frame(by_client, packet)] if by_client else []


def tagged_one_way(by_client: bool, packet: bytes) -> list[bytes]:
    return [frame(by_client, packet, b"\x81\x00\x00\x0c" if by_client else b"")]


def tagged(by_client: bool, packet: bytes) -> list[bytes]:
    return [frame(by_client, packet, b"\x81\x00\x00\x0c")]


def twice(by_client: bool, packet: bytes) -> list[bytes]:
    return [frame(by_client, packet)] * 2


def behind_the_resolver(by_client: bool, packet: bytes) -> list[bytes]:
    if packet[9] == 17:  # every look-up is the resolver's own
        at = 12 if by_client else 16
        packet = packet[:at] + bytes([10, 0, 255, 53]) + packet[at + 4 :]
    return [frame(by_client, packet)]


def elsewhere(by_client: bool, packet: bytes) -> list[bytes]:
    return [frame(by_client, packet.replace(bytes([10, 0]), bytes([198, 18])))]


@contextmanager
def mirrored(change: Change) -> Iterator[None]:
    """Frames come out at `tap`, twenty times over, while the caller listens."""
    with own_namespace():
        pair("wire", "tap")
        frames = [each for by_client, packet in conversations() for each in change(by_client, packet)]
        stop = threading.Event()
        with sender("wire") as sock:
            thread = threading.Thread(target=_send, args=(sock, frames, stop))
            thread.start()
            try:
                yield
            finally:
                stop.set()
                thread.join()


def _send(sock: socket.socket, frames: Sequence[bytes], stop: threading.Event) -> None:
    while not stop.is_set():
        for data in frames:
            sock.send(data)
        time.sleep(0.05)


def checked(change: Change) -> dict[str, Check]:
    with mirrored(change):
        heard = listen(["tap"], 1.5, 0.005)
    return {check.name: is_sound(check) for check in mirror(heard, DEFAULT_NETWORKS)}


def test_a_good_mirror() -> None:
    checks = checked(as_it_is)
    assert {name: check.verdict for name, check in checks.items()} == dict.fromkeys(checks, GOOD)
    assert checks["mirror hosts"].seen == {"hosts": HOSTS + 1, "dns_clients": HOSTS}
    assert len(checks) == 6


@pytest.mark.parametrize(
    ("change", "name", "verdict"),
    [
        (one_way, "mirror directions", BAD),
        (tagged_one_way, "mirror vlan", WARN),
        (twice, "mirror copies", WARN),
        (behind_the_resolver, "mirror hosts", WARN),
        (elsewhere, "mirror hosts", WARN),
        (tagged, "mirror vlan", GOOD),
    ],
)
def test_each_mistake_is_the_only_one_told(change: Change, name: str, verdict: str) -> None:
    checks = checked(change)
    assert checks[name].verdict == verdict
    assert {check.name for check in checks.values() if check.verdict != GOOD} == {name} - (
        {name} if verdict == GOOD else set()
    )


def test_the_management_port() -> None:
    with own_namespace():
        pair("wire", "tap")
        own = [frame(*each, client=address("tap")) for each in conversations()]
        with sender("wire") as sock:
            stop = threading.Event()
            thread = threading.Thread(target=_send, args=(sock, own, stop))
            thread.start()
            heard = listen(["tap"], 1.0, 0.005)
            stop.set()
            thread.join()
    checks = {check.name: is_sound(check) for check in mirror(heard, DEFAULT_NETWORKS)}
    assert checks["mirror own traffic"].verdict == WARN
    assert heard.own == heard.packets


def test_what_the_filter_refuses_is_not_heard() -> None:
    with mirrored(as_it_is):
        assert listen(["tap"], 1.0, 0.005, filter_text="udp port 1").packets == 0


def test_an_interface_that_fails_leaves_none_open() -> None:
    with own_namespace():
        pair("wire", "tap")
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(CaptureError):
            listen(["tap", "gone"], 0.1, 0.005)
        assert len(os.listdir("/proc/self/fd")) == before
        assert promiscuity("tap") == 0


def test_a_port_where_nothing_comes() -> None:
    with own_namespace():
        pair("wire", "tap")
        heard = listen(["tap"], 0.3, 0.005)
        (check,) = mirror(heard, DEFAULT_NETWORKS)
        assert is_sound(check).verdict == BAD
        with sender("wire") as sock:
            for by_client, packet in list(conversations())[:5]:
                sock.send(frame(by_client, packet))
        (check,) = mirror(listen(["tap"], 0.3, 0.005), DEFAULT_NETWORKS)
        assert is_sound(check).verdict in (BAD, UNKNOWN)


def test_the_command(root: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"state: {{directory: {tmp_path}}}\nhistory: {{enabled: false}}\n")
    command = [sys.executable, "-m", "monitor.cli", "doctor", "--config", str(config), "--seconds", "1.5"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with mirrored(as_it_is):
        ran = subprocess.run(
            [*command, "-i", "tap", "--format", "json"], capture_output=True, env=environment, timeout=300
        )
    told = json.loads(ran.stdout)
    verdicts = {check["name"]: check["verdict"] for check in told["checks"]}
    assert ran.returncode == 0, verdicts
    assert not list(Draft202012Validator(schemas()["doctor.json"]).iter_errors(told))
    assert verdicts["interface tap"] == verdicts["mirror directions"] == verdicts["disk"] == GOOD
    assert told["verdict"] in (GOOD, WARN)
    gone = subprocess.run([*command, "-i", "nothing0"], capture_output=True, env=environment, timeout=300)
    assert gone.returncode == 1
    assert "没有接口 nothing0 · there is no interface nothing0" in gone.stdout.decode()
    assert "→" in gone.stdout.decode()
