"""flows.parquet: order, bytes and columns, from rows that come in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from detectors.campus_networks import DEFAULT_NETWORKS
from detectors.catalogue.categories import CATEGORIES
from detectors.networks import Networks
from sinks.records.flow_columns import FlowColumns, FlowRows, joined, protocol_list
from sinks.records.flow_order import FlowOrder
from sinks.records.flows import FlowRecords
from sinks.records.pseudonyms import Pseudonyms
from tests.sinks.rows import START_NS, flow_rows, strings
from wire.flows.records import PROTO_NAMES, TUNNEL_NAMES
from wire.names.facts import NAME_SOURCES

SERVICES = ("app-a", "app-b", "app-c")
KEY = (
    "ts_start_ns",
    "client_hi",
    "client_lo",
    "server_hi",
    "server_lo",
    "client_port",
    "server_port",
    "protocol",
)


def _parts(flows: FlowRows, size: int) -> list[FlowRows]:
    return [flows.slice(i, min(i + size, len(flows))) for i in range(0, len(flows), size)]


def _write(path: Path, parts: list[FlowRows], pseudonyms: Pseudonyms | None = None) -> None:
    records = FlowRecords(path, FlowColumns(strings(), SERVICES, CATEGORIES, pseudonyms))
    for part in parts:
        records.write(part)
    records.finish()


@pytest.mark.parametrize("max_waiting", [10_000, 300, 7])
def test_rows_leave_in_order_whether_or_not_runs_were_set_down(tmp_path: Path, max_waiting: int) -> None:
    flows = flow_rows(1_000)
    order = FlowOrder(tmp_path / "runs", max_waiting_rows=max_waiting, batch_rows=64)
    for part in _parts(flows, 90):
        order.add(part)
    batches = list(order.batches())
    order.close()
    assert [len(batch) for batch in batches] == [64] * 15 + [40]
    whole = joined(batches)
    keys = [tuple(row[name].item() for name in KEY) for row in whole.rows]
    assert keys == sorted(keys)
    assert sorted(whole.rows["flow"].tolist()) == list(range(1, 1_001))
    for i in range(len(whole)):  # everything that belongs to a row came along with it
        was = int(whole.rows["flow"][i]) - 1
        assert whole.facts[i] == flows.facts[was]
        assert whole.service[i] == flows.service[was]
        asked = whole.query_ids[whole.query_offsets[i] : whole.query_offsets[i + 1]]
        assert (
            asked.tolist()
            == flows.query_ids[flows.query_offsets[was] : flows.query_offsets[was + 1]].tolist()
        )
    assert list(tmp_path.iterdir()) == []


def test_rows_of_one_instant_are_merged_in_bounded_batches(tmp_path: Path) -> None:
    flows = flow_rows(500)
    flows.rows["ts_start_ns"] = START_NS
    order = FlowOrder(tmp_path / "runs", max_waiting_rows=100, batch_rows=50)
    for part in _parts(flows, 100):
        order.add(part)
    batches = list(order.batches())
    assert max(len(batch) for batch in batches) <= 50
    keys = [tuple(row[name].item() for name in KEY) for row in joined(batches).rows]
    assert keys == sorted(keys)


def test_same_rows_same_bytes_however_they_came(tmp_path: Path) -> None:
    flows = flow_rows(400)
    _write(tmp_path / "a", _parts(flows, 400))
    shuffled = flows.take(np.random.default_rng(2).permutation(400))
    _write(tmp_path / "b", _parts(shuffled, 37))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_columns_say_what_the_rows_hold(tmp_path: Path) -> None:
    flows = flow_rows(300)
    _write(tmp_path / "flows.parquet", [flows])
    told = {row["flow_id"]: row for row in pq.read_table(tmp_path / "flows.parquet").to_pylist()}
    table = strings()
    for i, row in enumerate(flows.rows):
        line, facts = told[row["flow_id"].item()], flows.facts[i]
        assert line["ts_start"].value == row["ts_start_ns"]
        assert str(line["ts_start"].tz) == "UTC"
        assert line["client_ip"] == f"10.0.0.{row['client_lo'] & 0xFF}"
        assert line["proto"] == PROTO_NAMES[row["protocol"].item()]
        assert line["vlan"] == (None if row["vlan"] < 0 else row["vlan"])
        assert line["tunnel"] == TUNNEL_NAMES[row["tunnel"]]
        assert line["bytes_c2s"] == row["bytes"][0]
        assert line["bytes_s2c"] == row["bytes"][1]
        assert (line["rtt_ms"] is None) == bool(np.isnan(row["rtt_ms"]))
        assert line["name"] == (None if facts["name"] < 0 else table[int(facts["name"])].decode())
        assert line["name_source"] == NAME_SOURCES[facts["name_source"]]
        asked = flows.query_ids[flows.query_offsets[i] : flows.query_offsets[i + 1]]
        assert line["dns_query"] == ([table[k].decode() for k in asked.tolist()] or None)
        assert line["ja3"] == (bytes(facts["ja3"]).hex() if facts["ja3"].any() else None)
        assert (
            line["tls_version"]
            == {0: None, 0x303: "TLS 1.2", 0x304: "TLS 1.3", 0x7F1C: "0x7f1c"}[facts["tls_version"].item()]
        )
        assert line["service"] == (None if flows.service[i] < 0 else SERVICES[flows.service[i]])
        assert line["category"] == CATEGORIES[flows.category[i]]
        assert line["checkpoint"] == bool(row["checkpoint"])
        assert line["first_sizes"] == row["first_sizes"][: row["first_count"]].tolist()


def test_pseudonyms_hide_clients_and_local_names(tmp_path: Path) -> None:
    flows = flow_rows(300)
    _write(tmp_path / "flows.parquet", [flows], Pseudonyms(b"k" * 16, Networks(DEFAULT_NETWORKS)))
    told = pq.read_table(tmp_path / "flows.parquet").to_pylist()
    assert all(row["client_ip"].startswith("h-") for row in told)
    assert {row["dns_query"] is None for row in told if row["server_port"] == 5353} == {True}
    assert any(row["dns_query"] for row in told if row["server_port"] == 53)


def test_no_rows_make_a_file_with_every_column(tmp_path: Path) -> None:
    _write(tmp_path / "none", [])
    _write(tmp_path / "some", [flow_rows(3)])
    assert pq.read_schema(tmp_path / "none").equals(pq.read_schema(tmp_path / "some"))


def test_bytes_that_are_no_text_are_shown_and_hurt_nobody(tmp_path: Path) -> None:
    table = strings()
    odd = table.add(b"\xff\x1b[2Jx")
    flows = flow_rows(2)
    flows.facts["user_agent"] = odd
    text = FlowColumns(table, SERVICES, CATEGORIES, None).table(flows)["user_agent"].to_pylist()
    assert text == ["\\xff\\x1b[2Jx"] * 2


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"\x02h2\x08http/1.1", "h2,http/1.1"), (b"", ""), (b"\x05h2", "h2"), (b"\x00\x02h3", ",h3")],
)
def test_protocol_list(raw: bytes, text: str) -> None:
    assert protocol_list(raw) == text
