"""What a soak is judged by."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.soak import Sample, judged, unaccounted


def samples(minutes: int, grows_from: int | None = None) -> list[Sample]:
    """One each half minute; memory that climbs by 1% a minute from some minute on."""
    found = []
    for at in range(0, minutes * 60, 30):
        more = 0.0 if grows_from is None else max(at / 60 - grows_from, 0.0)
        size = 100.0 + more
        found.append(Sample(float(at), size + 50, {"parent": 50.0, "analysis": size}, 40, at))
    return found


@pytest.mark.parametrize(
    ("run", "flat"),
    [
        (samples(60), True),
        (samples(60, grows_from=15), False),
        (samples(11), False),  # nothing to judge by
    ],
)
def test_memory_is_judged_after_idle_timeouts(run: list[Sample], flat: bool) -> None:
    figures, was = judged(run)
    assert was == flat
    assert ("kept_mib_late analysis" in figures) == (len(run) > 30)


def test_tables_that_fill_at_first_are_no_growth() -> None:
    run = [
        Sample(s.seconds, min(s.seconds / 7, 100.0) + 50, s.kept_mib_of, s.descriptors, s.frames)
        for s in samples(60)
    ]
    assert judged(run)[1]


def test_a_frame_that_nothing_became_of_is_told() -> None:
    metrics = {
        "ring_received_packets_total tap": 10.0,
        "decoded_packets_total": 5.0,
        "rejected_packets_total truncated": 2.0,
        "shed_packets_total overload": 2.0,
        "kernel_dropped_packets_total tap": 1.0,
        "filtered_packets_total tap": 7.0,
    }
    assert unaccounted(metrics) == 0
    metrics["decoded_packets_total"] = 4.0
    assert unaccounted(metrics) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("tests.bench.soak", "--minutes", "5", "--rate", "5000", "--short"),
        ("tests.bench.soak_week", "--minutes", "15"),
    ],
)
def test_a_daemon_under_load_stays_as_it_was(root: Path, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1:] + done.stderr.splitlines()[-5:]
