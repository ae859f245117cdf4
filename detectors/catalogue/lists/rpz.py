"""Response policy zones (draft-vixie-dnsop-dns-rpz) in master-file form (RFC 1035, section 5.1)."""

from __future__ import annotations

from typing import BinaryIO

from detectors.catalogue.entries import BELOW, EXCEPTION, HOST
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.text_lines import text_lines
from detectors.catalogue.settings import ListSettings

#: Where a CNAME points to when the name is to be answered with nothing, dropped, or let through.
_BLOCK, _PASS = frozenset((".", "*.", "rpz-drop.", "rpz-tcp-only.")), "rpz-passthru."
_TRIGGERS = (".rpz-ip", ".rpz-client-ip", ".rpz-nsdname", ".rpz-nsip")
_CLASSES = frozenset(("IN", "CH", "HS"))


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a zone: `name CNAME .` blocks that name, `*.name CNAME .` all below it."""
    origin = ""
    inside = False  # of a record in parentheses, such as SOA
    for line, text in text_lines(file, harvest):
        text = text.partition(";")[0].rstrip()
        if inside or "(" in text:
            inside = ")" not in text
            continue
        words = text.split()
        if not words:
            continue
        if words[0].upper() == "$ORIGIN" and len(words) == 2:
            origin = words[1].lower()
        elif words[0][0] != "$":
            _record(words, origin, line, harvest)


def _record(words: list[str], origin: str, line: int, harvest: Harvest) -> None:
    owner, rest = words[0].lower(), words[1:]
    while rest and (rest[0].isdigit() or rest[0].upper() in _CLASSES):
        rest = rest[1:]
    if not rest or owner == "@" or not {"SOA", "NS"}.isdisjoint((owner.upper(), rest[0].upper())):
        return  # about the zone itself, with its owner or without
    if rest[0].upper() != "CNAME" or len(rest) != 2:
        harvest.skip("unsupported_rule", line)  # local data
        return
    owner = owner.removesuffix("." + origin) if origin else owner.removesuffix(".")
    target = rest[1].lower()
    if owner.endswith(_TRIGGERS):
        harvest.skip("unsupported_rule", line)
    elif target not in _BLOCK and target != _PASS:
        harvest.skip("unsupported_rule", line)
    else:
        flags = EXCEPTION if target == _PASS else 0
        below = owner.startswith("*.")
        harvest.name(owner[2:] if below else owner, flags | (BELOW if below else HOST), line)
