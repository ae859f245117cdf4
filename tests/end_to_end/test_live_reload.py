"""A configuration that changes while frames come: whole or not at all, and no frame is lost over it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from monitor.daemon.control import ask
from tests.end_to_end.live_daemon import CONFIG, LiveDaemon, eventually, far_end, live_daemon, meanwhile
from tests.end_to_end.test_live_taps import segment


@pytest.fixture(scope="module")
def running(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    with live_daemon(root, tmp_path_factory.mktemp("live"), workers=2) as daemon:
        yield daemon


@pytest.fixture
def daemon(running: LiveDaemon) -> LiveDaemon:
    """The daemon by its first configuration, when all that was sent before is accounted for."""
    assert (answer := reload(running))["ok"], answer
    eventually(lambda: accounted_for(running) == running.sent)
    return running


def reload(daemon: LiveDaemon, *changes: tuple[str, str], more: str = "") -> dict[str, Any]:
    """The answer to a reload of the first configuration with these changes."""
    text = CONFIG.format(folder=daemon.folder)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    daemon.config.write_text(text + more)
    return ask(daemon.control, "reload", 60)


def accounted_for(daemon: LiveDaemon) -> float:
    """Frames that were decoded, refused by the filter and so on; -1 while some are on their way."""
    received, accounted = daemon.account()
    return accounted + daemon.metrics()["filtered_packets_total"] if received == accounted else -1


def gaps(metrics: dict[str, float]) -> dict[str, float]:
    """Capture gaps by reason."""
    return {name: value for name, value in metrics.items() if name.startswith("capture_gaps_total")}


def test_other_tables_are_taken_under_traffic(daemon: LiveDaemon) -> None:
    daemon.kill("worker 1")  # what is found by now must stand there once afterwards
    daemon.send()
    eventually(lambda: any(line["evidence"].get("reason") == "worker_lost" for line in daemon.found()))
    eventually(lambda: accounted_for(daemon) == daemon.sent)
    found, before, pids = daemon.found(), daemon.metrics(), daemon.pids()
    with meanwhile(lambda: daemon.send(pause_seconds=0.001)):
        for change in (
            ("max_flows: 65536", "max_flows: 1024, vlan: full"),
            ("max_strings: 65536", "max_strings: 32768"),
            ("udp: 2", "udp: 1"),
        ):
            sent = daemon.sent
            assert (answer := reload(daemon, change))["ok"], answer
            eventually(lambda sent=sent: daemon.sent > sent)
    eventually(lambda: accounted_for(daemon) == daemon.sent)
    after = daemon.metrics()
    assert daemon.pids() == pids, "no process was needed for it"
    assert gaps(after) == gaps(before)
    assert daemon.found() == found
    fallen = [name for name in before if "_total" in name and after[name] < before[name]]
    assert not fallen
    for name in ("kernel_dropped_packets_total", "shed_packets_total lost_in_crash"):
        assert after[name] == before[name], name
    assert after["reloads_total taken"] == before["reloads_total taken"] + 3
    assert daemon.facts()["reloads"]["refused"] == before["reloads_total refused"]


def test_the_new_tables_are_as_large_as_was_asked_for(daemon: LiveDaemon) -> None:
    patient = ("tcp_opening: 2", "tcp_opening: 300")
    assert reload(daemon, patient)["ok"]
    open_connections(daemon, 3_000)
    assert daemon.metrics()["flows_active"] >= 3_000
    assert reload(daemon, patient, ("max_flows: 65536", "max_flows: 1024"))["ok"]
    open_connections(daemon, 3_000)
    eventually(lambda: 1_024 <= daemon.metrics()["flows_active"] <= 2 * 1_024)


def open_connections(daemon: LiveDaemon, count: int) -> None:
    """So many connections open, and nothing more is heard of them."""
    with far_end() as out:
        for i in range(count):
            out.send(segment(i, True, 0x02, 100, 0))
            daemon.sent += 1
    eventually(lambda: accounted_for(daemon) == daemon.sent)


def test_another_filter_is_taken_under_traffic(daemon: LiveDaemon) -> None:
    before = daemon.metrics()
    with meanwhile(lambda: daemon.send(pause_seconds=0.001)):
        assert reload(daemon, ("ring_mib: 32", "ring_mib: 32, filter: tcp"))["ok"]
    eventually(lambda: accounted_for(daemon) == daemon.sent)
    daemon.send()
    eventually(lambda: accounted_for(daemon) == daemon.sent)
    narrow = daemon.metrics()
    assert narrow["filtered_packets_total"] > before["filtered_packets_total"]
    with meanwhile(lambda: daemon.send(pause_seconds=0.001)):
        assert reload(daemon)["ok"]
    eventually(lambda: accounted_for(daemon) == daemon.sent)
    refused = daemon.metrics()["filtered_packets_total"]
    daemon.send()
    eventually(lambda: accounted_for(daemon) == daemon.sent)
    after = daemon.metrics()
    assert after["filtered_packets_total"] == refused
    assert after["kernel_dropped_packets_total"] == before["kernel_dropped_packets_total"]


def test_a_processor_is_changed_for_all_threads_of_a_worker(daemon: LiveDaemon) -> None:
    free = os.sched_getaffinity(0)
    one = min(free)
    assert reload(daemon, ("ring_mib: 32", f"ring_mib: 32, cpus: [{one}]"))["ok"]
    worker = daemon.pids()["worker 0"]
    threads = [int(thread.name) for thread in Path(f"/proc/{worker}/task").iterdir()]
    assert {frozenset(os.sched_getaffinity(thread)) for thread in threads} == {frozenset({one})}
    assert reload(daemon)["ok"]
    assert os.sched_getaffinity(worker) == free


def test_metrics_move_to_another_port(daemon: LiveDaemon) -> None:
    before = daemon.metrics()
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        port = held.getsockname()[1]
    assert reload(daemon, ("port: 0", f"port: {port}"))["ok"]
    assert int((daemon.folder / "run" / "metrics.port").read_text()) == port
    with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert reload(daemon, ("port: 0", f"port: {port}, address: 0.0.0.0"))["ok"], "the same port elsewhere"
    with urlopen(f"http://127.0.0.2:{port}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert daemon.metrics()["decoded_packets_total"] >= before["decoded_packets_total"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("ring_mib: 32", "ring_mib: 16"), "capture.ring_mib"),
        (("ring_mib: 32", "ring_mib: 32, filter: 'port port'"), "capture filter"),
        (("ring_mib: 32", "ring_mib: 32, cpus: [1023]"), "capture.cpus"),
        (("port: 0", "port: {taken}"), "metrics cannot be served"),
        (("max_strings: 65536", "max_strings: 32768, more: 1"), "names.more"),
    ],
)
def test_what_is_refused_changes_nothing(daemon: LiveDaemon, change: tuple[str, str], why: str) -> None:
    """Also what alone could have been taken, which every one of these brings along."""
    before, pids, counts = daemon.metrics(), daemon.pids(), daemon.facts()["reloads"]
    place = (daemon.folder / "run" / "metrics.port").read_text()
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        taken = change[0], change[1].replace("{taken}", str(held.getsockname()[1]))
        answer = reload(daemon, taken, ("udp: 2", "udp: 1"), more="campus: {sensor: moved}\n")
    assert not answer["ok"]
    assert why in answer["problem"]
    assert "\n" not in answer["problem"]
    daemon.send()
    eventually(lambda: accounted_for(daemon) == daemon.sent)
    after = daemon.metrics()
    assert after["filtered_packets_total"] == before["filtered_packets_total"]
    assert (daemon.folder / "run" / "metrics.port").read_text() == place
    assert daemon.pids() == pids
    assert daemon.facts()["reloads"] == {**counts, "refused": counts["refused"] + 1}
