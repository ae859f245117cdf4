"""What the sensor did not see: gaps in event time, each counted and told as a finding."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.findings import Finding, Origin
from detectors.parts import Parts, json_of, of_json
from detectors.rules.sensor_degraded import GAP_REASONS, Gap, sensor_degraded

#: Losses that are no further apart than this are one gap.
_CALM_NS = 60_000_000_000
#: Whose death leaves nobody to see, the graver the later.
_DEATHS = ("worker_lost", "analysis_renewed", "analysis_lost", "daemon_lost")


class Gaps:
    """Opens gaps, closes them, and makes their findings. Times are the event clock's, nanoseconds.

    counts, seconds: closed gaps by reason. origin: whose findings they become from now on.
    """

    def __init__(self, origin: Origin, workers: int) -> None:
        self.counts = dict.fromkeys(GAP_REASONS, 0)
        self.seconds = dict.fromkeys(GAP_REASONS, 0.0)
        self.origin = origin
        self._workers = workers
        self._lost: dict[int | None, tuple[str, int]] = {}
        self._totals: dict[str, int] = {}
        self._losing: dict[str, tuple[int, int]] = {}  # since when, and when last
        self._told: set[str] = set()  # stretches that last, and were told of already

    def lost(self, reason: str, clock_ns: int, worker: int | None = None) -> None:
        """From this moment a worker, or all (None), do not see. Nothing before the first packet.

        Where they saw nothing already, it began then, and the graver of both reasons is told.
        """
        if clock_ns > 0:
            earlier, since_ns = self._lost.get(worker, (reason, clock_ns))
            self._lost[worker] = max(earlier, reason, key=_DEATHS.index), since_ns

    def seeing(self, clock_ns: int, worker: int) -> list[Finding]:
        """A worker sees; the findings of the gaps that end with that."""
        if not self._lost or clock_ns <= 0:
            return []
        over = [each for each in self._lost if each is None or each == worker]
        return [self._close(*self._lost.pop(each), clock_ns, each) for each in over]

    def losses(self, totals: Mapping[str, int], clock_ns: int) -> list[Finding]:
        """Totals of what is lost while we see, by reason.

        The findings of stretches that are over; also of one that has lasted for a minute, so that
        a loss without end is known before its end: it comes again, under its id, when it is over.
        """
        for reason, total in totals.items():
            if total > self._totals.get(reason, 0) and clock_ns > 0:
                since, _ = self._losing.get(reason, (clock_ns, clock_ns))
                self._losing[reason] = (since, clock_ns)
            self._totals[reason] = total
        lasting = [
            sensor_degraded(Gap(reason, since, last, None, self._workers), self.origin)
            for reason, (since, last) in self._losing.items()
            if last - since >= _CALM_NS and reason not in self._told
        ]
        self._told |= {finding.evidence["reason"] for finding in lasting}
        over = [reason for reason, (_, last) in self._losing.items() if clock_ns - last > _CALM_NS]
        self._told.difference_update(over)
        return [*lasting, *(self._close(reason, *self._losing.pop(reason)) for reason in over)]

    def so_far(self, clock_ns: int) -> list[Finding]:
        """The daemon stops: what is lost, or not seen by some, ends here; a stop is no gap."""
        losing, self._losing, self._told = self._losing, {}, set()
        lost, self._lost = self._lost, {}
        unseen = [
            self._close(reason, since_ns, clock_ns, worker)
            for worker, (reason, since_ns) in lost.items()
            if clock_ns > since_ns
        ]
        return [*(self._close(reason, *each) for reason, each in losing.items()), *unseen]

    def state(self) -> Parts:
        """For a checkpoint."""
        lost = [[worker, *each] for worker, each in self._lost.items()]  # an object's keys are strings
        going_on = {"lost": lost, "losing": self._losing, "told": sorted(self._told)}
        return {"gaps": of_json([self.counts, self.seconds, self._totals, going_on])}

    def restore(self, parts: Parts) -> None:
        """Take counts back, what was lost by then (it is not lost again), and what had no end yet."""
        counts, seconds, self._totals, going_on = json_of(parts["gaps"])
        for worker, reason, since_ns in going_on["lost"]:
            if worker is None or worker < self._workers:  # else there are fewer now, and it never comes back
                self._lost[worker] = (reason, since_ns)
        self._losing = {reason: (since, last) for reason, (since, last) in going_on["losing"].items()}
        self._told = set(going_on["told"])
        self.counts.update({reason: counts.get(reason, 0) for reason in self.counts})
        self.seconds.update({reason: seconds.get(reason, 0.0) for reason in self.seconds})

    def _close(self, reason: str, start_ns: int, end_ns: int, worker: int | None = None) -> Finding:
        gap = Gap(reason, start_ns, max(end_ns, start_ns), worker, self._workers)
        self.counts[reason] += 1
        self.seconds[reason] += gap.seconds
        return sensor_degraded(gap, self.origin)
