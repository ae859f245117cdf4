"""What the detectors can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from detectors.campus_networks import DEFAULT_NETWORKS, Network
from detectors.catalogue.settings import CatalogueSettings
from detectors.embedding.settings import EmbeddingSettings
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Schedule
from detectors.forest.lesson import Teacher, at_once
from detectors.rules.settings import RuleSettings


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """All settings of the detectors; every one has the default of the configuration."""

    catalogue: CatalogueSettings
    key: bytes  # makes the ids of findings
    campus: str = "campus"
    sensor: str = "sensor"
    timezone: str = "Asia/Shanghai"
    networks: tuple[Network, ...] = DEFAULT_NETWORKS
    #: Folders of imports, YAML of lists, CSV or XLSX; without them every standing is unknown.
    registers: tuple[Path, ...] = ()
    #: The names that the school has in lists.
    schools: tuple[str, ...] = ()
    rules: RuleSettings = field(default_factory=RuleSettings)
    embedding: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    #: In a replay, clients are the hosts while no address lies in `networks`.
    clients_may_be_hosts: bool = True
    #: Findings of the forest that the operator accepts by chance in a day.
    accepted_false_alerts_per_day: float = 1.0
    #: A minute closes this long after its end, for packets that come late: a tap reorders by
    #: milliseconds, captures that were merged by seconds.
    grace_seconds: int = 15
    model_file: Path | None = None
    #: Incidents on which a model that was learned is tried; without the file it is tried on none.
    incidents_file: Path | None = None
    #: Verdicts of people (detectors/feedback.py); need not exist.
    feedback_file: Path | None = None
    #: Without a model file: learn from the first half of the replay. False, as in live running:
    #: collect, learn and score on the schedule.
    learn_from_replay: bool = True
    schedule: Schedule = field(default_factory=Schedule)
    forest: ForestSettings = field(default_factory=ForestSettings)
    teacher: Teacher = at_once
    #: 152 bytes each.
    max_open_rows: int = 1_000_000
    #: 580 bytes each; a replay holds its windows to the end.
    max_held_windows: int = 2_000_000
    #: Networks whose hosts belong to a group (forest/host_groups.py) whatever they do.
    host_groups: tuple[tuple[Network, str], ...] = ()
    #: Hosts that are remembered, with what is usual for them: 6 KiB each.
    max_hosts: int = 40_000
