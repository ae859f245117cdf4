"""All checks in their order, and how they are shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from monitor import places
from monitor.config import config_file
from monitor.config.config import Config
from monitor.daemon.taps import ring_mib
from monitor.doctor.ages import lists, model
from monitor.doctor.check import BAD, GOOD, UNKNOWN, WARN, Check
from monitor.doctor.clock import clock, offset_ns
from monitor.doctor.disk import disk
from monitor.doctor.interface import interface
from monitor.doctor.kernels import kernels
from monitor.doctor.listening import Heard, listen
from monitor.doctor.merging import merging
from monitor.doctor.mirror import mirror
from monitor.doctor.privileges import privileges
from monitor.doctor.ring_memory import ring_memory
from monitor.errors import CUT_OFF, WHOLE
from monitor.models.store import ModelStore, models_folder
from monitor.pipeline.stages import registers_of

_SIGNS = {GOOD: "✓ 好 good", WARN: "! 注意 warn", BAD: "✗ 差 bad", UNKNOWN: "? 不明 unknown"}
_STYLES = {GOOD: "green", WARN: "yellow", BAD: "red", UNKNOWN: "dim"}


def doctor(config_path: Path | None, interfaces: Sequence[str], seconds: float, as_json: bool) -> int:
    """Run all checks; 1 if one is bad. A warning leaves 0: the sensor works, and scripts go on."""
    config = config_file.load(config_path)
    if interfaces:
        capture = config.capture.model_copy(update={"interfaces": tuple(interfaces)})
        config = config.model_copy(update={"capture": capture})
    checks = []
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 110)
    for check in examine(config, seconds):
        checks.append(check)
        if not as_json:
            _show(console, check)
    if as_json:
        told = {"checks": [check.told() for check in checks], "verdict": _worst(checks)}
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    return CUT_OFF if _worst(checks) == BAD else WHOLE


def examine(config: Config, seconds: float) -> Iterator[Check]:
    """Every check; listens on the taps for `seconds`, or not at all with 0."""
    offset = offset_ns()
    taps = config.capture.interfaces
    able = [
        privileges(),
        *(interface(name, config.capture.promiscuous, config.capture.filter) for name in taps),
    ]
    yield from able
    if not taps:
        yield Check(
            "interface",
            BAD,
            "没有配置镜像口",
            "no interface is configured",
            "设 capture.interfaces，或用 -i 接口名",
            "set capture.interfaces, or give -i NAME",
        )
    yield from map(merging, taps)
    yield ring_memory(ring_mib(config.capture), config.capture.workers * max(len(taps), 1))
    history = config.history.max_gib if config.history.enabled else 0.0
    yield disk(places.state_directory(config.state), history)
    catalogue = config.catalogue.settings(places.state_directory(config.state))
    own = (*catalogue.paths, *catalogue.overrides, *(each.path for each in catalogue.lists))
    yield lists(own, registers_of(config))
    yield model(config.anomaly.model_file or ModelStore(models_folder(config.state)).active())
    yield kernels()
    if taps and seconds > 0 and all(check.verdict != BAD for check in able):
        yield from mirror(_heard(config, seconds), config.campus.networks)
    yield clock(offset)


def _heard(config: Config, seconds: float) -> Heard:
    capture, window_seconds = config.capture, config.flows.duplicate_window_ms / 1e3
    return listen(capture.interfaces, seconds, window_seconds, capture.promiscuous, capture.filter)


def _worst(checks: Sequence[Check]) -> str:
    return next(each for each in (BAD, WARN, GOOD) if each == GOOD or each in {c.verdict for c in checks})


def _show(console: Console, check: Check) -> None:
    console.print(f"{_SIGNS[check.verdict]:<12}", style=_STYLES[check.verdict], end=" ")
    console.print(f"{check.name}: {check.zh} · {check.en}", soft_wrap=True)
    if check.remedy_zh:
        console.print(f"    → {check.remedy_zh} · {check.remedy_en}", soft_wrap=True)
