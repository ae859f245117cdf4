"""Disconnect's services.json: category → [{company: {home page: [names]}}]; names hold for what is below."""

from __future__ import annotations

from typing import BinaryIO

from detectors.catalogue.entries import SUFFIX
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.json_document import Document
from detectors.catalogue.settings import ListSettings


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a list; `groups` are its categories. Raises ValueError for another form."""
    document = Document(file)
    categories = document.mapping(
        document.mapping(document.root, "the file").get("categories"), "`categories`"
    )
    for category, companies in categories.items():
        for company in companies if isinstance(companies, list) else []:
            for pages in document.mapping(company, "a company").values():
                _company(pages, category, settings, document, harvest)


def _company(
    pages: object, category: str, settings: ListSettings, document: Document, harvest: Harvest
) -> None:
    """Names stand in lists; other members of a company are marks such as `"performance": "true"`."""
    for names in pages.values() if isinstance(pages, dict) else ():
        for name in names if isinstance(names, list) else ():
            harvest.lines += 1
            line = document.line(str(name))
            if settings.groups and category not in settings.groups:
                harvest.skip("other_group", line)
            else:
                harvest.name(str(name), SUFFIX, line)
