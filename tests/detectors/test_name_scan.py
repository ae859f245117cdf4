"""Many names at once get what each of them gets alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.entries import BELOW, EXCEPTION, FORMS, HOST, LABEL, SUFFIX, Entries
from detectors.catalogue.name_scan import NameScan
from detectors.catalogue.settings import CatalogueSettings, ListSettings
from tests.detectors.made_services import made
from wire.names.strings import StringTable

LABELS = st.sampled_from((b"a", b"b", b"ads", b"stat-1", b"example", b"com", b"cn", b""))
NAMES = st.lists(LABELS, max_size=5).map(b".".join)
ENTRIES = st.lists(
    st.tuples(NAMES, st.sampled_from((SUFFIX, HOST, BELOW, LABEL, SUFFIX | EXCEPTION))), max_size=12
)


def _interned(names: Iterable[bytes]) -> tuple[StringTable, np.ndarray]:
    strings = StringTable(1 << 16, 1 << 21)
    return strings, np.array([strings.add(name) for name in names], np.int32)


def _holds(entry: bytes, flags: int, name: bytes) -> bool:
    below = name.endswith(b"." + entry)
    form = flags & FORMS
    return (form == SUFFIX and (below or name == entry)) or (
        (form == HOST and name == entry) or (form == BELOW and below)
    )


@given(ENTRIES, st.lists(NAMES, min_size=1, max_size=12))
def test_entries_hold_as_a_plain_reading_has_it(told: list[tuple[bytes, int]], names: list[bytes]) -> None:
    entries = Entries()
    entries.extend(
        [entry.decode() for entry, _ in told], [flags for _, flags in told], 0, 0, range(len(told))
    )
    count, one = NameScan(entries).holding(*_interned(names))
    for name, number, index in zip(names, count.tolist(), one.tolist(), strict=True):
        holding = [at for at, (entry, flags) in enumerate(told) if _holds(entry, flags, name)]
        assert number == len(holding)
        assert index in (holding or [-1])


def _agree(catalogue: Catalogue, names: Iterable[bytes]) -> int:
    strings, ids = _interned(names)
    alone = [catalogue.decide(strings[name]) for name in ids.tolist()]
    assert catalogue.decide_all(strings, ids).tolist() == alone
    return sum(entry >= 0 for entry in alone)


def test_every_name_of_the_catalogue_and_names_around_it(catalogue: Catalogue) -> None:
    known = [name.encode() for service in catalogue.services for name in (*service.suffixes, *service.hosts)]
    around = [
        before + name for name in known[::7] for before in (b"", b"www.", b"ads.", b"log-1.a.", b"x", b".")
    ]
    unknown = [b"ads.unknown.example.net", b"stat.school.edu.cn", b"nothing", b"", b".", b"com", b"a..b"]
    assert _agree(catalogue, {*known, *around, *unknown}) > len(known)


RULES = st.lists(LABELS.filter(bool), min_size=2, max_size=4).map(b".".join)


@given(st.lists(RULES, min_size=1, max_size=8), st.lists(NAMES, min_size=1, max_size=12))
def test_with_lists_exceptions_and_overrides(
    tmp_path_factory: pytest.TempPathFactory, rules: list[bytes], names: list[bytes]
) -> None:
    path = tmp_path_factory.getbasetemp() / "rules"
    lines = (f"{'@@' if at % 3 == 2 else ''}||{rule.decode()}^\n" for at, rule in enumerate(rules))
    path.write_text("||some.example^\n" + "".join(lines))
    services = [
        made("school", "education", suffixes=("a.example.com",)),
        made("portal", "platform", suffixes=("example.cn",), hosts=("ads.example.cn",)),
    ]
    lists = CatalogueSettings((), (), (ListSettings("rules", "adblock", "advertising", Path(path)),))
    own = [made("own", "platform", suffixes=("b.cn",), path="own.yaml")]
    _agree(Catalogue(services, own, lists), {*names, b"ads.x.b.cn", b"ads.x.example.cn", b"x.a.example.com"})
