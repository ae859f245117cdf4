"""The one form in which host names are compared: lower-case ASCII labels, IDN as `xn--`."""

from __future__ import annotations

import re

import idna

#: One label or more; underscores occur in real host names. A top-level label is never a bare number,
#: so that an IPv4 address is no name.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(
    rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?=[a-z0-9-]*[a-z])[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
)
#: Whether text is a host name in its comparable form already.
is_host_name = _NAME.fullmatch
_MOST_CHARACTERS = 1_024  # longer text is no host name in any spelling


def host_name(text: str) -> str | None:
    """The comparable form of a host name, or None when `text` is none.

    Upper case, a trailing dot and Unicode (UTS 46, then IDNA 2008, RFC 5891) are accepted.
    """
    if is_host_name(text):
        return text
    if len(text) > _MOST_CHARACTERS:
        return None
    text = text.strip().removesuffix(".").lower()
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True).decode("ascii").lower()
        except idna.IDNAError:
            return None
    return text if is_host_name(text) else None


def shown(name: str) -> str:
    """A comparable name as people read it: `xn--` labels in their own script."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name
