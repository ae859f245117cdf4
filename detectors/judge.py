"""The detectors as the pipeline sees them: classify flows, judge hosts, in event time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from detectors.asked_names import AskedNames
from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.classifier import Classes, Classifier
from detectors.catalogue.settings import CatalogueSettings
from detectors.dns_counts import DnsCounts
from detectors.dns_rows import DNS_ROW, LongNames
from detectors.embedding.embedding import Embedding
from detectors.embedding.track import EmbeddingTrack
from detectors.feedback import Feedback
from detectors.findings import Finding, Origin
from detectors.forest import incidents
from detectors.forest.incidents import Incidents
from detectors.forest.learner import Learner, Learning
from detectors.forest.model_file import load
from detectors.forest.scorers import ModelScorer, ReplayScorer, Scorer
from detectors.forest.trust import Budget, Trust
from detectors.host_context import ContextSettings
from detectors.host_rows import Ends, Verdicts, rows_of_clients, rows_of_hosts
from detectors.networks import Networks
from detectors.nxdomain_rows import NX_ROW, MissingNames
from detectors.open_rows import rows_of_opens
from detectors.parts import Parts, rows_in, under, within
from detectors.policy import Policy, Told
from detectors.pool_rows import Pools
from detectors.register.loading import load_register
from detectors.rules.judged_quarter import JudgedQuarter
from detectors.settings import DetectorSettings
from detectors.track import HostTrack, Judged
from detectors.use.app_day import AppDay
from detectors.use.entrance import Entrance
from detectors.window_features import SECOND_NS
from wire.names.strings import StringTable
from wire.record_arrays import joined, picked


class Detectors:
    """From named flows to windows and findings.

    Of each block: `classify` its flows, `take` its deltas and openings, `advance` the clock; at the
    end `finish`. Everything follows event time; nothing looks at a clock of its own.
    """

    def __init__(self, settings: DetectorSettings, strings: StringTable) -> None:
        """Load the catalogue and the registers, and the model where one is given.

        Raises CatalogueError, RegisterError, ModelFileError, FeedbackError or OSError, each with a
        message for the operator.
        """
        self.catalogue = Catalogue.of(settings.catalogue)
        self._classifier = Classifier(self.catalogue, strings)
        self._settings = settings
        self._networks = Networks(settings.networks)
        self._dns_counts = DnsCounts()
        self._long_names = LongNames(strings)
        self._missing_names = MissingNames(strings)
        self._pools = Pools(self.catalogue)
        origin = Origin(settings.campus, settings.sensor, settings.key)
        self.feedback = Feedback(settings.feedback_file, origin)
        self._asked_names = AskedNames(strings)
        self._live = not settings.learn_from_replay
        self._since = 0  # which keeping of what was learned the news are since; 0 none
        self._news: Parts = {}  # of a state that was taken back
        self._hosts = self._track()
        self._clients = self._track() if settings.clients_may_be_hosts else None
        self._of_clients: list[Judged] = []  # told at the end, if clients are the hosts by then
        register = load_register(settings.registers, self.catalogue, settings.schools)
        self._policy = Policy(
            self.catalogue,
            register,
            settings.rules,
            settings.timezone,
            self._networks,
            origin,
            lambda name: strings[name].decode("ascii", "replace"),
            self.feedback,
        )
        self._riders = EmbeddingTrack(
            self.catalogue, settings.embedding, settings.max_open_rows, self._live
        )

    def classify(self, facts: NDArray[np.void], flows: NDArray[np.void]) -> Classes:
        """What flows (DELTA or FLOW_ROW) with these FACTS are; services index `catalogue.services`.

        Where an address range alone tells, `facts` are changed to say so.
        """
        return self._classifier.classify_flows(facts, flows)

    def reload(self, settings: CatalogueSettings) -> None:
        """Read the catalogue anew and go by it from the next flow on; no flow and no count is touched.

        A service keeps its index, one that is gone too; new ones come behind (`catalogue.ids`).
        Raises CatalogueError and goes by the old one. To read beside the packets, make a
        `Catalogue.of(settings, keep_ids)` on another thread and `adopt` it.
        """
        self.adopt(Catalogue.of(settings, self.catalogue.ids))

    def adopt(self, catalogue: Catalogue) -> None:
        """Go by a catalogue that was made with the ids of the one in use as `keep_ids`.

        Raises RegisterError when the registers cannot be matched to it, and goes by the old one.
        """
        if catalogue.ids[: len(self.catalogue.ids)] != self.catalogue.ids:
            raise ValueError("a catalogue that does not keep the ids in use cannot follow it")
        register = load_register(self._settings.registers, catalogue, self._settings.schools)
        self.catalogue = catalogue
        self._classifier.replace(catalogue)
        self._pools = Pools(catalogue)
        self._riders.adopt(catalogue)
        self._policy.judge_by(catalogue, register, self._settings.rules, self._settings.timezone)

    def hear_quarters(self, hear: Callable[[JudgedQuarter], None]) -> None:
        """Tell `hear` of each quarter of an hour of a service that is judged from now on."""
        self._policy.hear_quarter = hear

    def take(
        self,
        deltas: NDArray[np.void],
        facts: NDArray[np.void],
        classes: Classes,
        queries: tuple[NDArray[np.int64], NDArray[np.int32]],
    ) -> None:
        """Take DELTAs with the FACTS and classes of each.

        `queries` is what Namer.dns_queries gives for the deltas' flows: offsets and string ids.
        """
        dns = self._dns_counts.take(deltas, facts, *queries)
        asked = self._asked_names.of(deltas, dns.of_delta, dns.names)
        verdicts = Verdicts(classes.category, facts["name"] >= 0, dns.queries, dns.nxdomain, asked)
        ends = Ends.of(deltas, self._networks)
        self._hosts.add("host", rows_of_hosts(deltas, verdicts, ends))
        if len(dns.names):
            self._add("dns", self._long_names.rows(deltas, dns.of_delta, dns.names))
            self._add("nx", self._missing_names.rows(deltas, dns))
        self._add("pool", self._pools.rows(deltas, facts, classes.service))
        self._policy.take(deltas, classes.service)
        self._decide_who_is_host(ends)
        whose = ends.client if self._clients is None else None
        led_by, _ = self._classifier.classify(facts["referer"])
        self._riders.take(deltas, classes.service, classes.category, whose, led_by)
        if self._clients is not None:
            self._clients.add("host", rows_of_clients(deltas, verdicts, ends))

    def take_rows(self, rows: NDArray[np.void], facts: NDArray[np.void], service: NDArray[np.int32]) -> None:
        """Take FLOW_ROWs with the FACTS and service of each."""
        self._policy.take_rows(rows, facts, service)

    def take_opens(self, events: NDArray[np.void]) -> None:
        """Take EVENTs; those that open a flow tell when."""
        self._add("open", rows_of_opens(events))

    def advance(self, clock_ns: int) -> Judged:
        """Close the minutes that are over by the event clock, after the configured grace."""
        before_ns = clock_ns - self._settings.grace_seconds * SECOND_NS
        judged = self._hosts.advance(before_ns)
        self._riders.advance(before_ns)
        told = self._policy.advance(clock_ns, self.hosts_are_clients, self.embeddings)
        if self._clients is None:
            return _with(judged, told)
        of_clients = _with(self._clients.advance(before_ns), told)
        if len(of_clients.windows) or len(of_clients.involved) or of_clients.findings or of_clients.updates:
            self._of_clients.append(of_clients)
        return judged

    def so_far(self, clock_ns: int) -> Judged:
        """What a stop of the daemon writes: minutes that are over, and findings that still go on."""
        judged = self._hosts.so_far(clock_ns)
        return _with(judged, self._policy.advance(clock_ns, self.hosts_are_clients, self.embeddings))

    def state(self) -> Parts:
        """What a restart needs (live only: clients never are the hosts there)."""
        parts = self._hosts.state()
        return {
            **under("hosts", parts),
            **under("names", self._long_names.state(rows_in(parts, DNS_ROW))),
            **under("domains", self._missing_names.state(rows_in(parts, NX_ROW))),
            **under("policy", self._policy.state()),
            **under("feedback", self.feedback.state()),
            "news/since": np.array([self._since], np.int64),
            **under("news/hosts", self._hosts.news()),
            **under("news/riders", self._riders.news()),
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back; into detectors that have seen nothing. KeyError: not such a state."""
        hosts = within("hosts", parts)
        for key, value in hosts.items():
            if value.dtype == DNS_ROW:
                hosts[key] = self._long_names.again(value, within("names", parts))
            elif value.dtype == NX_ROW:
                hosts[key] = self._missing_names.again(value, within("domains", parts))
        self._hosts.restore(hosts)
        self._policy.restore(within("policy", parts))
        self.feedback.restore(within("feedback", parts))
        self._news = within("news", parts)

    def learned(self) -> Parts:
        """What forest and embedding have learned and learn from: too much to be kept as often as the rest."""
        self._since = secrets.randbits(62)
        return {
            "since": np.array([self._since], np.int64),
            **self._hosts.learned(),
            **under("riders", self._riders.state()),
            **under("names-asked", self._asked_names.state()),
        }

    def recall(self, parts: Parts) -> None:
        """Take back what was learned. KeyError, ValueError: it is of another version."""
        self._hosts.recall(parts)
        self._since = int(parts["since"][0]) if "since" in parts else 0  # earlier versions had no news
        riders = within("riders", parts)
        if riders:  # states of earlier versions have the forest alone
            self._riders.restore(riders)
        asked = within("names-asked", parts)
        if asked:
            self._asked_names.restore(asked)

    def catch_up(self) -> None:
        """After both: the news of the state come once more, if they are since what was recalled."""
        news, self._news = self._news, {}
        if news and int(news["since"][0]) == self._since:  # states of earlier versions have none
            self._hosts.catch_up(within("hosts", news))
            self._riders.catch_up(within("riders", news))

    def finish(self) -> Judged:
        """Close what is open and give what is left, findings by time, then subject."""
        track = self._hosts if self._clients is None else self._clients
        with ThreadPoolExecutor(1, thread_name_prefix="embedding") as beside:
            riders = beside.submit(self._finish_riders)  # they and the hosts know nothing of each other
            hosts = track.finish()
            riders.result()
        told = self._policy.finish(self.hosts_are_clients, self.embeddings)
        left = [*self._of_clients, _with(hosts, told)]
        self._of_clients = []
        return Judged(
            joined([judged.windows for judged in left]),
            _in_order([finding for judged in left for finding in judged.findings]),
            _in_order([finding for judged in left for finding in judged.updates]),
            np.concatenate([judged.involved for judged in left]),
        )

    def embeddings(self) -> Sequence[Embedding]:
        """What is known by now of third parties that ride along with apps."""
        return self._riders.result()

    def app_days(self) -> Sequence[AppDay]:
        """How long devices used each education app on each day that is over, and its standing."""
        return self._policy.app_days

    def entrances(self) -> Sequence[Entrance]:
        """By what way devices came to education apps on each day that is over (article 12)."""
        return self._policy.entrances

    @property
    def hosts_are_clients(self) -> bool:
        """No address of the networks has been seen: the clients are the hosts."""
        return self._clients is not None

    @property
    def counters(self) -> dict[str, int]:
        """What came late and what was shed, by name; a closed set."""
        track = self._hosts if self._clients is None else self._clients
        forgotten = self._dns_counts.forgotten
        return {
            **track.counters,
            "dns_counts_forgotten": forgotten,
            **self._policy.counters,
            **self._riders.counters,
        }

    @property
    def learner(self) -> Learner | None:
        """Who makes the models of hosts; None where one was given."""
        return self._hosts.learner

    @property
    def learning(self) -> Learning:
        """How far the forest's learning is."""
        return self._hosts.learning

    @property
    def trust(self) -> Trust:
        """How far the forest's findings can be trusted."""
        return (self._hosts if self._clients is None else self._clients).trust

    @property
    def budget(self) -> Budget:
        """What is accepted of chance, to hold the findings against."""
        services = self._settings.rules.anomalous_service.accepted_false_alerts_per_day
        days = (self._hosts if self._clients is None else self._clients).days
        return Budget(self._settings.accepted_false_alerts_per_day, services, days)

    @property
    def silent(self) -> dict[str, int]:
        """How often each rule of the opinion kept silent because no list covers what it asks for."""
        return self._policy.silent

    def _finish_riders(self) -> None:
        self._riders.finish()
        self._riders.result()

    def _decide_who_is_host(self, ends: Ends) -> None:
        """Drop the clients' track for good when an address of the networks shows up."""
        if self._clients is not None and (ends.client.any() or ends.server.any()):
            self._clients, self._of_clients = None, []
            self._riders.forget()

    def _add(self, lane: str, rows: NDArray[np.void]) -> None:
        """Rows of a lane, to the hosts of the networks and, while they may be hosts, to all clients."""
        inside = self._networks.contain(rows["host_hi"], rows["host_lo"])
        self._hosts.add(lane, picked(rows, inside))
        if self._clients is not None:
            self._clients.add(lane, rows)

    def _track(self) -> HostTrack:
        settings = self._settings
        return HostTrack(
            self._scorer(),
            Origin(settings.campus, settings.sensor, settings.key),
            settings.accepted_false_alerts_per_day,
            settings.max_open_rows,
            self.feedback,
            ContextSettings(settings.timezone, settings.host_groups, settings.max_hosts),
            self._live,
        )

    def _scorer(self) -> Scorer:
        settings = self._settings
        if settings.model_file is not None:
            return ModelScorer(load(settings.model_file))
        if settings.learn_from_replay:
            return ReplayScorer(settings.forest, settings.max_held_windows)
        known = Incidents() if settings.incidents_file is None else incidents.load(settings.incidents_file)
        return Learner(settings.forest, settings.schedule, known, teacher=settings.teacher)


def _with(judged: Judged, told: Told) -> Judged:
    """The same with more findings."""
    if not told.findings and not told.updates:
        return judged
    findings, updates = [*judged.findings, *told.findings], [*judged.updates, *told.updates]
    return Judged(judged.windows, findings, updates, judged.involved)


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda each: (each.start_ns, each.rule, each.subject.value))
