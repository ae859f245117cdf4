"""The answer section of a DNS message: which addresses answer for the name that was asked for.

Records are listed first, each with a hash of its owner; then aliases are followed from the
question's name; then the addresses of every name of that chain are taken.
"""

from __future__ import annotations

import numpy as np

from wire.flows.records import IPV4_MAPPED
from wire.kernel import kernel
from wire.names.dns_message import (
    DNS_ADDRESSES,
    DNS_ALPN_END,
    DNS_ALPN_START,
    DNS_CHAIN_LENGTH,
    DNS_ECH,
    DNS_HTTPS,
    DNS_IGNORED,
    DNS_TTL,
    MAX_ADDRESSES,
    MAX_CHAIN,
    MAX_RECORDS,
    RECORD_COLUMNS,
    RECORD_END,
    RECORD_OWNER,
    RECORD_START,
    RECORD_TARGET,
    RECORD_TARGET_AT,
    RECORD_TTL,
    RECORD_TYPE,
)
from wire.names.dns_name import DNS_BAD_RDATA, DNS_CUT, DNS_OK, hash_name

TYPE_A, TYPE_CNAME, TYPE_AAAA, TYPE_SVCB, TYPE_HTTPS = 1, 5, 28, 64, 65
_CLASS_IN = 1
#: Keys of service parameters, RFC 9460 section 14.3.2; ech: RFC 9848.
_KEY_ALPN, _KEY_IPV4HINT, _KEY_ECH, _KEY_IPV6HINT = 1, 4, 5, 6
_IPV4_OCTETS, _IPV6_OCTETS = 4, 16


@kernel
def u16(buffer, at):  # type: ignore[no-untyped-def]
    """Two octets; the caller has checked that they lie in the message."""
    return np.int64(buffer[at]) << 8 | np.int64(buffer[at + 1])


@kernel
def _alias_target(buffer, rtype, start, stop):  # type: ignore[no-untyped-def]
    """Where the name stands that a record makes its owner an alias of; -1 when it does not.

    CNAME, and HTTPS or SVCB of priority 0 (RFC 9460 section 2.4.2), unless the target is the root.
    """
    if rtype == TYPE_CNAME:
        return np.int64(start)
    if rtype in (TYPE_HTTPS, TYPE_SVCB) and stop - start >= 3:
        if u16(buffer, start) == 0 and buffer[start + 2] != 0:
            return np.int64(start + 2)
    return np.int64(-1)


@kernel
def list_records(buffer, base, at, end, count, records, out):  # type: ignore[no-untyped-def]
    """Note the records of class IN that start at `at` in `records`. Returns (status, how many)."""
    listed = np.int64(0)
    owner = np.uint64(0)
    pointer = np.int64(-1)  # how the last owner was written, when it was a bare pointer
    for i in range(count):
        if i >= MAX_RECORDS:
            out[DNS_IGNORED] += count - i
            break
        if pointer >= 0 and at + 2 <= end and u16(buffer, at) == pointer:
            following = np.int64(at + 2)
        else:
            status, following, owner = hash_name(buffer, base, at, end)
            if status != DNS_OK:
                return status, listed
            pointer = u16(buffer, at) if buffer[at] >= 0xC0 else np.int64(-1)
        start = following + 10
        if start > end:
            return DNS_CUT, listed
        rtype = u16(buffer, following)
        stop = start + u16(buffer, following + 8)
        if stop > end:
            return DNS_CUT, listed
        at = stop
        if u16(buffer, following + 2) != _CLASS_IN:
            continue
        target = np.uint64(0)
        target_at = _alias_target(buffer, rtype, start, stop)
        if target_at >= 0:
            status, after, target = hash_name(buffer, base, target_at, stop)
            if status == DNS_CUT or (status == DNS_OK and rtype == TYPE_CNAME and after != stop):
                return DNS_BAD_RDATA, listed
            if status != DNS_OK:
                return status, listed
        ttl = u16(buffer, following + 4) << 16 | u16(buffer, following + 6)
        row = listed * RECORD_COLUMNS
        records[row + RECORD_OWNER] = np.int64(owner)
        records[row + RECORD_TYPE] = rtype
        records[row + RECORD_TTL] = ttl if ttl < 1 << 31 else 0  # RFC 2181 section 8
        records[row + RECORD_START] = start
        records[row + RECORD_END] = stop
        records[row + RECORD_TARGET] = np.int64(target)
        records[row + RECORD_TARGET_AT] = target_at
        listed += 1
    return DNS_OK, listed


@kernel
def follow_chain(listed, records, chain, out):  # type: ignore[no-untyped-def]
    """Follow aliases from chain[0], in whatever order they stand. Returns the last target's place.

    -1 when the question's name is no alias. A chain in order takes one pass; a loop of aliases
    ends because a record is used once.
    """
    last = np.int64(-1)
    hops = 0
    moved = True
    while moved:
        moved = False
        for i in range(listed):
            row = i * RECORD_COLUMNS
            target_at = records[row + RECORD_TARGET_AT]
            if target_at < 0 or records[row + RECORD_OWNER] != chain[hops] or hops >= MAX_CHAIN:
                continue
            last = target_at
            hops += 1
            chain[hops] = records[row + RECORD_TARGET]
            records[row + RECORD_TARGET_AT] = -1
            _lower_ttl(out, records[row + RECORD_TTL])
            moved = True
    out[DNS_CHAIN_LENGTH] = hops
    return last


@kernel
def _lower_ttl(out, ttl):  # type: ignore[no-untyped-def]
    if out[DNS_TTL] < 0 or ttl < out[DNS_TTL]:
        out[DNS_TTL] = ttl


@kernel
def _take_addresses(buffer, start, stop, octets, address_hi, address_lo, out):  # type: ignore[no-untyped-def]
    """Keep the addresses, `octets` long each, that fill buffer[start:stop]. Returns a status."""
    if stop == start or (stop - start) % octets != 0:
        return DNS_BAD_RDATA
    for at in range(start, stop, octets):
        count = out[DNS_ADDRESSES]
        if count >= MAX_ADDRESSES:
            out[DNS_IGNORED] += 1
            continue
        high = np.uint64(0)
        low = np.uint64(0)
        for i in range(octets):
            high = high << np.uint64(8) | low >> np.uint64(56)
            low = low << np.uint64(8) | np.uint64(buffer[at + i])
        address_hi[count] = high
        address_lo[count] = low | np.uint64(IPV4_MAPPED) if octets == _IPV4_OCTETS else low
        out[DNS_ADDRESSES] = count + 1
    return DNS_OK


@kernel
def _take_service(buffer, base, start, stop, address_hi, address_lo, out):  # type: ignore[no-untyped-def]
    """Read an HTTPS or SVCB record (RFC 9460 section 2.2): priority, target, parameters."""
    if stop - start < 3:
        return DNS_BAD_RDATA
    out[DNS_HTTPS] += 1
    if u16(buffer, start) == 0:
        return DNS_OK
    status, at, _ = hash_name(buffer, base, start + 2, stop)
    if status != DNS_OK:
        return DNS_BAD_RDATA if status == DNS_CUT else status
    while at < stop:
        if at + 4 > stop:
            return DNS_BAD_RDATA
        key = u16(buffer, at)
        value = at + 4
        at = value + u16(buffer, at + 2)
        if at > stop:
            return DNS_BAD_RDATA
        octets = 0
        if key == _KEY_ALPN and out[DNS_ALPN_END] == 0:
            out[DNS_ALPN_START] = value
            out[DNS_ALPN_END] = at
        elif key == _KEY_ECH:
            out[DNS_ECH] = 1
        elif key == _KEY_IPV4HINT:
            octets = _IPV4_OCTETS
        elif key == _KEY_IPV6HINT:
            octets = _IPV6_OCTETS
        if octets > 0:
            status = _take_addresses(buffer, value, at, octets, address_hi, address_lo, out)
            if status != DNS_OK:
                return status
    return DNS_OK


@kernel
def take_answers(buffer, base, listed, records, chain, address_hi, address_lo, out):  # type: ignore[no-untyped-def]
    """Keep what the records say about the names of the chain. Returns a status."""
    for i in range(listed):
        row = i * RECORD_COLUMNS
        ours = False
        for hop in range(out[DNS_CHAIN_LENGTH] + 1):
            ours = ours or records[row + RECORD_OWNER] == chain[hop]
        if not ours:
            continue
        rtype = records[row + RECORD_TYPE]
        start, stop = records[row + RECORD_START], records[row + RECORD_END]
        octets = 0
        if rtype == TYPE_A:
            octets = _IPV4_OCTETS
        elif rtype == TYPE_AAAA:
            octets = _IPV6_OCTETS
        if octets > 0:
            if stop - start != octets:
                return DNS_BAD_RDATA
            status = _take_addresses(buffer, start, stop, octets, address_hi, address_lo, out)
        elif rtype in (TYPE_HTTPS, TYPE_SVCB):
            status = _take_service(buffer, base, start, stop, address_hi, address_lo, out)
        else:
            continue
        if status != DNS_OK:
            return status
        _lower_ttl(out, records[row + RECORD_TTL])
    return DNS_OK
