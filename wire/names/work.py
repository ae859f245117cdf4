"""The record that every name kernel works with: counters, list heads and scratch space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel
from wire.names.certificate import PARTS
from wire.names.hello import HELLO_FIELDS
from wire.names.hostnames import (
    NAME_BAD_BYTES,
    NAME_IP_LITERAL,
    NAME_MAX_BYTES,
    NAME_TOO_LONG,
    write_host_name,
)
from wire.names.identifiers import TEXT_MAX_BYTES
from wire.names.ja3 import JA3_MAX_BYTES
from wire.names.strings import ABSENT, intern

#: The closed set of things that are counted; the index is the place in `counters`.
COUNTER_NAMES = (
    "flow_state_refused",
    "hello_malformed",
    "server_hello_malformed",
    "certificate_malformed",
    "http_malformed",
    "socks_malformed",
    "name_bad_bytes",
    "name_too_long",
    "name_ip_literal",
    "name_bad_idna",  # always 0 here: NameJoin counts it, under the same names
    "reassembly_evicted",
    "reassembly_too_many_pieces",
    "reassembly_beyond",
    "block_lost",
)
(
    COUNT_STATE_REFUSED,
    COUNT_HELLO_MALFORMED,
    COUNT_SERVER_HELLO_MALFORMED,
    COUNT_CERTIFICATE_MALFORMED,
    COUNT_HTTP_MALFORMED,
    COUNT_SOCKS_MALFORMED,
    COUNT_BAD_BYTES,
    COUNT_TOO_LONG,
    COUNT_IP_LITERAL,
    _,  # NameJoin counts it
    COUNT_EVICTED,
    COUNT_PIECES,
    COUNT_BEYOND,
    COUNT_BLOCK_LOST,
) = range(len(COUNTER_NAMES))

#: What one step of reading a stream says: go on at `cursor[CURSOR_AT]`, or wait for more bytes.
STEP_AGAIN, STEP_MORE = 0, 1
#: Places in `cursor`: where reading goes on, and the position up to which bytes are needed.
CURSOR_AT, CURSOR_NEED = 0, 1

#: Room for handshake messages without record headers.
HANDSHAKE_BYTES = 17 * 1024

WORK = np.dtype(
    [
        ("free_state", "i8"),  # first free flow state, -1 when all are in use
        ("used_states", "i8"),
        ("may_grow", "i8"),  # 1: there can be more states than there are
        ("events", "i8"),  # written so far in this block
        ("selected", "i8"),  # references of this block that QUIC must look at
        ("free_slot", "i8"),  # first free reassembly slot, -1 when all are in use
        ("slot_hand", "i8"),  # the one to evict next
        ("used_slots", "i8"),
        ("counters", "i8", (len(COUNTER_NAMES),)),
        ("cursor", "i8", (2,)),
        ("bounds", "i8", (4,)),
        ("hello", "i8", (HELLO_FIELDS,)),
        ("certificate", "i8", (3,)),
        ("certificate_parts", "i8", (PARTS,)),
        ("name", "u1", (NAME_MAX_BYTES + 3,)),
        # JA3 text with its padding, parameter blob, user agent: one at a time
        ("text", "u1", (JA3_MAX_BYTES + 128,)),
        ("decoded", "u1", (TEXT_MAX_BYTES,)),
    ]
)


def work_space() -> NDArray[np.void]:
    """A fresh record, WORK[1]; an array, so that kernels see it by reference."""
    return np.zeros(1, WORK)


@kernel
def intern_host_name(work, strings, data, start, end):  # type: ignore[no-untyped-def]
    """String id of the host name data[start:end] in its one spelling; ABSENT, counted, if unusable."""
    length = write_host_name(data, start, end, work.name)
    if length > 0:
        return np.int64(intern(strings, work.name, 0, length))
    if length == NAME_BAD_BYTES:
        work.counters[COUNT_BAD_BYTES] += 1
    elif length == NAME_TOO_LONG:
        work.counters[COUNT_TOO_LONG] += 1
    elif length == NAME_IP_LITERAL:
        work.counters[COUNT_IP_LITERAL] += 1
    return np.int64(ABSENT)
