"""Names that do not exist: which become rows, and when the pattern of generated names fires."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.dns_counts import NewDns
from detectors.nxdomain_rows import NX_ROW, MissingNames, looks_generated
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


def test_an_escaped_dot_does_not_end_a_label() -> None:
    assert fires([rf"{name[:-4]}\.campus.com" for name in drawn(100, 12, 6)])


def test_domains_keep_their_meaning_over_a_restart() -> None:
    rows = np.zeros(5, NX_ROW)
    rows["base"] = [2, 0, 1, 2, 0]
    before, after = (MissingNames(StringTable(64, 4096)) for _ in range(2))
    for names, domains in ((before, ("a.com", "b.com", "c.com")), (after, ("c.com", "z.com"))):
        names._bases.update({each.encode(): at for at, each in enumerate(domains)})
    again = after.again(rows, before.state(rows))
    by_number = {number: base for base, number in after._bases.items()}
    assert [by_number[base] for base in again["base"].tolist()] == [
        b"c.com", b"a.com", b"b.com", b"c.com", b"a.com",
    ]  # fmt: skip
    assert after.again(rows[:0], before.state(rows[:0])).size == 0


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
