"""Fuzz the capture reader: whatever the bytes, it says what plain Python says, or refuses.

    PYTHONPATH=. python tests/fuzz/fuzz_pcapng.py tests/fuzz/corpus/pcapng -max_total_time=10

Compiled code gives a fuzzer no coverage; the twin, which takes the same branches, does. The
bytes are read as a file of their own, then compressed, then merged with themselves.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path

import atheris

from tests.wire.capture import craft
from wire.capture.files import CaptureError

with atheris.instrument_imports(include=["tests.wire.capture.plain_twins"]):
    from tests.wire.capture.plain_twins import PcapngTwin

_FOLDER = tempfile.TemporaryDirectory()
_PLAIN, _PACKED = Path(_FOLDER.name) / "plain", Path(_FOLDER.name) / "packed"
_PCAPNG = b"\x0a\x0d\x0d\x0a"


def one_input(data: bytes) -> None:
    """Read `data` in every way there is."""
    _PLAIN.write_bytes(data)
    _PACKED.write_bytes(gzip.compress(data, 1))
    try:
        frames, reader = craft.read_all(_PLAIN)
    except CaptureError:
        return
    assert not any("\n" in line for line in reader.problems)
    if data.startswith(_PCAPNG):
        twin = PcapngTwin(data)
        assert frames == twin.frames
        assert {name: count for name, count in reader.skipped.items() if count} == twin.skipped
    if not data.startswith(b"\x1f\x8b"):
        streamed, again = craft.read_all(_PACKED)
        assert streamed == frames
        assert again.complete == reader.complete
    both, _ = craft.read_all(_PLAIN, _PLAIN)
    assert len(both) == 2 * len(frames)


if __name__ == "__main__":
    one_input(craft.section() + craft.interface() + craft.enhanced(b"", 0))  # compile before the clock starts
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
