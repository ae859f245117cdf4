"""The figures of services: ranking of their quarters of an hour, detection, false findings, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.rules.judged_quarter import JudgedQuarter
from detectors.use.link_rows import WINDOW_NS
from monitor.evaluate.figures import detection, false_alerts, ranked, shares
from monitor.evaluate.outcome import Told
from monitor.evaluate.truth import Incident


@dataclass(frozen=True, slots=True)
class Quarters:
    """The quarters of an hour that were judged, as columns, each (n,).

    score: the greatest deviation, in robust standard deviations; p_value: NaN while it is not known.
    positive: an incident of that service went on in it.
    """

    start_ns: NDArray[np.int64]
    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    positive: NDArray[np.bool_]


def quarters_of(judged: Sequence[JudgedQuarter], incidents: Sequence[Incident]) -> Quarters:
    """Judged quarters held against the incidents of services."""
    positive = {
        (each.subject, quarter)
        for each in incidents
        for quarter in range(each.start_ns // WINDOW_NS, -(-max(each.end_ns, each.start_ns + 1) // WINDOW_NS))
    }
    return Quarters(
        np.array([each.start_ns for each in judged], np.int64),
        np.array([each.deviation for each in judged], np.float64),
        np.array([np.nan if each.p_value is None else each.p_value for each in judged], np.float64),
        np.array([(each.service, each.start_ns // WINDOW_NS) in positive for each in judged], np.bool_),
    )


def calibration(quarters: Quarters) -> list[tuple[float, float]]:
    """Of the usual quarters with a p-value, the share that is at most each level: (level, share)."""
    values = quarters.p_value[~quarters.positive]
    return shares(values[~np.isnan(values)])


def figures_of_services(
    quarters: Quarters, incidents: list[Incident], findings: list[Told]
) -> dict[str, Any]:
    """What `evaluation.json` has under `services`."""
    starts = quarters.start_ns
    span = (int(starts.min()), int(starts.max()) + WINDOW_NS) if len(starts) else (0, 0)
    return {
        "ranking": {"quarters": len(starts), **ranked(quarters.score, quarters.positive)},
        "incidents": [_entry(each) for each in detection(incidents, findings)],
        "false_findings": false_alerts(incidents, findings, *span),
        "calibration": [{"level": level, "share": share} for level, share in calibration(quarters)],
    }


def _entry(told: dict[str, Any]) -> dict[str, Any]:
    """As an incident of a host; no kind has a name that a finding could tell, but figures that deviate."""
    kept = ("id", "kind", "subject", "found", "seconds_to_detect")
    return {**{name: told[name] for name in kept}, "deviations": told["patterns"]}
