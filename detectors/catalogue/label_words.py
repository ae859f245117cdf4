"""Labels made up of words, as `ad-img2` and `userlog` are: the word among them that says what the host is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_DIGITS = "0123456789"


class LabelWords:
    """Finds a telling word in a label.

    A label is cut at hyphens and each part loses the number at its end. A part tells something when it is
    nothing but known words joined together, a telling one among them: `logreport`, and neither `catalog`
    nor `login`.
    """

    def __init__(self, telling: Sequence[Mapping[str, int]], neutral: Iterable[str]) -> None:
        """`telling` maps words to what `find` gives, the foremost first; `neutral` may stand beside them."""
        self._telling = telling
        self._known = _Words([*neutral, *(word for words in telling for word in words)])

    def is_of_words(self, text: str) -> bool:
        """Whether text is nothing but known words joined together."""
        return bool(self._known.in_text(text))

    def find(self, label: str) -> int:
        """What is given for the telling word of a label, or -1 when it has none."""
        parts = [self._known.in_text(part.rstrip(_DIGITS)) for part in label.split("-")]
        for words in self._telling:
            for part in parts:
                for word in part:
                    if word in words:
                        return words[word]
        return -1


class _Words:
    """Words, and the texts that they make up when they follow one another.

    Each place of a text is looked at once, from both ends. A regular expression for the same, given words
    such as `jserr`, `jserrup` and `up`, takes time that doubles with every few characters, and whoever
    sends packets chooses the labels.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)
        self._reversed = frozenset(word[::-1] for word in self._words)
        self._lengths = sorted({len(word) for word in self._words}, reverse=True)

    def in_text(self, text: str) -> list[str]:
        """The words of which text may be made up, from the left, the longest first; none if it is not."""
        begins = self._ends(text, self._words)
        if len(text) not in begins:
            return []
        ends = {len(text) - end for end in self._ends(text[::-1], self._reversed)}
        return [
            text[begin : begin + length]
            for begin in sorted(begins)
            for length in self._lengths
            if begin + length in ends and text[begin : begin + length] in self._words
        ]

    def _ends(self, text: str, words: frozenset[str]) -> set[int]:
        """Where words that follow one another from the start of text may end."""
        ends = {0}
        for begin in range(len(text)):
            if begin in ends:
                ends.update(begin + n for n in self._lengths if text[begin : begin + n] in words)
        return {end for end in ends if end <= len(text)}
