"""What a miner's first line is, against a plain reading with the json module."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.names.joined import JoinedNamer
from tests.wire.names.refs import RefMaker
from wire.names.mining import LOOK_BYTES, MINING, MINING_MAYBE, NO_MINING, asks_a_pool
from wire.names.namer import NamerSettings

SMALL = NamerSettings(max_flows=64, reassembly_slots=4, max_strings=1 << 10, max_string_bytes=1 << 18)
ALONE = ("eth_submitLogin", "eth_getWork", "eth_submitWork", "eth_submitHashrate", "getblocktemplate",
         "submitblock", "getwork")  # fmt: skip
MINERS: list[dict[str, Any]] = [
    {"id": 1, "method": "mining.subscribe", "params": ["miner/1.0"]},
    {"worker": "eth1.0", "params": ["0x" + "9c" * 20 + "/rig", "x"], "id": 2, "method": "eth_submitLogin"},
    {"id": 1, "jsonrpc": "2.0", "method": "login", "params": {"login": "4A", "pass": "x", "agent": "m/6"}},
    {"params": {"login": "4A", "algo": ["rx/0"]}, "method": "login"},
    {"method": "submit", "params": {"id": "1", "job_id": "2", "nonce": "3"}},
    {"method": "getblocktemplate", "params": [{"rules": ["segwit"]}]},
]
OTHERS: list[dict[str, Any]] = [
    {"id": 1, "method": "login", "params": {"user": "pupil", "password": "x"}},
    {"method": "eth_blockNumber", "params": []},
    {"method": "submit", "params": {"homework": "mining.subscribe"}},
    {"text": 'he said "method":"mining.subscribe" to me'},
    {"methods": "mining.subscribe"},
]


def look(line: bytes) -> int:
    data = np.frombuffer(line, np.uint8)
    return int(asks_a_pool(data, 0, len(data)))


def plain(told: dict[str, Any]) -> bool:
    """The same read with the json module: the method, and the names that stand anywhere beside it."""
    names: set[str] = set()
    methods: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                names.add(name)
                if name == "method" and isinstance(inner, str):
                    methods.append(inner)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(told)
    return any(
        method.startswith("mining.")
        or method in ALONE
        or (method == "login" and bool(names & {"agent", "algo", "rigid"}))
        or (method == "submit" and "job_id" in names)
        for method in methods[-1:] or []
    ) or any(method.startswith("mining.") or method in ALONE for method in methods)


@pytest.mark.parametrize("told", MINERS)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (",\n ", " : ")])
def test_requests_of_miners(told: dict[str, Any], separators: tuple[str, str]) -> None:
    line = json.dumps(told, separators=separators).encode()
    assert plain(told)
    assert look(line + b"\n") == MINING
    for cut in range(1, len(line)):  # a prefix is either enough already or waits for more
        assert look(line[:cut]) in (MINING, MINING_MAYBE)


@pytest.mark.parametrize("told", OTHERS)
def test_other_requests(told: dict[str, Any]) -> None:
    assert not plain(told)
    assert look(json.dumps(told).encode() + b"\n") == NO_MINING


WORDS = st.sampled_from(
    ["method", "login", "submit", "agent", "algo", "job_id", "mining.", "mining.a", "getwork", "eth_getWork",
     "x", 'q"uote', "back\\slash", "{", "}", ":"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(WORDS, st.integers(-9, 9), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_twin(told: dict[str, Any]) -> None:
    line = json.dumps(told).encode()
    if len(line) < LOOK_BYTES and _one_method(told) <= 1:  # two methods in one request: the last counts
        assert (look(line) == MINING) == plain(told)


def _one_method(value: Any) -> int:
    if isinstance(value, dict):
        return sum((name == "method") + _one_method(inner) for name, inner in value.items())
    return sum(map(_one_method, value)) if isinstance(value, list) else 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=1200), st.integers(-2, 40), st.integers(-2, 1300))
def test_any_bytes(data: bytes, start: int, end: int) -> None:
    assert asks_a_pool(np.frombuffer(b"{" + data, np.uint8), start, end) in (NO_MINING, MINING, MINING_MAYBE)


def told_of(*pieces: bytes) -> int:
    maker, at = RefMaker(), 0
    for piece in pieces:
        maker.add(1, piece, at=at, ports=(40_000, 3_333))
        at += len(piece)
    namer = JoinedNamer(SMALL)
    namer.read(*maker.block())
    return int(namer.facts(np.array([1]))[0]["mining"])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(MINERS), st.lists(st.integers(1, 200), max_size=5))
def test_any_segmentation(told: dict[str, Any], cuts: list[int]) -> None:
    line = json.dumps(told).encode() + b"\n"
    bounds = [0, *sorted({cut for cut in cuts if cut < len(line)}), len(line)]
    assert told_of(*[line[a:b] for a, b in pairwise(bounds)]) == 1


def test_a_node_asked_over_http() -> None:
    body = json.dumps(MINERS[-1]).encode()
    head = b"POST / HTTP/1.1\r\nHost: node.example\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert told_of(head + body) == 1
    assert told_of(head, body) == 1
    assert told_of(head + json.dumps(OTHERS[0]).encode()) == 0
    assert told_of(b"GET / HTTP/1.1\r\nHost: node.example\r\n\r\n") == 0
