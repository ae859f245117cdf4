"""A model: a forest and its calibration for each group of hosts and each length of window.

A part that has too little to learn from is missing, and the pooled one of that length, learned from
every group, stands in; so it does for a group that all windows are of, whose own part would be the same.
Without a pooled part for hours, hours are `cold`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.forest import episode_test
from detectors.forest.calibration import Calibration
from detectors.forest.drift import Population
from detectors.forest.explanation import Reason, explain
from detectors.forest.features import matrix
from detectors.forest.host_groups import GROUPS
from detectors.forest.isolation import ForestSettings, IsolationForest
from detectors.forest.tail import Tail
from detectors.minutes import host_keys
from detectors.seen_before import mixed
from detectors.window_features import COLD, HOUR_SECONDS, MINUTE_SECONDS, SCORE
from wire.record_arrays import picked

#: The part that was learned from all groups.
POOLED = len(GROUPS)
PART_NAMES = (*GROUPS, "pooled")
#: Windows that train and calibrate a part at least; of the pooled one of minutes any number will do.
LEAST_TRAINING = {MINUTE_SECONDS: 2_000, HOUR_SECONDS: 150}
LEAST_CALIBRATION = {MINUTE_SECONDS: 1_000, HOUR_SECONDS: 60}
#: Rows whose matrix stands in memory at one time, 9 MB.
_SCORED_TOGETHER = 16_384


@dataclass(frozen=True, slots=True)
class Part:
    """Of one group and length: the forest, its scores of usual windows, and the test's tail.

    tail: of minutes over the peaks of host-hours, of hours over their whole evidence. own: over the
    strangeness of single windows.
    """

    forest: IsolationForest
    calibration: Calibration
    tail: Tail
    own: Tail

    @classmethod
    def of(
        cls, forest: IsolationForest, scores: NDArray[np.float64], statistics: NDArray[np.float64]
    ) -> Part:
        """Scores of usual windows, and the statistics of usual host-hours; both (n,), any order."""
        own = Tail(episode_test.strangeness(scores))
        return cls(forest, Calibration(scores), Tail(statistics), own)


class Model:
    """Scores windows; made from windows by `Model.learn` or read by model_file.load."""

    def __init__(
        self,
        parts: dict[tuple[int, int], Part],
        span_ns: tuple[int, int] = (0, 0),
        population: Population | None = None,
    ) -> None:
        """parts: by length in seconds and group (or POOLED); the pooled minutes at least.

        span_ns: first and last minute of what it was learned from; zeros when unknown. population: of
        its minutes, against which drift is measured; None in files of earlier versions.
        """
        self.parts = parts
        self.span_ns = span_ns
        self.population = population

    @classmethod
    def learn(
        cls,
        training: NDArray[np.void],
        calibration: NDArray[np.void],
        settings: ForestSettings,
    ) -> Model:
        """Fit to one set of WINDOWs and calibrate on another that the forests have not seen.

        Both may hold minutes and hours; the minutes of a host-hour should all be there or not at all.
        """
        starts = np.concatenate([training["window_start_ns"], calibration["window_start_ns"]])
        both = [each["features"][_of_length(each, MINUTE_SECONDS)] for each in (training, calibration)]
        model = cls({}, (int(starts.min()), int(starts.max())), Population.of(np.concatenate(both)))
        del both
        model._learn_length(MINUTE_SECONDS, training, calibration, settings)
        hours, minutes = (
            picked(calibration, _of_length(calibration, each)) for each in (HOUR_SECONDS, MINUTE_SECONDS)
        )
        hours = with_peaks(model, minutes, hours)
        del minutes
        model._learn_length(HOUR_SECONDS, training, hours, settings)
        return model

    @property
    def forest(self) -> IsolationForest:
        """The pooled forest of minutes."""
        return self.parts[MINUTE_SECONDS, POOLED].forest

    @property
    def calibration(self) -> Calibration:
        """The pooled calibration of minutes."""
        return self.parts[MINUTE_SECONDS, POOLED].calibration

    def score(self, windows: NDArray[np.void]) -> None:
        """Fill score, p_value and phase of WINDOWs in place; of hours alarm_p too, from their `peak`.

        A minute's score is the forest's and its p-value conformal. An hour's are those of its test
        (episode_test.py): its own evidence and its minutes' together.
        """
        windows["phase"] = SCORE
        for part, chosen, seconds in self._shares(windows):
            some = picked(windows, chosen)
            score = part.forest.score(matrix(some))
            if seconds == HOUR_SECONDS:
                evidence = self._evidence(part, some, score)
                p_value = part.tail.p_values(evidence)
                windows["score"][chosen] = np.round(episode_test.displayed(evidence), 6)
                windows["alarm_p"][chosen] = p_value
                windows["p_value"][chosen] = np.round(p_value, 9)
            else:
                windows["score"][chosen] = score
                windows["p_value"][chosen] = part.calibration.p_values(score)
        cold = ~np.isfinite(windows["score"]) & _of_length(windows, HOUR_SECONDS)
        windows["phase"][cold] = COLD

    def test_minutes(self, windows: NDArray[np.void], pair: NDArray[np.float64]) -> None:
        """Fill alarm_p of scored minute WINDOWs from the strength of their pairs (episode_test.pairs)."""
        for part, chosen, _ in self._shares(windows):
            windows["alarm_p"][chosen] = part.tail.p_values(pair[chosen])

    def least(self, windows: NDArray[np.void]) -> NDArray[np.float64]:
        """The least alarm_p that each WINDOW could get, whatever it showed; 1 where no part takes it."""
        least = np.ones(len(windows))
        for part, chosen, _ in self._shares(windows):
            least[chosen] = part.tail.smallest
        return least

    def explain(
        self, windows: NDArray[np.void], top: int = 3, level: float | None = None
    ) -> list[tuple[Reason, ...]]:
        """The features that make each scored window strange, most telling first.

        level: as many as it takes until the window alone would no longer be found at this alarm_p, at
        most twice `top`.
        """
        reasons: list[tuple[Reason, ...]] = [()] * len(windows)
        for part, chosen, seconds in self._shares(windows):
            some = picked(windows, chosen)
            target = np.full(len(some), np.nan)
            if level is not None:
                target[:] = self._target(part, some, seconds, level)
            told = explain(part.forest, matrix(some), some["usual"].astype(np.float64), top, target)
            for at, each in zip(chosen.tolist(), told, strict=True):
                reasons[at] = each
        return reasons

    def alarms(self, windows: NDArray[np.void], level: float) -> NDArray[np.bool_]:
        """Which WINDOWs are strange enough, each taken alone, for an alarm at a level of alarm_p."""
        found = np.zeros(len(windows), np.bool_)
        for part, chosen, seconds in self._shares(windows):
            some = picked(windows, chosen)
            found[chosen] = part.forest.score(matrix(some)) >= self._target(part, some, seconds, level)
        return found

    def _target(
        self, part: Part, windows: NDArray[np.void], seconds: int, level: float
    ) -> NDArray[np.float64]:
        """The forest's score from which on a window alone makes an alarm."""
        statistic = np.full(len(windows), part.tail.threshold(level))
        if seconds == HOUR_SECONDS:  # the p-value that an hour itself must reach
            wanted = np.exp(-statistic) / self._minute_p(windows)
            statistic = np.array([part.own.threshold(min(each, 1.0)) for each in wanted.tolist()])
        return np.asarray(np.round(1.0 - np.exp(-np.maximum(statistic, 0.0)), 6))

    def _shares(self, windows: NDArray[np.void]) -> Iterator[tuple[Part, NDArray[np.int64], int]]:
        """Each part that is responsible for some of the windows, and the places of these."""
        hours = _of_length(windows, HOUR_SECONDS)
        for seconds, own in ((MINUTE_SECONDS, ~hours), (HOUR_SECONDS, hours)):
            if not own.any():
                continue
            for group in np.unique(windows["group"][own]).tolist():
                part = self.parts.get((seconds, group), self.parts.get((seconds, POOLED)))
                if part is not None:
                    yield part, np.flatnonzero(own & (windows["group"] == group)), seconds

    def _evidence(
        self, part: Part, windows: NDArray[np.void], score: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """What an hour shows, itself and its minutes."""
        own = part.own.p_values(episode_test.strangeness(score))
        return episode_test.combined(self._minute_p(windows), own)

    def _minute_p(self, windows: NDArray[np.void]) -> NDArray[np.float64]:
        """The p-value of the strongest pair of minutes of each hour; 1 without one."""
        p_value = np.ones(len(windows))
        for group in np.unique(windows["group"]).tolist():
            part = self.parts.get((MINUTE_SECONDS, group), self.parts[MINUTE_SECONDS, POOLED])
            chosen = (windows["group"] == group) & np.isfinite(windows["peak"])
            p_value[chosen] = part.tail.p_values(windows["peak"][chosen])
        return p_value

    def _learn_length(
        self,
        seconds: int,
        training: NDArray[np.void],
        calibration: NDArray[np.void],
        settings: ForestSettings,
    ) -> None:
        """The parts of one length; the minutes' stand before those of hours are learned."""
        ours, theirs = (np.flatnonzero(_of_length(each, seconds)) for each in (training, calibration))
        if seconds == MINUTE_SECONDS or _enough(len(ours), len(theirs), seconds):
            self.parts[seconds, POOLED] = self._learn_part(training, ours, calibration, theirs, settings)
        for group in range(len(GROUPS)):
            own, other = ours[training["group"][ours] == group], theirs[calibration["group"][theirs] == group]
            all_are = len(own) == len(ours) and len(other) == len(theirs)
            if _enough(len(own), len(other), seconds) and not all_are:
                self.parts[seconds, group] = self._learn_part(training, own, calibration, other, settings)

    def _learn_part(
        self,
        training: NDArray[np.void],
        ours: NDArray[np.int64],
        calibration: NDArray[np.void],
        theirs: NDArray[np.int64],
        settings: ForestSettings,
    ) -> Part:
        """Of the WINDOWs of one length at these places, of which copies stand no longer than needed."""
        forest = IsolationForest.fit(matrix(picked(training, ours)), settings)
        parts = np.split(theirs, range(_SCORED_TOGETHER, len(theirs), _SCORED_TOGETHER))
        scores = np.concatenate([forest.score(matrix(picked(calibration, each))) for each in parts])
        others = picked(calibration, theirs)
        strange = episode_test.strangeness(scores)
        if _of_length(others, HOUR_SECONDS).all():
            own = Tail(strange).p_values(strange)
            return Part.of(forest, scores, episode_test.combined(self._minute_p(others), own))
        host = host_keys(others["host_hi"], others["host_lo"])
        pair = episode_test.pairs(host, others["window_start_ns"], strange)
        return Part.of(forest, scores, episode_test.peaks_of_hours(others, pair)[2])


def _of_length(windows: NDArray[np.void], seconds: int) -> NDArray[np.bool_]:
    """What is no hour is a minute."""
    return np.asarray((windows["seconds"] == HOUR_SECONDS) == (seconds == HOUR_SECONDS))


def _enough(training: int, calibration: int, seconds: int) -> bool:
    return training >= LEAST_TRAINING[seconds] and calibration >= LEAST_CALIBRATION[seconds]


def with_peaks(model: Model, minutes: NDArray[np.void], hours: NDArray[np.void]) -> NDArray[np.void]:
    """Hour WINDOWs, copied, with the peaks that the model sees in minute WINDOWs, which it scores."""
    hours = hours.copy()
    if len(minutes) == 0 or len(hours) == 0:
        return hours
    for first in range(0, len(minutes), _SCORED_TOGETHER):
        model.score(minutes[first : first + _SCORED_TOGETHER])
    host = host_keys(minutes["host_hi"], minutes["host_lo"])
    pair = episode_test.pairs(host, minutes["window_start_ns"], episode_test.strangeness(minutes["score"]))
    key, hour_ns, peak = episode_test.peaks_of_hours(minutes, pair)
    value = mixed(key) ^ hour_ns.astype(np.uint64)
    wanted = mixed(host_keys(hours["host_hi"], hours["host_lo"])) ^ hours["window_start_ns"].astype(np.uint64)
    order = np.argsort(value)
    at = order[np.minimum(np.searchsorted(value[order], wanted), len(value) - 1)]
    hours["peak"] = np.where(value[at] == wanted, peak[at], np.nan)
    return hours
