"""The configuration: what a user can turn, each key with its default and the reason for it."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from detectors.campus_networks import DEFAULT_NETWORKS
from detectors.rules.settings import RuleSettings
from monitor.config.catalogue import CatalogueFiles
from monitor.config.time_zone import TimeZone


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value if isinstance(value, str) else str(value), strict=True)
    except ValueError as error:
        raise ValueError(f"{value} is no network, such as 10.0.0.0/8 ({error})") from None


_Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
_Seconds = Annotated[float, Field(ge=1, le=86_400)]
_Cpu = Annotated[int, Field(ge=0, le=1_023)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Capture(_Section):
    """Where packets come from while `run` runs on interfaces; a reload takes `cpus` and `filter` alone."""

    interfaces: tuple[str, ...] = Field((), max_length=16)  # `run -i` names them, too
    workers: int = Field(1, ge=1, le=64)  # processes that share the packets of each interface
    cpus: tuple[_Cpu, ...] = Field((), max_length=1_024)  # worker i is pinned to the i-th; none: not pinned
    ring_mib: int | None = Field(None, ge=4, le=16_384)  # of each worker and interface; by memory without
    block_kib: int = Field(1_024, ge=64, le=16_384)
    block_timeout_ms: int = Field(100, ge=10, le=1_000)  # a block that is not full is handed over then
    promiscuous: bool = True
    filter: str | None = Field(None, min_length=1, max_length=4_096)  # in tcpdump's language


class State(_Section):
    """What survives a restart, and where."""

    directory: Path | None = None  # $STATE_DIRECTORY or /var/lib/campuswatch without one
    runtime_directory: Path | None = None  # $RUNTIME_DIRECTORY or /run/campuswatch without one
    checkpoint_seconds: float = Field(10, ge=1, le=10)  # a crash loses no more than this
    drain_seconds: float = Field(10, ge=1, le=300)  # the bound of a stop


class History(_Section):
    """The flow history: a Parquet file an hour."""

    enabled: bool = True
    retention_days: int = Field(30, ge=1, le=3_650)
    max_gib: float = Field(20, gt=0, le=65_536)  # the oldest files go first


class Campus(_Section):
    """Whose packets these are."""

    id: _Name = "campus"
    sensor: _Name = "sensor"
    timezone: TimeZone = "Asia/Shanghai"  # the opinion's schools; sets what night and school hours mean
    networks: tuple[_Network, ...] = Field(DEFAULT_NETWORKS, min_length=1, max_length=256)


class IdleSeconds(_Section):
    """Silence after which a flow is over. Suricata's and Zeek's habits, in event time."""

    tcp_opening: _Seconds = 30  # a handshake that stalls is over soon
    tcp_established: _Seconds = 300
    tcp_closed: _Seconds = 10  # late packets of a closed connection still belong to it
    udp: _Seconds = 60
    other: _Seconds = 30


class Flows(_Section):
    """The flow table."""

    max_flows: int = Field(262_144, ge=1_024, le=16_777_216)  # 700 to 900 bytes each in all
    active_timeout_seconds: _Seconds = 300  # a long flow yields a row this often
    idle_timeout_seconds: IdleSeconds = IdleSeconds()
    vlan: Literal["ignore", "outer", "full"] = "ignore"  # mirror ports tag one direction alone
    max_tunnel_depth: int = Field(4, ge=0, le=8)
    duplicates: Literal["live", "always", "never"] = "live"  # when a mirror's copies count once
    duplicate_window_ms: float = Field(5, ge=0.01, le=1_000)  # a switch is faster, a retransmission slower
    elephant_bytes: int = Field(1 << 20, ge=0)  # in overload, packets beyond are only counted; 0: never


class Names(_Section):
    """What is kept to name flows."""

    max_strings: int = Field(1 << 20, ge=1_024, le=1 << 24)  # distinct names and fingerprints
    max_string_bytes: int = Field(64 << 20, ge=1 << 16, le=1 << 30)
    max_answers: int = Field(262_144, ge=1_024, le=1 << 24)  # addresses that DNS told clients of


class Learning(_Section):
    """When a running sensor learns what is usual, in event time."""

    collect_hours: float = Field(24, gt=0, le=24 * 60)  # before the first model: a day has its own habits
    retrain_hours: float = Field(24, gt=0, le=24 * 60)
    horizon_days: float = Field(28, gt=0, le=366)  # what is older is forgotten


_GroupNetworks = Annotated[tuple[_Network, ...], Field(max_length=1_024)]


class HostGroups(_Section):
    """Networks or addresses whose hosts belong to a group whatever they do; others by behaviour."""

    clients: _GroupNetworks = ()
    servers: _GroupNetworks = ()
    infrastructure: _GroupNetworks = ()  # resolvers, access points
    things: _GroupNetworks = ()  # printers, cameras, sensors

    @model_validator(mode="after")
    def _say_one_thing(self) -> HostGroups:
        said: dict[IPv4Network | IPv6Network, str] = {}
        for group in type(self).model_fields:
            for network in getattr(self, group):
                if said.setdefault(network, group) != group:
                    raise ValueError(f"{network} is in {said[network]} and in {group}; leave it in one")
        return self

    def narrowest_first(self) -> tuple[tuple[IPv4Network | IPv6Network, str], ...]:
        """Each network and its group; one inside another stands before it."""
        pairs = [(network, group) for group in type(self).model_fields for network in getattr(self, group)]
        return tuple(sorted(pairs, key=lambda pair: -pair[0].prefixlen))


class Anomaly(_Section):
    """The forest over host windows."""

    accepted_false_alerts_per_day: float = Field(1.0, gt=0, le=1_000)
    model_file: Path | None = None  # without one, a replay learns from its own first half
    feedback_file: Path | None = None  # verdicts of people; live, the one in the state directory without it
    learning: Learning = Learning()  # live, without a model file
    host_groups: HostGroups = HostGroups()


class Embedding(_Section):
    """When a third party is held to ride along with an app; docs/embedding.md argues the defaults."""

    false_discovery_rate: float = Field(0.03, gt=0, lt=1)  # false pairs among those accepted
    least_clients: int = Field(5, ge=2, le=1_000)  # for privacy as much as for certainty
    least_effect: float = Field(0.005, ge=0, le=10)  # minutes with it that a session adds


def _handed_over() -> Path | None:
    """The key that systemd hands over by the unit's LoadCredential=privacy.key:FILE, if it does."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder, "privacy.key") if folder else None
    # systemd shows it to what ExecStart runs; what ExecReload runs may not look.
    return path if path is not None and os.access(path, os.R_OK) else None


class Privacy(_Section):
    """Keys."""

    # 16 bytes or more; --addresses pseudonym needs it. Without one: what systemd hands over.
    key_file: Path | None = Field(default_factory=_handed_over)


class Metrics(_Section):
    """The exposition while `run` runs."""

    address: str = "127.0.0.1"  # nobody else needs to read it by default
    port: int = Field(9465, ge=0, le=65_535)  # 0: any free port


class RegisterFiles(_Section):
    """What standing apps have: nothing is known without lists that are named here."""

    store: Path | None = None  # the folder that `register import` fills
    files: tuple[Path, ...] = Field((), max_length=256)  # further lists: YAML of lists, CSV or XLSX
    schools: tuple[str, ...] = Field((), max_length=16)  # the names that this school has in lists


class Config(_Section):
    """The whole configuration."""

    campus: Campus = Campus()
    capture: Capture = Capture()
    flows: Flows = Flows()
    names: Names = Names()
    anomaly: Anomaly = Anomaly()
    embedding: Embedding = Embedding()
    privacy: Privacy = Field(default_factory=Privacy)
    metrics: Metrics = Metrics()
    state: State = State()
    history: History = History()
    catalogue: CatalogueFiles = Field(default_factory=CatalogueFiles)
    registers: RegisterFiles = RegisterFiles()
    rules: RuleSettings = RuleSettings()
