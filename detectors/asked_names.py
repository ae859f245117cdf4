"""What the names that a host asks for look like: new ones, how long and how random, of which countries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.name_shapes import shapes_of
from detectors.parts import Parts
from detectors.per_name import PerName
from detectors.seen_before import SeenBefore
from wire.names.strings import StringTable

#: Entropy is summed in whole 1/1024 bits, so that no order of addition changes a sum.
BITS_UNIT = 1024
_WEEK_NS = 7 * 86_400_000_000_000
#: 2^22 bits, twice: half a million names a week in a MiB.
_BLOOM_BITS = 22
_MOST_CHARS = 255
_COUNTRIES = 64

ASKED = np.dtype(
    [
        ("names", "i4"),  # names asked for, each once a flow
        ("new_names", "i4"),  # never asked for on this campus in the last week or two
        ("name_chars", "i4"),  # characters below the registered domain, summed
        ("name_bits", "i4"),  # entropy of these characters, summed, in 1/1024 bit a character
        ("countries", "u8"),  # a bit for each two-letter top-level domain, spread over 64
    ]
)


class AskedNames:
    """Adds up, for each delta, what its new names look like."""

    def __init__(self, strings: StringTable) -> None:
        self._names = PerName(strings, _look)
        self._seen = SeenBefore(_BLOOM_BITS, _WEEK_NS)

    def of(
        self, deltas: NDArray[np.void], of_delta: NDArray[np.int64], names: NDArray[np.int32]
    ) -> NDArray[np.void] | None:
        """An ASKED per delta, from pairs of a delta's place and a string id; None without names."""
        known = names >= 0
        of_delta, names = of_delta[known], names[known]
        if len(names) == 0:
            return None
        digest, look = self._names.of(names)
        asker = (deltas[name][of_delta] for name in ("client_lo", "client_hi", "window_start_ns"))
        first = _firsts(digest, *asker)
        value = digest[first].astype(np.uint32).astype(np.uint64)
        fresh = self._seen.take(value, int(deltas["window_start_ns"].max()))
        asked = np.zeros(len(deltas), ASKED)
        country = look >> 18
        named = country > 0
        bit = np.uint64(1) << (country[named] % _COUNTRIES).astype(np.uint64)
        np.add.at(asked["names"], of_delta, 1)
        np.add.at(asked["new_names"], of_delta[first[fresh]], 1)
        np.add.at(asked["name_chars"], of_delta, look & 0xFF)
        np.add.at(asked["name_bits"], of_delta, (look >> 8 & 0x3FF) * (BITS_UNIT // 128))
        np.bitwise_or.at(asked["countries"], of_delta[named], bit)
        return asked

    def state(self) -> Parts:
        """The names seen so far, as a filter."""
        return self._seen.state()

    def restore(self, parts: Parts) -> None:
        """Take a state back."""
        self._seen.restore(parts)


def _firsts(
    digest: NDArray[np.int32],
    client_lo: NDArray[np.uint64],
    client_hi: NDArray[np.uint64],
    window_start_ns: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Where each distinct name stands first: by minute, then client, whatever the order of the rows."""
    order = np.lexsort((client_lo, client_hi, window_start_ns, digest))
    new = np.ones(len(order), np.bool_)
    new[1:] = digest[order[1:]] != digest[order[:-1]]
    return order[new]


def _look(strings: StringTable, names: NDArray[np.int32]) -> NDArray[np.int32]:
    """A digest of each name; and packed: characters below the domain, their entropy in 1/128 bit, country."""
    shapes = shapes_of(strings, names, lower=True)
    packed = (
        np.minimum(shapes.below, _MOST_CHARS) | np.minimum(shapes.bits, 0x3FF) << 8 | shapes.country << 18
    )
    return np.stack([shapes.digest, packed], axis=1)
