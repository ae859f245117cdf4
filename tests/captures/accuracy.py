"""Compares replays of the real captures with tshark's word, and writes docs/accuracy.md.

python -m tests.captures.accuracy              write the page
python -m tests.captures.accuracy --differ     show every difference, explained or not
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.captures.replayed import Replayed, replay
from tests.wire.flows.test_counters_nfstream import EXPLAINED

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "pcaps"
DIFFERENCES = Path(__file__).with_name("differences.yaml")
PAGE = ROOT / "docs" / "accuracy.md"

#: What is compared: a number, or a set of names.
QUANTITIES = (
    "packets", "tcp_flows", "udp_flows", "snis", "quic_snis", "http_hosts", "dns_qnames", "discovery_qnames",
)  # fmt: skip
_WORDS = {
    "packets": "packets",
    "tcp_flows": "TCP flows",
    "udp_flows": "UDP flows",
    "snis": "TLS server names",
    "quic_snis": "QUIC server names",
    "http_hosts": "HTTP hosts",
    "dns_qnames": "DNS names",
    "discovery_qnames": "mDNS and LLMNR names",
}
Value = int | frozenset[str]
#: More names than these are counted, not listed.
_MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class Compared:
    """One capture: tshark's quantities and ours."""

    file: str
    theirs: dict[str, Value]
    ours: dict[str, Value]


@lru_cache(maxsize=1)
def manifest() -> dict[str, dict[str, Any]]:
    """tshark's word, by file."""
    entries = json.loads((SHARED / "manifest.json").read_text(encoding="utf-8"))
    return {entry["file"]: entry for entry in entries}


@lru_cache(maxsize=1)
def known_differences() -> dict[str, dict[str, dict[str, Any]]]:
    """The explained differences: file -> quantity -> {theirs, ours, right, why}."""
    return yaml.safe_load(DIFFERENCES.read_text(encoding="utf-8")) or {}


def _names(values: list[str]) -> frozenset[str]:
    """Names compare without regard to case (RFC 4343) or a final dot."""
    return frozenset(_shown(value).lower().rstrip(".") for value in values if value)


def _shown(name: str) -> str:
    """A name as both can write it.

    We write a byte beyond ASCII as \\DDD (RFC 4343 section 2.1); tshark decodes UTF-8 and puts one or
    more replacement characters for what is none.
    """
    escaped = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1])), name)
    if escaped != name:
        name = escaped.encode("latin-1", "replace").decode("utf-8", "replace")
    return re.sub("\ufffd+", "\ufffd", name)


def expected(entry: dict[str, Any]) -> dict[str, Value]:
    """tshark's quantities of one capture."""
    sets = {quantity: _names(entry[quantity]) for quantity in ("snis", "quic_snis", "dns_qnames")}
    # We keep a Host without its port, and CONNECT's target as the proxy's target.
    hosts = [host.rsplit(":", 1)[0] if host.count(":") == 1 else host for host in entry["http_hosts"]]
    return {
        "packets": entry["packets"],
        "tcp_flows": entry["tcp_flows"],
        "udp_flows": entry["udp_flows"],
        **sets,
        "http_hosts": _names(hosts),
        "discovery_qnames": _names(entry["mdns_qnames"] + entry["llmnr_qnames"]),
    }


def seen(replayed: Replayed) -> dict[str, Value]:
    """The same quantities as campuswatch saw them."""
    return {
        "packets": replayed.summary["packets"],
        "tcp_flows": len(replayed.endpoints("tcp")),
        "udp_flows": len(replayed.endpoints("udp")),
        "snis": _names(sorted(replayed.server_names("tcp"))),
        "quic_snis": _names(sorted(replayed.server_names("udp"))),
        "http_hosts": _names(sorted(replayed.http_hosts())),
        "dns_qnames": _names(sorted(replayed.dns_names())),
        "discovery_qnames": _names(sorted(replayed.dns_names(discovery=True))),
    }


def compare(file: str, folder: Path) -> Compared:
    """Replay one capture into `folder` and set both sides against each other."""
    return Compared(file, expected(manifest()[file]), seen(replay(SHARED / file, folder / "out")))


def difference(theirs: Value, ours: Value) -> tuple[Value, Value]:
    """What only each side has; for numbers, the numbers."""
    if isinstance(theirs, frozenset) and isinstance(ours, frozenset):
        return theirs - ours, ours - theirs
    return theirs, ours


def as_written(sides: tuple[Value, Value]) -> dict[str, Any]:
    """A difference as differences.yaml writes it: names sorted, an empty side left out."""
    written: dict[str, Any] = {}
    for side, value in zip(("theirs", "ours"), sides, strict=True):
        if isinstance(value, frozenset):
            if value:
                written[side] = sorted(value) if len(value) <= _MOST_LISTED else f"{len(value)} names"
        else:
            written[side] = value
    return written


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        shown = [f"`{name}`" for name in value[:4]]
        return ", ".join(shown) + (f" and {len(value) - 4} more" if len(value) > 4 else "")
    return f"{value:,}" if isinstance(value, int) else str(value)


def render() -> str:
    """The page docs/accuracy.md, from the manifest and the explained differences."""
    entries, known = manifest(), known_differences()
    total = {quantity: 0 for quantity in QUANTITIES}
    for entry in entries.values():
        for quantity, value in expected(entry).items():
            total[quantity] += len(value) if isinstance(value, frozenset) else value
    lines = [
        "# Accuracy: what we see against what tshark sees",
        "",
        f"Every one of {len(entries)} real captures is replayed by a test and compared with tshark 4.0.17:",
        "packets, distinct unordered 5-tuples of the innermost TCP and UDP, and sets of names. They agree,",
        "but for the differences below; a new difference, or one that goes away, fails the test. Written by",
        "`python -m tests.captures.accuracy` from `tests/captures/differences.yaml`.",
        "",
        "| quantity | tshark's total | captures that differ |",
        "|---|---|---|",
    ]
    for quantity in QUANTITIES:
        differ = sum(1 for by_quantity in known.values() if quantity in by_quantity)
        lines.append(f"| {_WORDS[quantity]} | {total[quantity]:,} | {differ} |")
    lines += [
        "",
        "Names are compared without regard to case (RFC 4343); a Host without its port.",
        "",
        "## Every difference",
        "",
        "| capture | quantity | tshark only | campuswatch only | who is right | why |",
        "|---|---|---|---|---|---|",
    ]
    for file in sorted(known):
        for quantity, one in known[file].items():
            lines.append(
                f"| {file} | {_WORDS[quantity]} | {_cell(one.get('theirs'))} | {_cell(one.get('ours'))} "
                f"| {one['right']} | {' '.join(one['why'].split())} |"
            )
    lines += _against_nfstream()
    return "\n".join(lines) + "\n"


def _against_nfstream() -> list[str]:
    """The differences that tests/wire/flows/test_counters_nfstream.py holds."""
    lines = [
        "",
        "## Counters against nfstream",
        "",
        "Packets, bytes and statistics of every flow of the same captures, with the same timeouts. Keys only",
        "we have, only nfstream has, with another number of flows, and flows with other counters:",
        "",
        "| capture | ours only | theirs only | other number | other counters | why |",
        "|---|---|---|---|---|---|",
    ]
    for capture, (ours, theirs, number, counters, why) in sorted(EXPLAINED.items()):
        lines.append(f"| {capture} | {ours} | {theirs} | {number} | {counters} | {why} |")
    return lines


def main() -> None:
    """Write the page, or show the differences."""
    if "--differ" not in sys.argv:
        PAGE.write_text(render(), encoding="utf-8")
        return
    found: dict[str, dict[str, Any]] = {}
    for file in manifest():
        with tempfile.TemporaryDirectory() as folder:
            try:
                one = compare(file, Path(folder))
            except Exception as error:
                found[file] = {"error": f"{type(error).__name__}: {error}"}
                continue
        differs = {
            quantity: as_written(difference(one.theirs[quantity], one.ours[quantity]))
            for quantity in QUANTITIES
            if one.theirs[quantity] != one.ours[quantity]
        }
        if differs:
            found[file] = differs
    Path("build").mkdir(exist_ok=True)
    Path("build/differences-found.yaml").write_text(yaml.safe_dump(found, width=110), encoding="utf-8")


if __name__ == "__main__":
    main()
