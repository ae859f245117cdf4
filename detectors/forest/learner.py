"""A model that a running sensor learns for itself: collect, then score, and learn anew on a schedule.

Everything follows event time. What was found is kept out of training, one host's share of it is
capped, and the windows that calibrate come from other hours than those that train.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.forest.drift import Drift
from detectors.forest.episode_test import MinuteEvidence
from detectors.forest.found import Found
from detectors.forest.incidents import Incidents
from detectors.forest.isolation import ForestSettings
from detectors.forest.lesson import Lesson, Outcome, Teacher, at_once, model_of, parts_of, verdict_of
from detectors.forest.model import Model
from detectors.forest.promotion import Verdict
from detectors.forest.sample import Sample
from detectors.forest.scorers import score
from detectors.forest.strange import Strange
from detectors.parts import Parts, json_of, of_json, under, within
from detectors.window_features import HOUR_NS, HOUR_SECONDS, MINUTE_NS, SECOND_NS, WINDOW

#: As `collect_seconds`: a century, in which nothing is learned.
NEVER = 100 * 366 * 86_400
#: So long after an attempt for which there was too little another one is made.
_RETRY_NS = HOUR_NS
_MOST_CONFIRMED = 200  # incidents of 36 windows at most


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a sensor learns, in event time, and from how much.

    `collect_seconds`: how long windows are collected before the first model; `retrain_seconds`: how
    old a model gets; `horizon_seconds`: how far back training reaches; `keep_windows`: a sample
    this large is kept, packed; `host_share`: the largest part of the training that may
    come from one host, so that a slow drift by one host moves nobody's threshold.
    """

    collect_seconds: int = 86_400
    retrain_seconds: int = 86_400
    horizon_seconds: int = 28 * 86_400
    least_windows: int = 2_000
    keep_windows: int = 200_000
    host_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Learning:
    """How far the learning is. model_ns: event time of a model that was learned and is in use, else 0."""

    has_model: bool
    model_ns: int = 0
    taken: int = 0  # challengers that became the model
    refused: int = 0  # challengers that did not hold


@dataclass(slots=True)
class Learner:
    """A Scorer that starts without a model and makes its own."""

    forest: ForestSettings
    schedule: Schedule
    #: What comes with the program for challengers to be tried on.
    incidents: Incidents = field(default_factory=Incidents)
    #: This sensor's own, which people confirmed.
    confirmed: Incidents = field(default_factory=Incidents)
    #: Who makes the models.
    teacher: Teacher = at_once
    model: Model | None = None
    shed: int = 0  # it samples, and sheds nothing
    holds: bool = False
    trained_ns: int = 0  # event time up to which the model has seen windows
    model_ns: int = 0  # the same of the model in use, which is older where a challenger was refused
    trainings: int = 0
    refused: int = 0  # challengers that did not hold
    verdict: Verdict | None = None  # on the last challenger
    drift: Drift = field(default_factory=Drift)  # since the model in use was made
    _sample: Sample = field(init=False)
    _found: Found = field(default_factory=Found)
    _strange: Strange = field(default_factory=Strange)
    _evidence: MinuteEvidence = field(default_factory=MinuteEvidence)
    _tried_ns: int = np.iinfo(np.int64).min  # event time of the last attempt to learn
    _first_ns: int | None = None
    _outcome: Outcome | None = None  # of the lesson that goes on

    def __post_init__(self) -> None:
        self._sample = Sample(self.schedule.keep_windows)

    def take(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        """All of them: scored by the model there is, else in the phase COLLECT."""
        if len(windows) == 0:
            return windows
        if self.model is not None:
            score(self.model, windows, self._evidence)
            self._strange.take(windows, self._found)
        self.drift.take(_minutes(windows))
        self._sample.add(windows)
        now_ns = int(windows["window_start_ns"].max()) + MINUTE_NS
        if self._first_ns is None:
            self._first_ns = int(windows["window_start_ns"].min())
        schedule = self.schedule
        due_ns = (
            self._first_ns + schedule.collect_seconds * SECOND_NS
            if self.trainings == 0
            else self.trained_ns + schedule.retrain_seconds * SECOND_NS
        )
        if self._outcome is None and now_ns >= max(due_ns, self._tried_ns + _RETRY_NS):
            self._learn(now_ns)
        self._hear()
        return windows

    def flag(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """What a host did from start to end was found: no model learns from it."""
        self._found.add(host, start_ns, end_ns)

    def confirm(self, host: tuple[int, int], start_ns: int, end_ns: int, name: str) -> None:
        """What was found of a host was true: challengers are tried on it from now on."""
        self.flag(host, start_ns, end_ns)
        windows = self._strange.of(host, start_ns, end_ns)
        known = self.confirmed.newest(_MOST_CONFIRMED - 1)
        self.confirmed = known.and_those(Incidents.of({name: windows}))

    def withdraw(self, name: str) -> None:
        """It is not asked of challengers any more."""
        self.confirmed = self.confirmed.without(name)

    @property
    def learning(self) -> Learning:
        """How far it is."""
        model_ns = self.model_ns if self.model is not None else 0
        return Learning(self.model is not None, model_ns, self.trainings - self.refused, self.refused)

    def clear(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """It was found falsely: models may learn from it."""
        self._found.clear(host, start_ns, end_ns)

    def hosts(self) -> set[tuple[int, int]]:
        """Hosts of which something was found, or is learned from."""
        return self._found.hosts() | self._sample.hosts()

    def finish(self) -> NDArray[np.void]:
        """None wait."""
        return np.zeros(0, WINDOW)

    def state(self) -> Parts:
        """The sample, what was found, and the model; a lesson that goes on is lost."""
        plain = [self.trained_ns, self.trainings, self._first_ns, self._found.spans()]
        parts: Parts = {
            "plain": of_json(plain),
            "tried": np.array([self._tried_ns], np.int64),
            "standing": np.array([self.model_ns, self.refused], np.int64),
            **under("sample", self._sample.state()),
            **under("drift", self.drift.state()),
        }
        parts |= under("evidence", self._evidence.state())
        parts |= {"strange": self._strange.windows, **under("confirmed", self.confirmed.state())}
        return parts if self.model is None else {**parts, **parts_of(self.model)}

    def restore(self, parts: Parts) -> None:
        """Take a state back.

        Of a sensor that went by a model of a file there is the open hour's evidence alone.
        """
        evidence = within("evidence", parts)
        if evidence:
            self._evidence.restore(evidence)
        if "plain" not in parts:
            return
        self.trained_ns, self.trainings, self._first_ns, found = json_of(parts["plain"])
        self._found = Found(((hi, lo), start, end) for (hi, lo), start, end in found)
        self._tried_ns = int(parts["tried"][0])
        self.model_ns, self.refused = parts.get("standing", np.array([self.trained_ns, 0])).tolist()
        self._sample.restore(within("sample", parts))
        self.drift.restore(within("drift", parts))
        if "strange" in parts:  # states of earlier versions have none
            self._strange = Strange(parts["strange"])
            self.confirmed = Incidents.restored(within("confirmed", parts))
        self.model = model_of(parts)

    def _learn(self, now_ns: int) -> None:
        self._tried_ns = now_ns  # if it fails, too: what is too little now is so in a minute
        oldest_ns = now_ns - self.schedule.horizon_seconds * SECOND_NS
        self._sample.forget(oldest_ns)
        self._found.forget(oldest_ns)
        if len(self._sample) < self.schedule.least_windows:
            return
        lesson = Lesson(
            now_ns, self.forest, self.schedule.least_windows, self.schedule.host_share, self._sample,
            self._found, self.incidents.and_those(self.confirmed), self.model,
        )  # fmt: skip
        self._outcome = self.teacher(lesson.parts())

    def _hear(self) -> None:
        """What came of the lesson, if it is over."""
        if self._outcome is None or (outcome := self._outcome()) is None:
            return
        self._outcome = None
        if "verdict" not in outcome:
            return
        self.verdict = verdict_of(outcome)
        self.trained_ns = self._tried_ns
        self.trainings += 1
        challenger = model_of(outcome)
        if challenger is None:
            self.refused += 1
            return
        self.model, self.model_ns = challenger, self.trained_ns
        assert challenger.population is not None
        self.drift.learn(challenger.population, challenger.span_ns[1])


def _minutes(windows: NDArray[np.void]) -> NDArray[np.void]:
    """The WINDOWs of a minute."""
    return np.asarray(windows[windows["seconds"] != HOUR_SECONDS])
