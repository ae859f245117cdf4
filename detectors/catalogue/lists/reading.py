"""Reading a list of any format: whole or not at all, every mistake with its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from detectors.catalogue.entries import Entries
from detectors.catalogue.lists import (
    adblock,
    adguard_companies,
    disconnect,
    dnsmasq,
    hosts,
    plain,
    rpz,
    tracker_radar,
    v2fly,
)
from detectors.catalogue.lists.harvest import MISTAKES, Harvest
from detectors.catalogue.settings import ListSettings

_READERS: Mapping[str, Callable[[BinaryIO, ListSettings, Harvest], None]] = {
    "plain": plain.read,
    "hosts": hosts.read,
    "adblock": adblock.read,
    "dnsmasq": dnsmasq.read,
    "v2fly": v2fly.read,
    "disconnect": disconnect.read,
    "tracker-radar": tracker_radar.read,
    "adguard-companies": adguard_companies.read,
    "rpz": rpz.read,
}
#: Of a list that is not strict, so large a share of lines may be unreadable, or so few.
_MISTAKES_SHARE, _FEW_MISTAKES = 0.10, 5


@dataclass(frozen=True, slots=True)
class ListReport:
    """What a list held: names taken, and what was not, by reason (harvest.REASONS)."""

    id: str
    taken: int
    skipped: Mapping[str, int]


def read_list(
    settings: ListSettings, entries: Entries, owner: int, source: int, errors: list[str]
) -> ListReport:
    """Add the entries of a list. What makes it unusable is added to `errors`, `file:line: what`."""
    harvest = Harvest(entries, owner, source)
    before = len(errors)
    path = settings.path
    try:
        if path.stat().st_size > settings.max_bytes:
            raise ValueError(
                f"{path}:0: larger than {settings.max_bytes} bytes; raise the limit if it is right"
            )
        with path.open("rb") as file:
            _refuse_other_files(file)
            _READERS[settings.format](file, settings, harvest)
            harvest.flush()
    except OSError as error:
        errors.append(f"{path}:0: cannot be read: {error.strerror or error}")
    except ValueError as error:
        text = str(error)
        errors.append(text if text.startswith(str(path)) else f"{path}:{text}")
    mistakes = sum(harvest.skipped[reason] for reason in MISTAKES)
    bound = 0 if settings.strict else max(_FEW_MISTAKES, _MISTAKES_SHARE * harvest.lines)
    if mistakes > bound:
        errors.extend(f"{path}:{line}: {what}" for line, what in harvest.mistakes)
        errors.append(
            f"{path}:0: {mistakes} of {harvest.lines} lines cannot be read as `{settings.format}`; "
            "mend them, or bind the list to its format"
        )
    elif len(errors) == before and harvest.taken == 0:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(harvest.skipped.items()))
        errors.append(f"{path}:0: holds no name that can be used{f' ({told})' if told else ''}")
    return ListReport(settings.id, harvest.taken, dict(sorted(harvest.skipped.items())))


def _refuse_other_files(file: BinaryIO) -> None:
    """Raise ValueError for what is no list at all: a web page, an archive."""
    start = file.read(512)
    file.seek(0)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise ValueError("1: a web page, not a list; the address has moved or asks for a login")
    if b"\0" in start or start.startswith((b"\x1f\x8b", b"PK", b"\x28\xb5\x2f\xfd")):
        raise ValueError("1: binary or compressed, not a list; unpack it first")
