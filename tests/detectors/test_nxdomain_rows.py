"""Names that do not exist: which become rows, and when the pattern of generated names fires."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.dns_counts import NewDns
from detectors.nxdomain_rows import MissingNames, looks_generated
from detectors.rules.patterns.dga import DGA
from detectors.rules.patterns.pattern import Watch
from tests.detectors.made_deltas import deltas
from wire.flows.records import UDP
from wire.names.strings import StringTable

WORDS = ("campus", "music", "garden", "school", "travel", "movie", "secure", "update", "market", "house")


def fires(names: list[str], missing: int = 1) -> bool:
    """Whether one host that asks for each name in a flow of its own, answered NXDOMAIN or not, is told."""
    strings = StringTable(4096, 1 << 16)
    ids = np.array([strings.add(name.encode()) for name in names], np.int32)
    made = deltas(*({"flow": at + 1, "protocol": UDP, "server_port": 53} for at in range(len(names))))
    of_delta = np.arange(len(names))
    queries = np.ones(len(names), np.int32)
    rows = MissingNames(strings).rows(made, NewDns(queries, queries * missing, of_delta, ids))
    return bool(Watch(DGA, 10_000).take(rows)) if len(rows) else False


def drawn(count: int, letters: int, seed: int) -> list[str]:
    source = np.random.default_rng(seed)
    return [bytes(source.integers(97, 123, letters, np.uint8)).decode() + ".com" for _ in range(count)]


@pytest.mark.parametrize("letters", [8, 12, 20])
@pytest.mark.parametrize("seed", range(5))
def test_generated_names_fire(letters: int, seed: int) -> None:
    assert fires(drawn(30, letters, seed))


def test_joined_words_fire_when_there_are_many() -> None:
    names = [f"{first}{second}.net" for first in WORDS for second in WORDS]
    assert fires(names)
    assert not fires(names[:40])


@pytest.mark.parametrize(
    ("why", "names"),
    [
        ("too few", drawn(15, 12, 1)),
        ("one domain's hosts", [f"{name[:-4]}.example.com" for name in drawn(200, 12, 2)]),
        ("a search suffix", [f"{name[:-4]}.lan" for name in drawn(200, 12, 3)]),
        ("no dot", [name[:-4] for name in drawn(200, 12, 4)]),
        ("reverse look-ups", [f"{at}.0.0.10.in-addr.arpa" for at in range(200)]),
        ("one name again and again", ["qxkzvbnm.com"] * 200),
    ],
)
def test_stays_silent(why: str, names: list[str]) -> None:
    assert not fires(names), why


def test_names_that_exist_are_no_rows() -> None:
    assert not fires(drawn(100, 12, 5), missing=0)


def test_ordinary_words_do_not_look_generated() -> None:
    assert not any(looks_generated(f"{first}{second}".encode()) for first in WORDS for second in WORDS)
    assert looks_generated(b"x7k2m9q4w1")
