"""Fuzz the DNS reader: whatever comes, it says what its plain twin says, and TCP streams end.

    PYTHONPATH=. python tests/fuzz/fuzz_dns.py tests/fuzz/corpus/dns -max_total_time=10

Compiled code gives a fuzzer no coverage; the twin, which takes the same branches, does.
"""

from __future__ import annotations

import sys

import atheris
import numpy as np

with atheris.instrument_imports(include=["tests.wire.names.dns_twin"]):
    from tests.wire.names.dns_twin import read_message

from wire.names import dns
from wire.names.strings import StringTable

_MESSAGE = dns.dns_message()


def _hold_against_twin(data: bytes, buffer: np.ndarray, strings: StringTable) -> None:
    status = dns.read_dns_message(buffer, 0, len(data), strings.arrays, _MESSAGE)
    out, plain = _MESSAGE.out, read_message(data)
    assert dns.DNS_STATUS_NAMES[status] == plain.status
    assert [strings[int(i)] for i in _MESSAGE.questions[: out[dns.DNS_QUESTIONS]]] == plain.questions
    assert out[dns.DNS_ADDRESSES] == len(plain.addresses)
    assert (out[dns.DNS_HTTPS], bool(out[dns.DNS_ECH])) == (plain.https, plain.ech)
    if plain.status in ("ok", "cut"):
        assert out[dns.DNS_TTL] == plain.ttl


def one_input(data: bytes) -> None:
    """Read `data` as a datagram, then as a TCP stream."""
    buffer = np.frombuffer(data + b"\0", np.uint8)
    strings = StringTable(64, 1 << 15)
    _hold_against_twin(data, buffer, strings)
    at = 0
    while True:
        status = dns.read_dns_stream(buffer, at, len(data), strings.arrays, _MESSAGE)
        if status == dns.DNS_NEED_MORE:
            return
        assert at < _MESSAGE.out[dns.DNS_NEXT] <= len(data)
        at = int(_MESSAGE.out[dns.DNS_NEXT])


if __name__ == "__main__":
    one_input(b"")  # compile before the clock starts
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
