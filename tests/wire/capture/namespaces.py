"""Network namespaces with veth pairs, made for one test and gone after it."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def own_namespace() -> Iterator[None]:
    """This thread in a fresh network namespace, which goes with its last user; skips where it cannot."""
    if shutil.which("ip") is None:
        pytest.skip("no `ip` (package iproute2)")
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _LIBC.unshare(CLONE_NEWNET):
            pytest.skip(f"no network namespace: {os.strerror(ctypes.get_errno())} (needs root)")
        try:
            yield
        finally:
            assert _LIBC.setns(before, CLONE_NEWNET) == 0
    finally:
        os.close(before)


@contextmanager
def ends_within(seconds: int) -> Iterator[None]:
    """A loop that never ends fails its test instead of holding up all. In the main thread only."""

    def fail(*_: object) -> None:
        raise AssertionError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def ip(*words: str) -> None:
    """Run the `ip` command."""
    _run("ip", *words)


def pair(a: str, b: str, mtu: int = 1500) -> None:
    """A veth pair that is up and sends nothing by itself."""
    silence = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
    if silence.exists():
        silence.write_text("1")
    ip("link", "add", a, "mtu", str(mtu), "type", "veth", "peer", "name", b, "mtu", str(mtu))
    up(a, b)


def up(*names: str) -> None:
    """Set links up, and wait until they carry."""
    for name in names:
        ip("link", "set", name, "up")
    for _ in range(500):
        shown = [_run("ip", "-br", "link", "show", name).split()[1] for name in names]
        if all(state == "UP" for state in shown):
            return
        time.sleep(0.01)
    raise AssertionError(f"{names}: {shown}")


def promiscuity(name: str) -> int:
    """How many ask for frames that are not addressed to this machine."""
    found = re.search(r"promiscuity (\d+)", _run("ip", "-d", "link", "show", name))
    assert found is not None
    return int(found[1])


def sender(interface: str) -> socket.socket:
    """A socket that sends frames and receives none."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((interface, 0))
    return sock
