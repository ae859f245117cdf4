"""Signs of one host that follow one another make one episode, and one finding."""

from __future__ import annotations

from dataclasses import dataclass, field

from detectors.rules.signal import Address, Signal
from detectors.window_features import MINUTE_NS

GAP_NS = 5 * MINUTE_NS
ANNOUNCE_NS = 5 * MINUTE_NS


@dataclass(slots=True)
class Episode:
    """The signs of a host with no gap longer than GAP_NS between them.

    Of each pattern, and of the forest, only the strongest sign is kept, with the number of minutes.
    """

    host: Address
    start_ns: int
    last_ns: int
    strongest: dict[str | None, Signal] = field(default_factory=dict)
    minutes: dict[str | None, int] = field(default_factory=dict)
    announced: bool = False

    def add(self, signal: Signal) -> None:
        """Take a sign that is no earlier than the last."""
        self.start_ns = min(self.start_ns, signal.start_ns)
        self.last_ns = max(self.last_ns, signal.minute_ns)
        self.minutes[signal.pattern] = self.minutes.get(signal.pattern, 0) + 1
        best = self.strongest.get(signal.pattern)
        if best is None or _strength(signal) > _strength(best):
            self.strongest[signal.pattern] = signal


def _strength(signal: Signal) -> tuple[float, float, float]:
    score = 0.0 if signal.window is None else float(signal.window["score"])
    return -(signal.p_value or 0.0), signal.confidence, score


class Episodes:
    """The episodes that are going on, by host; bounded, the oldest leaves first and early."""

    def __init__(self, max_open: int = 100_000) -> None:
        self._max_open = max_open
        self._open: dict[Address, Episode] = {}
        self._over: list[Episode] = []

    def add(self, signals: list[Signal]) -> None:
        """Take signs of a stretch of time; later calls bring later stretches."""
        for signal in sorted(signals, key=lambda each: (each.minute_ns, each.host, each.pattern or "")):
            episode = self._open.get(signal.host)
            if episode is None or signal.start_ns > episode.last_ns + GAP_NS:
                if episode is not None:
                    self._over.append(episode)
                elif len(self._open) >= self._max_open:
                    self._over.append(self._open.pop(next(iter(self._open))))
                episode = Episode(signal.host, signal.start_ns, signal.minute_ns)
                self._open[signal.host] = episode
            episode.add(signal)

    def due(self, before_ns: int) -> list[Episode]:
        """Episodes that ended before a time, and those that go on and were not yet announced.

        A long episode comes out twice: when it has lasted ANNOUNCE_NS, and when it is over.
        """
        for host, episode in list(self._open.items()):
            if episode.last_ns + GAP_NS < before_ns:
                self._over.append(self._open.pop(host))
        ready, self._over = self._over, []
        for episode in self._open.values():
            if not episode.announced and episode.start_ns + ANNOUNCE_NS < before_ns:
                episode.announced = True
                ready.append(episode)
        return sorted(ready, key=lambda each: (each.start_ns, each.host))

    def finish(self) -> list[Episode]:
        """All that are left."""
        left = [*self._over, *self._open.values()]
        self._over, self._open = [], {}
        return sorted(left, key=lambda each: (each.start_ns, each.host))
