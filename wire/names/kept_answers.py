"""The answer map in a checkpoint: as the events that would tell of its answers again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.names.answers import GRACE_NS, AnswerMap
from wire.names.events import EVENT, EVENT_ANSWER, EVENT_ECH
from wire.names.strings import ABSENT

_SECOND_NS = 1_000_000_000


def kept_answers(answers: AnswerMap, now_ns: int) -> NDArray[np.void]:
    """EVENT[n] for the answers and ECH offers that are still alive at `now_ns`, the oldest first.

    Applied in this order to an empty map they make one that tells a client what this one tells of its
    own answers and of ECH, with two things less. That an address had several names is forgotten: the
    last one comes back. And what one client's answer says to others comes back with that client's
    answers alone: of an address whose answers were all evicted from there nothing is told any more.
    String ids are those of the map's table.
    """
    grace_ns = int(answers.header[GRACE_NS])
    parts = []
    for table, kind in ((answers.own, EVENT_ANSWER), (answers.ech, EVENT_ECH)):
        entries = table[table["expires_ns"] > now_ns]
        events = np.zeros(len(entries), EVENT)
        events["kind"] = kind
        events["timestamp_ns"] = events["order"] = entries["answered_ns"]
        life_ns = entries["expires_ns"] - entries["answered_ns"] - grace_ns
        events["ttl_seconds"] = np.maximum(life_ns, 0) // _SECOND_NS
        events["client_hi"], events["client_lo"] = entries["a_hi"], entries["a_lo"]
        events["chain_end"] = ABSENT
        if kind == EVENT_ANSWER:
            events["server_hi"], events["server_lo"] = entries["b_hi"], entries["b_lo"]
            events["name"], events["chain_end"] = entries["name"], entries["chain_end"]
        else:
            events["name"], events["offered"] = entries["name"], entries["chain_end"]
        parts.append(events)
    kept = np.concatenate(parts)
    return kept[np.argsort(kept["timestamp_ns"], kind="stable")]
