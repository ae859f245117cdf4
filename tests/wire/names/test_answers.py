"""The answer map and the query lists: what they remember, for how long, and within which bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.names.refs import RefMaker
from wire.flows.records import REF_OPEN, UDP
from wire.names.answers import (
    EVICTED_OWN,
    FOUND_NONE,
    FOUND_OWN,
    FOUND_SHARED,
    LOOK_CHAIN_END,
    LOOK_FIELDS,
    LOOK_NAME,
    LOOK_SEVERAL,
    AnswerMap,
    AnswerSettings,
    answer_map,
    ech_offered,
    look_up,
    remember,
    remember_ech,
)
from wire.names.events import EVENT_ANSWER, EVENT_OPEN
from wire.names.namer import Namer, NamerSettings
from wire.names.queries import (
    MAX_QUERIES_PER_FLOW,
    NO_QUERIES,
    POOL_OVERFLOW,
    POOL_REFUSED,
    POOL_USED,
    append_query,
    free_queries,
    gather_queries,
    query_pool,
)

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
ALICE, BOB, SERVER = 0xFFFF_0A000001, 0xFFFF_0A000002, 0xFFFF_01020304
SETTINGS = AnswerSettings(least_seconds=60, most_seconds=3600, grace_seconds=10)


def note(answers: AnswerMap, client: int, server: int, name: int, now: int = NOW, ttl: int = 100) -> None:
    zero, host, address = np.uint64(0), np.uint64(client), np.uint64(server)
    remember(answers, zero, host, zero, address, name, name + 1000, now, ttl)


def find(answers: AnswerMap, client: int, server: int, now: int = NOW) -> tuple[int, int, int]:
    """(how it was found, name, whether the client was given it for several names)."""
    out = np.full(LOOK_FIELDS, -7, np.int64)
    found = look_up(answers, np.uint64(0), np.uint64(client), np.uint64(0), np.uint64(server), now, out)
    if found != FOUND_NONE:
        assert out[LOOK_CHAIN_END] == out[LOOK_NAME] + 1000
    return found, int(out[LOOK_NAME]), int(out[LOOK_SEVERAL])


def test_own_answer_is_found_and_others_only_share_it() -> None:
    answers = answer_map(SETTINGS)
    note(answers, ALICE, SERVER, 1)
    assert find(answers, ALICE, SERVER) == (FOUND_OWN, 1, 0)
    assert find(answers, BOB, SERVER) == (FOUND_SHARED, 1, 0)
    assert find(answers, ALICE, SERVER + 1)[0] == FOUND_NONE


def test_an_address_of_several_names_is_shared_by_none() -> None:
    answers = answer_map(SETTINGS)
    note(answers, ALICE, SERVER, 1, ttl=100)
    note(answers, BOB, SERVER, 2, ttl=200)
    assert find(answers, 3, SERVER)[0] == FOUND_NONE
    assert find(answers, ALICE, SERVER) == (FOUND_OWN, 1, 0)
    later = NOW + 150 * SECOND  # the first name's answer is over, so only one is left
    assert find(answers, 3, SERVER, later) == (FOUND_SHARED, 2, 0)


def test_own_answers_for_several_names_give_the_latest_and_say_so() -> None:
    answers = answer_map(SETTINGS)
    note(answers, ALICE, SERVER, 1)
    note(answers, ALICE, SERVER, 2, now=NOW + SECOND)
    assert find(answers, ALICE, SERVER, NOW + 2 * SECOND) == (FOUND_OWN, 2, 1)


@pytest.mark.parametrize(("ttl", "life"), [(0, 60), (-5, 60), (100, 100), (10**12, 3600)])
def test_lifetime_is_clamped_and_has_a_grace(ttl: int, life: int) -> None:
    answers = answer_map(SETTINGS)
    note(answers, ALICE, SERVER, 1, ttl=ttl)
    assert find(answers, ALICE, SERVER, NOW + (life + 10) * SECOND - 1)[0] == FOUND_OWN
    assert find(answers, ALICE, SERVER, NOW + (life + 10) * SECOND)[0] == FOUND_NONE


def test_an_answer_from_a_broken_clock_is_dead() -> None:
    answers = answer_map(SETTINGS)
    note(answers, ALICE, SERVER, 1, now=NOW + 3601 * SECOND)
    assert find(answers, ALICE, SERVER)[0] == FOUND_NONE
    note(answers, ALICE, SERVER, 2)
    assert find(answers, ALICE, SERVER) == (FOUND_OWN, 2, 0)


def test_a_full_map_evicts_the_oldest_and_counts_it() -> None:
    answers = answer_map(AnswerSettings(max_own=8, max_shared=8, max_ech=8))
    for i in range(9):
        note(answers, ALICE, SERVER + i, i, now=NOW + i)
    assert answers.header[EVICTED_OWN] == 1
    assert [find(answers, ALICE, SERVER + i)[0] == FOUND_OWN for i in range(9)] == [False] + [True] * 8


def test_dead_entries_are_reused_without_eviction() -> None:
    answers = answer_map(AnswerSettings(max_own=8, max_shared=8, max_ech=8))
    for i in range(80):
        note(answers, ALICE, SERVER + i, i, now=NOW + i * 1000 * SECOND)
    assert answers.header[EVICTED_OWN] == 0


def test_ech_is_remembered_per_client_and_name() -> None:
    answers = answer_map(SETTINGS)
    remember_ech(answers, np.uint64(0), np.uint64(ALICE), 5, 1, NOW, 100)

    def offered(client: int, name: int, now: int = NOW) -> int:
        return int(ech_offered(answers, np.uint64(0), np.uint64(client), name, now))

    assert (offered(ALICE, 5), offered(BOB, 5), offered(ALICE, 6), offered(ALICE, -1)) == (1, 0, 0, 0)
    assert offered(ALICE, 5, NOW + 111 * SECOND) == 0
    remember_ech(answers, np.uint64(0), np.uint64(ALICE), 5, 0, NOW, 100)
    assert offered(ALICE, 5) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [({}, 1), ({3: 0x83}, 0), ({2: 0x91}, 0), ({2: 0x01}, 0), ({13: 0x21}, 0)],
    ids=["good", "nxdomain", "another opcode", "a query", "no host name"],
)
def test_only_good_answers_for_host_names_are_told(change: dict[int, int], told: int) -> None:
    answer = bytearray(
        bytes.fromhex("0007 8180 0001 0001 0000 0000") + b"\3www\6school\2cn\0\0\1\0\1"
        + bytes.fromhex("c00c 0001 0001 00000064 0004 01020304")
    )  # fmt: skip
    for at, octet in change.items():
        answer[at] = octet
    maker, namer = RefMaker(), Namer(NamerSettings(max_flows=16, max_strings=8, max_string_bytes=99))
    dns = {"protocol": UDP, "ports": (5000, 53), "time_ns": NOW}
    maker.add(1, b"", kind=REF_OPEN, **dns)
    maker.add(1, bytes(answer), side=1, **dns)
    maker.add(1, bytes(answer), side=0, **dns)  # from the client: nobody was told
    events = namer.read(*maker.block(), first_frame=70)
    assert events["kind"].tolist() == [EVENT_OPEN] + [EVENT_ANSWER] * told
    if told:
        event = events[1]
        assert (event["order"], event["timestamp_ns"], event["server_lo"]) == (71, NOW, SERVER)
        assert (namer.strings[event["name"]], event["ttl_seconds"]) == (b"www.school.cn", 100)


@pytest.mark.parametrize(
    "wrong", [{"max_own": 0}, {"least_seconds": 9, "most_seconds": 8}, {"grace_seconds": -1}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="answer"):
        answer_map(AnswerSettings(**wrong))


#: client, server, name, seconds since the event before, TTL
events = st.tuples(*(st.integers(a, b) for a, b in ((1, 3), (1, 3), (0, 2), (0, 90), (0, 200))))


@settings(max_examples=100, deadline=None)
@given(st.lists(events, max_size=30), st.integers(0, 300))
def test_map_agrees_with_dictionaries(steps: list[tuple[int, int, int, int, int]], wait: int) -> None:
    answers = answer_map(SETTINGS)
    own: dict[tuple[int, int], tuple[int, int]] = {}
    lives: dict[tuple[int, int], int] = {}
    now = NOW
    for client, server, name, gap, ttl in steps:
        now += gap * SECOND
        note(answers, client, server, name, now, ttl)
        expires = now + (max(ttl, 60) + 10) * SECOND
        before = own.get((client, server))
        if before and before[0] == name:
            expires = max(expires, before[1])
        own[client, server] = (name, expires)
        key = (server, name)
        lives[key] = max(lives.get(key, 0), now + (max(ttl, 60) + 10) * SECOND)
    now += wait * SECOND
    for client in range(1, 5):
        for server in range(1, 4):
            found, name, _ = find(answers, client, server, now)
            mine = own.get((client, server))
            alive = [n for n in range(3) if lives.get((server, n), 0) > now]
            if mine and mine[1] > now:
                assert (found, name) == (FOUND_OWN, mine[0])
            elif found == FOUND_SHARED:
                assert alive == [name]
            else:
                assert found == FOUND_NONE


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 5)), max_size=60))
def test_query_lists_agree_with_python_lists(steps: list[tuple[int, int]]) -> None:
    """A name below 0 ends the flow."""
    pool = query_pool(200)
    heads, lists = [NO_QUERIES] * 4, [[] for _ in range(4)]
    for flow, name in steps:
        if name < 0:
            free_queries(pool, heads[flow])
            heads[flow], lists[flow] = NO_QUERIES, []
        else:
            heads[flow] = int(append_query(pool, heads[flow], name))
            if name not in lists[flow]:
                lists[flow].append(name)
    offsets, ids = gather_queries(pool, np.array(heads, np.int32))
    assert [ids[offsets[i] : offsets[i + 1]].tolist() for i in range(4)] == lists
    assert pool.header[POOL_USED] == sum(map(len, lists))


def test_query_lists_and_pool_are_bounded() -> None:
    pool = query_pool(MAX_QUERIES_PER_FLOW + 1)
    first, second = NO_QUERIES, NO_QUERIES
    for name in range(MAX_QUERIES_PER_FLOW + 3):
        first = int(append_query(pool, first, name))
    assert pool.header[POOL_OVERFLOW] == 3
    for name in range(3):
        second = int(append_query(pool, second, name))
    assert pool.header[POOL_REFUSED] == 2
    offsets, ids = gather_queries(pool, np.array([second, first], np.int32))
    assert offsets.tolist() == [0, 1, MAX_QUERIES_PER_FLOW + 1]
    assert ids.tolist() == [0, *range(MAX_QUERIES_PER_FLOW)]
