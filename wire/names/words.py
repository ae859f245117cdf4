"""Words of text protocols: the bytes of a token, whether a word stands at a place, where a line ends."""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

_LF = 10


def _token_table() -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[list(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = 1
    return table


#: 1 for the bytes of a token, RFC 9110 section 5.6.2.
TOKEN = _token_table()


@kernel
def is_text(data, start, end, text):  # type: ignore[no-untyped-def]
    """Whether data[start:end] begins with the bytes of `text`, exactly."""
    if end - start < len(text):
        return False
    for i in range(len(text)):
        if data[start + i] != text[i]:
            return False
    return True


@kernel
def is_word(data, start, end, word):  # type: ignore[no-untyped-def]
    """Whether data[start:end] is `word` (lower case), whatever its case."""
    if end - start != len(word):
        return False
    for i in range(len(word)):
        byte = data[start + i]
        if 65 <= byte <= 90:
            byte += np.uint8(32)
        if byte != word[i]:
            return False
    return True


@kernel
def line_end(data, start, end):  # type: ignore[no-untyped-def]
    """Position of the next line feed, `end` without one."""
    at = np.int64(start)
    while at < end and data[at] != _LF:
        at += 1
    return at
