"""Addresses as text, each distinct one of a batch written once.

An address is two uint64 (high, low), IPv4 in its IPv4-mapped form (RFC 4291 section 2.5.5.2).
Text is dotted for IPv4 and RFC 5952 for IPv6.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.numbering import distinct_pairs
from sinks.records import columns
from sinks.records.pseudonyms import Pseudonyms
from wire.kernel import kernel

#: Eight groups of four digits and seven colons.
ADDRESS_MAX_CHARACTERS = 39


@kernel
def _put_decimal(text, at, value):  # type: ignore[no-untyped-def]
    if value >= 100:
        text[at] = 48 + value // 100
        at += 1
    if value >= 10:
        text[at] = 48 + (value // 10) % 10
        at += 1
    text[at] = 48 + value % 10
    return at + 1


@kernel
def _put_hexadecimal(text, at, value):  # type: ignore[no-untyped-def]
    leading = True
    for shift in (12, 8, 4, 0):
        digit = (value >> shift) & 15
        if digit != 0 or shift == 0:
            leading = False
        if not leading:
            text[at] = 48 + digit if digit < 10 else 87 + digit
            at += 1
    return at


@kernel
def _put_ipv6(text, at, group):  # type: ignore[no-untyped-def]
    """RFC 5952: the first longest run of two or more zero groups becomes `::`."""
    best, best_length, run = 0, 1, 0
    for i in range(8):
        run = run + 1 if group[i] == 0 else 0
        if run > best_length:
            best, best_length = i - run + 1, run
    i = 0
    while i < 8:
        if best_length > 1 and i == best:
            text[at] = 58
            at += 1
            if i == 0:
                text[at] = 58
                at += 1
            i += best_length
            continue
        at = _put_hexadecimal(text, at, group[i])
        i += 1
        if i < 8:
            text[at] = 58
            at += 1
    return at


@kernel
def format_addresses(high, low, group, offsets, text):  # type: ignore[no-untyped-def]
    """Write addresses one after the other; address i is text[offsets[i]:offsets[i + 1]].

    high, low: uint64[n]; group: int64[8], scratch; offsets: int32[n + 1]; text: uint8[n *
    ADDRESS_MAX_CHARACTERS or more].
    Returns the bytes written; stops early, with offsets flat, where `text` is too small.
    """
    at = 0
    for i in range(len(high)):
        offsets[i] = at
        if at + ADDRESS_MAX_CHARACTERS > len(text):
            continue
        if high[i] == np.uint64(0) and low[i] >> np.uint64(32) == np.uint64(0xFFFF):
            for k in range(4):
                at = _put_decimal(text, at, np.int64((low[i] >> np.uint64(24 - 8 * k)) & np.uint64(255)))
                if k < 3:
                    text[at] = 46
                    at += 1
            continue
        for k in range(4):
            group[k] = np.int64((high[i] >> np.uint64(48 - 16 * k)) & np.uint64(0xFFFF))
            group[k + 4] = np.int64((low[i] >> np.uint64(48 - 16 * k)) & np.uint64(0xFFFF))
        at = _put_ipv6(text, at, group)
    offsets[len(high)] = at
    return at


def address_texts(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> pa.StringArray:
    """The text of each address, an Arrow string array."""
    offsets = np.zeros(len(high) + 1, np.int32)
    text = np.zeros(max(1, len(high)) * ADDRESS_MAX_CHARACTERS, np.uint8)
    used = int(format_addresses(high, low, np.zeros(8, np.int64), offsets, text))
    return pa.StringArray.from_buffers(len(high), pa.py_buffer(offsets), pa.py_buffer(text[:used].copy()))


def address_column(
    high: NDArray[np.uint64], low: NDArray[np.uint64], pseudonyms: Pseudonyms | None
) -> pa.DictionaryArray:
    """Addresses as a dictionary array; internal ones as pseudonyms when `pseudonyms` is given."""
    codes, first = distinct_pairs(high, low)
    high, low = high[first], low[first]
    texts = address_texts(high, low)
    if pseudonyms is not None:
        named = texts.to_pylist()
        for i in np.flatnonzero(pseudonyms.internal(high, low)).tolist():
            named[i] = pseudonyms.of(int(high[i]), int(low[i]))
        texts = columns.texts(named)
    return pa.DictionaryArray.from_arrays(columns.numbers(codes), texts)
