"""The verdict on the daemon, and the port that tells it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from monitor.config.schema import text_of
from monitor.health.answer_schemas import schemas
from monitor.health.endpoint import Endpoint
from monitor.health.health import REASONS, Health, HealthWatch, Snapshot

GOOD = Snapshot(
    received=100_000, decoded=99_000, both_ways=500, one_way=5, workers=2, workers_linked=2, scored=9
)


def watched(*steps: tuple[float, Snapshot], at: float | None = None) -> Health:
    watch = HealthWatch(0.0)
    for now, snapshot in steps:
        watch.look(now, snapshot)
    return watch.health(steps[-1][0] if at is None else at)


def more(base: Snapshot, **changes: int) -> Snapshot:
    """Some packets later."""
    later = replace(base, received=base.received + 10_000, decoded=base.decoded + 10_000)
    return replace(later, **{name: getattr(later, name) + change for name, change in changes.items()})


def codes(health: Health) -> set[str]:
    return {reason.code for reason in health.reasons}


def test_nothing_to_say() -> None:
    health = watched((1, GOOD), (31, more(GOOD)))
    assert (health.live, health.ready, codes(health)) == (True, True, set())
    assert health.figures["packets_per_second"] == pytest.approx(10_000 / 30)


def test_ready_once_every_worker_hands_over() -> None:
    health = watched((1, replace(GOOD, workers_linked=1)))
    assert (health.live, health.ready, codes(health)) == (True, False, {"worker_missing"})
    assert not watched((0, GOOD)).reasons


@pytest.mark.parametrize(
    ("changes", "code", "ready"),
    [
        ({"workers_linked": -1}, "worker_missing", False),
        ({"writes_refused": 1}, "writes_refused", False),
        ({"dropped": 11}, "drops", True),
        ({"shed": 300}, "drops", True),
        ({"dropped": 300, "shed": 300}, "heavy_drops", False),
        ({"overload_level": 2}, "overload", True),
        ({"one_way": 60}, "one_way", True),
        ({"duplicates": 10_000}, "mirror_doubles", True),
    ],
)
def test_each_reason(changes: dict[str, int], code: str, ready: bool) -> None:
    health = watched((1, GOOD), (31, more(GOOD, **changes)))
    assert (codes(health), health.ready, health.live) == ({code}, ready, True)
    (reason,) = health.reasons
    assert (reason.severity == "bad") is not ready
    assert "{}" not in reason.zh + reason.en


def test_one_lost_packet_in_a_thousand_is_no_reason() -> None:
    assert not watched((1, GOOD), (31, more(GOOD, dropped=10))).reasons


def test_what_was_lost_long_ago_is_no_reason_now() -> None:
    lost = more(GOOD, dropped=5_000)
    assert codes(watched((1, GOOD), (31, lost))) == {"heavy_drops"}
    assert codes(watched((1, GOOD), (31, lost), (80, more(lost)), (140, more(more(lost))))) == set()


def test_totals_of_an_earlier_life_are_no_rates() -> None:
    restored = replace(GOOD, dropped=50_000, one_way=90_000, writes_refused=3)
    assert not watched((1, restored), (31, more(restored))).reasons
    assert not watched((1, restored), (31, GOOD), (61, more(GOOD))).reasons  # began anew


def test_silence() -> None:
    assert codes(watched((1, GOOD), (50, GOOD), (61.5, GOOD))) == {"no_traffic"}
    assert codes(watched((1, GOOD), (50, GOOD), (61.5, more(GOOD)))) == set()


def test_work_that_stands_still_is_not_live() -> None:
    health = watched((1, GOOD), (2, more(GOOD)), at=30)
    assert (health.live, health.ready, codes(health)) == (False, False, {"stalled"})


def test_a_disk_that_fills() -> None:
    full = replace(GOOD, disk_free=1 << 29, disk_size=100 << 30)
    assert codes(watched((1, full))) == {"disk_low"}
    assert codes(watched((1, replace(full, disk_free=50 << 30)))) == set()


def test_a_model_that_collects() -> None:
    assert codes(watched((1, replace(GOOD, collected=5, scored=0)))) == {"model_collecting"}


def test_memory_is_bounded() -> None:
    watch, snapshot = HealthWatch(0.0), GOOD
    for second in range(5_000):
        watch.look(float(second), snapshot := more(snapshot))
    assert len(watch._kept) < 200
    assert watch.health(5_000.0).figures["packets_per_second"] == pytest.approx(10_000)


def test_one_way_connections_rise_only_while_it_is_recognised() -> None:
    watch = HealthWatch(0.0)
    watch.look(1, GOOD)
    assert watch.one_way_connections == 0
    watch.look(10, more(GOOD, one_way=70))
    assert watch.one_way_connections == GOOD.one_way + 70
    watch.look(20, more(GOOD, one_way=70, both_ways=900))
    assert watch.one_way_connections == 0


def test_every_reason_has_both_languages() -> None:
    for severity, zh, en in REASONS.values():
        assert severity in ("bad", "warn", "info")
        assert zh.count("{}") == en.count("{}") <= 1


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_schemas_are_in_step(root: Path, name: str) -> None:
    kept = (root / "configs" / "schema" / name).read_text(encoding="utf-8")
    assert kept == text_of(schemas()[name])


# The port


@pytest.fixture
def served() -> Iterator[tuple[Endpoint, list[Health]]]:
    now = [watched((1, GOOD))]
    endpoint = Endpoint("127.0.0.1", 0, lambda: b"metric 1\n", lambda: now[0])
    yield endpoint, now
    endpoint.close()


def get(endpoint: Endpoint, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers["Content-Type"], body


def test_what_is_served(served: tuple[Endpoint, list[Health]]) -> None:
    endpoint, now = served
    assert get(endpoint, "/metrics") == (200, "text/plain; version=0.0.4; charset=utf-8", b"metric 1\n")
    for path in ("/healthz", "/readyz", "/readyz?verbose"):
        status, kind, body = get(endpoint, path)
        assert (status, kind) == (200, "application/json; charset=utf-8")
        told = json.loads(body)
        assert not list(Draft202012Validator(schemas()["health.json"]).iter_errors(told))
        assert (told["live"], told["ready"], told["reasons"]) == (True, True, [])
    now[0] = watched((1, GOOD), (31, more(GOOD, dropped=5_000)))
    assert get(endpoint, "/healthz")[0] == 200
    status, _, body = get(endpoint, "/readyz")
    assert status == 503
    assert json.loads(body)["reasons"][0]["code"] == "heavy_drops"
    assert get(endpoint, "/")[0] == get(endpoint, "/metrics/../x")[0] == 404
    assert get(endpoint, "/metrics", "POST")[0] == 501


def test_a_capture_that_is_played_has_no_health() -> None:
    endpoint = Endpoint("127.0.0.1", 0, lambda: b"", None)
    assert get(endpoint, "/healthz")[0] == 404
    endpoint.close()


def test_who_says_nothing_keeps_nobody_out(served: tuple[Endpoint, list[Health]]) -> None:
    endpoint, _ = served
    silent = [socket.create_connection(("127.0.0.1", endpoint.port), timeout=10) for _ in range(8)]
    assert get(endpoint, "/healthz")[0] == 200
    garbage = socket.create_connection(("127.0.0.1", endpoint.port), timeout=10)
    garbage.sendall(b"\x16\x03\x01\xff" * 100 + b"\r\n\r\n")
    garbage.recv(100)
    for connection in [*silent, garbage]:
        connection.close()
    assert get(endpoint, "/healthz")[0] == 200


def test_asking_while_it_looks() -> None:
    watch, failures = HealthWatch(0.0), []

    def ask(verdict: Callable[[float], Health]) -> None:
        try:
            for _ in range(300):
                verdict(1e6)
        except RuntimeError as error:
            failures.append(error)

    asker = threading.Thread(target=ask, args=(watch.health,))
    asker.start()
    for second in range(3_000):
        watch.look(second * 7.0, GOOD)
    asker.join()
    assert not failures
