"""`campuswatch catalogue update`: fetch lists, check each whole, swap it in, tell what changed.

A list has a folder: `current` is what the catalogue reads, `previous` the one before, `held` one that
shrank too much and waits for a person, `fetched.json` what is known of `current`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from detectors.catalogue.entries import Entries
from detectors.catalogue.lists.reading import read_list
from monitor.config import config_file
from monitor.config.catalogue import ListSource, fetched_lists, list_settings
from monitor.errors import CUT_OFF, USAGE, WHOLE, CommandEnd
from monitor.lists.fetch import Fetched, FetchError, fetch
from monitor.lists.pins import PinError, check_pins
from monitor.places import state_directory

_SHOWN = 5  # names told of what came and went


@dataclass(slots=True)
class Outcome:
    """What became of one list. `state`: updated, unchanged, held, confirmed, failed."""

    id: str
    state: str
    entries: int = 0
    added: int = 0
    removed: int = 0
    added_names: list[str] = field(default_factory=list)  # the first of them
    removed_names: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def update(only: Sequence[str], confirm: Sequence[str], config_path: Path | None, as_json: bool) -> int:
    """Update the lists that have an address; the exit code: CUT_OFF when any failed or is held."""
    config = config_file.load(config_path)
    sources = {each.id: each for each in config.catalogue.lists if each.url is not None}
    for id_ in [*only, *confirm]:
        if id_ not in sources:
            known = ", ".join(sources) or "none"
            raise CommandEnd(USAGE, f"no list `{id_}` with a url in the configuration; there are: {known}")
    folder = fetched_lists(state_directory(config.state))
    wanted = [sources[id_] for id_ in dict.fromkeys([*only, *confirm])] or list(sources.values())
    outcomes = [_one(each, folder, each.id in confirm) for each in wanted]
    for outcome in outcomes:
        told = json.dumps(asdict(outcome), ensure_ascii=False) if as_json else _text(outcome)
        sys.stdout.write(told + "\n")
    if not outcomes:
        sys.stdout.write("配置中没有带 url 的名单 no list with a url is configured\n")
    return CUT_OFF if any(each.state in ("failed", "held") for each in outcomes) else WHOLE


def _one(source: ListSource, folder: Path, confirmed: bool) -> Outcome:
    """Bring one list up to date; what goes wrong leaves `current` as it was."""
    own = folder / source.id
    try:
        own.mkdir(parents=True, exist_ok=True, mode=0o750)
        if confirmed:
            return _confirm(source, own)
        fetched = fetch(source, _known(own), own / "new")
        if fetched is None:
            return Outcome(source.id, "unchanged", entries=len(_names(source, own / "current")))
        return _take(source, own, fetched)
    except (FetchError, PinError) as error:
        return Outcome(source.id, "failed", errors=[str(error)])
    except OSError as error:
        what = f"{error.filename or own}: {error.strerror or error}"
        return Outcome(source.id, "failed", errors=[what])
    finally:
        with suppress(OSError):
            (own / "new").unlink(missing_ok=True)


def _take(source: ListSource, own: Path, fetched: Fetched) -> Outcome:
    new = own / "new"
    check_pins(source, new, fetched.signature)
    outcome = _compared(source, own, new)
    if outcome.state == "failed":
        return outcome
    told = {"sha256": _digest(new), **fetched.told}
    if outcome.removed and outcome.entries < (1 - source.max_shrink_share) * len(
        _names(source, own / "current")
    ):
        os.replace(new, own / "held")
        _write(own / "held.json", told)
        outcome.state = "held"
        return outcome
    _swap(own, new, told)
    return outcome


def _confirm(source: ListSource, own: Path) -> Outcome:
    """Take what was held, as a person decided."""
    held = own / "held"
    if not held.exists():
        return Outcome(source.id, "failed", errors=[f"{source.id}: nothing is held"])
    outcome = _compared(source, own, held)
    if outcome.state != "failed":
        _swap(own, held, json.loads((own / "held.json").read_text("utf-8")))
        outcome.state = "confirmed"
    return outcome


def _swap(own: Path, new: Path, told: dict[str, Any]) -> None:
    """Put a list in place of the current one at once; the current one is kept as `previous`."""
    current = own / "current"
    if current.exists():
        shutil.copyfile(current, own / "previous.new")
        os.replace(own / "previous.new", own / "previous")
    with new.open("rb") as file:
        os.fsync(file.fileno())
    # Without what is known of `current`, the next update fetches it whole: the safe way to be cut off.
    (own / "fetched.json").unlink(missing_ok=True)
    os.replace(new, current)
    _write(own / "fetched.json", told)
    for name in ("held", "held.json"):
        (own / name).unlink(missing_ok=True)


def _compared(source: ListSource, own: Path, new: Path) -> Outcome:
    """Read a new list whole, and say how it differs from the current one."""
    errors: list[str] = []
    entries = Entries()
    report = read_list(list_settings(source, own.parent, new), entries, 0, 0, errors)
    if errors:
        shown = [each.replace(str(new), source.url or source.id) for each in errors]
        return Outcome(source.id, "failed", skipped=dict(report.skipped), errors=shown)
    after, before = _all_names(entries), _names(source, own / "current")
    added, removed = sorted(after - before), sorted(before - after)
    return Outcome(
        source.id,
        "updated",
        len(after),
        len(added),
        len(removed),
        added[:_SHOWN],
        removed[:_SHOWN],
        dict(report.skipped),
    )


def _names(source: ListSource, path: Path) -> set[str]:
    """The names of a list on disk; none when there is no such list, or none that can be read."""
    entries = Entries()
    if path.exists():
        read_list(list_settings(source, path.parent.parent, path), entries, 0, 0, [])
    return _all_names(entries)


def _all_names(entries: Entries) -> set[str]:
    return {entries.name(index).decode("ascii") for index in range(len(entries))}


def _known(own: Path) -> dict[str, str]:
    """What the server said of `current`, when that is still what was fetched."""
    try:
        told = json.loads((own / "fetched.json").read_text("utf-8"))
        return told if told["sha256"] == _digest(own / "current") else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, told: dict[str, Any]) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(new, path)


def _text(outcome: Outcome) -> str:
    states = {
        "updated": "已更新 updated",
        "unchanged": "没有变化 unchanged",
        "held": "缩减过多，暂存待确认 shrank too much, held",
        "confirmed": "已确认 confirmed",
        "failed": "失败，保留旧的 failed, the old one is kept",
    }
    lines = [f"{outcome.id}: {states[outcome.state]}"]
    if outcome.state != "failed":
        lines[0] += f"  {outcome.entries} 条 entries, +{outcome.added} -{outcome.removed}"
    for mark, names, count in (
        ("+", outcome.added_names, outcome.added),
        ("-", outcome.removed_names, outcome.removed),
    ):
        if names:
            more = f" … {count - len(names)} more" if count > len(names) else ""
            lines.append(f"  {mark} {' '.join(names)}{more}")
    if outcome.skipped:
        lines.append(
            "  未取 left out: " + ", ".join(f"{name} {count}" for name, count in outcome.skipped.items())
        )
    if outcome.state == "held":
        lines.append(f"  核对后 after a look: campuswatch catalogue update --confirm {outcome.id}")
    return "\n".join([*lines, *(f"  {error}" for error in outcome.errors)])
