"""What either half of a flow knows, the whole knows."""

from __future__ import annotations

import numpy as np
import pytest

from wire.flows.index import VLAN_IGNORE
from wire.flows.records import DELTA, TCP
from wire.names.events import EVENT
from wire.names.facts import FACTS
from wire.names.flow_states import BLANK_STATE
from wire.names.meetings import Meetings

WORKERS = 256
LEADER, OTHER = WORKERS, WORKERS + 1
#: Which flow it is, and what is for NameJoin to fill in.
NOT_TOLD = {
    "flow", "name", "name_source", "name_confidence", "outer_name", "dns_name", "dns_chain_end", "dns_source",
}  # fmt: skip


def whole_of(facts: np.ndarray) -> np.void:
    """The facts of a flow whose leading part says facts[0] and whose other part facts[1]."""
    meetings = Meetings(8, WORKERS, VLAN_IGNORE, secret=7)
    events, deltas = np.zeros(2, EVENT), np.zeros(2, DELTA)
    events["client_lo"], events["server_lo"], events["protocol"] = 1, 2, TCP
    facts["flow"] = events["flow"] = deltas["flow"] = (LEADER, OTHER)
    assert meetings.meet(events).tolist() == [True, False]
    assert meetings.learn(deltas, facts).tolist() == [LEADER, LEADER]
    return meetings.facts(np.array([LEADER]))[0]


#: What is never told without another fact beside it.
COMES_WITH = {
    "tls_cipher": "tls_version",
    "cert_match": "cert_not_after",
    "cert_not_before": "cert_not_after",
}


@pytest.mark.parametrize("name", [name for name in FACTS.names or () if name not in NOT_TOLD])
@pytest.mark.parametrize("side", [0, 1])
def test_a_fact_of_one_half_is_one_of_the_whole(name: str, side: int) -> None:
    facts = np.repeat(BLANK_STATE["facts"], 2)
    facts[name][side] = facts[COMES_WITH.get(name, name)][side] = 1
    whole = whole_of(facts)
    facts["flow"] = LEADER
    assert repr(whole) == repr(facts[side])
