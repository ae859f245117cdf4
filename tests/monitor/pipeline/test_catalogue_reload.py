"""A catalogue that changes under running stages: no flow and no count is lost."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from detectors.catalogue.schema import CatalogueError
from monitor.config.config_file import load
from monitor.pipeline.pipeline import AnalysisStages, WorkerStages, analyse, steps_of
from monitor.pipeline.stages import settings_from
from sinks.records.folder import FLOWS, OutputFolder
from sinks.results import Results
from wire.capture.files import open_captures

ENTRY = """\
schema: 1
services:
  - id: {id}
    name: {{zh: 甲, en: A}}
    operator: ""
    category: {category}
    suffixes: [{name}]
    source: a test
    checked: 2026-11-24
"""


def configured(folder: Path, *entries: tuple[str, str, str]) -> Path:
    """A configuration whose catalogue has just these entries: id, category, name."""
    own = folder / "own"
    own.mkdir(exist_ok=True)
    for old in own.iterdir():
        old.unlink()
    for id_, category, name in entries:
        (own / f"{id_}.yaml").write_text(ENTRY.format(id=id_, category=category, name=name))
    path = folder / "c.yaml"
    path.write_text("catalogue: {paths: [own]}\n")
    return path


def ran(capture: Path, config: Path, out: Path, then: Path | None) -> Results:
    """Carry a capture; after its first stretch go by the configuration `then`."""
    settings = settings_from(load(config), pseudonymise=False)
    worker, analysis = WorkerStages(settings.flows, settings.names), AnalysisStages(settings)
    services = analysis.detectors.catalogue.ids
    results = Results(OutputFolder(out, private=False), analysis.strings, services, None, "test")
    left = [then] if then is not None else []

    def reload(_: int) -> None:
        if left:
            analysis.reload(settings_from(load(left.pop()), pseudonymise=False).detectors.catalogue, results)

    with open_captures([str(capture)]) as reader:
        analyse(steps_of(reader, worker), analysis, results, reload)
    results.publish({})
    return results


def flows_by_service(results: Results) -> dict[str, int]:
    """Flows that ended, of the services that were seen."""
    top = results.tally.top_services(most=100)
    return {service: flows for of_category in top.values() for service, flows, _ in of_category}


def test_counts_stay_and_new_services_show(root: Path, tmp_path: Path) -> None:
    capture = root / "pcaps" / "campus-day.pcap.zst"
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    stays = ("stays", "game", "xuetangx.com")
    before = configured(tmp_path / "one", ("umeng", "advertising", "umeng.com"), stays)
    after = configured(tmp_path / "two", ("alpha", "game", "chaoxing.com"), stays)
    plain = ran(capture, before, tmp_path / "plain", None)
    changed = ran(capture, before, tmp_path / "changed", after)
    assert changed.tally.rows == plain.tally.rows
    assert changed.tally.flows == plain.tally.flows > 0
    assert changed.tally.by_proto() == plain.tally.by_proto()
    assert changed.tally.by_source() == plain.tally.by_source()
    assert list(changed.tally.service_bytes()) == ["stays", "umeng", "alpha"]
    before_it, counted = flows_by_service(plain), flows_by_service(changed)
    assert counted["stays"] == before_it["stays"] > 0
    assert counted["alpha"] > 0
    assert counted["umeng"] < before_it["umeng"]
    table = pq.read_table(tmp_path / "changed" / FLOWS, columns=["service", "checkpoint"]).to_pylist()
    written = [row["service"] for row in table if not row["checkpoint"]]
    assert written.count("alpha") == counted["alpha"]
    assert written.count("stays") == counted["stays"]


def test_a_bad_catalogue_leaves_the_old_one(root: Path, tmp_path: Path) -> None:
    good = configured(tmp_path, ("umeng", "advertising", "umeng.com"))
    settings = settings_from(load(good), pseudonymise=False)
    analysis = AnalysisStages(settings)
    results = Results(None, analysis.strings, analysis.detectors.catalogue.ids, None, "test")
    (tmp_path / "own" / "umeng.yaml").write_text("schema: 1\nservices: [1, 2]\n")
    with pytest.raises(CatalogueError) as caught:
        analysis.reload(settings.detectors.catalogue, results)
    assert len(caught.value.errors) == 2
    assert analysis.detectors.catalogue.match("a.umeng.com") is not None
