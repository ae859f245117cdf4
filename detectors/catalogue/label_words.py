"""Labels made up of words, as `ad-img2` and `userlog` are: the word among them that says what the host is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

_DIGITS = "0123456789"
_KEPT = 16_384  # answers, since the same labels stand before many domains


class LabelWords:
    """Finds a telling word in a label.

    A label is cut at hyphens and each part loses the number at its end. A part tells something when it is
    nothing but known words joined together, a telling one among them: `logreport`, and neither `catalog`
    nor `login`.
    """

    def __init__(self, telling: Sequence[Mapping[str, int]], neutral: Iterable[str]) -> None:
        """`telling` maps words to what `find` gives, the foremost first; `neutral` may stand beside them."""
        known = _any_of([*neutral, *(word for words in telling for word in words)])
        self._known = re.compile(f"(?:{known})+")
        self._patterns = [
            (re.compile(f"(?:{known})*?({_any_of(words)})(?:{known})*"), words) for words in telling if words
        ]
        #: What is given for the telling word of a label, or -1 when it has none.
        self.find = lru_cache(_KEPT)(self._find)

    def is_of_words(self, text: str) -> bool:
        """Whether text is nothing but known words joined together."""
        return self._known.fullmatch(text) is not None

    def _find(self, label: str) -> int:
        parts = [part.rstrip(_DIGITS) for part in label.split("-")]
        for pattern, words in self._patterns:
            for part in parts:
                found = pattern.fullmatch(part)
                if found:
                    return words[found[1]]
        return -1


def _any_of(words: Iterable[str]) -> str:
    """An alternation, the longest word first."""
    return "|".join(map(re.escape, sorted(set(words), key=lambda word: (-len(word), word))))
