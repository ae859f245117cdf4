"""DuckDuckGo's Tracker Radar: a file of one domain, a list of such, or the `trackers` of a blocklist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from detectors.catalogue.entries import SUFFIX
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.json_document import Document
from detectors.catalogue.settings import ListSettings


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a list; `groups` are its categories, one of which is needed. Raises ValueError for another form.

    A tracker whose default is `ignore` and whose exceptions are rules on paths is left out.
    """
    document = Document(file)
    wanted = frozenset(settings.groups)
    for name, tracker in _trackers(document):
        harvest.lines += 1
        line = document.line(name)
        categories = tracker.get("categories")
        if wanted and not wanted & {
            str(each) for each in (categories if isinstance(categories, list) else [])
        }:
            harvest.skip("other_group", line)
        elif tracker.get("default", "block") != "block":
            harvest.skip("path", line)
        else:
            harvest.name(name, SUFFIX, line)


def _trackers(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    root = document.root
    if isinstance(root, dict) and "trackers" in root:
        for name, tracker in document.mapping(root["trackers"], "`trackers`").items():
            yield name, document.mapping(tracker, f"`{name}`")
        return
    for tracker in root if isinstance(root, list) else [root]:
        fields = document.mapping(tracker, "a domain")
        if "domain" not in fields:
            raise ValueError("1: a domain's file has `domain`, a blocklist has `trackers`")
        yield str(fields["domain"]), fields
