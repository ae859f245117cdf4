"""Days and windows made by hand, and lists that give apps a standing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from detectors.catalogue.catalogue import Catalogue
from detectors.embedding.embedding import Embedding
from detectors.findings import Finding, Origin
from detectors.register.lists import Entry, Fact, RegisterList, Told
from detectors.register.standing import Register
from detectors.rules.rule import DayCase, Knowledge, Rule, WindowCase
from detectors.rules.settings import RuleSettings
from detectors.use.calendar import Calendar
from detectors.use.day import Day, Leak, Weakness, apps_of
from detectors.use.link_rows import WINDOW_NS
from detectors.use.sessions import DEVICE_USE
from detectors.use.windows import ServiceWindow

CATALOGUE = Path(__file__).parents[3] / "configs" / "register" / "sample" / "catalogue.yaml"
SHIPPED = Path(__file__).parents[3] / "configs" / "catalogue"
DAY = date(2024, 5, 6)  # a Monday
FIRST = date(2024, 1, 1)


@cache
def catalogue() -> Catalogue:
    return Catalogue.load([CATALOGUE, SHIPPED])


def on_list(
    service: str, status: str, value: str = "yes", first: date = FIRST, last: date | None = None
) -> RegisterList:
    """An incomplete list that says one thing of one app."""
    entry = Entry(1, service, (), (), (), service, "", "", "doc", (Fact(status, value, first, last),))
    return RegisterList(Told(status=status, complete=False), f"{status}.csv", service, "", (entry,), ())


def complete(status: str, *services: str, first: date = FIRST) -> RegisterList:
    """A complete list of these services."""
    value = "filed" if status.endswith("filing") else "yes"
    entries = tuple(
        Entry(at, each, (), (), (), each, "", "", "doc", (Fact(status, value, first, None),))
        for at, each in enumerate(services, 1)
    )
    told = Told(status=status, complete=True, first=first)
    return RegisterList(told, f"all-{status}.csv", "d", "", entries, ())


def knowledge(lists: Sequence[RegisterList] = (), **settings: Any) -> Knowledge:
    known = catalogue()
    rules = RuleSettings.model_validate(settings)
    return Knowledge(
        known,
        Register(lists, known),
        rules,
        Calendar(rules.calendar, "Asia/Shanghai"),
        Origin("campus", "sensor", b"key"),
    )


def uses(known: Knowledge, service: str, devices: int = 1, **fields: int) -> np.ndarray:
    """DEVICE_USE rows of several devices that did the same."""
    rows = np.zeros(devices, DEVICE_USE)
    start = known.calendar.start_ns(DAY) // 60_000_000_000
    told = {"interactive": 5, "flows": 10, "bytes": 10_000, "active": 0, "curfew": 0, **fields}
    rows["service"] = known.catalogue.ids.index(service)
    rows["device_lo"] = 0xFFFF_0A00_0001 + np.arange(devices)
    for name, value in told.items():
        rows[name] = value
    rows["first_minute"], rows["last_minute"] = start + 480, start + 540
    rows["first_active"] = np.where(rows["active"] > 0, start + 480, -1)
    rows["last_active"] = np.where(rows["active"] > 0, start + 540, -1)
    rows["first_curfew"] = np.where(rows["curfew"] > 0, start + 1320, -1)
    rows["last_curfew"] = np.where(rows["curfew"] > 0, start + 1350, -1)
    return rows


def day_case(known: Knowledge, *parts: np.ndarray, on: date = DAY, **more: Any) -> DayCase:
    rows = np.concatenate([np.zeros(0, DEVICE_USE), *parts])
    rows = rows[np.argsort(rows["service"], kind="stable")]
    return DayCase(
        Day(
            on,
            known.calendar.start_ns(on),
            known.calendar.end_ns(on),
            known.calendar.is_school_day(on),
            apps_of(rows),
            **more,
        ),
        known,
    )


def found(rule: Rule, case: DayCase | WindowCase) -> list[Finding]:
    """What a rule finds; every finding is in the form that all have."""
    findings = list(rule.judge(case))
    for each in findings:
        told = each.to_json()
        assert (told["rule"], told["article"]) == (rule.name, list(rule.article))
        assert set(told["text"]) == set(told["limits"]) == {"zh", "en"}
        assert all(told["text"].values())
        assert 0.0 <= each.confidence <= 1.0
        assert each.start_ns < each.end_ns
        assert "10.0." not in str(told)
    return findings


def rider(app: str, third_party: str, category: str, **more: Any) -> Embedding:
    told = {
        "sessions": 100, "sessions_with": 90, "effect": 0.8, "low": 0.7, "high": 0.9, "q_value": 0.001,
        "clients": 30, "accepted": True, **more,
    }  # fmt: skip
    return Embedding(app=app, third_party=third_party, category=category, **told)


def weakness(known: Knowledge, service: str, connections: int, **kinds: int) -> dict[int, Weakness]:
    told = {kind.replace("_", "-"): count for kind, count in kinds.items()}
    return {known.catalogue.ids.index(service): Weakness(connections, told)}


def leak(known: Knowledge, service: str, kind: str, count: int = 1) -> Leak:
    return Leak(known.catalogue.ids.index(service), f"api.{service}.example", kind, count)


def window(known: Knowledge, service: str, at: int, **figures: Any) -> ServiceWindow:
    """A window, `at` quarters of an hour after midnight."""
    told: Mapping[str, Any] = {
        "devices": 20, "opened": 100, "up": 50_000, "down": 900_000, "flows": 100, "failed": 1,
        "packets": 4_000, "retransmissions": 20, "rtt_ms": 20.0, **figures,
    }  # fmt: skip
    start = known.calendar.start_ns(DAY) + at * WINDOW_NS
    return ServiceWindow(known.catalogue.ids.index(service), start, **told)
