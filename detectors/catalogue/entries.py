"""Entries in flat arrays: a million of them cost little more than their text.

`Entries` is filled once; `EntryIndex` finds names in it. A name's hash picks a bucket, a bucket holds
one entry on average, and the text itself is compared, so a look-up costs the same whatever the size.
Hashes are Python's own of byte strings: keyed by the process, so no list can be made to collide.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What an entry holds for: the name and all below it; that very name; all below it but not itself; any
#: name that has this label below a registrable domain (`ads` holds for ads.m.example.com.cn); any name
#: that has this word in such a label.
SUFFIX, HOST, BELOW, LABEL, WORD = 0, 1, 2, 3, 4
FORMS = 7  # the bits of a form within an entry's flags
#: Of lists: the entry lifts entries of its own list; the entry is not lifted by a plain exception.
EXCEPTION, IMPORTANT = 8, 16

_MASK64 = (1 << 64) - 1


class Entries:
    """Appended to entry by entry; index i is the i-th entry.

    names: text of all entries, entry i ends at ends[i]; owners: services; sources: files; lines: in
    that file; flags: form, EXCEPTION, IMPORTANT; hashes: of the names.
    """

    def __init__(self) -> None:
        self.names = bytearray()
        self.ends = array("I")
        self.owners = array("i")
        self.sources = array("H")
        self.lines = array("I")
        self.flags = array("B")
        self.hashes = array("q")

    def __len__(self) -> int:
        return len(self.ends)

    def extend(
        self, names: Sequence[str], flags: Sequence[int], owner: int, source: int, lines: Sequence[int]
    ) -> None:
        """Append entries of one owner and source; names in comparable form, without line ends."""
        if not names:
            return
        texts = "\n".join(names).encode("ascii").split(b"\n")
        start = len(self.names)
        self.names += b"".join(texts)
        self.ends.extend(accumulate(map(len, texts), initial=start))
        del self.ends[-len(texts) - 1]
        self.owners.extend(repeat(owner, len(texts)))
        self.sources.extend(repeat(source, len(texts)))
        self.lines.extend(lines)
        self.flags.extend(flags)
        self.hashes.extend(map(hash, texts))

    def column(self, name: str) -> NDArray[Any]:
        """An array of all entries by its name, as NumPy sees it; nothing may be appended while it is used."""
        values = getattr(self, name)
        return np.frombuffer(values, values.typecode) if len(values) else np.zeros(0, values.typecode)

    def name(self, index: int) -> bytes:
        """The name of an entry."""
        start = self.ends[index - 1] if index else 0
        return bytes(self.names[start : self.ends[index]])


class EntryIndex:
    """Finds the entries that stand for exactly this text. The entries must not change afterwards."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        bits = max(1, (len(entries) - 1).bit_length())
        self._shift = 64 - bits
        hashes = np.frombuffer(entries.hashes, np.int64) if len(entries) else np.zeros(0, np.int64)
        buckets = hashes.view(np.uint64) >> np.uint64(self._shift)
        order = np.argsort(buckets, kind="stable").astype(np.int32)
        starts = np.zeros((1 << bits) + 1, np.int32)
        np.cumsum(np.bincount(buckets.astype(np.int64), minlength=1 << bits), out=starts[1:])
        # Views, since a NumPy scalar costs several times what a plain integer does.
        self._order = memoryview(order.data)
        self._starts = memoryview(starts.data)

    def find(self, name: bytes) -> list[int]:
        """Indices of the entries whose name is `name`, in order of their addition."""
        value = hash(name)
        bucket = (value & _MASK64) >> self._shift
        at, end = self._starts[bucket], self._starts[bucket + 1]
        if at == end:
            return []
        entries = self._entries
        return [
            index
            for index in self._order[at:end].tolist()
            if entries.hashes[index] == value and entries.name(index) == name
        ]
