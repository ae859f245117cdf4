"""Hosts files (hosts(5)): a blocking address, then names that stand for themselves alone."""

from __future__ import annotations

from typing import BinaryIO

from detectors.catalogue.entries import HOST
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.text_lines import text_lines
from detectors.catalogue.settings import ListSettings

#: Addresses that answer to nothing. A line with another one maps a name to a real server.
_BLOCKING = frozenset(("0.0.0.0", "127.0.0.1", "0", "::", "::0", "::1", "0:0:0:0:0:0:0:0", "0:0:0:0:0:0:0:1"))


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a list; several names may follow one address."""
    for line, text in text_lines(file, harvest):
        words = text.partition("#")[0].split()
        if not words:
            continue
        if len(words) == 1:
            harvest.skip("not_a_name", line, text)
        elif words[0] not in _BLOCKING:
            harvest.skip("other_address", line)
        else:
            for name in words[1:]:
                harvest.name(name, HOST, line)
