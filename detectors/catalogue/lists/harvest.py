"""What the readers of all formats do with what they find: keep names, count the rest by reason."""

from __future__ import annotations

from collections import Counter

from detectors.catalogue.entries import Entries
from detectors.catalogue.host_names import host_name, is_host_name
from detectors.catalogue.public_suffixes import public_suffixes_of

#: Why a line or a name was not taken. The first three are mistakes; the others are what lists hold that
#: a host name cannot answer to.
REASONS = (
    "not_a_name",
    "not_text",
    "too_long",
    "address",  # an IP address where a name stands
    "public_suffix",  # many share it
    "local_name",  # localhost and the like
    "other_address",  # hosts file: a real mapping, not a block
    "wildcard",
    "path",  # a URL's path or query is not visible in TLS
    "expression",  # regular expressions and keywords
    "cosmetic",  # about elements of pages
    "unsupported_option",
    "unsupported_rule",
    "other_group",  # the configuration takes other parts of the list
)
MISTAKES = REASONS[:3]
_MOST_EXAMPLES = 200
_BATCH = 8_192


class Harvest:
    """Collects the entries of one list. `owner` and `source` are what entries carry.

    Names are handed on in batches; `flush` when all has been read.
    """

    def __init__(self, entries: Entries, owner: int, source: int) -> None:
        self._entries = entries
        self._owner = owner
        self._source = source
        self._first = len(entries)
        self._names: list[str] = []
        self._flags: list[int] = []
        self._lines: list[int] = []
        self.skipped: Counter[str] = Counter()
        self.mistakes: list[tuple[int, str]] = []  # line, what is wrong; the first of them
        self.lines = 0

    @property
    def taken(self) -> int:
        """Entries kept so far, once flushed."""
        return len(self._entries) - self._first

    def name(self, text: str, flags: int, line: int) -> None:
        """Keep a name with the flags of its entry, when it is one."""
        name = text if is_host_name(text) else host_name(text)
        if name is None:
            if _is_address(text):
                self.skip("address", line)
            else:
                self.skip("not_a_name", line, text)
        elif "." not in name or name == "localhost.localdomain":
            self.skip("local_name", line)
        else:
            self._names.append(name)
            self._flags.append(flags)
            self._lines.append(line)
            if len(self._names) == _BATCH:
                self.flush()

    def flush(self) -> None:
        """Hand on what was kept, without the public suffixes."""
        for name in public_suffixes_of(self._names):
            at = self._names.index(name)
            self.skip("public_suffix", self._lines[at])
            del self._names[at], self._flags[at], self._lines[at]
        self._entries.extend(self._names, self._flags, self._owner, self._source, self._lines)
        self._names, self._flags, self._lines = [], [], []

    def skip(self, reason: str, line: int, text: str = "") -> None:
        """Count what is not taken; of mistakes also where and what."""
        self.skipped[reason] += 1
        if reason in MISTAKES and len(self.mistakes) < _MOST_EXAMPLES:
            shown = text if len(text) <= 60 else text[:57] + "..."
            self.mistakes.append((line, f"{_SAYS[reason]}{f': {shown!r}' if shown else ''}"))


_SAYS = {
    "not_a_name": "no host name",
    "not_text": "not UTF-8 text",
    "too_long": "the line is too long",
}


def _is_address(text: str) -> bool:
    """Whether text that is no name looks like an IP address, with or without a prefix length."""
    bare = text.strip("[]").partition("/")[0]
    return (
        bool(bare)
        and all(each in "0123456789abcdefABCDEF:." for each in bare)
        and (":" in bare or bare.replace(".", "").isdigit())
    )
