"""Signs of one host that follow one another make one episode, and one finding."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from detectors.involvement import NOBODY, touched_addresses
from detectors.parts import Parts, json_of, of_json
from detectors.rules.signal import Address, Signal, signal_from, signal_object
from detectors.window_features import HOUR_NS, HOUR_SECONDS, MINUTE_NS

GAP_NS = 5 * MINUTE_NS
#: A finding says of more that it touched so many.
MOST_TOUCHED = 1_000


@dataclass(slots=True)
class Episode:
    """The signs of a host with no gap longer than GAP_NS between them. It waits an hour for the next hour's.

    Of each pattern, and of the forest, only the strongest sign is kept, with the number of minutes.
    `touched` tells MOST_TOUCHED hosts apart, and no more.
    """

    host: Address
    start_ns: int
    last_ns: int
    strongest: dict[str | None, Signal] = field(default_factory=dict)
    minutes: dict[str | None, int] = field(default_factory=dict)
    told: bool = False
    grown: bool = False  # since it was told
    of_forest: bool = False  # told with a sign of the forest
    hourly: bool = False  # its last sign was an hour's: the next such comes an hour later
    touched: set[Address] = field(default_factory=set)  # hosts that its signs' traffic reached

    def add(self, signal: Signal) -> None:
        """Take a sign that is no earlier than the last."""
        self.grown = self.told
        self.start_ns = self.start_ns if self.told else min(self.start_ns, signal.start_ns)
        if signal.minute_ns >= self.last_ns:
            self.last_ns, self.hourly = signal.minute_ns, signal.seconds == HOUR_SECONDS
        self.minutes[signal.pattern] = self.minutes.get(signal.pattern, 0) + 1
        best = self.strongest.get(signal.pattern)
        if best is None or _strength(signal) > _strength(best):
            self.strongest[signal.pattern] = replace(signal, involved=NOBODY)
        for address in touched_addresses(signal.involved):
            if len(self.touched) < MOST_TOUCHED:
                self.touched.add(address)


def _strength(signal: Signal) -> tuple[float, float, float]:
    score = 0.0 if signal.window is None else float(signal.window["score"])
    return -(signal.p_value or 0.0), signal.confidence, score


@dataclass(frozen=True, slots=True)
class Due:
    """Episodes to tell, by start, then host: for the first time, and again at their end."""

    new: list[Episode]
    grown: list[Episode]


class Episodes:
    """The episodes that are going on, by host; bounded, the oldest leaves first and early."""

    def __init__(self, max_open: int = 100_000) -> None:
        self._max_open = max_open
        self._open: dict[Address, Episode] = {}
        self._over: list[Episode] = []
        self.of_forest = 0  # episodes told with a sign of the forest, each once

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

    def due(self, before_ns: int) -> Due:
        """Episodes not told yet, and told ones that ended before a time and had grown meanwhile."""
        for host, episode in list(self._open.items()):
            if episode.last_ns + GAP_NS + episode.hourly * HOUR_NS < before_ns:
                self._over.append(self._open.pop(host))
        return self._take([each for each in self._open.values() if not each.told])

    def so_far(self) -> Due:
        """The daemon stops: what was not told, or has grown, of episodes that may go on later."""
        return self._take([each for each in self._open.values() if each.grown or not each.told])

    def state(self) -> Parts:
        """The episodes that are going on. Those that are over were told of before."""
        return {
            "open": of_json([_plain(episode) for episode in [*self._over, *self._open.values()]]),
            "of_forest": np.array([self.of_forest], np.int64),
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back; into an empty one."""
        if "of_forest" in parts:  # states of earlier versions did not count them
            self.of_forest = int(parts["of_forest"][0])
        for plain in json_of(parts["open"]):
            episode = _from_plain(plain)
            earlier = self._open.get(episode.host)
            if earlier is not None:
                self._over.append(earlier)
            self._open[episode.host] = episode

    def finish(self) -> Due:
        """All that are left."""
        self._over.extend(self._open.values())
        self._open = {}
        return self._take([])

    def _take(self, going_on: list[Episode]) -> Due:
        """Those that are over, and some that go on, as told from now on."""
        ready, self._over = [*self._over, *going_on], []
        due = Due(
            _in_order([each for each in ready if not each.told]),
            _in_order([each for each in ready if each.told and each.grown]),
        )
        for episode in ready:
            episode.told, episode.grown = True, False
            if None in episode.strongest and not episode.of_forest:
                episode.of_forest = True
                self.of_forest += 1
        return due


def _in_order(episodes: list[Episode]) -> list[Episode]:
    return sorted(episodes, key=lambda each: (each.start_ns, each.host))


def _plain(episode: Episode) -> dict[str, Any]:
    """An episode as plain data."""
    return {
        "host": episode.host,
        "start_ns": episode.start_ns,
        "last_ns": episode.last_ns,
        "strongest": [signal_object(signal) for signal in episode.strongest.values()],
        "minutes": list(episode.minutes.items()),
        "told": episode.told,
        "grown": episode.grown,
        "of_forest": episode.of_forest,
        "hourly": episode.hourly,
        "touched": sorted(episode.touched),
    }


def _from_plain(plain: dict[str, Any]) -> Episode:
    strongest = [signal_from(each) for each in plain["strongest"]]
    return Episode(
        tuple(plain["host"]),
        plain["start_ns"],
        plain["last_ns"],
        {signal.pattern: signal for signal in strongest},
        dict(plain["minutes"]),
        plain["told"],
        plain["grown"],
        plain.get("of_forest", False),  # states of earlier versions did not tell either
        plain.get("hourly", False),
        {(hi, lo) for hi, lo in plain.get("touched", ())},
    )
