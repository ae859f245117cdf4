"""EVENT: what one worker saw that another worker's flows may be named by, in the order of packets.

A client's DNS and its TLS may pass different workers, so the answers that DNS gave and the flows
that opened travel as events; whoever sees the events of all workers puts them in order and joins
them (wire/names/join.py). String ids are those of the worker that wrote the event.
"""

from __future__ import annotations

import numpy as np

#: A flow opened; a client was given an address for a name; HTTPS records for a name offered ECH or not.
EVENT_OPEN, EVENT_ANSWER, EVENT_ECH = 0, 1, 2

EVENT = np.dtype(
    [
        ("order", "i8"),  # place in the order of all workers: the frame's number, or its time
        ("timestamp_ns", "i8"),
        ("flow", "i8"),  # serial
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("server_hi", "u8"),  # OPEN: of the flow; ANSWER: the address that was answered
        ("server_lo", "u8"),
        ("ttl_seconds", "i8"),  # ANSWER, ECH
        ("name", "i4"),  # ANSWER, ECH: string id of the name that was asked for
        ("chain_end", "i4"),  # ANSWER: string id of its last alias, the name itself without
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("protocol", "u1"),
        ("kind", "u1"),  # EVENT_*
        ("offered", "u1"),  # ECH: 1 when a configuration was offered
    ]
)
