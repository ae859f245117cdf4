"""Every output of real runs against its JSON Schema, and the day's results against what went in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from sinks.schemas import schemas, text_of


def _rows(path: Path) -> list[dict[str, Any]]:
    """Rows as plain objects, times as RFC 3339 with nanoseconds."""
    frame = pq.read_table(path).to_pydict()
    columns = {}
    for name, values in frame.items():
        if values and hasattr(values[0], "nanosecond"):
            values = [f"{np.datetime64(v.value, 'ns')}Z" for v in values]
        columns[name] = values
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _families(text: str) -> dict[str, Any]:
    families = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        samples = [{k: v for k, v in s.labels.items() if k != "le"} for s in family.samples]
        families[name] = {"kind": family.type, "samples": samples}
    return families


def _outputs(out: Path) -> dict[str, list[Any]]:
    lines = (out / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = (out / "embeddings.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "embeddings.json": [json.loads(line) for line in pairs],
        "flows.json": _rows(out / "flows.parquet"),
        "windows.json": _rows(out / "windows.parquet"),
        "findings.json": [json.loads(line) for line in lines],
        "summary.json": [json.loads((out / "summary.json").read_text(encoding="utf-8"))],
        "metrics.json": [_families((out / "metrics.prom").read_text(encoding="utf-8"))],
    }


def _hold_against_schemas(out: Path) -> None:
    for name, objects in _outputs(out).items():
        validator = Draft202012Validator(schemas()[name])
        for each in objects:
            errors = [f"{name} {error.json_path}: {error.message}" for error in validator.iter_errors(each)]
            assert errors == []


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_schema_files_are_current(root: Path, name: str) -> None:
    assert (root / "configs" / "schema" / name).read_text(encoding="utf-8") == text_of(schemas()[name])


def test_the_day_fits_the_schemas(day: Path) -> None:
    _hold_against_schemas(day)


def test_pseudonymous_results_fit_the_schemas_and_name_no_host(root, campuswatch, tmp_path, day) -> None:
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    (tmp_path / "c.yaml").write_text("privacy: {key_file: key}\n")
    out = tmp_path / "out"
    done = campuswatch(
        "replay", root / "pcaps" / "campus-day.pcap.zst", "--out", out, "--config", tmp_path / "c.yaml",
        "--addresses", "pseudonym",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _hold_against_schemas(out)
    hosts = {row["host"] for row in _rows(day / "windows.parquet")}
    for name in ("findings.jsonl", "embeddings.jsonl", "summary.json", "metrics.prom"):
        text = (out / name).read_text(encoding="utf-8")
        assert [host for host in hosts if f'"{host}"' in text] == []
    assert not any(host in done.stdout.split() for host in hosts)
    flows = _rows(out / "flows.parquet")
    assert hosts.isdisjoint({row["client_ip"] for row in flows} | {row["server_ip"] for row in flows})
    assert len({row["host"] for row in _rows(out / "windows.parquet")}) == len(hosts)


def test_the_day_yields_what_went_in(root: Path, day: Path) -> None:
    golden = yaml.safe_load((root / "pcaps" / "campus-day.yaml").read_text(encoding="utf-8"))
    summary = json.loads((day / "summary.json").read_text(encoding="utf-8"))
    flows = _rows(day / "flows.parquet")
    ended = [row for row in flows if not row["checkpoint"]]
    assert summary["complete"] is True
    assert summary["packets"] == golden["packets"] == summary["decoded"]
    assert summary["flows"] == len(ended)
    assert sum(row["proto"] == "tcp" for row in ended) == golden["tcp_flows"]
    assert sum(row["proto"] == "udp" for row in ended) == golden["udp_flows"]
    assert sorted({row["name"] for row in flows if row["name_source"] == "tls_sni"}) == golden["tls_sni"]
    asked = {name for row in flows for name in row["dns_query"] or ()}
    assert sorted(asked) == golden["dns_names"]
    assert sum(row["bytes_c2s"] + row["bytes_s2c"] for row in flows) == summary["bytes"]
    assert sum(row["packets_c2s"] + row["packets_s2c"] for row in flows) == summary["decoded"]


def test_what_the_day_shows_agrees_across_outputs(day: Path) -> None:
    outputs = _outputs(day)
    summary, flows = outputs["summary.json"][0], outputs["flows.json"]
    text = (day / "metrics.prom").read_text(encoding="utf-8")
    values = {
        (s.name, *s.labels.values()): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }
    for category, count in summary["categories"].items():
        assert count == sum(row["category"] == category and not row["checkpoint"] for row in flows)
        assert values["campuswatch_category_flows_total", category] == count
    assert values["campuswatch_capture_packets_total",] == summary["packets"]
    assert sum(summary["windows"].values()) == sum(
        row["window_seconds"] == 60 for row in outputs["windows.json"]
    )
    assert sum(summary["findings"].values()) == len(outputs["findings.json"])
    assert summary["windows"]["score"] > 0


def test_findings_are_told_beside_what_is_accepted_of_chance(day: Path) -> None:
    """The day has ten hours: rates wait for a whole one."""
    outputs = _outputs(day)
    budget, findings = outputs["summary.json"][0]["budget"], outputs["findings.json"]
    of_hosts = [told for told in findings if told["rule"] == "anomalous-host"]
    forest = sum("forest" in told["evidence"] for told in of_hosts)
    expected = {
        "hosts": (forest, 1.0),
        "services": (sum(told["rule"] == "anomalous-service" for told in findings), 0.5),
        "patterns": (len(of_hosts) - forest, None),
    }
    assert budget["patterns"]["findings"] > 0
    assert 0.3 < budget["days"] < 1
    for kind, (count, accepted) in expected.items():
        assert budget[kind] == {"findings": count, "per_day": None, "accepted_per_day": accepted}


def test_the_days_incidents_are_found(root: Path, day: Path) -> None:
    truth = json.loads((root / "pcaps" / "campus-day.truth.json").read_text(encoding="utf-8"))
    findings = _outputs(day)["findings.json"]
    found = {(f["subject"]["value"], pattern) for f in findings for pattern in f["patterns"]}
    assert {(i["subject"], i["kind"]) for i in truth["incidents"]} <= found


def test_rows_are_sorted(day: Path) -> None:
    table = pq.read_table(day / "flows.parquet", columns=["ts_start"])
    starts = table["ts_start"].cast("int64").to_numpy()
    assert (np.diff(starts) >= 0).all()


def test_a_replay_is_repeatable_to_the_byte(root, campuswatch, tmp_path, day) -> None:
    done = campuswatch("replay", root / "pcaps" / "campus-day.pcap.zst", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for name in ("flows.parquet", "windows.parquet", "findings.jsonl", "embeddings.jsonl", "metrics.prom"):
        assert (tmp_path / "out" / name).read_bytes() == (day / name).read_bytes(), name
    told = [json.loads((out / "summary.json").read_text()) for out in (tmp_path / "out", day)]
    assert {**told[0], "seconds": 0} == {**told[1], "seconds": 0}
