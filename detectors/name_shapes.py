"""What names look like, for many at once: how much stands below the registered domain, how random."""

from __future__ import annotations

import math
import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel
from wire.names.strings import StringTable

_DOT, _BACKSLASH, _HIDDEN = 46, 92, 63
#: What a byte adds to a CRC-32 (zlib's polynomial).
_CRC_OF_BYTE = np.array([zlib.crc32(bytes([byte ^ 0xFF])) ^ 0xFF000000 for byte in range(256)], np.uint32)
#: Second-level labels under country codes that are no one's domain (com.cn, ac.uk).
SHARED_SECOND_LEVELS = frozenset(
    (b"com", b"net", b"org", b"edu", b"gov", b"ac", b"co", b"mil", b"or", b"ne", b"go")
)
_SHARED = np.sort(np.array([int.from_bytes(label, "big") for label in SHARED_SECOND_LEVELS], np.int64))
_ARPA = np.frombuffer(b".arpa", np.uint8)


class NameShapes(NamedTuple):
    """Of n names, a `?` for every escaped byte in them, int32[n] each.

    below: characters below the registered domain (per_name.registered_domain), 0 in reverse look-ups.
    bits: their entropy (Shannon) in 1/128 bit a character. country: of a top-level domain of two
    letters, 1 for `aa` and counting up; 0 without. digest: CRC-32 of the name.
    """

    below: NDArray[np.int32]
    bits: NDArray[np.int32]
    country: NDArray[np.int32]
    digest: NDArray[np.int32]


def shapes_of(strings: StringTable, names: NDArray[np.int32], lower: bool) -> NameShapes:
    """The shapes of string ids (>= 0). lower: of the names in lower case."""
    shapes = NameShapes(*(np.zeros(len(names), np.int32) for _ in range(4)))
    longest = int(strings.lengths(names).max(initial=0))
    text, seen, counts = np.zeros(longest, np.uint8), np.zeros(256, np.uint8), np.zeros(256, np.int64)
    measure(
        strings.arrays.arena,
        strings.arrays.starts,
        names,
        lower,
        _CRC_OF_BYTE,
        _SHARED,
        _ARPA,
        text,
        seen,
        counts,
        shapes,
    )
    return shapes


@kernel
def measure(arena, starts, names, lower, crc_of_byte, shared, arpa, text, seen, counts, shapes):  # type: ignore[no-untyped-def]
    """Fill NameShapes of the ids int32[n] of a string table.

    text: uint8[longest name]; seen: uint8[256]; counts: int64[256], zero, and zero again at the end.
    """
    for n in range(len(names)):
        name = names[n]
        length = _unescaped(arena, starts[name], starts[name + 1], lower, text)
        crc = np.uint32(0xFFFFFFFF)
        for i in range(length):
            crc = crc_of_byte[(crc ^ np.uint32(text[i])) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
        shapes.digest[n] = np.int32(crc ^ np.uint32(0xFFFFFFFF))
        last = _dot_before(text, length)
        shapes.country[n] = 0
        if length - last == 3 and _is_letter(text[last + 1]) and _is_letter(text[last + 2]):
            shapes.country[n] = (text[last + 1] - 97) * 26 + text[last + 2] - 96
        below = max(_base_start(text, length, last, shared) - 1, 0)
        if length >= len(arpa) and last == length - len(arpa):
            is_reverse = True
            for i in range(len(arpa)):
                is_reverse = is_reverse and text[last + i] == arpa[i]
            below = 0 if is_reverse else below
        shapes.below[n] = below
        shapes.bits[n] = np.int32(np.rint(_entropy(text, below, seen, counts) * 128))


@kernel
def _unescaped(arena, start, end, lower, text):  # type: ignore[no-untyped-def]
    """Copy a name, a `?` for every \\DDD or escaped character; its length."""
    length = 0
    at = max(start, 0)
    while at < end:
        byte = arena[at]
        if byte == _BACKSLASH and at + 1 < end:
            digits = at + 3 < end
            for i in range(3):
                digits = digits and 48 <= arena[at + 1 + i] <= 57
            at += 4 if digits else 2
            byte = np.uint8(_HIDDEN)
        else:
            at += 1
            if lower and 65 <= byte <= 90:
                byte += np.uint8(32)
        text[length] = byte
        length += 1
    return length


@kernel
def _dot_before(text, end):  # type: ignore[no-untyped-def]
    """The place of the last dot before `end`, -1 without."""
    at = end - 1
    while at >= 0 and text[at] != _DOT:
        at -= 1
    return at


@kernel
def _base_start(text, length, last, shared):  # type: ignore[no-untyped-def]
    """Where the registered domain begins: two labels, or three under a country's shared second level."""
    if last < 0:
        return 0
    second = _dot_before(text, last)
    if second < 0 or length - last != 3 or last - second > 4:
        return second + 1
    label = np.int64(0)
    for i in range(second + 1, last):
        label = label << 8 | np.int64(text[i])
    for value in shared:
        if value == label:
            return _dot_before(text, second) + 1
    return second + 1


@kernel
def _is_letter(byte):  # type: ignore[no-untyped-def]
    return 97 <= byte <= 122 or 65 <= byte <= 90


@kernel
def _entropy(text, length, seen, counts):  # type: ignore[no-untyped-def]
    """Bits a character (Shannon) of text[:length]; added up in the order in which characters first appear."""
    if length < 2:
        return 0.0
    kinds = 0
    for i in range(length):
        byte = text[i]
        if counts[byte] == 0:
            seen[kinds] = byte
            kinds += 1
        counts[byte] += 1
    total = 0.0
    for i in range(kinds):
        share = counts[seen[i]] / length
        total += share * math.log2(share)
        counts[seen[i]] = 0
    return -total
