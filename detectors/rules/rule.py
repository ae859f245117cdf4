"""What a rule is: an article, a comparison, and the words of its finding."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.schema import Service
from detectors.findings import Finding, Origin, Subject
from detectors.register.standing import Register, State
from detectors.rules.service_baseline import Deviation, deviations
from detectors.rules.settings import RuleSettings
from detectors.rules.usual_deviations import UsualDeviations
from detectors.use.calendar import Calendar
from detectors.use.day import Day
from detectors.use.windows import ServiceWindow


@dataclass(frozen=True, slots=True)
class Words:
    """A text for people, Chinese first."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Rule:
    """`limits` says what the wire can't show. `judge` is pure: the same case gives the same findings."""

    name: str
    article: tuple[str, ...]
    limits: Words
    judge: Callable[[Any], Iterable[Finding]]


@dataclass(slots=True)
class Knowledge:
    """What rules judge by. `silent` counts, by rule, what they could not judge for want of a list."""

    catalogue: Catalogue
    register: Register
    settings: RuleSettings
    calendar: Calendar
    origin: Origin
    silent: dict[str, int] = field(default_factory=dict)

    def service(self, index: int) -> Service:
        """A service of the catalogue."""
        return self.catalogue.services[index]

    def finding(
        self,
        rule: Rule,
        subject: Subject,
        times: tuple[int, int],
        confidence: float,
        evidence: Mapping[str, Any],
        text: Words,
        p_value: float | None = None,
    ) -> Finding:
        """A finding of a rule; `times`: start and end, nanoseconds."""
        return Finding(
            id=self.origin.finding_id(rule.name, subject, times[0]),
            campus=self.origin.campus,
            sensor=self.origin.sensor,
            rule=rule.name,
            article=rule.article,
            subject=subject,
            start_ns=times[0],
            end_ns=times[1],
            p_value=p_value,
            confidence=round(confidence, 3),
            patterns=(),
            evidence=dict(evidence),
            limits={"zh": rule.limits.zh, "en": rule.limits.en},
            text={"zh": text.zh, "en": text.en},
        )

    def unknown(self, rule: Rule) -> None:
        """A rule keeps silent on something whose standing nobody has told."""
        self.silent[rule.name] = self.silent.get(rule.name, 0) + 1


@dataclass(frozen=True, slots=True)
class DayCase:
    """A closed day, and what is known on it."""

    day: Day
    known: Knowledge

    def state(self, service: int, status: str) -> State:
        """The standing of a service on this day."""
        return self.known.register.state(self.known.catalogue.ids[service], status, self.day.date)

    def is_education(self, service: int) -> bool:
        """Whether the opinion governs it."""
        return self.known.service(service).category == "education"


@dataclass(frozen=True)
class WindowCase:
    """A closed window of a service, and its past, oldest first; and how far usual windows deviate."""

    window: ServiceWindow
    past: Collection[ServiceWindow]
    known: Knowledge
    usual: UsualDeviations = field(default_factory=UsualDeviations)

    @cached_property
    def deviations(self) -> dict[str, Deviation]:
        """Of each figure from the service's past; none of a window in which too little happened.

        The past, which may be a week long, is looked at only then, and once.
        """
        settings = self.known.settings.anomalous_service
        if max(self.window.opened, self.window.flows) < settings.least_flows:
            return {}
        return deviations(self.window, self.past, settings.least_windows)

    @cached_property
    def greatest(self) -> float | None:
        """The greatest deviation of a figure; None where none is known."""
        return max((each.z for each in self.deviations.values()), default=None)

    def state(self, status: str) -> State:
        """The standing of the service on the window's day."""
        day = self.known.calendar.day_of(self.window.start_ns)
        return self.known.register.state(self.known.catalogue.ids[self.window.service], status, day)


def listed(state: State) -> dict[str, Any]:
    """A state as evidence: what list says what, since when."""
    return {
        "value": "、".join(state.values),
        "since": state.since.isoformat() if state.since else None,
        "document": state.document,
        "list": state.source,
    }


def banned_or_missing(
    case: DayCase,
    rule: Rule,
    index: int,
    devices: int,
    standing: Mapping[str, State],
    text: Words,
    **more: object,
) -> Finding:
    """A finding about an app that a list speaks against, and how much it was used all the same."""
    app = case.day.apps[index]
    evidence = {
        "devices": devices,
        "flows": app.total("flows"),
        "bytes": app.total("bytes"),
        **more,
        "standing": {status: listed(state) for status, state in standing.items()},
    }
    subject = Subject("app", case.known.service(index).id)
    times = (app.start_ns, app.end_ns)
    return case.known.finding(rule, subject, times, by_devices(devices), evidence, text)


def by_devices(devices: int) -> float:
    """How sure it is that an app was used at all: one device can be a stray look, five are none."""
    return min(1.0 - 0.5**devices, 0.99)


def title(service: Service) -> Words:
    """A service's names, as a sentence has them."""
    return Words(f"「{service.name_zh}」", service.name_en)
