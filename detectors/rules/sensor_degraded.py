"""Article 15: who supervises must know when the sensor did not see. A gap in what was captured.

Measured: event time between the last packet that was accounted for and the first one after.
Not seen: what passed in between.
"""

from __future__ import annotations

from dataclasses import dataclass

from detectors.findings import Finding, Origin, Subject
from detectors.findings_text import GAPS, LIMITS
from detectors.window_features import SECOND_NS

RULE = "sensor-degraded"
ARTICLE = ("15",)
#: Why there is a gap; a closed set.
GAP_REASONS = tuple(GAPS)


@dataclass(frozen=True, slots=True)
class Gap:
    """Event time that was not, or not wholly, seen. `reason`: one of GAP_REASONS."""

    reason: str
    start_ns: int
    end_ns: int
    worker: int | None = None  # whose share of the packets is missing; None: all
    workers: int = 1

    @property
    def seconds(self) -> float:
        """Its length."""
        return max(self.end_ns - self.start_ns, 0) / SECOND_NS


def sensor_degraded(gap: Gap, origin: Origin) -> Finding:
    """The finding that a gap is."""
    subject = Subject("sensor", origin.sensor)
    share = 1.0 if gap.worker is None else round(1.0 / gap.workers, 4)
    zh, en = GAPS[gap.reason]
    return Finding(
        id=origin.finding_id(RULE, subject, gap.start_ns),
        campus=origin.campus,
        sensor=origin.sensor,
        rule=RULE,
        article=ARTICLE,
        subject=subject,
        start_ns=gap.start_ns,
        end_ns=max(gap.end_ns, gap.start_ns),
        p_value=None,
        confidence=1.0,
        patterns=(),
        evidence={"reason": gap.reason, "seconds": round(gap.seconds, 3), "share_of_packets": share},
        limits=LIMITS[RULE],
        text={
            "zh": f"{zh}，约 {gap.seconds:.1f} 秒内的流量未完整观察。",
            "en": f"{en}; traffic of about {gap.seconds:.1f} s was not wholly seen.",
        },
    )
