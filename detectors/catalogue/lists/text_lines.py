"""Lines of a text file in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from detectors.catalogue.lists.harvest import Harvest

_MOST_CHARACTERS = 4_096  # of a line
_BLOCK_BYTES = 1 << 18  # decoded at once: a million lines one by one take a second more


def text_lines(file: BinaryIO, harvest: Harvest) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not blank, stripped; lines that cannot be read are counted."""
    number = 0
    for block in _blocks(file):
        for text in _texts(block):
            number += 1
            if text is None:
                harvest.skip("not_text", number)
            elif len(text) > _MOST_CHARACTERS:
                harvest.skip("too_long", number)
            else:
                text = text.strip("\ufeff \t\r\f\v")
                if text:
                    harvest.lines += 1
                    yield number, text


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines, many at once. Of a line that is too long no more is kept than shows that."""
    rest = b""
    while chunk := file.read(_BLOCK_BYTES):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[: cut - 1]
            rest = chunk[cut:]
        elif len(rest) <= 4 * _MOST_CHARACTERS:
            rest += chunk
    if rest:
        yield rest


def _texts(block: bytes) -> list[str] | list[str | None]:
    """The lines of a block; None for what is no UTF-8."""
    try:
        return block.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return [_text(line) for line in block.split(b"\n")]


def _text(line: bytes) -> str | None:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None
