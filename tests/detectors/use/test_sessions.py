"""Which minutes are active: a person's use, and what only looks like it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.rules.settings import ActiveMinutes
from detectors.use.sessions import device_uses
from detectors.use.use_rows import USE, merged

SETTINGS = ActiveMinutes()
START = int(datetime(2024, 5, 6, tzinfo=UTC).timestamp()) // 60


def minutes(*at: int, up: int = 1_000, down: int = 20_000, **more: int) -> np.ndarray:
    """USE rows of one device and app in these minutes."""
    rows = np.zeros(len(at), USE)
    told = {"up": up, "down": down, "small_up": up, "small_down": down, "flows": 1, **more}
    rows["minute"] = START + np.array(at, np.int64) if at else []
    for name, value in told.items():
        rows[name] = value
    return rows


def active(*parts: np.ndarray, curfews: Any = ()) -> int:
    uses = device_uses(merged(np.concatenate(parts)), curfews, SETTINGS)
    return int(uses["active"].sum())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (minutes(*range(40)), 40),  # steady use
        (minutes(*range(0, 40, 2)), 39),  # a look every other minute: reading between
        (minutes(0, 1, 5, 6, 10, 11, 12), 13),  # three silent minutes do not end a session
        (minutes(0, 1, 2, 7, 8, 9), 6),  # four do
        (minutes(5), 0),  # a look at a notification
        (minutes(5, 6), 0),  # a push connection that comes back
        (minutes(*range(0, 400, 5)), 0),  # a poll every five minutes
        (minutes(*range(0, 400, 3)), 0),  # and every three
        (minutes(*range(400), up=100, down=90), 0),  # heartbeats of a push connection
        (minutes(*range(60), up=3_000, down=60_000_000, small_up=0, small_down=0), 0),  # an update
        (minutes(*range(30), up=399), 0),
        (minutes(*range(30), up=400, down=400), 30),
        (minutes(), 0),
    ],
)
def test_active_minutes(rows: np.ndarray, expected: int) -> None:
    assert active(rows) == expected


def test_an_update_beside_use_does_not_hide_it() -> None:
    update = minutes(*range(10), down=80_000_000, small_up=0, small_down=0)
    assert active(minutes(*range(10)), update) == 10


def test_devices_and_apps_are_apart() -> None:
    one, two, other = minutes(0, 2, 4), minutes(1, 3, 5), minutes(1, 2, 3)
    two["device_lo"] = 7
    other["service"] = 3
    uses = device_uses(merged(np.concatenate([two, other, one])), (), SETTINGS)
    assert uses[["service", "device_lo", "active"]].tolist() == [(0, 0, 5), (0, 7, 5), (3, 0, 3)]
    assert uses["first_active"].tolist() == [START, START + 1, START + 1]


@pytest.mark.parametrize(
    ("curfew", "expected"), [((10, 20), 10), ((0, 5), 5), ((29, 99), 1), ((30, 99), 0), ((-9, 99), 30)]
)
def test_minutes_within_the_curfew(curfew: tuple[int, int], expected: int) -> None:
    parts = [(START + curfew[0], START + curfew[1])]
    (use,) = device_uses(merged(minutes(*range(30))), parts, SETTINGS)
    assert use["curfew"] == expected
    assert use["active"] == 30
    assert (use["first_curfew"] >= 0) == (expected > 0)


_SEEN = st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 120))


@given(st.lists(_SEEN, max_size=80), st.randoms())
def test_against_a_plain_twin_in_any_order(told: list[tuple[int, int, int]], shuffle: Any) -> None:
    parts = []
    for service, device, minute in told:
        row = minutes(minute, up=300, down=300)
        row["service"], row["device_lo"] = service, device
        parts.append(row)
    rows = np.concatenate([np.zeros(0, USE), *parts])
    uses = device_uses(merged(rows), (), SETTINGS)
    expected = {}
    for key in sorted({(service, device) for service, device, _ in told}):
        at = [minute for service, device, minute in told if (service, device) == key]
        expected[key] = _plain([minute for minute in sorted(set(at)) if at.count(minute) >= 2])
    got = {(int(use["service"]), int(use["device_lo"])): int(use["active"]) for use in uses}
    assert got == expected
    shuffle.shuffle(parts)
    again = device_uses(merged(np.concatenate([np.zeros(0, USE), *parts])), (), SETTINGS)
    assert again.tobytes() == uses.tobytes()


def _plain(interactive: list[int]) -> int:
    """Active minutes, spelt out: two rows of 300 bytes make a minute interactive, one does not."""
    sessions: list[list[int]] = []
    for minute in interactive:
        if sessions and minute - sessions[-1][-1] - 1 <= 3:
            sessions[-1].append(minute)
        else:
            sessions.append([minute])
    spans = [(len(each), each[-1] - each[0] + 1) for each in sessions]
    return sum(span for count, span in spans if count >= 3 and count >= 0.5 * span)
