"""Workers that begin anew under analysis, with other tables: what is found and counted is the same."""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass
from pathlib import Path

import dpkt
import numpy as np
import pyarrow.parquet as pq
import pytest

from monitor.config.config import Config, Flows, Names
from monitor.config.config_file import ConfigError
from monitor.daemon.life import stages_for
from monitor.daemon.live_metrics import set_live
from monitor.daemon.rooms import Rooms, live_settings
from monitor.pipeline.handover import Step
from tests.wire.flows.frames import ACK, RAW, SECOND, START, SYN, Frame, block_of, tcp, timed, udp

HOST, RESOLVER, SERVER = "10.0.0.7", "198.51.100.53", "203.0.113.9"
SCANNED = 1_200
OTHER = {"flows": Flows(max_flows=4_096, vlan="full"), "names": Names(max_strings=2_048, max_answers=2_048)}


def answer(name: str) -> bytes:
    """The resolver tells the host that a name is at SERVER."""
    address = socket.inet_aton(SERVER)
    record = dpkt.dns.DNS.RR(name=name, type=dpkt.dns.DNS_A, ttl=600, rdata=address, ip=address)
    message = dpkt.dns.DNS(id=7, op=dpkt.dns.DNS_QR, qd=[dpkt.dns.DNS.Q(name=name)], an=[record])
    return udp(RESOLVER, 53, HOST, 40_053, bytes(message))


def traffic() -> list[Frame]:
    """A name that is told of, a sweep over hosts within the minute, and a visit to what the name led to."""
    sweep = [
        (1 + i * 0.04, tcp(HOST, 20_000 + i, f"192.0.{2 + i // 250}.{1 + i % 250}", 445, SYN, 1))
        for i in range(SCANNED)
    ]
    visit = [
        (50.0, tcp(HOST, 50_000, SERVER, 443, SYN, 1)),
        (50.1, tcp(SERVER, 443, HOST, 50_000, SYN | ACK, 1)),
    ]
    return timed([(0.0, answer("school.example")), *sweep, *visit])


@dataclass
class Sensor:
    """A worker and analysis in this process, as the daemon joins them."""

    rooms: Rooms

    def __post_init__(self) -> None:
        self.life = 0
        self.begin(self.rooms.config)

    def begin(self, config: Config) -> None:
        self.life += 1
        self.stages = stages_for(live_settings(config), 0, self.life)
        self.rooms.stages.enter(0)

    def take(self, step: Step) -> None:
        self.rooms.packets.set(f"life {self.life}", step.counters)
        self.rooms.stages.take(step, self.rooms.results)

    def end(self) -> None:
        for step in self.stages.finish():
            self.take(step)
        self.rooms.packets.end(lambda _: True)

    def reload(self, config: Config) -> None:
        prepared = self.rooms.prepare(config)
        self.end()
        self.rooms.commit(prepared)
        self.begin(config)


def configured(folder: Path, **sections: object) -> Config:
    (folder / "state").mkdir(parents=True, exist_ok=True)
    (folder / "key").write_text("sixteen bytes or more")
    state = {"directory": folder / "state", "runtime_directory": folder / "run"}
    return Config.model_validate({"state": state, "privacy": {"key_file": folder / "key"}, **sections})


def carried(folder: Path, reload_at: int | None) -> tuple[Sensor, list[str], list[dict]]:
    """The traffic through a sensor, with a reload before so many hundreds of frames; findings and rows."""
    config = configured(folder)
    sensor = Sensor(Rooms(config, workers=1))
    frames = traffic()
    for number in range(0, len(frames), 100):
        if number == reload_at:
            sensor.reload(config.model_copy(update=OTHER))
        sensor.take(sensor.stages.advance(block_of(frames[number : number + 100], (RAW,))))
    sensor.take(sensor.stages.tick(START + 400 * SECOND))
    sensor.end()
    rooms = sensor.rooms
    rooms.stages.so_far(rooms.results)
    rooms.results.write_findings(math.inf)
    rooms.results.flush()
    history = folder / "state" / "history"
    rows = [row for path in history.glob("flows-*") for row in pq.read_table(path).to_pylist()]
    return sensor, (folder / "state" / "findings.jsonl").read_text().splitlines(), rows


def test_findings_names_and_counts_are_those_without_a_reload(tmp_path: Path) -> None:
    whole, expected, expected_rows = carried(tmp_path / "whole", None)
    parted, found, rows = carried(tmp_path / "parted", 600)
    assert "scan-horizontal" in "".join(expected)
    assert found == expected
    assert len(rows) == len(expected_rows) == SCANNED + 2
    (visit,) = [row for row in rows if row["server_port"] == 443]
    assert (visit["name"], visit["name_source"]) == ("school.example", "dns_answer")
    assert parted.stages.table.settings.max_flows == 4_096
    for sensor in (whole, parted):
        counts = sensor.rooms.packets.sums()
        assert counts["packets"] == counts["decoded"] == len(traffic())
    assert parted.rooms.packets.sums() == whole.rooms.packets.sums()


def test_what_the_tables_counted_goes_on(tmp_path: Path) -> None:
    config = configured(tmp_path, names={"max_strings": 1_024})
    sensor = Sensor(Rooms(config, workers=2))
    strings = [f"name-{i}.example".encode() for i in range(1_100)]
    lengths = np.array([len(each) for each in strings], np.int32)
    sensor.rooms.stages.join.learn(lengths, np.frombuffer(b"".join(strings), np.uint8))
    assert sensor.rooms.stages.halves is not None
    sensor.rooms.stages.halves.meetings._counts[:] = 5, 3
    set_live(sensor.rooms, {})
    before = sensor.rooms.results.exposition.text()
    refused = sensor.rooms.stages.join.counters["strings_refused"]
    assert refused > 0
    sensor.rooms.commit(sensor.rooms.prepare(config.model_copy(update=OTHER)))
    assert sensor.rooms.stages.join.counters["strings_refused"] == 0, "there is room now"
    set_live(sensor.rooms, {})
    told = sensor.rooms.results.exposition.text()
    for name in (b"half_flows_joined_total 5", b'half_flows_given_up_total{what="flows"} 3'):
        assert name in before
        assert name in told
    assert sensor.rooms.packets.sums()["names_strings_refused"] == refused


def test_another_key_is_no_change_for_a_running_daemon(tmp_path: Path) -> None:
    config = configured(tmp_path)
    rooms = Rooms(config, workers=1)
    rooms.prepare(config)
    (tmp_path / "key").write_text("quite another key, as long")
    with pytest.raises(ConfigError, match=r"privacy.key_file: .* with a restart"):
        rooms.prepare(config)
