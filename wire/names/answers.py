"""Which name an address was answered for: to one client, and to anybody.

    answers = answer_map(AnswerSettings())                                  flat arrays for kernels
    remember(answers, client_hi, client_lo, address_hi, address_lo, name, chain_end, now_ns, ttl_seconds)
    remember_ech(answers, client_hi, client_lo, name, offered, now_ns, ttl_seconds)
    look_up(answers, client_hi, client_lo, server_hi, server_lo, now_ns, out) -> FOUND_*
        (out: int64, LOOK_FIELDS)
    ech_offered(answers, client_hi, client_lo, name, now_ns) -> 1: an HTTPS record for that name
        carried an ECH configuration to that client

All but the first are kernels. A response is the client's own only when it came from the server
of a DNS flow to its client: the caller knows the direction and must hold to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel

FOUND_NONE, FOUND_OWN, FOUND_SHARED = 0, 1, 2

#: Fields that look_up leaves in `out`.
LOOK_NAME = 0  # string id of the name that was asked for
LOOK_CHAIN_END = 1  # string id of its last alias; the same id without
LOOK_ANSWERED_NS = 2
LOOK_SEVERAL = 3  # 1: this client was given the address for another name too, still alive
LOOK_FIELDS = 4

#: A key may lie in this many slots; when all hold live entries the oldest answer gives way.
PROBES = 8
_SECOND_NS = 1_000_000_000

#: Places in `header`: settings, then counters.
LEAST_LIFE_NS, MOST_LIFE_NS, GRACE_NS = 0, 1, 2
EVICTED_OWN, EVICTED_SHARED, EVICTED_ECH = 3, 4, 5

ANSWER = np.dtype(
    [
        ("a_hi", "u8"),  # client; 0 in the shared table
        ("a_lo", "u8"),
        ("b_hi", "u8"),  # address; in the ECH table 0 and the name's id
        ("b_lo", "u8"),
        ("answered_ns", "i8"),
        ("expires_ns", "i8"),  # 0: the slot was never used
        ("other_until_ns", "i8"),  # until then another name's answer for the same key lives too
        ("name", "i4"),
        ("chain_end", "i4"),  # in the ECH table 1: a configuration was offered
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Bounds of the answer map, in entries (64 bytes each) and seconds.

    least_seconds: applications go on using an address whose TTL was 0 or a few seconds; one
    minute is what browsers' own caches keep. most_seconds: what most resolvers cap a TTL at.
    grace_seconds: a client that had the address when the TTL ran out may open a last connection.
    """

    max_own: int = 1 << 18
    max_shared: int = 1 << 17
    max_ech: int = 1 << 14
    least_seconds: int = 60
    most_seconds: int = 86_400
    grace_seconds: int = 300


class AnswerMap(NamedTuple):
    """The flat arrays that kernels see; each table's length is a power of two."""

    header: NDArray[np.int64]
    own: NDArray[np.void]
    shared: NDArray[np.void]
    ech: NDArray[np.void]


def answer_map(settings: AnswerSettings) -> AnswerMap:
    """Empty tables of at least the sizes asked for. Raises ValueError for sizes below 1."""
    if min(settings.max_own, settings.max_shared, settings.max_ech) < 1:
        raise ValueError("an answer map needs room for at least one entry of each kind")
    if not 0 <= settings.least_seconds <= settings.most_seconds or settings.grace_seconds < 0:
        raise ValueError("answer lifetimes must satisfy 0 <= least <= most and grace >= 0")
    header = np.zeros(6, np.int64)
    header[LEAST_LIFE_NS] = settings.least_seconds * _SECOND_NS
    header[MOST_LIFE_NS] = settings.most_seconds * _SECOND_NS
    header[GRACE_NS] = settings.grace_seconds * _SECOND_NS

    def table(entries: int) -> NDArray[np.void]:
        empty = np.zeros(max(PROBES, 1 << (entries - 1).bit_length()), ANSWER)
        empty.view(np.uint8).fill(0)  # written to: within days answers lie on all its pages
        return empty

    return AnswerMap(
        header, table(settings.max_own), table(settings.max_shared), table(settings.max_ech)
    )


@kernel
def _first_slot(a_hi, a_lo, b_hi, b_lo, slots):  # type: ignore[no-untyped-def]
    """Where the probes of a key begin: the four words mixed by multiply and shift."""
    value = np.uint64(0x9E3779B97F4A7C15)
    for word in (a_hi, a_lo, b_hi, b_lo):
        value = (value ^ word) * np.uint64(0xBF58476D1CE4E5B9)
        value ^= value >> np.uint64(29)
    return np.int64(value & np.uint64(slots - 1))


@kernel
def _find(table, a_hi, a_lo, b_hi, b_lo):  # type: ignore[no-untyped-def]
    """The key's slot, or -1. A slot never becomes unused again, so an unused one ends the search."""
    first = _first_slot(a_hi, a_lo, b_hi, b_lo, len(table))
    for probe in range(PROBES):
        slot = (first + probe) & (len(table) - 1)
        entry = table[slot]
        if entry.expires_ns == 0:
            return np.int64(-1)
        if entry.b_lo == b_lo and entry.a_lo == a_lo and entry.b_hi == b_hi and entry.a_hi == a_hi:
            return np.int64(slot)
    return np.int64(-1)


@kernel
def _alive(entry, now_ns, most_ns):  # type: ignore[no-untyped-def]
    """Answered from far ahead of `now_ns` (a broken clock's packet) counts as dead too."""
    return entry.answered_ns - most_ns <= now_ns < entry.expires_ns


@kernel
def _put(table, a_hi, a_lo, b_hi, b_lo, value, now_ns, header, evicted):  # type: ignore[no-untyped-def]
    """Write (name, chain_end, expires_ns) under a key: its own slot, a dead one, or the oldest."""
    name, chain_end, expires_ns = value
    slot = _find(table, a_hi, a_lo, b_hi, b_lo)
    other_until = np.int64(0)
    if slot >= 0:
        entry = table[slot]
        if _alive(entry, now_ns, header[MOST_LIFE_NS]):
            other_until = entry.other_until_ns
            if entry.name != name:
                other_until = max(other_until, entry.expires_ns)
            else:
                expires_ns = max(expires_ns, entry.expires_ns)
    else:
        first = _first_slot(a_hi, a_lo, b_hi, b_lo, len(table))
        oldest = first
        for probe in range(PROBES):
            at = (first + probe) & (len(table) - 1)
            if not _alive(table[at], now_ns, header[MOST_LIFE_NS]):
                slot = np.int64(at)
                break
            if table[at].answered_ns < table[oldest].answered_ns:
                oldest = at
        if slot < 0:
            slot = np.int64(oldest)
            header[evicted] += 1
    entry = table[slot]
    entry.a_hi = a_hi
    entry.a_lo = a_lo
    entry.b_hi = b_hi
    entry.b_lo = b_lo
    entry.answered_ns = now_ns
    entry.expires_ns = expires_ns
    entry.other_until_ns = other_until
    entry.name = name
    entry.chain_end = chain_end


@kernel
def _expiry(header, now_ns, ttl_seconds):  # type: ignore[no-untyped-def]
    """When an answer of now ends; never 0, which marks an unused slot."""
    life = header[MOST_LIFE_NS]
    if ttl_seconds < life // _SECOND_NS:  # compared before it is multiplied, which could overflow
        life = max(np.int64(ttl_seconds) * _SECOND_NS, header[LEAST_LIFE_NS])
    return max(now_ns + life + header[GRACE_NS], 1)


@kernel
def remember(answers, client_hi, client_lo, address_hi, address_lo, name, chain_end, now_ns, ttl_seconds):  # type: ignore[no-untyped-def]
    """Note that `client` was given `address` for `name`. Addresses uint64, the rest int64."""
    if name < 0:
        return
    header = answers.header
    zero = np.uint64(0)
    value = (np.int64(name), np.int64(chain_end), _expiry(header, np.int64(now_ns), ttl_seconds))
    now = np.int64(now_ns)
    client = (np.uint64(client_hi), np.uint64(client_lo))
    address = (np.uint64(address_hi), np.uint64(address_lo))
    _put(answers.own, client[0], client[1], address[0], address[1], value, now, header, EVICTED_OWN)
    _put(answers.shared, zero, zero, address[0], address[1], value, now, header, EVICTED_SHARED)


@kernel
def remember_ech(answers, client_hi, client_lo, name, offered, now_ns, ttl_seconds):  # type: ignore[no-untyped-def]
    """Note whether the HTTPS records that `client` was given for `name` offer ECH (1) or not (0)."""
    if name < 0:
        return
    value = (np.int64(name), np.int64(offered), _expiry(answers.header, np.int64(now_ns), ttl_seconds))
    _put(
        answers.ech, np.uint64(client_hi), np.uint64(client_lo), np.uint64(0), np.uint64(name),
        value, np.int64(now_ns), answers.header, EVICTED_ECH,
    )  # fmt: skip


@kernel
def look_up(answers, client_hi, client_lo, server_hi, server_lo, now_ns, out):  # type: ignore[no-untyped-def]
    """The name that `server` was answered for. Returns FOUND_*; `out` is set unless FOUND_NONE.

    FOUND_OWN: this client's latest answer. FOUND_SHARED: only others asked, all for one name.
    """
    most_ns = answers.header[MOST_LIFE_NS]
    now = np.int64(now_ns)
    high, low = np.uint64(server_hi), np.uint64(server_lo)
    slot = _find(answers.own, np.uint64(client_hi), np.uint64(client_lo), high, low)
    if slot >= 0 and _alive(answers.own[slot], now, most_ns):
        entry = answers.own[slot]
        out[LOOK_NAME] = entry.name
        out[LOOK_CHAIN_END] = entry.chain_end
        out[LOOK_ANSWERED_NS] = entry.answered_ns
        out[LOOK_SEVERAL] = 1 if now < entry.other_until_ns else 0
        return FOUND_OWN
    slot = _find(answers.shared, np.uint64(0), np.uint64(0), high, low)
    if slot < 0 or not _alive(answers.shared[slot], now, most_ns):
        return FOUND_NONE
    entry = answers.shared[slot]
    if now < entry.other_until_ns:
        return FOUND_NONE
    out[LOOK_NAME] = entry.name
    out[LOOK_CHAIN_END] = entry.chain_end
    out[LOOK_ANSWERED_NS] = entry.answered_ns
    out[LOOK_SEVERAL] = 0
    return FOUND_SHARED


@kernel
def ech_offered(answers, client_hi, client_lo, name, now_ns):  # type: ignore[no-untyped-def]
    """1 when an HTTPS record for `name` carried an ECH configuration to this client, else 0."""
    if name < 0:
        return 0
    slot = _find(
        answers.ech, np.uint64(client_hi), np.uint64(client_lo), np.uint64(0), np.uint64(name)
    )
    if slot < 0 or not _alive(answers.ech[slot], np.int64(now_ns), answers.header[MOST_LIFE_NS]):
        return 0
    return np.int64(answers.ech[slot].chain_end)
