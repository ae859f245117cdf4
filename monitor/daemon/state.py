"""What survives a restart: arrays in two files that take turns, so that one of them is always whole."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import zstandard

from detectors.parts import Parts, json_of, of_json

#: Raised when what is kept changes its meaning; a state of another schema is not read.
SCHEMA = 1
_MAGIC = b"campuswatch-state"
_MOST_BYTES = 2 << 30
_PIECE_BYTES = 1 << 20
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

    def save(self, parts: Parts) -> int:
        """Replace the older of the two checkpoints; the bytes of its file.

        Raises OSError where the disk refuses.
        """
        self._number += 1
        about = of_json({"schema": SCHEMA, "number": self._number})
        path = self._paths[self._number % len(self._paths)]
        part = path.with_name(path.name + ".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + bytes(_DIGEST_BYTES))
            packed = _Packed(file)
            np.savez(packed, allow_pickle=False, **{_ABOUT: about}, **parts)
            digest = packed.finish()
            written_bytes = file.tell()
            file.seek(len(_MAGIC))
            file.write(digest)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_directory(self._directory)
        return written_bytes

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
            with np.load(_unpacked(packed), allow_pickle=False) as arrays:
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


class _Packed(io.RawIOBase):
    """Where a state is written: it goes to the file as it is compressed, so that none of it is held twice.

    It cannot be sought in, which a zip file gets along with.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=1).compressobj()

    def writable(self) -> bool:
        return True

    def write(self, text: Any, /) -> int:
        self._put(self._compressor.compress(text))
        return memoryview(text).nbytes

    def finish(self) -> bytes:
        """Write the rest; the digest of all that was written."""
        self._put(self._compressor.flush())
        return self._digest.digest()

    def _put(self, packed: bytes) -> None:
        self._digest.update(packed)
        self._file.write(packed)


def _unpacked(packed: bytes) -> io.BytesIO:
    """What was packed. ValueError: it is longer than a state can be."""
    raw = io.BytesIO()
    with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
        while piece := reader.read(_PIECE_BYTES):
            raw.write(piece)
            if raw.tell() > _MOST_BYTES:
                raise ValueError("too long")
    raw.seek(0)
    return raw


def _sync_directory(path: Path) -> None:
    """Make a rename in it last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
