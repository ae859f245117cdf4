"""What analysis is made of under one configuration, and how it passes to another, or to a next life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.findings import Origin, rfc3339
from detectors.judge import Detectors
from detectors.kept_names import ids_again, strings_of
from detectors.parts import Parts, under, within
from monitor import __version__, places
from monitor.config.config import Config
from monitor.config.config_file import ConfigError
from monitor.daemon import lessons
from monitor.daemon.gaps import Gaps
from monitor.daemon.totals import Totals
from monitor.models.feedback import feedback_file
from monitor.models.store import ModelStore, models_folder
from monitor.pipeline.handover import STEP_COUNTERS
from monitor.pipeline.merge import PATIENCE_NS
from monitor.pipeline.pipeline import AnalysisStages, Tables
from monitor.pipeline.stages import StageSettings, settings_from
from sinks.live_results import LiveResults, Places

#: Looks at the counters, a second apart, after which what is missing is lost.
_QUIET_LOOKS = 3
RING_COUNTERS = ("received", "kernel_drops", "freezes", "shown")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Another configuration, with all that may fail of it done.

    tables: where workers begin anew with it, which they do when what their flows are made by changes.
    """

    config: Config
    settings: StageSettings
    detectors: Detectors
    tables: Tables | None


class Rooms:
    """Stages, results and accounts. Raises what the parts raise for a configuration they cannot use."""

    def __init__(self, config: Config, workers: int) -> None:
        settings = live_settings(config)
        self.config = config
        self._settings = settings
        self.workers = workers
        self.checkpoints = 0
        self.checkpoint_ns = 0
        self.lost = 0  # frames that a process took with it when it died
        self._trainings = 0  # of the learner, that the store knows of
        self._seen = (0, 0)
        self._steps: tuple[int, ...] = ()
        self._quiet_looks = 0
        self.stages = AnalysisStages(settings, workers, PATIENCE_NS, halves_may_part=True)
        self.results = _results(config, settings, self.stages)
        self.gaps = Gaps(_origin(settings), workers)
        self.packets = Totals(STEP_COUNTERS)
        self.rings = Totals(RING_COUNTERS)

    def prepare(self, config: Config) -> Prepared:
        """All that can fail of a change to another configuration."""
        settings = live_settings(config)
        if config.privacy.key_file is not None and settings.detectors.key != self._settings.detectors.key:
            line = f"privacy.key_file: {config.privacy.key_file} 的内容已变，需重启才能生效 holds another key"
            raise ConfigError([f"{line}; it takes effect with a restart, not with a reload"])
        anew = (settings.flows, settings.names) != (self._settings.flows, self._settings.names)
        tables = self.stages.tables(settings) if anew else None
        strings = self.stages.strings if tables is None else tables.join.strings
        return Prepared(config, settings, Detectors(settings.detectors, strings), tables)

    def commit(self, prepared: Prepared) -> None:
        """Go on under the other configuration, with all that was counted and seen.

        Where it brings tables, the lives of all workers have ended.
        """
        self.config, self._settings = prepared.config, prepared.settings
        if prepared.tables is not None:
            self.stages.end_lives(self.results)
        prepared.detectors.restore(self.stages.detectors.state())
        prepared.detectors.recall(self.stages.detectors.learned())
        prepared.detectors.catch_up()
        earlier = self.results
        earlier.flush()  # a history belongs to one configuration
        if prepared.tables is not None:
            self._take_up(prepared.tables)
        self.stages.detectors = prepared.detectors
        self.gaps.origin = _origin(prepared.settings)
        results = _results(self.config, prepared.settings, self.stages)
        results.follow(earlier)
        self.results = results  # only now: a scrape may come at any time, and sees no counter fall
        earlier.close()

    def _take_up(self, tables: Tables) -> None:
        """Other tables, with the answers of DNS and the counters of those before."""
        answers = self._answers()
        counted = self.stages.join.counters
        self.packets.add(**{f"names_{name}": count for name, count in counted.items()})
        self.stages.take_up(tables)
        self._apply_answers(answers)

    def keep_challenger(self) -> None:
        """Put what was learned since the last time into the store, or why it was refused. Raises OSError."""
        learner = self.stages.detectors.learner
        if learner is None or learner.verdict is None or learner.trainings == self._trainings:
            return
        self._trainings = learner.trainings
        model = learner.model if learner.verdict.holds else None
        store = ModelStore(models_folder(self.config.state))
        store.keep(model, learner.verdict, rfc3339(learner.trained_ns))
        store.keep_incidents(learner.confirmed)

    @property
    def clock_ns(self) -> int:
        """The event clock."""
        return self.stages.clock_ns

    def find_losses(self, steps: Sequence[int]) -> None:
        """Once a second while all workers work: what rings gave against what workers told of.

        steps: taken of each worker's life so far. A worker whose ring is empty tells so several times a
        second; where all have done so from look to look, and nothing was counted meanwhile, nothing is on
        its way, and a difference is what was lost with a process. A worker that waits for the CPU tells
        nothing.
        """
        given, taken = self._balance()
        told = all(now > before for now, before in zip(steps, self._steps, strict=False))
        self._quiet_looks = self._quiet_looks + 1 if told and self._seen == (given, taken) else 0
        if self._quiet_looks >= _QUIET_LOOKS:
            self.lost = max(given - taken, self.lost)
        self._seen, self._steps = (given, taken), tuple(steps)

    def receive_what_was_taken(self) -> None:
        """After a restore, where the daemon that wrote the state is gone: what it worked on it had received.

        Its parent told of the rings once a second, and its workers of their frames all the while.
        """
        given, taken = self._balance()
        if taken > given:
            self.rings.add(received=taken - given, shown=taken - given)

    def _balance(self) -> tuple[int, int]:
        """Frames that the rings gave, and those that workers told of."""
        rings, counts = self.rings.sums(), self.packets.sums()
        taken = counts["packets"] + counts["capture_shed"] + counts["capture_unreadable"]
        return rings["received"] - rings["kernel_drops"], taken

    def state(self) -> Parts:
        """Everything that a next life needs."""
        return {
            **self._answers(),
            **under("detectors", self.stages.detectors.state()),
            **under("results", self.results.state()),
            **under("gaps", self.gaps.state()),
            **under("packets", self.packets.state()),
            **under("rings", self.rings.state()),
        }

    def restore(self, parts: Parts, clock_ns: int) -> None:
        """Take a state and its event clock back. KeyError, ValueError: it is of another version."""
        self.stages.clock_ns = clock_ns
        self._apply_answers(parts)
        self.stages.detectors.restore(within("detectors", parts))
        self.results.restore(within("results", parts))
        self.gaps.restore(within("gaps", parts))
        self.packets.restore(within("packets", parts))
        self.rings.restore(within("rings", parts))

    def _answers(self) -> Parts:
        """The answers of DNS that are alive, with their names."""
        answers = self.stages.join.answers_kept(self.clock_ns)
        named = np.concatenate([answers["name"], answers["chain_end"]])
        return {"answers": answers, **under("names", strings_of(named, self.stages.strings))}

    def _apply_answers(self, parts: Parts) -> None:
        answers, names = parts["answers"].copy(), within("names", parts)
        for field in ("name", "chain_end") if len(names["ends"]) else ():  # no answers, no names
            answers[field] = ids_again(answers[field], names, self.stages.strings)
        self.stages.join.apply(answers)


def news_bytes(state: Parts) -> int:
    """What of a state (`Rooms.state`) came since what was learned was kept."""
    return sum(part.nbytes for part in within("detectors/news", state).values())


def live_settings(config: Config) -> StageSettings:
    """Settings of a run that never ends: only what lies in the campus's networks is a host."""
    promoted = ModelStore(models_folder(config.state)).active()
    settings = settings_from(config, pseudonymise=True, live=True, model_in_use=promoted)
    detectors = replace(
        settings.detectors,
        clients_may_be_hosts=False,
        feedback_file=feedback_file(config),
        teacher=lessons.begin,
    )
    return replace(settings, detectors=detectors)


def _results(config: Config, settings: StageSettings, stages: AnalysisStages) -> LiveResults:
    state = places.state_directory(config.state)
    history = state / places.HISTORY if config.history.enabled else None
    most_bytes = int(config.history.max_gib * (1 << 30))
    where = Places(state / places.FINDINGS, history, config.history.retention_days, most_bytes)
    assert settings.pseudonyms is not None
    services = stages.detectors.catalogue.ids
    return LiveResults(
        where, stages.strings, services, settings.pseudonyms, __version__, lambda: stages.clock_ns
    )


def _origin(settings: StageSettings) -> Origin:
    detectors = settings.detectors
    return Origin(detectors.campus, detectors.sensor, detectors.key)
