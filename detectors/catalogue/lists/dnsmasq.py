"""dnsmasq configuration: `address=/name/…/target`, `server=`, `local=` and the sets, for names and below."""

from __future__ import annotations

from typing import BinaryIO

from detectors.catalogue.entries import BELOW, SUFFIX
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.text_lines import text_lines
from detectors.catalogue.settings import ListSettings

_DIRECTIVES = frozenset(("address", "server", "local", "ipset", "nftset", "rebind-domain-ok"))


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a list. `#` as a name means every name and is not taken; `*.name` is what lies below."""
    for line, text in text_lines(file, harvest):
        if text[0] == "#":
            continue
        directive, equals, rest = text.partition("=")
        parts = rest.split("/")
        if (
            not equals
            or directive.strip().removeprefix("--") not in _DIRECTIVES
            or len(parts) < 3
            or parts[0]
        ):
            harvest.skip("unsupported_rule", line)
            continue
        for name in parts[1:-1]:
            if name.startswith("*."):
                harvest.name(name[2:], BELOW, line)
            elif name in ("#", "") or "*" in name:
                harvest.skip("wildcard", line)
            else:
                harvest.name(name.removeprefix("."), SUFFIX, line)
