"""Fuzz the QUIC reader: whatever comes, it does not raise, and names only what a tag vouches for.

    PYTHONPATH=. python tests/fuzz/fuzz_quic.py tests/fuzz/corpus/quic -max_total_time=10

An even first byte: the rest is a datagram as it stands. An odd one: the rest is an Initial's payload,
which is protected here first, so that the frame reader sees the fuzzer's bytes and not noise.
"""

from __future__ import annotations

import sys

import atheris
import numpy as np

from tests.wire.names.quic_maker import block, initial
from wire.names.quic import HELLO_TLS, QuicReader

_CONNECTION_ID = b"fuzzed00"


def one_input(data: bytes) -> None:
    """Read `data` in both directions of two flows, then end the flows."""
    datagram = data[1:1400]
    if data[:1] and data[0] & 1:
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
