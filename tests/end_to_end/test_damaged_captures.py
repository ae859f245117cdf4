"""Captures damaged at random, through the whole replay: read as far as they go, never a crash."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monitor.cli import run

_MOST_BYTES = 400_000
_WORDS = (b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0")


def captures(root: Path) -> list[Path]:
    found = [*(root / "pcaps").glob("*.pcap*"), *(root.parent / "shared" / "pcaps").glob("*.pcap*")]
    return sorted(path for path in found if 30 < path.stat().st_size < _MOST_BYTES)


def damaged(data: bytearray, draw: np.random.Generator) -> bytearray:
    """Bytes changed, cut off, taken out or put in, or lengths made absurd."""
    kind, at = int(draw.integers(5)), int(draw.integers(len(data)))
    if kind == 0:
        for place in draw.integers(0, len(data), int(draw.integers(1, 40))).tolist():
            data[place] = int(draw.integers(256))
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        del data[at : at + int(draw.integers(1, 64))]
    elif kind == 3:
        data[at:at] = draw.bytes(int(draw.integers(1, 200)))
    else:
        for place in draw.integers(min(24, len(data) - 5), len(data) - 4, 6).tolist():
            data[place : place + 4] = _WORDS[int(draw.integers(len(_WORDS)))]
    return data


def replayed_whole_or_told(root: Path, tmp_path: Path, seeds: range) -> None:
    sources = captures(root)
    for seed in seeds:
        draw = np.random.default_rng(seed)
        source = sources[int(draw.integers(len(sources)))]
        path, out = tmp_path / f"{seed}.pcap", tmp_path / f"{seed}"
        path.write_bytes(damaged(bytearray(source.read_bytes()), draw))
        code = run(["replay", str(path), "--out", str(out), "--format", "json"])
        assert code in (0, 1), (source.name, seed)
        if (out / "summary.json").is_file():
            summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
            assert summary["complete"] == (code == 0), (source.name, seed)
            rejected, copies = sum(summary["malformed"].values()), summary["duplicates"]
            assert summary["packets"] == summary["decoded"] + rejected + copies, (source.name, seed)


def test_damaged_captures(root: Path, tmp_path: Path) -> None:
    replayed_whole_or_told(root, tmp_path, range(60))


@pytest.mark.slow
def test_many_damaged_captures(root: Path, tmp_path: Path) -> None:
    replayed_whole_or_told(root, tmp_path, range(1_000, 2_000))
