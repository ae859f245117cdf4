"""Article 7: providers and schools withstand attacks. Hosts that behave as no usual host does.

Measured: the p-value of each host-hour's tests (forest/episode_test.py), and the loud patterns.
A host is found when two of three minutes, or an hour, are rarer than the accepted false alerts allow,
or when a pattern shows. Not seen: intent; what an encrypted flow carries.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.findings import Finding, Origin, Subject
from detectors.findings_text import LIMITS, narrate
from detectors.forest.explanation import Reason
from detectors.forest.model import Model
from detectors.involvement import about
from detectors.minutes import host_keys
from detectors.parts import Parts, json_of, of_json
from detectors.rules.episodes import Episode
from detectors.rules.signal import Signal, confidence, host_text
from detectors.window_features import HOUR_NS, HOUR_SECONDS, MINUTE_NS, SCORE, SECOND_NS, WINDOW

RULE = "anomalous-host"
ARTICLE = ("7",)
_HOURS_A_DAY = 24.0
#: Minutes and hours are two tests of every host-hour.
_TESTS = 2.0
_LARGEST_LEVEL = 0.01
_MAX_PEERS = 5


class ForestSigns:
    """Turns the p-values of the two tests into signs, at the level that the accepted false alerts allow."""

    def __init__(self, accepted_false_alerts_per_day: float) -> None:
        self._accepted = accepted_false_alerts_per_day
        self._host_hours = self._hours = 0
        self._hosts_now = 0
        self._expected = 0.0
        self._tested, self._tested_hour = np.zeros(0, np.uint64), -1  # hosts of the latest hour

    @property
    def level(self) -> float:
        """The p-value at or below which a test finds.

        With N host-hours a day and two tests of each, 2 N times the level are found by chance a day:
        that is set equal to the accepted number. Those of one episode count once, so it is no more.
        """
        per_hour = self._host_hours / self._hours if self._hours else max(self._hosts_now, 1)
        return min(self._accepted / (_TESTS * per_hour * _HOURS_A_DAY), _LARGEST_LEVEL)

    @property
    def expected(self) -> float:
        """Tests found by chance so far, at most, if the calibration holds."""
        return self._expected

    @property
    def days(self) -> float:
        """Of hours in which some host was seen."""
        return self._hours / _HOURS_A_DAY

    def take(self, windows: NDArray[np.void]) -> list[Signal]:
        """The signs in WINDOWs. Windows without a test give none."""
        of_hours = windows["seconds"] == HOUR_SECONDS
        self._count(windows, of_hours)
        level = self.level
        scored = windows["phase"] == SCORE
        tests = int(np.count_nonzero(of_hours & scored)) + self._new_host_hours(windows[scored & ~of_hours])
        self._expected += level * tests
        signals = []
        found = scored & (windows["alarm_p"] <= level)
        for window in windows[found]:
            host, start_ns = (int(window["host_hi"]), int(window["host_lo"])), int(window["window_start_ns"])
            alarm_p = float(window["alarm_p"])
            seconds = int(window["seconds"])
            last_ns = start_ns + (seconds // 60 - 1) * MINUTE_NS
            # A minute is found with the one before it, or the one before that.
            first_ns = start_ns if seconds == HOUR_SECONDS else start_ns - MINUTE_NS
            strength = confidence(level, alarm_p)
            p_value = round(min(_TESTS * alarm_p, 1.0), 9)
            begins = np.arange(first_ns, last_ns + 1, seconds * SECOND_NS)
            own = about(host, begins, seconds, strength)
            sign = Signal(
                host, first_ns, last_ns, strength,
                p_value=p_value, window=window.copy(), seconds=seconds, involved=own,
            )  # fmt: skip
            signals.append(sign)
        return signals

    def state(self) -> Parts:
        """How many host-hours a day there are, and how many were found by chance."""
        return {"signs": of_json([self._host_hours, self._hours, self._hosts_now, self._expected])}

    def restore(self, parts: Parts) -> None:
        """Take a state back."""
        self._host_hours, self._hours, self._hosts_now, self._expected = json_of(parts["signs"])

    def _new_host_hours(self, minutes: NDArray[np.void]) -> int:
        """How many host-hours these minutes begin. A restart counts those of the open hour once more."""
        begun = 0
        hour = minutes["window_start_ns"] // HOUR_NS
        for each in np.unique(hour).tolist():
            own = minutes[hour == each]
            hosts = np.unique(host_keys(own["host_hi"], own["host_lo"]))
            before = self._tested if each == self._tested_hour else hosts[:0]
            self._tested, self._tested_hour = np.union1d(before, hosts), each
            begun += len(self._tested) - len(before)
        return begun

    def _count(self, windows: NDArray[np.void], of_hours: NDArray[np.bool_]) -> None:
        self._host_hours += int(np.count_nonzero(of_hours))
        self._hours += len(np.unique(windows["window_start_ns"][of_hours]))
        minutes = windows["window_start_ns"][~of_hours]
        if len(minutes) and not self._hours:
            self._hosts_now = max(self._hosts_now, int(np.unique(minutes, return_counts=True)[1].max()))


def findings(
    episodes: list[Episode], origin: Origin, model: Model | None, level: float | None = None
) -> list[Finding]:
    """A finding per episode; the forest's peaks are explained in one batch, down to the level that finds."""
    peaks = [each.strongest[None].window for each in episodes if None in each.strongest]
    reasons: list[tuple[Reason, ...]] = []
    if peaks and model is not None:
        reasons = model.explain(np.array(peaks, dtype=WINDOW), level=level)
    explained = iter(reasons)
    return [
        _finding(each, origin, next(explained, ()) if None in each.strongest else ()) for each in episodes
    ]


def _finding(episode: Episode, origin: Origin, reasons: tuple[Reason, ...]) -> Finding:
    subject = Subject("host", host_text(episode.host))
    patterns = tuple(sorted(pattern for pattern in episode.strongest if pattern))
    peak = episode.strongest.get(None)
    minutes = (episode.last_ns - episode.start_ns) // MINUTE_NS + 1
    evidence: dict[str, object] = {"minutes": int(minutes), "hosts_touched": len(episode.touched)}
    if peak is not None and peak.window is not None:
        evidence["forest"] = {
            "windows": episode.minutes[None],
            "peak_seconds": int(peak.window["seconds"]),
            "peak_score": float(peak.window["score"]),
            "reasons": [
                {"feature": r.feature, "seen": r.seen, "usual": r.usual, "part": r.part} for r in reasons
            ],
            "flows": [dict(each) for each in peak.flows],
        }
    for pattern in patterns:
        evidence[pattern] = dict(episode.strongest[pattern].figures)
    peers = [peer for pattern in patterns for peer in episode.strongest[pattern].peers]
    peers += peak.peers if peak is not None else ()
    evidence["peers"] = list(dict.fromkeys(peers))[:_MAX_PEERS]
    return Finding(
        id=origin.finding_id(RULE, subject, episode.start_ns),
        campus=origin.campus,
        sensor=origin.sensor,
        rule=RULE,
        article=ARTICLE,
        subject=subject,
        start_ns=episode.start_ns,
        end_ns=episode.last_ns + MINUTE_NS,
        p_value=peak.p_value if peak is not None else None,
        confidence=max(signal.confidence for signal in episode.strongest.values()),
        patterns=patterns,
        evidence=evidence,
        limits=LIMITS[RULE],
        text=narrate(
            int(minutes), [episode.strongest[each] for each in patterns], reasons, len(episode.touched)
        ),
    )
