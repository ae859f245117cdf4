"""Addresses as text against Python's own ipaddress, on every shape that RFC 5952 speaks of."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.campus_networks import DEFAULT_NETWORKS
from detectors.networks import Networks
from detectors.numbering import distinct_pairs
from sinks.records.addresses import address_column, address_texts
from sinks.records.pseudonyms import PrivacyKeyError, Pseudonyms, read_key

_GROUP = st.one_of(st.just(0), st.integers(0, 0xFFFF), st.integers(0, 15))
_IPV6 = st.lists(_GROUP, min_size=8, max_size=8).map(
    lambda gs: sum(g << (112 - 16 * i) for i, g in enumerate(gs))
)
_IPV4 = st.integers(0, 0xFFFFFFFF).map(lambda a: 0xFFFF_00000000 | a)


def _pairs(numbers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    high = np.array([n >> 64 for n in numbers], np.uint64)
    low = np.array([n & 0xFFFFFFFF_FFFFFFFF for n in numbers], np.uint64)
    return high, low


def _plain(number: int) -> str:
    address = ipaddress.IPv6Address(number)
    return str(address.ipv4_mapped or address)


@given(st.lists(st.one_of(_IPV6, _IPV4), max_size=20))
def test_text_is_that_of_ipaddress(numbers: list[int]) -> None:
    assert address_texts(*_pairs(numbers)).to_pylist() == [_plain(n) for n in numbers]


@given(st.lists(st.one_of(_IPV4, st.integers(0, 5)), max_size=50))
def test_pairs_are_numbered_in_order_of_appearance(numbers: list[int]) -> None:
    codes, first = distinct_pairs(*_pairs(numbers))
    distinct = list(dict.fromkeys(numbers))
    assert [distinct[c] for c in codes.tolist()] == numbers
    assert [numbers[i] for i in first.tolist()] == distinct


def test_pseudonyms_cover_internal_addresses_alone() -> None:
    numbers = [0xFFFF_0A000001, 0xFFFF_08080808, 0xFFFF_0A000001, 0xFD00 << 112]
    hidden = Pseudonyms(b"k" * 16, Networks(DEFAULT_NETWORKS))
    texts = address_column(*_pairs(numbers), hidden).to_pylist()
    assert texts[0] == texts[2] != texts[3]
    assert texts[0].startswith("h-")
    assert texts[3].startswith("h-")
    assert texts[1] == "8.8.8.8"
    other_key = Pseudonyms(b"K" * 16, Networks(DEFAULT_NETWORKS))
    assert address_column(*_pairs(numbers), other_key).to_pylist()[0] != texts[0]


def test_everyone_is_hidden_where_the_networks_match_nobody() -> None:
    hidden = Pseudonyms(b"k" * 16, Networks(DEFAULT_NETWORKS))
    hidden.hide_everyone()
    assert address_column(*_pairs([0xFFFF_08080808]), hidden).to_pylist()[0].startswith("h-")


def test_a_key_that_can_be_guessed_is_refused(tmp_path) -> None:
    path = tmp_path / "key"
    with pytest.raises(PrivacyKeyError, match="No such file"):
        read_key(path)
    path.write_bytes(b"short\n")
    with pytest.raises(PrivacyKeyError, match="5 bytes, at least 16"):
        read_key(path)
    path.write_bytes(b"0123456789abcdef\n")
    assert read_key(path) == b"0123456789abcdef"
