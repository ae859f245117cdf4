"""From the configuration to the settings of each stage."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from detectors.embedding.settings import EmbeddingSettings
from detectors.forest.learner import NEVER, Schedule
from detectors.networks import Networks
from detectors.settings import DetectorSettings
from monitor.config.config import Config
from monitor.places import state_directory
from monitor.shipped import INCIDENTS, shipped
from sinks.records.pseudonyms import Pseudonyms, read_key
from wire.flows.table import FlowSettings
from wire.names.answers import AnswerSettings
from wire.names.namer import NamerSettings

#: Without a key file ids are joinable between runs by anyone; with one, by the key's holder alone.
_NO_KEY = b"campuswatch without a privacy.key_file"


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What each room is told."""

    flows: FlowSettings
    names: NamerSettings
    detectors: DetectorSettings
    pseudonyms: Pseudonyms | None


def settings_from(
    config: Config,
    pseudonymise: bool,
    live: bool = False,
    model_in_use: Path | None = None,
    collect_only: bool = False,
) -> StageSettings:
    """Settings for one run. Raises PrivacyKeyError when the key file is needed and cannot be had.

    Pseudonyms without a key file get a key that lives and dies with the run: a key that others know
    would let them try every address. live: as a running sensor does, learn on the schedule and count
    a mirror's copies once; a file is counted as other tools count it. model_in_use: a promoted model, for
    a sensor whose configuration names none. collect_only: live, but no model is learned.
    """
    window_seconds = config.flows.duplicate_window_ms / 1e3
    counts_copies_once = config.flows.duplicates == "always" or (live and config.flows.duplicates == "live")
    if config.privacy.key_file is not None:
        key = read_key(config.privacy.key_file)
    else:
        key = secrets.token_bytes(32) if pseudonymise else _NO_KEY
    idle = config.flows.idle_timeout_seconds
    return StageSettings(
        flows=FlowSettings(
            max_flows=config.flows.max_flows,
            active_timeout_seconds=config.flows.active_timeout_seconds,
            idle_seconds=(idle.tcp_opening, idle.tcp_established, idle.tcp_closed, idle.udp, idle.other),
            vlan=config.flows.vlan,
            max_tunnel_depth=config.flows.max_tunnel_depth,
            duplicate_window_seconds=window_seconds if counts_copies_once else 0.0,
            flow_id_key=int.from_bytes(derived(key, b"flow id")[:8], "big"),
        ),
        names=NamerSettings(
            max_flows=2 * config.flows.max_flows,  # states of flows whose last row is on its way
            max_strings=config.names.max_strings,
            max_string_bytes=config.names.max_string_bytes,
            answers=AnswerSettings(
                max_own=config.names.max_answers, max_shared=config.names.max_answers // 2
            ),
        ),
        detectors=DetectorSettings(
            catalogue=config.catalogue.settings(state_directory(config.state)),
            key=derived(key, b"finding id"),
            campus=config.campus.id,
            sensor=config.campus.sensor,
            timezone=config.campus.timezone,
            networks=config.campus.networks,
            registers=registers_of(config),
            schools=config.registers.schools,
            rules=config.rules,
            embedding=EmbeddingSettings(
                false_discovery_rate=config.embedding.false_discovery_rate,
                least_clients=config.embedding.least_clients,
                least_effect=config.embedding.least_effect,
            ),
            accepted_false_alerts_per_day=config.anomaly.accepted_false_alerts_per_day,
            model_file=config.anomaly.model_file or model_in_use,
            incidents_file=shipped(INCIDENTS) if live and not collect_only else None,
            feedback_file=config.anomaly.feedback_file,
            host_groups=config.anomaly.host_groups.narrowest_first(),
            learn_from_replay=not live,
            schedule=Schedule(
                collect_seconds=NEVER
                if collect_only
                else round(3600 * config.anomaly.learning.collect_hours),
                retrain_seconds=round(3600 * config.anomaly.learning.retrain_hours),
                horizon_seconds=round(86_400 * config.anomaly.learning.horizon_days),
            ),
        ),
        pseudonyms=Pseudonyms(derived(key, b"address"), Networks(config.campus.networks))
        if pseudonymise
        else None,
    )


def registers_of(config: Config) -> tuple[Path, ...]:
    """Where lists are: the folder of imports, then further files. A folder without imports may miss."""
    store = config.registers.store
    return ((store,) if store is not None and store.is_dir() else ()) + config.registers.files


def derived(key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose alone."""
    return hmac.digest(key, b"campuswatch " + purpose, hashlib.sha256)
