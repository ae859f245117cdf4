"""The plain twin of `write_host_name`."""

from __future__ import annotations

import re


def plain_host_name(text: bytes) -> bytes | None:
    """The one spelling of a host name, or None."""
    name = text.removesuffix(b".").lower()
    labels = name.split(b".")
    if len(name) > 253 or not all(re.fullmatch(rb"[a-z0-9_-]{1,63}", label) for label in labels):
        return None
    return None if re.fullmatch(rb"[0-9]+|0x[0-9a-f]*", labels[-1]) else name
