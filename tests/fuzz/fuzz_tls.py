"""Fuzz the TLS readers: the hello is what its plain twin says, and no stream makes the Namer stumble.

    PYTHONPATH=. python tests/fuzz/fuzz_tls.py tests/fuzz/corpus/tls -max_total_time=10

Compiled code gives a fuzzer no coverage; the twin, which takes the same branches, does. An input is
a handshake message; as a stream it goes in records and segments whose sizes follow from its bytes.
"""

from __future__ import annotations

import sys

import atheris
import numpy as np

with atheris.instrument_imports(include=["tests.wire.names.tls_maker"]):
    from tests.wire.names.tls_maker import plain_hello, records

from tests.wire.names.refs import RefMaker
from wire.names import hello as h
from wire.names.answers import AnswerSettings
from wire.names.namer import Namer, NamerSettings

_SETTINGS = NamerSettings(
    max_flows=64,
    reassembly_slots=2,
    max_strings=256,
    max_string_bytes=1 << 16,
    max_query_nodes=64,
    max_quic_flows=4,
    answers=AnswerSettings(max_own=64, max_shared=64, max_ech=64),
)
_ANSWERS = {h.HELLO_NEEDS_MORE: "more", h.HELLO_MALFORMED: "bad", h.HELLO_OTHER: "other"}


def _hold_against_twin(data: bytes) -> None:
    out = np.zeros(h.HELLO_FIELDS, np.int64)
    buffer = np.frombuffer(data + b"\0", np.uint8).copy()
    status = h.read_client_hello(buffer, 0, len(data), out)
    plain = plain_hello(data)
    if isinstance(plain, str):
        assert _ANSWERS[status] == plain
        return
    assert status == h.HELLO_WHOLE
    start, end = out[h.HELLO_SNI_START], out[h.HELLO_SNI_END]
    assert (None if start < 0 else data[start:end]) == plain.name
    assert (out[h.HELLO_MAX_VERSION], out[h.HELLO_ECH]) == (plain.highest, plain.ech)


def _stream(data: bytes) -> None:
    maker = RefMaker()
    step = 1 + sum(data[:3]) % 200
    for side, said in ((0, records(data, 1 + len(data) % 97)), (1, records(data)), (1, data)):
        flow = 1 + (said is data)
        for at in range(0, len(said), step):
            maker.add(flow, said[at : at + step], at=at, side=side)
    namer = Namer(_SETTINGS)
    namer.read(*maker.block())
    namer.facts(np.array([1, 2]))
    assert namer.counters["block_lost"] == 0


def one_input(data: bytes) -> None:
    """Read `data` as a message, then as the two sides of a connection."""
    _hold_against_twin(data)
    if data:
        _stream(data)


if __name__ == "__main__":
    one_input(b"\1")  # compile before the clock starts
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
