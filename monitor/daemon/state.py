"""What survives a restart: arrays in two files that take turns, so that one of them is always whole."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import zstandard

from detectors.parts import Parts, json_of, of_json

#: Raised when what is kept changes its meaning; a state of another schema is not read.
SCHEMA = 1
_MAGIC = b"campuswatch-state"
_MOST_BYTES = 2 << 30
_GENERATIONS = 2
_ABOUT = "about"
_DIGEST_BYTES = 32


class StateFiles:
    """Saves and loads checkpoints in a directory, `name.0` and `name.1`.

    A file is a header, a digest and a compressed npz.

    problems: a line for each file that could not be used.
    """

    def __init__(self, directory: Path, name: str = "state") -> None:
        self._paths = [directory / f"{name}.{i}" for i in range(_GENERATIONS)]
        self._directory = directory
        self._number = 0
        self.problems: list[str] = []

    def load(self) -> Parts | None:
        """The newest whole checkpoint; None where there is none."""
        found = [each for path in self._paths if (each := self._read(path)) is not None]
        if not found:
            return None
        self._number, parts = max(found, key=lambda each: each[0])
        return parts

    def save(self, parts: Parts) -> None:
        """Replace the older of the two checkpoints. Raises OSError where the disk refuses."""
        self._number += 1
        raw = io.BytesIO()
        about = of_json({"schema": SCHEMA, "number": self._number})
        np.savez(raw, allow_pickle=False, **{_ABOUT: about}, **parts)
        packed = zstandard.ZstdCompressor(level=1).compress(raw.getbuffer())
        path = self._paths[self._number % len(self._paths)]
        part = path.with_name(path.name + ".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(packed).digest())
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_directory(self._directory)

    def _read(self, path: Path) -> tuple[int, Parts] | None:
        """A file's number and arrays; None where it is missing, damaged or of another schema."""
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._refuse(path, error.strerror or str(error))
            return None
        head = len(_MAGIC) + _DIGEST_BYTES
        packed = text[head:]
        if text[: len(_MAGIC)] != _MAGIC or hashlib.sha256(packed).digest() != text[len(_MAGIC) : head]:
            self._refuse(path, "damaged")
            return None
        try:
            raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MOST_BYTES)
            with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
                parts = {name: np.asarray(arrays[name]) for name in arrays.files}
            about = json_of(parts.pop(_ABOUT))
        except (ValueError, KeyError, zipfile.BadZipFile, zstandard.ZstdError) as error:
            self._refuse(path, f"not a state file ({error})")
            return None
        if about.get("schema") != SCHEMA:
            self._refuse(path, f"of schema {about.get('schema')}, this version has {SCHEMA}")
            return None
        return int(about["number"]), parts

    def _refuse(self, path: Path, why: str) -> None:
        self.problems.append(f"{path}: {why}")


def _sync_directory(path: Path) -> None:
    """Make a rename in it last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
