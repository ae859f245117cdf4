"""What a scenario may say: devices, apps, what rides along, habits, incidents. docs/simulate.md."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from monitor.config.time_zone import TimeZone
from monitor.simulate.incident_kinds import Incident, ServiceIncident

Share = Annotated[float, Field(ge=0, le=1)]
_Service = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]

#: Personal data in cleartext requests; every value is invented and fails no check digit.
Personal = Literal[
    "citizen-id", "mobile", "imei", "mac", "iccid", "email", "location", "oaid", "android-id", "idfa"
]


class Part(BaseModel):
    """A part of a scenario: closed, so that a typing error is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rooms(Part):
    """Dormitory rooms whose devices share one address behind a router."""

    rooms: int = Field(0, ge=0, le=2_000)
    devices_each: int = Field(6, ge=1, le=64)


class Devices(Part):
    """Who is on the campus."""

    phones: int = Field(30, ge=0, le=20_000)
    laptops: int = Field(10, ge=0, le=20_000)
    servers: int = Field(2, ge=0, le=64)
    dormitory: Rooms = Rooms()
    ipv6: Share = 0.0  # of phones and laptops: dual stack; a dormitory's router has IPv4 alone

    @model_validator(mode="after")
    def _someone(self) -> Devices:
        if self.phones + self.laptops + self.dormitory.rooms == 0:
            raise ValueError("nobody is on this campus: give phones, laptops or dormitory rooms")
        return self

    @property
    def people(self) -> int:
        """Phones, laptops and devices of the dormitory."""
        return self.phones + self.laptops + self.dormitory.rooms * self.dormitory.devices_each


class Use(Part):
    """One session that is to happen, whatever the habits are."""

    device: int = Field(ge=0)
    start_hours: float = Field(ge=0)
    minutes: float = Field(10, gt=0, le=24 * 60)


class Trouble(Part):
    """A time in which an app's servers do badly."""

    start_hours: float = Field(ge=0)
    hours: float = Field(1, gt=0)
    failures: Share = 0.3
    retransmissions: Share = 0.0
    rtt_ms: float = Field(30, gt=0, le=10_000)


class App(Part):
    """An app: a service of the catalogue, who uses it how often, and what rides along."""

    service: _Service
    users: Share = 0.5
    sessions_per_day: float = Field(2, ge=0, le=500)
    minutes: float = Field(6, gt=0, le=600)
    embeds: dict[_Service, Share] = {}
    transport: Literal["modern", "tls12", "tls10", "rsa", "http"] = "modern"
    personal: tuple[Personal, ...] = ()
    kilobytes: float = Field(300, ge=1, le=1_000_000)  # down, a session
    uses: tuple[Use, ...] = ()
    trouble: Trouble | None = None
    incidents: tuple[ServiceIncident, ...] = Field((), max_length=10_000)

    @model_validator(mode="after")
    def _cleartext(self) -> App:
        if self.personal and self.transport != "http":
            raise ValueError("personal data shows in `transport: http` alone")
        return self


class Together(Part):
    """`second` is opened within a minute or two of `first`, in `share` of the sessions of `first`."""

    first: _Service
    second: _Service
    share: Share = 0.7


class Background(Part):
    """What devices do by themselves."""

    push: tuple[_Service, ...] = ("jpush", "getui")  # a connection that is kept, a beat every few minutes
    #: Calls a device and day of trackers that the system or other apps make, at any time.
    trackers: dict[_Service, Annotated[float, Field(ge=0, le=5_000)]] = {}
    updates_per_day: float = Field(0.3, ge=0, le=50)
    failures_per_day: float = Field(4, ge=0, le=5_000)


class Browsing(Part):
    """Web pages, and the ad networks and trackers on them."""

    pages_per_day: float = Field(30, ge=0, le=5_000)
    sites: int = Field(60, ge=1, le=5_000)
    ads: dict[_Service, Share] = {}


class Expectation(Part):
    """What a rule must make of the scenario, with configs/scenarios/campuswatch.yaml: for tests."""

    rule: str
    fires: bool
    subject: str | None = None
    pattern: str | None = None


class Scenario(Part):
    """A whole scenario. Every field has a default but `schema`."""

    schema_: Literal[1] = Field(alias="schema")
    about: str = ""
    seed: int = Field(1, ge=0, le=2**32 - 1)
    start: datetime = datetime.fromisoformat("2026-09-01T00:00:00+08:00")  # the first school day
    hours: float = Field(24, gt=0, le=24 * 90)
    timezone: TimeZone = "Asia/Shanghai"
    devices: Devices = Devices()
    apps: tuple[App, ...] = ()
    together: tuple[Together, ...] = ()
    background: Background = Background()
    browsing: Browsing = Browsing()
    incidents: tuple[Incident, ...] = Field((), max_length=10_000)
    expect: tuple[Expectation, ...] = ()

    @field_validator("start")
    @classmethod
    def _placed(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("needs an offset, such as 2026-09-01T08:00:00+08:00")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Scenario:
        named = [app.service for app in self.apps]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"the app `{twice[0]}` stands twice")
        for pair in self.together:
            for name in (pair.first, pair.second):
                if name not in named:
                    raise ValueError(f"together: `{name}` is not among the apps")
        for app in self.apps:
            for use in app.uses:
                if use.device >= self.devices.people or use.start_hours >= self.hours:
                    raise ValueError(
                        f"{app.service}: a use by device {use.device} at {use.start_hours} h lies outside: "
                        f"{self.devices.people} devices, {self.hours:g} h"
                    )
            for each in app.incidents:
                devices = 0 if each.kind == "outage" else each.devices
                if each.start_hours >= self.hours or devices > self.devices.people:
                    raise ValueError(
                        f"{app.service}: {each.kind} of {devices} devices at {each.start_hours} h lies "
                        f"outside: {self.devices.people} devices, {self.hours:g} h"
                    )
        for incident in self.incidents:
            if incident.start_hours >= self.hours or incident.host >= self.devices.people:
                raise ValueError(
                    f"incident {incident.kind}: host {incident.host} at {incident.start_hours} h lies "
                    f"outside: {self.devices.people} devices, {self.hours:g} h"
                )
        return self

    @property
    def start_ns(self) -> int:
        """The first moment, nanoseconds since 1970."""
        return int(self.start.timestamp()) * 1_000_000_000
