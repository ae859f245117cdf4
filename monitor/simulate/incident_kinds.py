"""The incidents that a scenario may inject, of hosts and of apps, each with what makes it loud or quiet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Rate = Annotated[float, Field(gt=0, le=5_000)]


class _Timed(BaseModel):
    """Who, when and how long; the host is a device by number."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    host: int = Field(0, ge=0)
    start_hours: float = Field(1, ge=0)
    minutes: float = Field(10, gt=0, le=90 * 24 * 60)


class ScanHorizontal(_Timed):
    """One port on many addresses, few of which answer."""

    kind: Literal["scan-horizontal"]
    targets_per_minute: _Rate = 60
    port: int = Field(445, ge=1, le=65_535)
    answered: float = Field(0.03, ge=0, le=1)


class ScanVertical(_Timed):
    """Many ports of one address."""

    kind: Literal["scan-vertical"]
    ports_per_minute: _Rate = 120
    answered: float = Field(0.02, ge=0, le=1)


class AddressSweep(_Timed):
    """Is anybody there? By ICMP echo or ARP."""

    kind: Literal["address-sweep"]
    targets_per_minute: _Rate = 60
    protocol: Literal["icmp", "arp"] = "icmp"
    answered: float = Field(0.1, ge=0, le=1)


class BruteForce(_Timed):
    """Password guessing."""

    kind: Literal["brute-force"]
    tries_per_minute: _Rate = 20
    service: Literal["ssh", "rdp", "ftp", "web"] = "ssh"


class Flood(_Timed):
    """Too much for one target."""

    kind: Literal["flood"]
    packets_per_second: _Rate = 200
    protocol: Literal["syn", "udp", "icmp"] = "syn"
    minutes: float = Field(2, gt=0, le=24 * 60)


class Beacon(_Timed):
    """Regular calls to a control server."""

    kind: Literal["beacon"]
    every_seconds: float = Field(60, ge=1, le=24 * 3_600)
    jitter: float = Field(0.1, ge=0, le=1)  # of the interval, either way, uniform
    minutes: float = Field(240, gt=0, le=90 * 24 * 60)


class DnsTunnel(_Timed):
    """Data in the names that are asked for."""

    kind: Literal["dns-tunnel"]
    queries_per_second: float = Field(5, gt=0, le=500)


class IcmpTunnel(_Timed):
    """Data in echoes."""

    kind: Literal["icmp-tunnel"]
    packets_per_second: float = Field(5, gt=0, le=500)


class Dga(_Timed):
    """Generated names, nearly none of which exists."""

    kind: Literal["dga"]
    names_per_minute: _Rate = 30
    answered: float = Field(0.02, ge=0, le=1)


class Exfiltration(_Timed):
    """A lot goes out."""

    kind: Literal["exfiltration"]
    megabytes: float = Field(500, gt=0, le=100_000)
    connections: int = Field(4, ge=1, le=10_000)


class LateralMovement(_Timed):
    """From one inner machine to others, with success."""

    kind: Literal["lateral-movement"]
    targets: int = Field(8, ge=1, le=1_000)
    port: int = Field(445, ge=1, le=65_535)


class Mining(_Timed):
    """A coin miner and its pool."""

    kind: Literal["mining"]
    shares_per_minute: float = Field(4, gt=0, le=600)
    encrypted: bool = False
    pool: str = Field("pool.supportxmr.com", min_length=1, max_length=253)  # shows in TLS
    minutes: float = Field(240, gt=0, le=90 * 24 * 60)


class Worm(_Timed):
    """A scanner whose finds scan, too."""

    kind: Literal["worm"]
    targets_per_minute: _Rate = 60
    port: int = Field(445, ge=1, le=65_535)
    victims: int = Field(4, ge=1, le=200)


Incident = Annotated[
    ScanHorizontal
    | ScanVertical
    | AddressSweep
    | BruteForce
    | Flood
    | Beacon
    | DnsTunnel
    | IcmpTunnel
    | Dga
    | Exfiltration
    | LateralMovement
    | Mining
    | Worm,
    Field(discriminator="kind"),
]


class _OfApp(BaseModel):
    """When and how long; the app is the one that it stands at."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    start_hours: float = Field(1, ge=0)
    minutes: float = Field(15, gt=0, le=24 * 60)


class Surge(_OfApp):
    """Devices open the app, each so often, within its minutes."""

    kind: Literal["surge"]
    devices: int = Field(30, ge=1, le=20_000)
    opens_each: int = Field(1, ge=1, le=10_000)
    session_minutes: float = Field(6, gt=0, le=600)


class Outage(_OfApp):
    """A share of the connections to it fails."""

    kind: Literal["outage"]
    failures: float = Field(1.0, gt=0, le=1)


class Upload(_OfApp):
    """Devices send a lot to it."""

    kind: Literal["upload"]
    devices: int = Field(1, ge=1, le=20_000)
    megabytes: float = Field(100, gt=0, le=100_000)  # all together
    connections_each: int = Field(4, ge=1, le=10_000)


ServiceIncident = Annotated[Surge | Outage | Upload, Field(discriminator="kind")]
