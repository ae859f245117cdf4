"""How well connections to a service go, by window: failures, round trips, retransmissions.

A connection has failed when its opening was seen and the server never answered, refused it with a
reset before any payload, or let a TLS ClientHello go without a hello of its own (an alert, at most).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.port_sets import ports_among
from detectors.use.rsa_ciphers import RSA_KEY_EXCHANGE
from detectors.window_features import SECOND_NS
from wire.flows.records import TCP
from wire.names.certificate_check import MATCH_NO
from wire.names.facts import TLS_CLIENT_HELLO, TLS_SERVER_HELLO
from wire.record_arrays import picked

WINDOW_MINUTES = 15
WINDOW_NS = WINDOW_MINUTES * 60_000_000_000
_RST = 0x04
#: A fatal alert is 7 bytes; a ServerHello is never this short.
_ALERT_BYTES = 64
#: Bins of round trips: eight an octave from an eighth of a millisecond to eight seconds and more.
RTT_BINS = 128
_BINS_AN_OCTAVE, _FIRST_RTT_MS = 8, 0.125
#: Ways in which a connection is weak: RFC 8996 ends TLS 1.0 and 1.1; RSA key exchange has no forward
#: secrecy and RFC 9325 section 4.1 bids not to negotiate it.
#: Certificates are seen up to TLS 1.2.
WEAKNESSES = ("obsolete-version", "rsa-key-exchange", "expired-certificate", "mismatched-certificate")
_TLS_1_2 = 0x0303
#: By cipher suite, a table as of ports.
_BY_RSA = ports_among(RSA_KEY_EXCHANGE.tolist())

LINK = np.dtype(
    [
        ("flows", "i8"),  # TCP connections whose opening was seen, ended
        ("failed", "i8"),
        ("packets", "i8"),  # of all TCP rows, both directions
        ("retransmissions", "i8"),
        ("rtt", "i8", (RTT_BINS,)),  # how many handshakes lie in each bin
        ("secured", "i8"),  # TLS and QUIC connections whose negotiated version was seen
        ("weak", "i8", (len(WEAKNESSES),)),  # of these, by WEAKNESSES
    ]
)


def add_links(
    links: NDArray[np.void], rows: NDArray[np.void], facts: NDArray[np.void], at: NDArray[np.int64]
) -> None:
    """Add FLOW_ROWs with their FACTS to the LINKs at the places `at`."""
    tcp = rows["protocol"] == TCP
    rows, facts, at = picked(rows, tcp), picked(facts, tcp), at[tcp]
    first = rows["ts_start_ns"] == rows["flow_start_ns"]
    np.add.at(links["packets"], at, rows["packets"].sum(axis=1, dtype=np.int64))
    np.add.at(links["retransmissions"], at, rows["retransmissions"].sum(axis=1, dtype=np.int64))
    rtt = np.isfinite(rows["rtt_ms"]) & (rows["rtt_ms"] > 0) & first
    np.add.at(links["rtt"], (at[rtt], _bins(rows["rtt_ms"][rtt])), 1)
    whole = (rows["checkpoint"] == 0) & (rows["midstream"] == 0) & first
    np.add.at(links["flows"], at[whole], 1)
    np.add.at(links["failed"], at[whole & _failed(rows, facts)], 1)
    ended = rows["checkpoint"] == 0
    _add_weak(links, picked(rows, ended), picked(facts, ended), at[ended])


def _add_weak(
    links: NDArray[np.void], rows: NDArray[np.void], facts: NDArray[np.void], at: NDArray[np.int64]
) -> None:
    """Count connections that have negotiated TLS, and those that did it weakly."""
    seen = (facts["tls"] & TLS_SERVER_HELLO) != 0
    facts, at, seconds = picked(facts, seen), at[seen], rows["flow_start_ns"][seen] // SECOND_NS
    np.add.at(links["secured"], at, 1)
    obsolete = (facts["tls_version"] > 0) & (facts["tls_version"] < _TLS_1_2)
    by_rsa = _BY_RSA[facts["tls_cipher"]] & (facts["tls_version"] <= _TLS_1_2)
    expired = (facts["cert_not_after"] > 0) & (
        (seconds > facts["cert_not_after"]) | (seconds < facts["cert_not_before"])
    )
    for kind, weak in enumerate((obsolete, by_rsa, expired, facts["cert_match"] == MATCH_NO)):
        np.add.at(links["weak"], (at[weak], kind), 1)


def _failed(rows: NDArray[np.void], facts: NDArray[np.void]) -> NDArray[np.bool_]:
    answered = rows["payload_bytes"][:, 1]
    silent = rows["packets"][:, 1] == 0
    refused = ((rows["tcp_flags"][:, 1] & _RST) != 0) & (answered == 0)
    hello = facts["tls"] & (TLS_CLIENT_HELLO | TLS_SERVER_HELLO)
    unanswered = (hello == TLS_CLIENT_HELLO) & (answered <= _ALERT_BYTES)
    return np.asarray(silent | refused | unanswered)


def _bins(rtt_ms: NDArray[np.float32]) -> NDArray[np.int64]:
    octaves = np.log2(rtt_ms.astype(np.float64) / _FIRST_RTT_MS)
    return np.asarray(np.clip(octaves * _BINS_AN_OCTAVE, 0, RTT_BINS - 1), np.int64)


def median_rtt_ms(bins: NDArray[np.int64]) -> float | None:
    """The median of round trips in bins, to within a tenth; None without any."""
    total = int(bins.sum())
    if total == 0:
        return None
    middle = int(np.searchsorted(np.cumsum(bins), (total + 1) // 2))
    return float(_FIRST_RTT_MS * 2 ** ((middle + 0.5) / _BINS_AN_OCTAVE))
