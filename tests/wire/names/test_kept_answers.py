"""Answers that are put away and taken up again name what they would have named."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wire.names.answers import (
    FOUND_OWN,
    LOOK_FIELDS,
    LOOK_SEVERAL,
    AnswerSettings,
    answer_map,
    ech_offered,
    look_up,
    remember,
    remember_ech,
)
from wire.names.events import EVENT_ANSWER
from wire.names.kept_answers import kept_answers

SECOND_NS = 1_000_000_000
NOW_NS = 1_700_000_000 * SECOND_NS
SETTINGS = AnswerSettings(max_own=256, max_shared=256, max_ech=64)
#: Few of each, so that answers meet: client, address, name, seconds ago, time to live, end of the chain.
ANSWERS = st.lists(
    st.tuples(
        st.integers(1, 3), st.integers(1, 4), st.integers(0, 3), st.integers(0, 900), st.integers(0, 600),
        st.integers(-1, 9),
    ),
    max_size=20,
)


@given(ANSWERS, ANSWERS)
def test_a_map_that_was_kept_answers_alike(
    answers: list[tuple[int, ...]], offers: list[tuple[int, ...]]
) -> None:
    before = answer_map(SETTINGS)
    for client, address, name, ago, ttl, end in sorted(answers, key=lambda each: -each[3]):
        remember(before, 0, client, 0, address, name, end, NOW_NS - ago * SECOND_NS, ttl)
    for client, _, name, ago, ttl, _ in sorted(offers, key=lambda each: -each[3]):
        remember_ech(before, 0, client, name, ago % 2, NOW_NS - ago * SECOND_NS, ttl)
    after = answer_map(SETTINGS)
    for event in kept_answers(before, NOW_NS):
        who = (0, int(event["client_lo"]))
        when, ttl = int(event["timestamp_ns"]), int(event["ttl_seconds"])
        name = int(event["name"])
        if event["kind"] == EVENT_ANSWER:
            remember(after, *who, 0, int(event["server_lo"]), name, int(event["chain_end"]), when, ttl)
        else:
            remember_ech(after, *who, name, int(event["offered"]), when, ttl)
    out, again = np.zeros(LOOK_FIELDS, np.int64), np.zeros(LOOK_FIELDS, np.int64)
    for client in range(1, 4):
        for address in range(1, 5):
            if look_up(before, 0, client, 0, address, NOW_NS, out) != FOUND_OWN:
                continue
            assert look_up(after, 0, client, 0, address, NOW_NS, again) == FOUND_OWN
            out[LOOK_SEVERAL] = again[LOOK_SEVERAL]
            assert again.tolist() == out.tolist()
        for name in range(4):
            assert ech_offered(after, 0, client, name, NOW_NS) == ech_offered(before, 0, client, name, NOW_NS)
