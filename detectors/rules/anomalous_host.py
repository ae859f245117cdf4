"""Article 7: providers and schools withstand attacks. Hosts that behave as no usual host does.

Measured: the conformal p-value of each host-minute, and the loud patterns.
A host is found when two of three minutes lie below the threshold that the accepted false alerts
allow, or when a loud pattern shows. Not seen: intent; what an encrypted flow carries.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.findings import Finding, Origin, Subject
from detectors.findings_text import LIMITS, narrate
from detectors.forest.explanation import Reason
from detectors.forest.model import Model
from detectors.parts import Parts, json_of, of_json
from detectors.rules.episodes import Episode
from detectors.rules.signal import (
    Address,
    Signal,
    confidence,
    host_text,
    signal_from,
    signal_object,
)
from detectors.window_features import MINUTE_NS, SCORE

RULE = "anomalous-host"
ARTICLE = ("7",)
_MINUTES_A_DAY = 1440
_LARGEST_THRESHOLD = 0.01
_MAX_PEERS = 5


class ForestSigns:
    """Turns p-values into signs: below the threshold in two minutes of three."""

    def __init__(self, accepted_false_alerts_per_day: float) -> None:
        self._accepted = accepted_false_alerts_per_day
        self._windows = 0
        self._minutes = 0
        self._last: dict[Address, tuple[Signal, bool]] = {}  # the sign, and whether it was told

    def threshold(self) -> float:
        """The p-value below which a window counts.

        With W windows a day, two independent windows of three fall below a by chance about
        2 W a**2 times a day; that is set equal to the accepted number.
        """
        a_day = self._windows / max(self._minutes, 1) * _MINUTES_A_DAY
        return min(math.sqrt(self._accepted / max(2.0 * a_day, 1.0)), _LARGEST_THRESHOLD)

    def take(self, windows: NDArray[np.void]) -> list[Signal]:
        """The signs in windows ordered by minute. Windows without a score give none."""
        scored = windows[windows["phase"] == SCORE]
        self._windows += len(scored)
        self._minutes += len(np.unique(scored["window_start_ns"]))
        threshold = self.threshold()
        signals = []
        for window in scored[scored["p_value"] <= threshold]:
            host, minute = (int(window["host_hi"]), int(window["host_lo"])), int(window["window_start_ns"])
            p_value = float(window["p_value"])
            strength = confidence(threshold, p_value)
            now = Signal(host, minute, minute, strength, p_value=p_value, window=window.copy())
            before, told = self._last.get(host, (None, False))
            persists = before is not None and minute - before.minute_ns <= 2 * MINUTE_NS
            if before is not None and persists:
                signals.extend([now] if told else [before, now])
            self._last[host] = (now, persists)
        self._forget(windows)
        return signals

    def state(self) -> Parts:
        """The last sign of each host, and how many windows a day there are."""
        last = [[signal_object(signal), told] for signal, told in self._last.values()]
        return {"signs": of_json([self._windows, self._minutes, last])}

    def restore(self, parts: Parts) -> None:
        """Take a state back."""
        self._windows, self._minutes, last = json_of(parts["signs"])
        signals = [(signal_from(each), bool(told)) for each, told in last]
        self._last = {signal.host: (signal, told) for signal, told in signals}

    def _forget(self, windows: NDArray[np.void]) -> None:
        if len(windows):
            edge = int(windows["window_start_ns"].max()) - 2 * MINUTE_NS
            self._last = {host: each for host, each in self._last.items() if each[0].minute_ns >= edge}


def findings(episodes: list[Episode], origin: Origin, model: Model | None) -> list[Finding]:
    """A finding per episode; the forest's peaks are explained in one batch."""
    peaks = [each.strongest[None].window for each in episodes if None in each.strongest]
    reasons: list[tuple[Reason, ...]] = []
    if peaks and model is not None:
        reasons = model.explain(np.array(peaks, dtype=peaks[0].dtype))  # type: ignore[union-attr]
    explained = iter(reasons)
    return [
        _finding(each, origin, next(explained, ()) if None in each.strongest else ())
        for each in episodes
    ]


def _finding(episode: Episode, origin: Origin, reasons: tuple[Reason, ...]) -> Finding:
    subject = Subject("host", host_text(episode.host))
    patterns = tuple(sorted(pattern for pattern in episode.strongest if pattern))
    peak = episode.strongest.get(None)
    minutes = (episode.last_ns - episode.start_ns) // MINUTE_NS + 1
    evidence: dict[str, object] = {"minutes": int(minutes)}
    if peak is not None and peak.window is not None:
        evidence["forest"] = {
            "minutes": episode.minutes[None],
            "peak_score": float(peak.window["score"]),
            "reasons": [
                {"feature": r.feature, "seen": r.seen, "usual": r.usual, "part": r.part}
                for r in reasons
            ],
        }
    for pattern in patterns:
        evidence[pattern] = dict(episode.strongest[pattern].figures)
    peers = [peer for pattern in patterns for peer in episode.strongest[pattern].peers]
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
        text=narrate(int(minutes), [episode.strongest[each] for each in patterns], reasons),
    )
