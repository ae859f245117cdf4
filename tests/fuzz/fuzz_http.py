"""Fuzz the readers of a client's stream that is no TLS: HTTP/1, CONNECT, SOCKS, STARTTLS.

    PYTHONPATH=. python tests/fuzz/fuzz_http.py tests/fuzz/corpus/http -max_total_time=10

Whatever comes, the Namer does not stumble, what it finds are host names, and a stream says the same
whole and cut into segments.
"""

from __future__ import annotations

import re
import sys

import atheris
import numpy as np

with atheris.instrument_imports(include=["tests.wire.names.hostname_twin"]):
    from tests.wire.names.hostname_twin import plain_host_name

from tests.wire.names.refs import RefMaker
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
_FIELDS = ("http_host", "proxy_target", "server_name", "referer", "user_agent", "http")


def _facts(data: bytes, step: int) -> list[bytes | int]:
    maker = RefMaker()
    for at in range(0, len(data), step):
        maker.add(1, data[at : at + step], at=at, ports=(40000, 8080))
    namer = Namer(_SETTINGS)
    namer.read(*maker.block())
    facts = namer.facts(np.array([1]))[0]
    assert namer.counters["block_lost"] == 0
    ids = [int(facts[field]) for field in _FIELDS[:-1]]
    return [namer.strings[known] if known >= 0 else b"" for known in ids] + [int(facts["http"])]


def one_input(data: bytes) -> None:
    """Read `data` as a client's stream."""
    data = data[:4096]
    for candidate in re.findall(rb"(?i)host:\s*([^\r\n]*)", data):
        plain_host_name(candidate)
    if not data:
        return
    whole = _facts(data, len(data))
    for name in whole[:4]:
        assert name == b"" or plain_host_name(name) == name
    assert all(b"/" in product for product in whole[4].split(b" ") if whole[4])
    # Only the first bytes decide what a stream is, so a stream that is HTTP stays HTTP in pieces.
    if whole[-1] == 1:
        assert _facts(data, 1 + sum(data[:3]) % 50) == whole


if __name__ == "__main__":
    one_input(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")  # compile before the clock starts
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
