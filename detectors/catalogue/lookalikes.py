"""Domains that look like one the catalogue knows, and are not it: their labels are not believed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np

from detectors.catalogue.public_suffixes import registrable_domain

_LEAST = 5  # shorter brands stand in half of all words
_LEAST_OBSCURE = 9  # so do those of small networks up to here, and there are thousands of them
_LIKE = str.maketrans("0135", "oles")  # digits that are read as letters


class KnownDomains:
    """The registrable domains of all entries; the part before the public suffix is the brand."""

    def __init__(
        self, names: Iterable[str], is_common: Callable[[str], bool], obscure: Iterable[str] = ()
    ) -> None:
        """`is_common` tells brands that are ordinary words, which many others contain: `adnetwork`.

        `obscure` are names of small networks that stand together: whoever imitates takes a known name, and
        every fourth word differs by a letter from one of these, so that only their long brands count.
        """
        known = {domain for domain in map(registrable_domain, names) if domain}
        small = {domain for domain in map(registrable_domain, obscure) if domain}
        self._domains = known | small
        brands = {_plain(domain) for domain in known}
        brands |= {brand for brand in map(_plain, small) if len(brand) >= _LEAST_OBSCURE}
        self._brands, self._is_common = brands, is_common
        long = {brand for brand in brands if len(brand) >= _LEAST}
        self._shortened = _Hashes(chain(long, chain.from_iterable(map(_without_one, long))))
        self._starts: dict[str, list[str]] = {}
        for brand in long:
            self._starts.setdefault(brand[:_LEAST], []).append(brand)

    def shown_in(self, labels: Sequence[str], untelling: Sequence[str]) -> bool:
        """Whether labels below a stranger's domain show one of these, or `untelling` the brand of one."""
        places = range(len(labels) + 1)
        return any(len(label) >= _LEAST and self._is_uncommon(_read(label)) for label in untelling) or any(
            ".".join(labels[first:last]) in self._domains for first in places for last in places[first + 2 :]
        )

    def imitated_by(self, domain: str) -> bool:
        """Whether a registrable domain is none of these, but shows a brand of one or differs by a letter."""
        if domain in self._domains:
            return False
        brand = _plain(domain)
        if "xn--" in domain or brand in self._shortened:
            return True
        parts = domain.partition(".")[0].split("-")
        if len(parts) > 1 and any(self._is_uncommon(_read(part)) for part in parts):
            return True
        if any(short in self._shortened for short in _without_one(brand)):
            return True
        return any(
            brand.startswith(known, at) and not self._is_common(known)
            for at in range(len(brand) - _LEAST + 1)
            for known in self._starts.get(brand[at : at + _LEAST], ())
        )

    def _is_uncommon(self, brand: str) -> bool:
        """Whether it is the brand of one of these and no ordinary word."""
        return brand in self._brands and not self._is_common(brand)


class _Hashes:
    """A set of texts by their hash: a hundred thousand in a megabyte, of which strings take eleven.

    Hashes are keyed by the process: nobody can choose a text that is mistaken for another.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        values = np.unique(np.fromiter(map(hash, texts), np.int64))
        self._values = memoryview(values.data)  # whose items are plain integers

    def __contains__(self, text: str) -> bool:
        value = hash(text)
        at = bisect_left(self._values, value)
        return at < len(self._values) and self._values[at] == value


def _plain(domain: str) -> str:
    """The brand as an eye reads it."""
    return _read(domain.partition(".")[0])


def _read(label: str) -> str:
    return label.replace("-", "").replace("rn", "m").replace("vv", "w").translate(_LIKE)


def _without_one(text: str) -> list[str]:
    return [text[:at] + text[at + 1 :] for at in range(len(text))]
