"""AdGuard's companiesdb (trackers.json): `trackerDomains` name trackers, `trackers` their categories."""

from __future__ import annotations

from typing import BinaryIO

from detectors.catalogue.entries import SUFFIX
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.json_document import Document
from detectors.catalogue.settings import ListSettings


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a list; `groups` are names of its categories. Raises ValueError for another form."""
    document = Document(file)
    root = document.mapping(document.root, "the file")
    categories = document.mapping(root.get("categories"), "`categories`")
    trackers = document.mapping(root.get("trackers"), "`trackers`")
    wanted = frozenset(settings.groups)
    for name, tracker_id in document.mapping(root.get("trackerDomains"), "`trackerDomains`").items():
        harvest.lines += 1
        line = document.line(name)
        tracker = trackers.get(str(tracker_id))
        category = tracker.get("categoryId") if isinstance(tracker, dict) else None
        if wanted and categories.get(str(category)) not in wanted:
            harvest.skip("other_group", line)
        else:
            harvest.name(name, SUFFIX, line)
