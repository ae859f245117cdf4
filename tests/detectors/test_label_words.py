"""Words in labels: as a regular expression finds them where that ends, and where it would not."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from detectors.catalogue.label_words import LabelWords

_WORDS = st.lists(st.text("abc", min_size=1, max_size=3), max_size=4)


def _expected(telling: list[dict[str, int]], neutral: list[str], label: str) -> int:
    def one_of(words: list[str]) -> str:
        return "|".join(sorted(words, key=lambda word: -len(word))) or "(?!)"

    known = one_of([*neutral, *(word for words in telling for word in words)])
    for words in telling:
        for part in label.split("-"):
            found = re.fullmatch(f"(?:{known})*?({one_of(list(words))})(?:{known})*", part.rstrip("0123"))
            if found:
                return words[found[1]]
    return -1


@given(st.lists(_WORDS, max_size=3), _WORDS, st.text("abc-1", max_size=9))
def test_found_as_by_a_regular_expression(told: list[list[str]], neutral: list[str], label: str) -> None:
    telling = [{word: 10 * i + k for k, word in enumerate(words)} for i, words in enumerate(told)]
    words = LabelWords(telling, neutral)
    assert words.find(label) == _expected(telling, neutral, label)
    assert words.is_of_words(label) == (
        _expected([{w: 0 for w in neutral} | {w: 0 for t in told for w in t}], [], label) == 0
        and label.isalpha()
    )


def test_what_is_made_up_in_many_ways_takes_no_longer() -> None:
    words = LabelWords([{"ad": 1}], ["a", "aa", "aaa"])
    assert words.find("a" * 62 + "b") == -1
    assert words.find("a" * 60 + "ad") == 1
