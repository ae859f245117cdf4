"""What is kept of a User-Agent (RFC 9110 section 10.1.5): the products, and no word of people's own."""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.words import TOKEN

USER_AGENT_MAX_BYTES = 256
PRODUCT_MAX_BYTES = 64

_SPACE, _SLASH, _OPEN, _CLOSE, _BACKSLASH = 32, 47, 40, 41, 92


@kernel
def write_products(data, start, end, text):  # type: ignore[no-untyped-def]
    """Write the product/version tokens of a User-Agent value, one space between; length in bytes.

    text: uint8[USER_AGENT_MAX_BYTES or more]. Comments, nested or quoted, and bare words are left out:
    they are where model names, device identifiers and people's own words stand.
    """
    length = np.int64(0)
    at = np.int64(start)
    depth = 0
    while at < end:
        byte = data[at]
        if depth > 0 and byte == _BACKSLASH:
            at += 2
            continue
        if byte == _OPEN:
            depth += 1
        elif byte == _CLOSE:
            depth = max(0, depth - 1)
        if depth > 0 or TOKEN[byte] == 0:
            at += 1
            continue
        first = at
        slash = np.int64(-1)
        while at < end and (TOKEN[data[at]] == 1 or data[at] == _SLASH):
            if data[at] == _SLASH and slash < 0:
                slash = at
            at += 1
        size = at - first
        if slash <= first or slash + 1 >= at or size > PRODUCT_MAX_BYTES:
            continue
        if length + size + 1 > USER_AGENT_MAX_BYTES:
            break
        if length > 0:
            text[length] = _SPACE
            length += 1
        for i in range(size):
            text[length + i] = data[first + i]
        length += size
    return length
