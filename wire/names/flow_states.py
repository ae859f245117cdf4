"""What names keep of a flow while it is read, one record a flow (kept in a table of flow_index.py).

Kernels pass one flow's record and the work record (work.py) along, which are two pointers;
a tuple of arrays in their place would cost more to hand over than the reading itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.names.facts import FACTS
from wire.names.strings import ABSENT

#: What is known of one direction's stream. UNKNOWN looks only for a hello at the start of a
#: segment, DONE wants nothing, the others want more bytes.
PHASE_START = 0
PHASE_TUNNEL = 1  # as START, inside CONNECT, SOCKS or after STARTTLS
PHASE_TLS = 2
PHASE_REQUEST_LINE = 3
PHASE_HEADERS = 4
PHASE_CHUNKS = 5
PHASE_TEXT = 6
PHASE_SOCKS5 = 7
PHASE_DNS = 8
PHASE_SERVER_TLS = 9
PHASE_UNKNOWN = 10
PHASE_DONE = 11
PHASE_BODY = 13  # of a request, or its first chunk, of which the first piece is looked at
PHASE_QUIC = 12  # UDP: some datagram looked like QUIC

#: Bits of `flags`: what the request being read has said so far.
FLAG_CONNECT, FLAG_CHUNKED, FLAG_HOST_TAKEN, FLAG_LAST_CHUNK, FLAG_CHUNK_SEEN = 1, 2, 4, 8, 16

#: Pairs stand for the two directions, client to server first.
FLOW_STATE = np.dtype(
    [
        ("flow", "i8"),  # serial, 0 in a free state
        ("facts", FACTS),
        ("position", "i8", (2,)),  # bytes of the stream read so far
        ("slot", "i4", (2,)),  # reassembly slot or -1
        ("body", "i4"),  # bytes of the body that follows the headers being read
        ("queries", "i4"),  # head of the list of DNS names asked for
        ("next_free", "i4"),
        ("phase", "u1", (2,)),  # PHASE_*
        ("flags", "u1"),  # FLAG_*
    ]
)


def _blank_state() -> NDArray[np.void]:
    blank = np.zeros(1, FLOW_STATE)
    for field in FACTS.names or ():
        if FACTS[field].base == np.dtype("i4"):
            blank["facts"][field] = ABSENT
    for field in ("slot", "queries"):
        blank[field] = -1
    return blank


#: One state of a flow that has said nothing.
BLANK_STATE = _blank_state()
