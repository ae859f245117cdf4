"""Fuzz the QUIC reader: whatever comes, it does not raise, and names only what a tag vouches for.

    PYTHONPATH=. python tests/fuzz/fuzz_quic.py tests/fuzz/corpus/quic -max_total_time=10 -max_len=64

Compiled code gives a fuzzer no coverage, so inputs are edits of well-formed seeds. The first byte
says which seed (0: none, the rest stands for itself), and, when odd, that the bytes are an
Initial's payload, which is protected here first, so that the frame reader sees them and not noise;
each three bytes after it are an edit: place (2) and value.
"""

from __future__ import annotations

import sys

import atheris
import numpy as np

from tests.wire.names.quic_maker import block, crypto_frame, hello, initial
from wire.names.quic import HELLO_TLS, QuicReader

_CONNECTION_ID = b"fuzzed00"
_HELLO = hello(300)
_FRAMES = crypto_frame(_HELLO, 150, 200) + b"\x01\x02\x05\x00\x01\x00\x00\x00" + crypto_frame(_HELLO, 0, 160)
_SEEDS = [
    _FRAMES,
    initial(_FRAMES, dcid=_CONNECTION_ID, pad_to=500),
    initial(_FRAMES, dcid=_CONNECTION_ID, version=0x6B3343CF, token=b"token", pad_to=500),
    b"\x09clientidQ043\x01hhhhhhhhhhhh\xa0\x01\x00\x23CHLO\x01\x00\0\0SNI\0\x13\0\0\0a.school.example.org",
]


def _edited(seed: bytes, edits: bytes) -> bytes:
    data = bytearray(seed)
    for i in range(0, len(edits) - 2, 3):
        data[int.from_bytes(edits[i : i + 2], "big") % len(data)] = edits[i + 2]
    return bytes(data)


def one_input(data: bytes) -> None:
    """Read `data` in both directions of two flows, then end the flows."""
    first, rest = data[0] if data else 0, data[1:1400]
    seed = (first >> 1) % (len(_SEEDS) + 1)
    datagram = _edited(_SEEDS[seed - 1], rest) if seed else rest
    if first & 1:
        datagram = initial(datagram, dcid=_CONNECTION_ID)
    reader = QuicReader(max_flows=1, max_hello_bytes=2048)
    found = reader.read(*block([(1, 0, datagram), (2, 1, datagram), (1, 1, datagram)]))
    for row in found.rows:
        assert 0 <= row["start"] <= row["end"] <= len(found.arena)
        assert row["agent_start"] <= row["agent_end"] <= len(found.arena)
        if row["kind"] == HELLO_TLS:
            assert found.arena[row["start"]] == 1
    reader.forget(np.array([1, 2]))
    assert min(reader.counters.values()) >= 0


if __name__ == "__main__":
    one_input(b"")  # compile before the clock starts
    one_input(b"\x01\x06\x00\x04\x01\x00\x00\x00")
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
