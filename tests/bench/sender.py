"""Replay a capture's frames into a veth pair at a given rate.

    python -m tests.bench.sender build/mix-1m.pcap --interface wire --rate 350000 --packets 2000000

Frames are sent as they stand in the file, in its order, from its start again when it ends. Only
into a veth pair in a network namespace made for it: it refuses everything else.
Message headers for all frames are laid out beforehand, so that a system call sends hundreds.
Prints one line of JSON: packets and bytes sent, seconds, the rate reached.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wire.capture.files import open_captures

_SOL_PACKET, _QDISC_BYPASS = 263, 20
#: struct mmsghdr with the struct msghdr in it, and struct iovec.
_MESSAGE = np.dtype(
    [
        ("name", "u8"), ("name_bytes", "u8"), ("pieces", "u8"), ("piece_count", "u8"),
        ("control", "u8"), ("control_bytes", "u8"), ("flags", "u8"), ("sent", "u8"),
    ]
)  # fmt: skip
_PIECE = np.dtype([("address", "u8"), ("bytes", "u8")])
#: A system call's messages at most, and a wait's: what is sent comes in bursts of at most a millisecond.
_MOST_MESSAGES = 512
_BURST_SECONDS = 0.001


@dataclass(frozen=True)
class Sent:
    """What went out."""

    packets: int
    bytes: int
    seconds: float

    @property
    def rate(self) -> float:
        """Packets a second."""
        return self.packets / self.seconds if self.seconds else 0.0


class Frames:
    """The frames of a capture in memory, ready to be sent. `limit`: at most so many."""

    def __init__(self, capture: Path, limit: int) -> None:
        stretches: list[NDArray[np.uint8]] = []
        offsets, lengths, used, count = [], [], 0, 0
        with open_captures([capture]) as reader:
            for block in reader:
                take = min(len(block), limit - count)
                start = int(block.offset[0])
                end = int(block.offset[take - 1] + block.captured_bytes[take - 1])
                stretches.append(block.buffer[start:end].copy())
                offsets.append(block.offset[:take] - start + used)
                lengths.append(block.captured_bytes[:take])
                used, count = used + end - start, count + take
                if count >= limit:
                    break
        self._bytes = np.concatenate(stretches)
        self.lengths = np.concatenate(lengths).astype(np.int64)
        self._pieces = np.zeros(count, _PIECE)
        self._pieces["address"] = self._bytes.ctypes.data + np.concatenate(offsets)
        self._pieces["bytes"] = self.lengths
        self._messages = np.zeros(count, _MESSAGE)
        self._messages["pieces"] = self._pieces.ctypes.data + np.arange(count) * _PIECE.itemsize
        self._messages["piece_count"] = 1

    def __len__(self) -> int:
        return len(self._messages)

    def address(self, index: int) -> int:
        """Where the header of a frame's message stands."""
        return self._messages.ctypes.data + index * _MESSAGE.itemsize


def refuse_other_interfaces(interface: str) -> None:
    """Raise SystemExit unless the interface is a veth whose other end is in this namespace, too.

    And unless there are none but loopback and veths in it: the machine's own has a card.
    """
    shown = subprocess.run(["ip", "-j", "-d", "link", "show"], capture_output=True, text=True, check=True)
    links = {link["ifname"]: link for link in json.loads(shown.stdout)}
    kinds = {
        name: "loopback" if link["link_type"] == "loopback" else link.get("linkinfo", {}).get("info_kind")
        for name, link in links.items()
    }
    if interface not in links:
        raise SystemExit(f"{interface}: no such interface in this network namespace")
    if kinds[interface] != "veth" or links[interface].get("link") not in links:
        raise SystemExit(f"{interface}: no veth with its other end in this network namespace")
    if not set(kinds.values()) <= {"veth", "loopback"}:
        raise SystemExit("this network namespace has other interfaces; make one for the test (ip netns add)")


def send(frames: Frames, interface: str, rate: float, packets: int, seconds: float) -> Sent:
    """Send until `packets` are out or `seconds` are over. `rate`: packets a second; 0: all there is."""
    refuse_other_interfaces(interface)
    sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
    sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    messages = max(min(int(rate * _BURST_SECONDS), _MOST_MESSAGES), 1) if rate else _MOST_MESSAGES
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
        sock.bind((interface, 0))
        sent = at = total = 0
        start = time.monotonic()
        while sent < packets:
            now = time.monotonic() - start
            if now > seconds:
                break
            if rate and (early := sent / rate - now) > 0:
                time.sleep(early)
                continue
            count = sendmmsg(
                sock.fileno(), frames.address(at), min(messages, len(frames) - at, packets - sent), 0
            )
            if count < 0:
                raise OSError(ctypes.get_errno(), f"sending into {interface}")
            total += int(frames.lengths[at : at + count].sum())
            sent, at = sent + count, (at + count) % len(frames)
        return Sent(sent, total, time.monotonic() - start)


def main() -> None:
    """Read the command line and send."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("capture", type=Path)
    parser.add_argument("--interface", required=True)
    parser.add_argument("--rate", type=float, default=0, help="packets a second; 0: as fast as it goes")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--wait", action="store_true", help="when ready, wait for a line before sending")
    options = parser.parse_args()
    refuse_other_interfaces(options.interface)
    frames = Frames(options.capture, options.packets)
    if options.wait:
        print("ready", flush=True)
        sys.stdin.readline()
    sent = send(frames, options.interface, options.rate, options.packets, min(options.seconds, 3_600))
    print(
        json.dumps({"packets": sent.packets, "bytes": sent.bytes, "seconds": sent.seconds, "rate": sent.rate})
    )


if __name__ == "__main__":
    main()
