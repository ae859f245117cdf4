"""Every capture of pcaps/ yields what its golden file says: facts known from how it was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.captures.replayed import Replayed, replay

FOLDER = Path(__file__).resolve().parents[2] / "pcaps"
GOLDEN = sorted(FOLDER.glob("*.yaml"))

#: Facts of a whole capture: how each is read from a replay.
FACTS: dict[str, Callable[[Replayed], Any]] = {
    "packets": lambda seen: seen.summary["packets"],
    "rejected": lambda seen: sum(seen.summary["malformed"].values()),
    "tcp_flows": lambda seen: sum(1 for row in seen.flows if row["proto"] == "tcp" and not row["checkpoint"]),
    "udp_flows": lambda seen: sum(1 for row in seen.flows if row["proto"] == "udp" and not row["checkpoint"]),
    "tls_sni": lambda seen: sorted(seen.server_names("tcp")),
    "quic_sni": lambda seen: sorted(seen.server_names("udp")),
    "http_hosts": lambda seen: sorted(seen.http_hosts()),
    "dns_names": lambda seen: sorted(seen.dns_names()),
    "findings": lambda seen: sorted(
        {pattern for finding in seen.findings for pattern in finding["patterns"]}
    ),
}
#: Facts of some flow of the capture.
ANY_FLOW = ("tls_version", "alpn")
#: Said about the capture, not about what is read.
ABOUT = {"capture", "about", "made_by", "link_type", "flows", "split_hello"}


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    return loaded


def _matches(row: dict[str, Any], expected: dict[str, Any]) -> bool:
    return all(row[column] == value for column, value in expected.items())


def _closest(rows: list[dict[str, Any]], expected: dict[str, Any]) -> dict[str, Any]:
    """The same columns of the row that agrees most: what a failure shows."""
    best = max(
        rows, key=lambda row: sum(row[column] == value for column, value in expected.items()), default={}
    )
    return {column: best.get(column) for column in expected}


def test_capture_yields_what_its_golden_file_says(golden: dict[str, Any], tmp_path: Path) -> None:
    seen = replay(FOLDER / golden["capture"], tmp_path / "out")
    assert seen.code == 0
    for fact, value in golden.items():
        if fact in FACTS:
            assert FACTS[fact](seen) == value, fact
        elif fact in ANY_FLOW:
            assert value in [row[fact] for row in seen.flows], fact
        else:
            assert fact in ABOUT, f"unknown fact {fact}"


def test_each_flow_is_there_once(golden: dict[str, Any], tmp_path: Path) -> None:
    if "flows" not in golden:
        pytest.skip("a recorded capture: its flows are not known one by one")
    left = replay(FOLDER / golden["capture"], tmp_path / "out").flows
    assert len(left) == len(golden["flows"])
    for expected in golden["flows"]:
        found = next((row for row in left if _matches(row, expected)), None)
        assert found is not None, f"no flow {expected}; closest {_closest(left, expected)}"
        left.remove(found)


def test_every_capture_has_its_golden_file() -> None:
    captures = {path.name for path in FOLDER.iterdir() if ".pcap" in path.suffixes}
    described = {yaml.safe_load(path.read_text(encoding="utf-8"))["capture"] for path in GOLDEN}
    assert captures == described
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 2 << 20
