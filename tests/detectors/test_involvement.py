"""Who took part in what was found: whom a sign is about, whom it touched, and who merely stood by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.involvement import INVOLVED, NONE, SUBJECT, TOUCHED, of_windows, strongest
from detectors.judge import Detectors
from detectors.networks import address_text
from detectors.track import Judged
from detectors.window_features import HOUR_SECONDS, MINUTE_SECONDS, WINDOW
from tests.detectors.made_deltas import MINUTE, SILENT, START, deltas, facts, no_queries
from tests.detectors.test_judge import SETTINGS
from wire.names.strings import StringTable

HOUR = 60 * MINUTE
LIVE = replace(SETTINGS, learn_from_replay=False)
Part = tuple[int, float]


def rows(*told: tuple[int, int, int, int, float]) -> NDArray[np.void]:
    """INVOLVED of (minute, seconds, host, role, confidence)."""
    made = np.zeros(len(told), INVOLVED)
    for at, (minute, seconds, host, role, confidence) in enumerate(told):
        made[at] = (minute * MINUTE, 0, host, confidence, seconds, role)
    return made


def windows(*told: tuple[int, int, int]) -> NDArray[np.void]:
    """WINDOWs of (minute, seconds, host)."""
    made = np.zeros(len(told), WINDOW)
    for at, (minute, seconds, host) in enumerate(told):
        made["window_start_ns"][at], made["seconds"][at], made["host_lo"][at] = minute * MINUTE, seconds, host
    return made


def test_the_strongest_part_counts_and_hours_take_in_their_minutes() -> None:
    told = rows(
        (5, MINUTE_SECONDS, 1, TOUCHED, 0.9),
        (5, MINUTE_SECONDS, 1, SUBJECT, 0.6),
        (5, MINUTE_SECONDS, 2, TOUCHED, 0.5),
        (6, MINUTE_SECONDS, 2, TOUCHED, 0.7),
        (60, HOUR_SECONDS, 2, TOUCHED, 0.8),
    )
    seen = windows(
        (5, MINUTE_SECONDS, 1), (0, HOUR_SECONDS, 1), (0, HOUR_SECONDS, 2), (60, HOUR_SECONDS, 2),
        (61, MINUTE_SECONDS, 2), (5, MINUTE_SECONDS, 3),
    )  # fmt: skip
    role, confidence = of_windows(seen, told)
    assert list(zip(role.tolist(), confidence.tolist(), strict=True)) == [
        (SUBJECT, 0.6), (SUBJECT, 0.6), (TOUCHED, 0.7), (TOUCHED, 0.8), (NONE, 0.0), (NONE, 0.0),
    ]  # fmt: skip
    assert len(strongest(told)) == 4
    assert np.array_equal(strongest(told), strongest(told[::-1]))
    assert of_windows(seen, told[:0])[0].tolist() == [NONE] * 6


def played(blocks: list[list[dict[str, Any]]], settings: Any = LIVE, at_once: int = 1) -> Judged:
    """All that comes of minutes of flows, so many of them handed over at once; findings as they ended."""
    detectors = Detectors(settings, StringTable(1000, 10_000))
    parts: list[Judged] = []
    for first in range(0, len(blocks), at_once):
        some = blocks[first : first + at_once]
        flows = [{**flow, "minute": first + at} for at, block in enumerate(some) for flow in block]
        made = deltas(*flows)
        made["flow"] += 10_000 * first
        known = facts(made)
        detectors.take(made, known, detectors.classify(known, made), no_queries(made))
        parts.append(detectors.advance(int(made["window_start_ns"].max()) + MINUTE))
    parts.append(detectors.finish())
    findings = {finding.id: finding for part in parts for finding in (*part.findings, *part.updates)}
    whole, took_part = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("windows", "involved")
    )
    return Judged(whole, list(findings.values()), involved=took_part)


def parts_of(judged: Judged, seconds: int) -> dict[tuple[str, int], Part]:
    """Role and confidence by address and minute since the start, of those that took part."""
    role, confidence = of_windows(judged.windows, judged.involved)
    own = (judged.windows["seconds"] == seconds) & (role > NONE)
    of = judged.windows[own]
    who = [address_text(int(hi), int(lo)) for hi, lo in zip(of["host_hi"], of["host_lo"], strict=True)]
    when = ((of["window_start_ns"] - START) // MINUTE).tolist()
    pairs = zip(role[own].tolist(), confidence[own].tolist(), strict=True)
    return dict(zip(zip(who, when, strict=True), pairs, strict=True))


def refused(client: str, server: str, port: int = 445) -> dict[str, Any]:
    return {"client": client, "server": server, "server_port": port, "flags_c2s": 0x02, "flags_s2c": 0x14,
            "established": 0, "packets_c2s": 1, "packets_s2c": 1}  # fmt: skip


def scan_among_neighbours(minute: int) -> list[dict[str, Any]]:
    """Hosts 1 to 9 and their resolver 10.0.9.9, a neighbour, too; from minute 10 on host 3 scans."""
    usual = [
        {"client": f"10.0.0.{host}", "server": "10.0.9.9", "server_port": 53, "protocol": 17}
        for host in range(1, 10)
    ]
    if minute < 10:
        return usual
    silent = [
        {"client": "10.0.0.3", "server": f"10.7.{minute}.{at}", "server_port": 445, **SILENT}
        for at in range(1, 12)
    ]
    return [*usual, *silent, refused("10.0.0.3", f"10.8.0.{minute}"), refused("10.0.0.3", "10.0.0.5")]


@pytest.mark.parametrize("at_once", [1, 7])
def test_a_scan_touches_those_that_it_reaches_in_the_minutes_in_which_it_does(at_once: int) -> None:
    judged = played([scan_among_neighbours(minute) for minute in range(14)], at_once=at_once)
    found = parts_of(judged, MINUTE_SECONDS)
    subject = {(who, when) for (who, when), (role, _) in found.items() if role == SUBJECT}
    touched = {(who, when) for (who, when), (role, _) in found.items() if role == TOUCHED}
    assert subject == {("10.0.0.3", minute) for minute in range(10, 14)}
    assert touched == {(who, minute) for minute in range(10, 14) for who in (f"10.8.0.{minute}", "10.0.0.5")}
    (finding,) = judged.findings
    assert finding.patterns == ("scan-horizontal",)
    assert finding.evidence["hosts_touched"] == 5  # four that refused once, and one that did so each minute
    assert "5 other hosts" in finding.text["en"]
    assert "10.8" not in str(finding.evidence["hosts_touched"]) + finding.text["en"] + finding.text["zh"]


def test_a_replay_that_learns_from_itself_tells_the_same() -> None:
    blocks = [scan_among_neighbours(minute) for minute in range(14)]
    live, replayed = played(blocks), played(blocks, SETTINGS)
    assert parts_of(live, MINUTE_SECONDS) == parts_of(replayed, MINUTE_SECONDS)
    assert [each.evidence["hosts_touched"] for each in replayed.findings] == [5]


def test_a_slow_scan_reaches_back_to_hours_that_were_over() -> None:
    """A peer a minute, one in ten of which refuses or answers: no five minutes and no single hour show it."""

    def minute_of(minute: int) -> list[dict[str, Any]]:
        peer = f"10.9.{minute // 200}.{minute % 200}"
        usual = {"client": "10.0.0.1", "server": "203.0.113.9"}
        if minute % 10 == 0:
            return [usual, refused("10.0.0.2", peer)]
        if minute % 10 == 5:
            return [usual, {"client": "10.0.0.2", "server": peer, "server_port": 445}]
        return [usual, {"client": "10.0.0.2", "server": peer, "server_port": 445, **SILENT}]

    offset = int(START % HOUR // MINUTE)
    first = (60 - offset) % 60  # of the hour after the start
    blocks = [[{"client": "10.0.0.1", "server": "203.0.113.9"}]] * first + [
        minute_of(at) for at in range(180)
    ]
    judged = played(blocks, at_once=20)
    found = parts_of(judged, HOUR_SECONDS)
    begins = {first, first + 60, first + 120}
    assert {
        when for (who, when), (role, _) in found.items() if who == "10.0.0.2" and role == SUBJECT
    } == begins
    touched = {who for (who, _), (role, _) in found.items() if role == TOUCHED}
    assert touched == {f"10.9.0.{minute}" for minute in range(0, 180, 5)}
    assert not any(who == "10.0.0.1" for who, _ in found)
    assert judged.findings[-1].evidence["hosts_touched"] == 36
