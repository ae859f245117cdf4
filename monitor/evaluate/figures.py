"""The figures of an evaluation: ranking of host-hours, detection of incidents, false alerts, calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.involvement import ROLES
from monitor.evaluate.outcome import HOUR_NS, Told, Windows
from monitor.evaluate.truth import Incident

_DAY_NS = 24 * HOUR_NS
#: A finding still belongs to an incident this long after its end: windows close late.
_AFTER_NS = 10 * 60_000_000_000
CALIBRATION_LEVELS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class HostHours:
    """One entry per host and hour with a scored window: its highest score, and whether it is positive.

    part: the host's strongest part in what was found (index into ROLES) plus its confidence; 0 for none.
    """

    keys: list[tuple[str, int]]
    score: NDArray[np.float64]
    positive: NDArray[np.bool_]
    part: NDArray[np.float64]


def host_hours(windows: Windows, positive: set[tuple[str, int]]) -> HostHours:
    """The scored windows of each host and hour as one."""
    best: dict[tuple[str, int], float] = {}
    part: dict[tuple[str, int], float] = {}
    at = np.flatnonzero(windows.scored)
    hours = (windows.start_ns[at] // HOUR_NS).tolist()
    columns = (windows.host[at].tolist(), hours, windows.score[at].tolist(), windows.part[at].tolist())
    for host, hour, score, took in zip(*columns, strict=True):
        key = (host, hour)
        best[key] = max(best.get(key, 0.0), score)
        part[key] = max(part.get(key, 0.0), took)
    keys = sorted(best)
    return HostHours(
        keys,
        np.array([best[key] for key in keys], np.float64),
        np.array([key in positive for key in keys], np.bool_),
        np.array([part[key] for key in keys], np.float64),
    )


def with_involvement(hours: HostHours) -> HostHours:
    """The same with what was found: subjects rank first, then the touched, both by confidence.

    The score alone, which is below 1, ranks the rest; what the sensor shows an operator is all of it.
    """
    return replace(hours, score=np.where(hours.part > 0, hours.part, hours.score))


def of_subjects(hours: HostHours, incidents: list[Incident]) -> HostHours:
    """The same without the hours of those to whom it was done: who answers a probe has done nothing."""
    subjects = {incident.subject for incident in incidents}
    return _chosen(hours, [not hours.positive[at] or key[0] in subjects for at, key in enumerate(hours.keys)])


def of_residents(hours: HostHours, residents: set[str]) -> HostHours:
    """The same without addresses that only probes woke: a scan wakes hundreds, each easy to tell."""
    return _chosen(hours, [host in residents for host, _ in hours.keys])


def involvement(hours: HostHours) -> dict[str, dict[str, int]]:
    """How many host-hours were told to have a part in what was found, by part, and how many of them have."""
    role = hours.part.astype(np.int64)
    return {
        name: {
            "host_hours": int(np.count_nonzero(role == at)),
            "positive": int(np.count_nonzero(hours.positive[role == at])),
        }
        for at, name in enumerate(ROLES)
    }


def _chosen(hours: HostHours, kept: list[bool]) -> HostHours:
    at = np.flatnonzero(kept)
    keys = [hours.keys[each] for each in at.tolist()]
    return HostHours(keys, hours.score[at], hours.positive[at], hours.part[at])


def ranking(hours: HostHours) -> dict[str, float | int | None]:
    """How many host-hours there are, and how they rank."""
    return {"host_hours": len(hours.score), **ranked(hours.score, hours.positive)}


def ranked(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> dict[str, float | int | None]:
    """ROC AUC and average precision; null when there are no positives or no negatives."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    figures: dict[str, float | int | None] = {
        "positive": int(positive.sum()),
        "roc_auc": None,
        "average_precision": None,
    }
    if 0 < positive.sum() < len(positive):
        figures["roc_auc"] = round(float(roc_auc_score(positive, score)), 6)
        figures["average_precision"] = round(float(average_precision_score(positive, score)), 6)
    return figures


def belongs(finding: Told, incident: Incident) -> bool:
    """Whether a finding is about an incident: its subject took part, and it lasted then."""
    took_part = finding.subject == incident.subject or finding.subject in incident.peers
    return (
        took_part and finding.start_ns <= incident.end_ns + _AFTER_NS and finding.end_ns >= incident.start_ns
    )


def detection(incidents: list[Incident], findings: list[Told]) -> list[dict[str, Any]]:
    """An entry per incident: found or not, how soon, and under which names."""
    entries = []
    for incident in incidents:
        own = [finding for finding in findings if belongs(finding, incident)]
        first = min((finding.told_ns for finding in own), default=None)
        seconds = None if first is None else max(first - incident.start_ns, 0) / 1e9
        patterns = sorted({pattern for finding in own for pattern in finding.patterns})
        entries.append(
            {
                "id": incident.id,
                "kind": incident.kind,
                "subject": incident.subject,
                "found": bool(own),
                "named": incident.kind in patterns,
                "patterns": patterns,
                "seconds_to_detect": seconds,
            }
        )
    return entries


def false_alerts(
    incidents: list[Incident], findings: list[Told], first_ns: int, last_ns: int
) -> dict[str, float | int]:
    """Findings about no incident, and how many that is a day of the time that was judged."""
    wrong = [each for each in findings if not any(belongs(each, incident) for incident in incidents)]
    days = max(last_ns - first_ns, 1) / _DAY_NS
    return {
        "findings": len(findings),
        "false": len(wrong),
        "days": round(days, 6),
        "false_a_day": len(wrong) / days,
    }


def calibration(windows: Windows, positive: set[tuple[str, int]]) -> list[tuple[float, float]]:
    """Of the usual windows, the share whose p-value is at most each level: (level, share)."""
    hours = (windows.start_ns // HOUR_NS).tolist()
    keys = zip(windows.host.tolist(), hours, strict=True)
    usual = windows.scored & np.array([key not in positive for key in keys], np.bool_)
    return shares(windows.p_value[usual])


def shares(values: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The share of p-values that is at most each level: (level, share)."""
    if len(values) == 0:
        return []
    return [(level, round(float(np.mean(values <= level)), 6)) for level in CALIBRATION_LEVELS]
