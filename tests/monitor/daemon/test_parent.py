"""The parent: what it holds, how it looks after its children, and what it tells systemd."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.daemon.control import ask
from monitor.errors import CUT_OFF
from tests.end_to_end.live_daemon import eventually

NET_RAW_ALONE = 1 << 13


class Supervised:
    """A parent in a process of its own, with two workers and an analysis that are placeholders."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.config = folder / "config.yaml"
        self.write_config("one")
        self.log = folder / "log"
        self.log.mkdir()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(120)
        self.told: list[str] = []
        environment = {
            **os.environ,
            "PYTHONPATH": str(root),
            "PLACEHOLDER_LOG": str(self.log),
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "600000",
            "STATE_DIRECTORY": str(folder / "state"),
            "RUNTIME_DIRECTORY": str(folder / "run"),
        }
        (folder / "state").mkdir()
        self.control = folder / "run" / "control"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.monitor.daemon.supervise", str(self.config), "2"],
            env=environment, cwd=root, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def write_config(self, campus: str) -> None:
        self.config.write_text(f"campus: {{id: {campus}}}\n")

    def hear(self, wanted: str) -> str:
        """What the service manager is told, up to a message that begins so."""
        while True:
            message = self.manager.recv(4096).decode()
            self.told.append(message)
            if message.startswith(wanted):
                return message

    def facts(self) -> dict[str, object]:
        return ask(self.control, "status", 10)

    def children(self) -> dict[str, int]:
        return {child["name"]: child["pid"] for child in self.facts()["children"]}  # type: ignore[attr-defined]

    def orders_to(self, pid: int) -> list[dict[str, object]]:
        lines = (self.log / f"{pid}.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=120)
        return self.process.returncode, errors


@pytest.fixture
def supervised(root: Path, tmp_path: Path) -> Iterator[Supervised]:
    running = Supervised(root, tmp_path)
    try:
        running.hear("READY=1")
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()
        running.process.stderr.close()  # type: ignore[union-attr]
        running.manager.close()


def effective(pid: int) -> dict[str, int]:
    """Effective, permitted and bounding capabilities of every thread."""
    held = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for line in (thread / "status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "NoNewPrivs"):
                held[f"{thread.name} {name}"] = int(value, 16)
    return held


@pytest.mark.skipif(os.geteuid() != 0, reason="only root holds capabilities to give up")
def test_only_the_parent_holds_a_capability_in_any_thread(supervised: Supervised) -> None:
    for pid in supervised.children().values():
        held = effective(pid)
        assert len(held) >= 10, "there is a second thread"
        for what, value in held.items():
            assert value == (1 if what.endswith("NoNewPrivs") else 0), what
    for what, value in effective(supervised.process.pid).items():
        expected = {"CapEff": NET_RAW_ALONE, "CapPrm": NET_RAW_ALONE, "NoNewPrivs": 1}
        assert value == expected.get(what.split()[1], 0), what


def test_the_parent_maps_no_numpy(supervised: Supervised) -> None:
    def maps(pid: int) -> str:
        return Path(f"/proc/{pid}/maps").read_text()

    assert "numpy" not in maps(supervised.process.pid)
    assert "numpy" in maps(supervised.children()["analysis"])


def test_no_child_has_pandas(supervised: Supervised) -> None:
    assert importlib.util.find_spec("pandas") is not None
    assert (supervised.log / "pandas").read_text() == "False"


def test_a_killed_child_comes_back_and_the_others_stay(supervised: Supervised) -> None:
    before = supervised.children()
    os.kill(before["worker 0"], signal.SIGKILL)
    eventually(lambda: supervised.children()["worker 0"] not in (None, before["worker 0"]))
    after = supervised.children()
    assert after["worker 1"] == before["worker 1"]
    assert after["analysis"] == before["analysis"]
    lives = [o["life"] for o in supervised.orders_to(before["analysis"]) if o["kind"] == "link"]
    assert sorted(lives) == [1, 1, 2], "analysis was given a way to the new worker"


def test_a_killed_analysis_is_linked_to_all_workers_again(supervised: Supervised) -> None:
    before = supervised.children()
    os.kill(before["analysis"], signal.SIGKILL)
    eventually(lambda: supervised.children()["analysis"] not in (None, before["analysis"]))
    analysis = supervised.children()["analysis"]

    def links() -> bool:
        with contextlib.suppress(FileNotFoundError):
            given = [o["worker"] for o in supervised.orders_to(analysis) if o["kind"] == "link"]
            return sorted(given) == [0, 1]  # type: ignore[type-var]
        return False

    eventually(links)
    assert supervised.children()["worker 0"] == before["worker 0"]


def test_a_good_configuration_is_taken_by_all(supervised: Supervised) -> None:
    supervised.write_config("two")
    assert ask(supervised.control, "reload", 30)["ok"] is True
    for pid in supervised.children().values():
        eventually(lambda pid=pid: supervised.orders_to(pid)[-1]["kind"] == "commit")  # type: ignore[misc]
    supervised.hear("RELOADING=1\nMONOTONIC_USEC=")
    supervised.hear("READY=1")
    before = supervised.children()["worker 1"]
    os.kill(before, signal.SIGKILL)
    after = eventually(lambda: (pid := supervised.children()["worker 1"]) != before and pid)
    start = eventually(lambda: (supervised.log / f"{after}.jsonl").exists() and supervised.orders_to(after))
    assert json.loads(start[0]["config"])["campus"]["id"] == "two"  # type: ignore[index]


def test_a_life_that_begins_in_the_same_process_is_linked_and_no_restart(supervised: Supervised) -> None:
    (supervised.log / "begin anew").touch()
    before = supervised.children()
    supervised.write_config("two")
    assert ask(supervised.control, "reload", 30)["ok"] is True
    assert supervised.children() == before
    assert [child["restarts"] for child in supervised.facts()["children"]] == [0, 0, 0]  # type: ignore[attr-defined]

    def lives(of: str) -> list[object]:
        orders = supervised.orders_to(before[of])
        return sorted(order["life"] for order in orders if order["kind"] == "link")  # type: ignore[type-var]

    eventually(lambda: lives("analysis") == [1, 1, 2, 2])
    eventually(lambda: lives("worker 0") == lives("worker 1") == [1, 2])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("campus: {id: unusable}\n", "no such catalogue"),
        ("campuss: {}\n", "unknown key"),
        ("capture: {block_kib: 128}\n", "capture.block_kib"),
    ],
)
def test_a_bad_configuration_keeps_the_old_one(supervised: Supervised, text: str, why: str) -> None:
    supervised.config.write_text(text)
    answer = ask(supervised.control, "reload", 30)
    assert answer["ok"] is False
    assert why in answer["problem"]
    for pid in supervised.children().values():
        assert "commit" not in [order["kind"] for order in supervised.orders_to(pid)]
    assert supervised.facts()["reloads"] == {"taken": 0, "refused": 1}
    code, errors = supervised.end()
    assert code == 0
    assert why in errors


def test_who_is_still_starting_is_not_passed_over_by_a_reload(supervised: Supervised) -> None:
    slow = supervised.log / "slow start"
    slow.touch()
    before = supervised.children()["worker 1"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: supervised.children()["worker 1"] not in (None, before))
    supervised.write_config("two")
    answer = ask(supervised.control, "reload", 30)
    assert answer["ok"] is False
    assert "worker 1" in answer["problem"]
    slow.unlink()
    eventually(lambda: all(child["ready"] for child in supervised.facts()["children"]))  # type: ignore[attr-defined]
    assert ask(supervised.control, "reload", 30)["ok"] is True


def test_hangup_reloads(supervised: Supervised) -> None:
    supervised.write_config("two")
    supervised.process.send_signal(signal.SIGHUP)
    supervised.hear("RELOADING=1")
    supervised.hear("READY=1")
    assert supervised.facts()["reloads"] == {"taken": 1, "refused": 0}


def test_the_watchdog_hears_of_progress_and_of_nothing_else(supervised: Supervised) -> None:
    for _ in range(3):
        supervised.hear("WATCHDOG=1")
    (supervised.log / "stuck").touch()
    supervised.manager.settimeout(2)  # three times as long as the manager would wait
    pings_left = (supervised.hear("WATCHDOG=1") for _ in range(5))  # some were on their way
    with pytest.raises(TimeoutError):
        list(pings_left)


def test_a_stop_ends_workers_then_analysis(supervised: Supervised) -> None:
    children = supervised.children()
    code, _ = supervised.end()
    assert code == 0
    supervised.hear("STOPPING=1")
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())
    assert not supervised.control.exists()


def test_who_dies_while_it_is_to_finish_was_cut_off(supervised: Supervised) -> None:
    (supervised.log / "dies at stop").touch()
    code, errors = supervised.end()
    assert code == CUT_OFF
    assert "analysis 停止时意外结束 ended before it was done (signal SIGKILL)" in errors


def test_why_a_later_life_cannot_begin_is_told(supervised: Supervised) -> None:
    refuses = supervised.log / "refuses"
    refuses.touch()
    os.kill(supervised.children()["analysis"], signal.SIGKILL)
    eventually(lambda: supervised.facts()["children"][0]["restarts"] >= 2)  # type: ignore[index]
    refuses.unlink()
    code, errors = supervised.end()
    assert code == 0
    assert "analysis 无法开始 cannot begin: no such list" in errors


def test_children_end_when_the_parent_is_killed(supervised: Supervised) -> None:
    children = supervised.children()
    supervised.process.kill()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()))


def test_one_daemon_a_state_directory(supervised: Supervised, root: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ, "PYTHONPATH": str(root), "PLACEHOLDER_LOG": str(tmp_path),
        "STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path / "second"),
    }  # fmt: skip
    second = subprocess.run(
        [sys.executable, "-m", "tests.monitor.daemon.supervise", str(supervised.config), "1"],
        env=environment, cwd=root, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode != 0
    assert "another campuswatch is at work" in second.stderr
