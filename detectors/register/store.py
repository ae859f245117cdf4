"""The folder of lists that were imported: one JSON file an import, numbered, never changed afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from detectors.register.errors import RegisterError
from detectors.register.lists import Entry, Fact, RegisterList, Told

SCHEMA = 1
_MAX_FILE_BYTES = 64 << 20
_MAX_FILES = 10_000


class Store:
    """Append-only. Two imports at once get two numbers; a file is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lists(self) -> list[RegisterList]:
        """Every list, in order of import. Raises RegisterError."""
        return [_list_from(path, item["list"]) for path, item in self._items() if "list" in item]

    def bindings(self) -> dict[str, str]:
        """Every decision of a person; a later one replaces an earlier one."""
        found: dict[str, str] = {}
        for _, item in self._items():
            if "binding" in item:
                found[item["binding"]["key"]] = item["binding"]["service"]
        return found

    def add(self, new: RegisterList) -> tuple[Path, bool]:
        """Keep a list; the file it is kept in, and whether that is new: the same list stands once."""
        for path, item in self._items():
            if "list" in item and _list_from(path, item["list"]) == new:
                return path, False
        return self._write({"list": _plain(asdict(new))}, new.told.status or "list"), True

    def bind(self, key: str, service: str) -> Path:
        """Keep a person's decision that a name, filing number or host is a service."""
        return self._write({"binding": {"key": key, "service": service}}, "binding")

    def _write(self, item: Mapping[str, Any], kind: str) -> Path:
        text = json.dumps({"schema": SCHEMA, **item}, ensure_ascii=False, indent=1, sort_keys=True)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            taken = [int(path.name[:6]) for path in self._paths()]
            number = max(taken, default=0) + 1
            draft = self.folder / f".{os.getpid()}.draft"
            with draft.open("w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            while True:
                path = self.folder / f"{number:06}-{kind}.json"
                try:
                    os.link(draft, path)  # fails where the name is taken, unlike a rename
                    break
                except FileExistsError:
                    number += 1
            draft.unlink()
        except OSError as error:
            raise RegisterError([f"{self.folder}:0: cannot be written: {error.strerror or error}"]) from None
        return path

    def _paths(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*.json") if path.name[:6].isdecimal())

    def _items(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        paths = self._paths()
        if len(paths) > _MAX_FILES:
            raise RegisterError([f"{self.folder}:0: more than {_MAX_FILES:,} imports"])
        for path in paths:
            try:
                if path.stat().st_size > _MAX_FILE_BYTES:
                    raise RegisterError([f"{path}:0: larger than {_MAX_FILE_BYTES >> 20} MiB"])
                item = json.loads(path.read_bytes())
            except (OSError, ValueError, RecursionError) as error:
                if isinstance(error, RegisterError):
                    raise
                told = f"{path}:0: cannot be read: {error}; restore it from a backup"
                raise RegisterError([told]) from None
            if not isinstance(item, dict) or item.get("schema") != SCHEMA:
                raise RegisterError([f"{path}:0: not an import of schema {SCHEMA}"])
            yield path, item


def _plain(value: Any) -> Any:
    """Dates as text, tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _list_from(path: Path, item: Any) -> RegisterList:
    try:
        told = dict(item["told"])
        told["first"], told["last"] = _day(told["first"]), _day(told["last"])
        return RegisterList(
            Told(**told),
            str(item["source"]),
            str(item["digest"]),
            str(item["title"]),
            tuple(_entry(each) for each in item["entries"]),
            tuple(item["notes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RegisterError([f"{path}:0: not a whole import ({error}); restore it from a backup"]) from None


def _entry(item: Mapping[str, Any]) -> Entry:
    facts = tuple(
        Fact(each["status"], each["value"], _day(each["first"]), _day(each["last"])) for each in item["facts"]
    )
    lists = {name: tuple(item[name]) for name in ("aliases", "filings", "hosts")}
    return Entry(**{**item, **lists, "facts": facts})


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
