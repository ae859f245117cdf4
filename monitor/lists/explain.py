"""`campuswatch explain`: which entry decides what a host name is, where it stands, what it overruled."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from detectors.catalogue.catalogue import Catalogue, Match
from detectors.catalogue.categories import CATEGORIES, GENERAL, UNKNOWN
from detectors.catalogue.host_names import host_name, shown
from monitor.config import config_file
from monitor.errors import WHOLE, tell
from monitor.places import state_directory

_MOST_BYTES = 4_096  # of a line of standard input


def explain(hosts: Sequence[str], config_path: Path | None, as_json: bool) -> int:
    """Tell of each host; `-` stands for the lines of standard input. The exit code."""
    config = config_file.load(config_path)
    catalogue = Catalogue.of(config.catalogue.settings(state_directory(config.state)))
    bad = 0
    for host in _asked(hosts):
        told = verdict(host, catalogue)
        bad += told["category"] == CATEGORIES[UNKNOWN]
        line = json.dumps(told, ensure_ascii=False) if as_json else _text(told, catalogue)
        sys.stdout.write(line + "\n")
    if bad:
        tell(f"{bad} 个不是主机名 asked for that are no host names")
    return WHOLE


def verdict(host: str, catalogue: Catalogue) -> dict[str, Any]:
    """What a host is and why: host, service, category, entry, source, line, overruled."""
    host = host.strip()
    name = host_name(host)
    if name is None:
        return _told(host, CATEGORIES[UNKNOWN], None, catalogue, [])
    held = catalogue.explain(name)
    decides = catalogue.match(name)
    overruled = held if decides is None else held[1:]
    category = CATEGORIES[GENERAL if decides is None else decides.category]
    return _told(host, category, decides, catalogue, overruled)


def _told(
    host: str, category: str, match: Match | None, catalogue: Catalogue, overruled: Iterable[Match]
) -> dict[str, Any]:
    return {
        "host": host,
        "service": None if match is None else catalogue.ids[match.service],
        "category": category,
        "entry": None if match is None else match.entry,
        "source": None if match is None else match.source,
        "line": None if match is None else match.line,
        "overruled": [_overruled(each, catalogue) for each in overruled],
    }


def _overruled(match: Match, catalogue: Catalogue) -> dict[str, Any]:
    told = {
        "service": catalogue.ids[match.service],
        "category": CATEGORIES[match.category],
        "entry": match.entry,
        "source": match.source,
        "line": match.line,
    }
    return {**told, "exception": True} if match.lifts else told


def _text(told: dict[str, Any], catalogue: Catalogue) -> str:
    """For people: a line for the answer, one for the entry, one for each that was overruled."""
    host = told["host"]
    name = host_name(host) or host
    both = {name: None, shown(name): None}  # IDN both ways
    host = " = ".join(both)
    if told["category"] == CATEGORIES[UNKNOWN]:
        return f"{host}: 不是主机名 no host name"
    lines = [f"{host}: {told['category']}"]
    if told["service"] is None:
        lines[0] += "  没有条目 no entry knows it"
    else:
        service = catalogue.services[catalogue.ids.index(told["service"])]
        kind = f" ({service.kind})" if service.kind else ""
        lines[0] += f"{kind}  {service.id}  {service.name_zh} · {service.name_en}"
        lines.append(f"  {told['entry']}  {told['source']}:{told['line']}")
    for each in told["overruled"]:
        lifts = " 例外 exception" if each.get("exception") else ""
        where = f"{each['source']}:{each['line']}"
        lines.append(
            f"  盖过 overruled: {each['entry']}  {each['service']}, {each['category']}{lifts}  {where}"
        )
    return "\n".join(lines)


def _asked(hosts: Sequence[str]) -> Iterator[str]:
    for host in hosts:
        if host == "-":
            yield from _lines(sys.stdin.buffer)
        else:
            yield host


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Lines that are not blank, cut at a length that no name has; what is no UTF-8 is shown as such."""
    while line := stream.readline(_MOST_BYTES):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(_MOST_BYTES)
        if text := line.decode("utf-8", "replace").strip():
            yield text
