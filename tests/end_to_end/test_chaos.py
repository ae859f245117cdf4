"""Kills, reloads, link flaps under traffic: nothing written is lost or doubled, gaps told, counters agree.

A few of each by default, by the hundred with --slow. How long it took until frames were kept and worked on
again is no matter of passing: it is logged (`--log-cli-level=INFO`), and stands in docs/performance.md.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import defaultdict
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.daemon.control import ask
from monitor.errors import CommandEnd
from tests.end_to_end.live_daemon import TAP, LiveDaemon, eventually, live_daemon, meanwhile
from tests.wire.capture.namespaces import ip
from wire.capture.ring import now_ns

_LOG = logging.getLogger(__name__)
#: So long children whose parent died may go on writing what they had.
_ORPHANS_SECONDS = 8
_CHILDREN = ("worker 0", "worker 1", "analysis")


def few_or(many: int, few: int) -> list[Any]:
    """How often: a few times by default, many with --slow."""
    return [few, pytest.param(many, marks=pytest.mark.slow)]


def traffic(daemon: LiveDaemon) -> AbstractContextManager[None]:
    """Frames all the while."""
    return meanwhile(lambda: daemon.send(pause_seconds=0.004))


def _decoded(daemon: LiveDaemon) -> float:
    return daemon.metrics().get("decoded_packets_total", 0.0)


@pytest.mark.parametrize("kills", few_or(100, 2))
def test_kills(root: Path, tmp_path: Path, kills: int) -> None:
    chosen = np.random.default_rng(4)
    seconds: dict[str, list[float]] = defaultdict(list)
    ended_ns: list[int] = []  # when the whole was killed
    with live_daemon(root, tmp_path, workers=2) as daemon:
        with traffic(daemon):
            eventually(lambda: _decoded(daemon) > 0)
            lines: list[str] = []
            for i in range(kills):
                name = "parent" if i % 10 == 9 or i == kills - 1 else str(chosen.choice(_CHILDREN))
                time.sleep(chosen.uniform(0.0, 1.5))
                began = time.monotonic()
                if name == "parent":
                    ended_ns.append(now_ns())
                    daemon.kill("parent")
                    daemon.start()
                    eventually(lambda: _decoded(daemon) > 0)
                else:
                    before = _decoded(daemon)
                    os.kill(_pid(daemon, name), signal.SIGKILL)
                    eventually(lambda before=before: _decoded(daemon) > before)
                seconds[name].append(time.monotonic() - began)
                written = daemon.findings.read_text().splitlines()
                assert written[: len(lines)] == lines, "a finding that was written stays as it is"
                lines = written
            eventually(lambda: daemon.metrics().get("capture_gaps_total daemon_lost") == len(ended_ns))
        eventually(lambda: len(set(daemon.account())) == 1)
        found = daemon.found()
    for name, each in sorted(seconds.items()):
        _LOG.info("%s killed %d times: worked on again after %s s", name, len(each), _figures(each))
    keys = [(line["id"], line["end"]) for line in found]
    assert len(set(keys)) == len(keys)
    gaps = [line for line in found if line["rule"] == "sensor-degraded"]
    _LOG.info("%d gaps of %s s", len(gaps), _figures([line["evidence"]["seconds"] for line in gaps]))
    assert len(gaps) >= kills / 4, "gaps are told of"
    of_all = [line for line in gaps if line["evidence"]["reason"] == "daemon_lost"]
    spans = [(_time(line["start"]), _time(line["end"])) for line in of_all]
    kept_again: list[float] = []
    for at_ns in ended_ns:
        at = np.datetime64(at_ns, "ns")
        orphans = at + np.timedelta64(_ORPHANS_SECONDS, "s")
        ends = [end for start, end in spans if start <= orphans and at <= end]
        assert ends, (at, spans)
        kept_again.append(float((min(ends) - at) / np.timedelta64(1, "s")))
    _LOG.info("the whole killed: frames were kept again after %s s", _figures(kept_again))


def _time(text: str) -> np.datetime64:
    return np.datetime64(text.removesuffix("Z"), "ns")


def _figures(seconds: list[float]) -> str:
    return f"{np.median(seconds):.2f} (median), {max(seconds):.2f} (worst)"


def _pid(daemon: LiveDaemon, name: str) -> int:
    return int(eventually(lambda: daemon.pids().get(name)))


@pytest.mark.parametrize("reloads", few_or(100, 4))
def test_reloads(root: Path, tmp_path: Path, reloads: int) -> None:
    with live_daemon(root, tmp_path) as daemon:
        good = daemon.config.read_text()
        taken = refused = 0
        with traffic(daemon):
            for i in range(reloads):
                bad = i % 4 == 3
                more = "catalogue: {paths: [/nowhere]}\n" if bad else f"campus: {{sensor: sensor-{i}}}\n"
                daemon.config.write_text(good + more)
                answer = eventually(lambda: _reload(daemon))
                assert answer["ok"] is not bad
                taken, refused = taken + (not bad), refused + bad
            daemon.config.write_text(good)
        eventually(lambda: daemon.settled(daemon.sent))
        metrics = daemon.metrics()
    assert (metrics["reloads_total taken"], metrics["reloads_total refused"]) == (taken, refused)
    assert metrics["kernel_dropped_packets_total"] == 0
    assert metrics["process_restarts_total worker"] == metrics["process_restarts_total analysis"] == 0


def _reload(daemon: LiveDaemon) -> dict[str, object] | None:
    try:
        return ask(daemon.control, "reload", 90)
    except CommandEnd:
        return None


@pytest.mark.parametrize("flaps", few_or(50, 3))
def test_link_flaps(root: Path, tmp_path: Path, flaps: int) -> None:
    seconds: list[float] = []
    with live_daemon(root, tmp_path, workers=2) as daemon:
        for _ in range(flaps):
            ip("link", "set", TAP, "down")
            ip("link", "set", TAP, "up")
            before, began = _decoded(daemon), time.monotonic()

            def sees(before: float = before) -> bool:
                try:
                    daemon.send()
                except OSError:  # the link is not up yet
                    return False
                return _decoded(daemon) > before

            eventually(sees)
            seconds.append(time.monotonic() - began)
        _LOG.info("%d flaps: worked on again after %s s", flaps, _figures(seconds))
        eventually(lambda: len(set(daemon.account())) == 1)
        metrics = daemon.metrics()
    assert metrics["process_restarts_total worker"] == 0, daemon.told
    assert metrics["decoded_packets_total"] > 0
