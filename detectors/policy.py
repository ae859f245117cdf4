"""The opinion's rules over time: use and connections in, findings out when a window or a day is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.catalogue import Catalogue
from detectors.embedding.embedding import Embedding
from detectors.feedback import OF_SERVICES, Feedback
from detectors.findings import Finding, Origin, Subject
from detectors.networks import Networks
from detectors.parts import Parts, json_of, of_json, under, within
from detectors.register.standing import Register
from detectors.rules.book import DAY_RULES, PROMPT_RULES, WINDOW_RULES
from detectors.rules.judged_quarter import JudgedQuarter
from detectors.rules.rule import DayCase, Knowledge, WindowCase
from detectors.rules.settings import RuleSettings
from detectors.rules.usual_deviations import UsualDeviations
from detectors.use.app_day import MOST_APP_DAYS, AppDay
from detectors.use.calendar import Calendar
from detectors.use.day import AppUse, Day, apps_of
from detectors.use.entrance import MOST_ENTRANCES, Entrance, entrance
from detectors.use.leaks import Leaks, NameOf
from detectors.use.link_rows import WINDOW_MINUTES, WINDOW_NS
from detectors.use.sessions import device_uses
from detectors.use.use_book import UseBook
from detectors.use.use_rows import rows_of_use
from detectors.use.weaknesses import Weaknesses
from detectors.use.windows import LinkBook, Past, ServiceWindow, service_windows
from detectors.window_features import MINUTE_NS
from wire.record_arrays import picked

#: A window or a day closes this long after its end: flows are over at most five minutes after their
#: last packet, and are told of then.
_GRACE_MINUTES = 10

#: What is known of embeddings by now.
Embeddings = Callable[[], Sequence[Embedding]]


#: Statuses that ban an app.
BANS = frozenset(("blacklist", "negative-list", "withdrawn"))

#: What is told once: a rule, its subject, and the minute in which the day ends.
_Ban = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Told:
    """Findings, and those that were told earlier in their day, now that it is over."""

    findings: list[Finding]
    updates: list[Finding]


class Policy:
    """Of each block `take` the deltas and `take_rows` the flow rows, then `advance`; at last `finish`.

    Only flows to education services and to services that a register names are kept. Which devices are
    the campus's own may be open until an address of its networks shows up: until then all clients are,
    and what was found of them is held back.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        register: Register,
        settings: RuleSettings,
        timezone: str,
        networks: Networks,
        origin: Origin,
        name_of: NameOf,
        feedback: Feedback | None = None,
    ) -> None:
        """`name_of` gives the text of a name's id in FACTS."""
        self._known = Knowledge(
            catalogue, register, settings, Calendar(settings.calendar, timezone), origin
        )
        self._networks = networks
        self._uses = UseBook(settings.max_use_rows)
        self._links = LinkBook(len(catalogue.ids))
        self._past = Past()
        self._usual = UsualDeviations()
        self._feedback = feedback or Feedback(None, origin)
        self._weaknesses = Weaknesses()
        self._leaks = Leaks(name_of)
        self._judged_before = np.iinfo(np.int64).min  # windows before this one have been judged
        self._advanced = np.iinfo(np.int64).min  # the minute of the clock when it last moved on
        self._listed = np.zeros(0, np.bool_)  # services that some list bans, and -1
        self._fresh = False  # such a service was used since it was last looked at
        self._looked = np.iinfo(np.int64).min  # the minute of that look
        self._told: dict[_Ban, tuple[str, int]] = {}  # id and start of what was told at once
        #: What a page tells of the days that are over; bounded.
        self.app_days: list[AppDay] = []
        self.entrances: list[Entrance] = []
        #: Who wants to know of every quarter of an hour that is judged.
        self.hear_quarter: Callable[[JudgedQuarter], None] | None = None
        self._choose()

    def judge_by(
        self, catalogue: Catalogue, register: Register, settings: RuleSettings, timezone: str
    ) -> None:
        """From now on judge by these; nothing that was counted is lost.

        The catalogue's services keep their places; new ones stand behind them.
        """
        known = self._known
        known.catalogue, known.register, known.settings = catalogue, register, settings
        self._links.reserve(len(catalogue.ids))
        known.calendar = Calendar(settings.calendar, timezone)
        self._choose()

    def take(self, deltas: NDArray[np.void], service: NDArray[np.int32]) -> None:
        """Take DELTAs with the service of each."""
        at = np.flatnonzero(self._chosen[service])
        if len(at):
            deltas, service = picked(deltas, at), service[at]
            self._fresh = self._fresh or bool(self._listed[service].any())
            moved = (deltas["packets_c2s"] > 0) | (deltas["packets_s2c"] > 0)
            deltas, service = picked(deltas, moved), service[moved]
            self._uses.add(rows_of_use(deltas, service, self._networks, self._known.settings.active))

    def take_rows(
        self, rows: NDArray[np.void], facts: NDArray[np.void], service: NDArray[np.int32]
    ) -> None:
        """Take FLOW_ROWs with the FACTS and service of each."""
        self._leaks.add(rows, facts, service)
        at = np.flatnonzero(self._chosen[service])
        if len(at):
            self._links.add(picked(rows, at), picked(facts, at), service[at])

    def advance(
        self, clock_ns: int, all_clients: bool, embeddings: Embeddings = tuple
    ) -> Told:
        """The findings of windows and days that are over by the event clock, and of banned apps at once."""
        minute = clock_ns // MINUTE_NS
        told = Told([], [])
        if minute > self._advanced:
            self._advanced = minute
            told = self._close(minute - _GRACE_MINUTES, all_clients, embeddings)
        if not all_clients and self._fresh and minute > self._looked:
            self._looked, self._fresh = minute, False
            told.findings.extend(self._look())
        return told

    def finish(self, all_clients: bool, embeddings: Embeddings = tuple) -> Told:
        """The findings of all that is still open."""
        return self._close(np.iinfo(np.int64).max, all_clients, embeddings)

    def state(self) -> Parts:
        """What a restart needs; services go by their ids, which a new catalogue keeps."""
        return {
            "services": of_json(self._known.catalogue.ids),
            "judged_before": np.array([self._judged_before]),
            "silent": of_json(self._known.silent),
            **under("usual", self._usual.state()),
            "told_bans": of_json([(*ban, *first) for ban, first in self._told.items()]),
            **{key: part for name, book in self._books() for key, part in under(name, book.state()).items()},
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back; into a policy that has seen nothing. KeyError: not such a state."""
        now = {service: at for at, service in enumerate(self._known.catalogue.ids)}
        places = np.array([now.get(service, -1) for service in json_of(parts["services"])], np.int32)
        self._judged_before = int(parts["judged_before"][0])
        self._known.silent = json_of(parts["silent"])
        told = json_of(parts["told_bans"])
        self._told = {(rule, subject, end): (id, start_ns) for rule, subject, end, id, start_ns in told}
        self._usual.restore(within("usual", parts))
        for name, book in self._books():
            book.restore(within(name, parts), places)

    def _books(self) -> tuple[tuple[str, UseBook | LinkBook | Past | Weaknesses | Leaks], ...]:
        return (
            ("uses", self._uses),
            ("links", self._links),
            ("past", self._past),
            ("weaknesses", self._weaknesses),
            ("leaks", self._leaks),
        )

    @property
    def silent(self) -> dict[str, int]:
        """How often each rule kept silent because no list covers what it asks for."""
        rules = (*DAY_RULES, *WINDOW_RULES)
        return {rule.name: self._known.silent.get(rule.name, 0) for rule in rules}

    @property
    def counters(self) -> dict[str, int]:
        """What came late, and what did not fit."""
        return {
            "use_rows_late": self._uses.late + self._links.late + self._leaks.late,
            "use_rows_shed": self._uses.shed + self._leaks.shed,
        }

    def _choose(self) -> None:
        """Services of interest, and banned ones, by index; the last place is for -1, no service."""
        known = self._known
        named = frozenset(known.register.services)
        chosen = [each.category == "education" or each.id in named for each in known.catalogue.services]
        self._chosen = np.array([*chosen, False], np.bool_)
        banned = {id for id in named if any(held.fact.status in BANS for held in known.register.held(id))}
        self._listed = np.array([*(each.id in banned for each in known.catalogue.services), False], np.bool_)

    def _look(self) -> list[Finding]:
        """Use of banned apps in the days that are open, each told once a day: the rest waits for its end."""
        calendar, found = self._known.calendar, []
        rows = self._uses.so_far()
        rows = self._ours(rows[self._listed[rows["service"]]], all_clients=False)
        quiet = replace(self._known, silent={})
        for day in sorted({calendar.day_of(int(minute) * MINUTE_NS) for minute in np.unique(rows["minute"])}):
            first, end = (edge(day) // MINUTE_NS for edge in (calendar.start_ns, calendar.end_ns))
            of_day = rows[(rows["minute"] >= first) & (rows["minute"] < end)]
            case = DayCase(self._day(day, of_day), quiet)
            for finding in (each for rule in PROMPT_RULES for each in rule.judge(case)):
                ban = (finding.rule, finding.subject.value, end)
                if ban not in self._told:
                    self._told[ban] = (finding.id, finding.start_ns)
                    found.append(finding)
        return found

    def _close(self, before: int, all_clients: bool, embeddings: Embeddings) -> Told:
        """Close every window and day that ends by the minute `before`, in order of time."""
        self._hear()
        found = Told([], [])
        while True:
            window, day_end = self._next_window(), self._next_day_end()
            edge = before if day_end is None else min(before, day_end)
            if window is not None and (window + 1) * WINDOW_MINUTES <= edge:
                found.findings.extend(self._close_window(window, all_clients))
            elif day_end is not None and day_end <= before:
                for finding in self._close_day(day_end, all_clients, embeddings):
                    first = self._told.get((finding.rule, finding.subject.value, day_end))
                    if first is None:
                        found.findings.append(finding)
                    else:  # a row that came late may have moved its start
                        found.updates.append(replace(finding, id=first[0], start_ns=first[1]))
                self._told = {ban: first for ban, first in self._told.items() if ban[2] > day_end}
            else:
                return found

    def _next_window(self) -> int | None:
        """The earliest window that has not been judged."""
        held = (*self._uses.windows, *self._links.windows)
        return min((window for window in held if window >= self._judged_before), default=None)

    def _next_day_end(self) -> int | None:
        """The minute at which the earliest open day is over."""
        held = (*self._uses.windows, *self._weaknesses.windows, *self._leaks.windows)
        if not held:
            return None
        calendar = self._known.calendar
        day = calendar.day_of(min(held) * WINDOW_MINUTES * MINUTE_NS)
        return calendar.end_ns(day) // MINUTE_NS

    def _close_window(self, window: int, all_clients: bool) -> list[Finding]:
        self._judged_before = window + 1
        uses = self._ours(self._uses.window(window), all_clients)
        links = self._links.close(window)
        if links is not None:
            self._weaknesses.add(window, links)
        found: list[Finding] = []
        self._usual.begin(window * WINDOW_NS)
        for each in service_windows(window, uses, links):
            case = WindowCase(each, self._past.of(each.service), self._known, self._usual)
            strange = [finding for rule in WINDOW_RULES for finding in rule.judge(case)]
            if case.greatest is not None:
                self._tell_quarter(each, case.greatest)
                if not strange:
                    self._usual.add(each.start_ns, case.greatest)
            # What a verdict lowers belongs to this service's past; the ranks are those of all services.
            told = [finding for finding in strange if not self._feedback.lowers(finding)]
            self._past.add(each, bool(told), any(map(self._feedback.confirms, told)))
            found.extend(told)
        return found

    def _tell_quarter(self, window: ServiceWindow, deviation: float) -> None:
        if self.hear_quarter is not None:
            service = self._known.catalogue.ids[window.service]
            p_value = self._usual.p_value(deviation) if self._usual.known else None
            self.hear_quarter(JudgedQuarter(service, window.start_ns, deviation, p_value))

    def _hear(self) -> None:
        """What people said meanwhile of windows that are past."""
        self._feedback.refresh()
        if OF_SERVICES in self._feedback.news:
            ids = self._known.catalogue.ids
            known = {service: Subject("service", ids[service]) for service in self._past.services}
            self._feedback.teach(OF_SERVICES, known, self._past)

    def _close_day(self, end: int, all_clients: bool, embeddings: Embeddings) -> list[Finding]:
        over = self._known.calendar.day_of((end - 1) * MINUTE_NS)
        rows = self._ours(self._uses.close(end // WINDOW_MINUTES), all_clients)
        day = replace(
            self._day(over, rows),
            weaknesses=self._weaknesses.close(end // WINDOW_MINUTES),
            leaks=self._leaks.close(end // WINDOW_MINUTES),
        )
        if day.apps:
            day = replace(day, embeddings=tuple(embeddings()))
        case = DayCase(day, self._known)
        self.app_days.extend(self._app_day(case, index, app) for index, app in day.apps.items())
        del self.app_days[:-MOST_APP_DAYS]
        services = self._known.catalogue.services
        kinds = {i: services[i].kind or "" for i in day.apps if services[i].category == "education"}
        came = entrance(over, day.apps, kinds)
        self.entrances = [*self.entrances, *([came] if came else [])][-MOST_ENTRANCES:]
        found = [finding for rule in DAY_RULES for finding in rule.judge(case)]
        return sorted(found, key=lambda each: (each.start_ns, each.rule, each.subject.value))

    def _day(self, day: date, rows: NDArray[np.void]) -> Day:
        """A day of use rows alone."""
        calendar, settings = self._known.calendar, self._known.settings
        return Day(
            date=day,
            start_ns=calendar.start_ns(day),
            end_ns=calendar.end_ns(day),
            is_school_day=calendar.is_school_day(day),
            apps=apps_of(device_uses(rows, calendar.curfew_minutes(day), settings.active)),
        )

    def _app_day(self, case: DayCase, index: int, app: AppUse) -> AppDay:
        service = self._known.catalogue.ids[index]
        states = self._known.register.standing(service, case.day.date)
        standing = {status: ",".join(state.values) or state.value for status, state in states.items()}
        return AppDay(service, case.day.date, tuple(sorted(app.devices["active"].tolist())), standing)

    @staticmethod
    def _ours(rows: NDArray[np.void], all_clients: bool) -> NDArray[np.void]:
        return rows if all_clients else rows[rows["inside"] == 1]
