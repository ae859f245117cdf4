"""The names that do not exist and were asked for, as rows for the pattern of generated names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.dns_counts import NewDns
from detectors.host_and_peer import HOST_AND_PEER, rows_of_callers
from detectors.parts import Parts, json_of, of_json
from detectors.per_name import PerName, one_by_one, registered_domain
from wire.names.strings import StringTable
from wire.record_arrays import picked

#: A flow's new names count as missing when at least this share of what it asked was NXDOMAIN.
LEAST_MISSING = 0.8
#: Top-level names that no registry hands out: local look-ups, reverse look-ups, search suffixes.
_LOCAL = frozenset((b"arpa", b"local", b"lan", b"home", b"internal", b"localdomain", b"intranet", b"corp"))

NX_ROW = np.dtype(
    [
        *HOST_AND_PEER,
        ("base", "i4"),  # number of the registered domain
        ("generated", "u1"),  # 1: its label looks drawn at random
        ("server_port", "u2"),
    ]
)
_NO_DOMAIN = -1
_VOWELS = frozenset(b"aeiouy")
_LEAST_LETTERS = 7


def looks_generated(label: bytes) -> bool:
    """Whether a label reads as no word does: long runs of consonants, hardly a vowel, digits within.

    Of registered domains in ordinary use (the catalogue's and those of captures) 4% look so, of
    letters drawn at random 53% (seven letters) to 88% (twenty), of hexadecimal digits all.
    """
    if len(label) < _LEAST_LETTERS or label.startswith(b"xn--"):
        return False
    vowels = sum(byte in _VOWELS for byte in label)
    run = longest = switches = 0
    was_digit = False
    for byte in label:
        letter = 97 <= byte <= 122
        run = run + 1 if letter and byte not in _VOWELS else 0
        longest = max(longest, run)
        digit = 48 <= byte <= 57
        switches += digit != was_digit
        was_digit = digit
    return longest >= 5 or vowels < 0.2 * len(label) or switches >= 4


class MissingNames:
    """Knows of each distinct name its registered domain, and whether that looks generated."""

    def __init__(self, strings: StringTable) -> None:
        self._bases: dict[bytes, int] = {}
        self._names = PerName(strings, one_by_one(self._base_and_look))

    def rows(self, deltas: NDArray[np.void], dns: NewDns) -> NDArray[np.void]:
        """An NX_ROW per new name of a delta whose questions were mostly answered by NXDOMAIN."""
        missing = (dns.nxdomain > 0) & (dns.nxdomain >= LEAST_MISSING * dns.queries)
        chosen = missing[dns.of_delta] & (dns.names >= 0)
        base, generated = self._names.of(dns.names[chosen])
        known = base != _NO_DOMAIN
        rows = rows_of_callers(NX_ROW, picked(deltas, dns.of_delta[chosen][known]))
        rows["base"], rows["generated"] = base[known], generated[known]
        return rows

    def state(self, rows: NDArray[np.void]) -> Parts:
        """The domains in kept NX_ROWs, by number."""
        by_number = {number: base for base, number in self._bases.items()}
        domains = {number: by_number[number] for number in np.unique(rows["base"]).tolist()}
        return {"domains": of_json([[number, base.hex()] for number, base in domains.items()])}

    def again(self, rows: NDArray[np.void], parts: Parts) -> NDArray[np.void]:
        """NX_ROWs of a checkpoint with this process's numbers."""
        rows = rows.copy()
        domains = sorted(json_of(parts["domains"]))
        if domains:
            before = np.array([number for number, _ in domains])
            now = [self._bases.setdefault(bytes.fromhex(base), len(self._bases)) for _, base in domains]
            rows["base"] = np.array(now)[np.searchsorted(before, rows["base"])]
        return rows

    def _base_and_look(self, name: bytes) -> tuple[int, int]:
        base = registered_domain(name)
        label, _, suffix = base.partition(b".")
        if not suffix or base.rpartition(b".")[2] in _LOCAL:
            return _NO_DOMAIN, 0
        return self._bases.setdefault(base, len(self._bases)), looks_generated(label)
