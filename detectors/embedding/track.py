"""The embedding as the judge sees it: deltas wait until their minute is over, then count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES
from detectors.embedding.embedding import Embedding
from detectors.embedding.embeddings import Embeddings
from detectors.embedding.settings import EmbeddingSettings
from detectors.embedding.sightings import BROWSING, client_hash, sightings_of
from detectors.grouping import combined
from detectors.parts import Parts, json_of, of_json, under, within
from detectors.window_features import MINUTE_NS
from detectors.windows import HostWindows
from wire.record_arrays import picked


class EmbeddingTrack:
    """Of each block `take` the deltas, then `advance` the clock; at the end `finish`, then `result`."""

    def __init__(self, catalogue: Catalogue, settings: EmbeddingSettings, max_open_rows: int) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._max_open_rows = max_open_rows
        self.forget()

    def forget(self) -> None:
        """Begin anew: whose clients count has changed."""
        self._learned = self._nothing_learned()
        self._windows = HostWindows(self._max_open_rows)
        self._told: Sequence[Embedding] | None = None

    def _nothing_learned(self) -> Embeddings:
        codes = [CATEGORIES.index(service.category) for service in self._catalogue.services]
        return Embeddings(self._catalogue.ids, codes, self._settings)

    def take(
        self,
        deltas: NDArray[np.void],
        service: NDArray[np.int32],
        category: NDArray[np.uint8],
        inside: NDArray[np.bool_] | None,
        led_by: NDArray[np.int32],
    ) -> None:
        """Take DELTAs with the service and category of each; `inside`: whose clients count, None all.

        led_by: the service whose page or app led there (HTTP's Referer or Origin), negative without.
        """
        if len(deltas):
            everyone = np.ones(len(deltas), np.bool_) if inside is None else inside
            self._windows.add(sightings_of(deltas, service, category, everyone))
            at = np.flatnonzero(everyone & (service >= 0) & (led_by >= 0))
            if len(at):
                client = client_hash(deltas["client_hi"][at], deltas["client_lo"][at])
                self._learned.refer(client, led_by[at], service[at])
                self._told = None

    def advance(self, before_ns: int) -> None:
        """Count the minutes that end by `before_ns`."""
        self._count(self._windows.close(before_ns), before_ns)

    def finish(self) -> None:
        """Count what is open."""
        self._count(self._windows.finish(), np.iinfo(np.int64).max)
        if self._learned.finish():
            self._told = None

    def result(self) -> Sequence[Embedding]:
        """What is known by now; worked out when it is asked for and something has come since."""
        if self._told is None:
            self._told = self._learned.result()
        return self._told

    def adopt(self, catalogue: Catalogue) -> None:
        """Go by a catalogue whose first ids are those of the one in use; what was learned stays."""
        learned = self._learned.state()
        self._catalogue = catalogue
        self._learned = self._nothing_learned()
        self._learned.restore(learned)
        self._told = None

    def state(self) -> Parts:
        """What a restart needs."""
        return {
            "catalogue": of_json(self._catalogue.ids),
            **under("windows", self._windows.state()),
            **under("learned", self._learned.state()),
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back; into a track that has seen nothing. KeyError, ValueError: it is none."""
        now = {service: at for at, service in enumerate(self._catalogue.ids)}
        places = np.array([*(now.get(id_, -2) for id_ in json_of(parts["catalogue"])), BROWSING], np.int32)
        windows = within("windows", parts)
        if "rows" in windows:
            rows = windows["rows"].copy()
            rows["service"] = places[rows["service"]]
            windows["rows"] = rows[rows["service"] >= BROWSING]
        self._windows.restore(windows)
        self._learned.restore(within("learned", parts))
        self._told = None

    @property
    def counters(self) -> dict[str, int]:
        """What was given up, by reason; a closed set."""
        counts = {**self._learned.counters, "embedding_rows_shed": self._windows.shed}
        counts["embedding_rows_late"] += self._windows.late
        return counts

    def _count(self, rows: NDArray[np.void] | None, end_ns: int) -> None:
        if rows is not None and len(rows):
            rows = _distinct(rows)
            # Beyond the last call there is nothing to decide yet.
            last_ns = int(rows["window_start_ns"].max())
            self._learned.take(rows, min(end_ns, last_ns + MINUTE_NS))
            self._told = None


def _distinct(rows: NDArray[np.void]) -> NDArray[np.void]:
    """SIGHTINGs without those that say nothing new: a page's many flows are one call in its minute."""
    minute = rows["window_start_ns"] // MINUTE_NS
    _, client = np.unique(rows["client"], return_inverse=True)
    service = rows["service"].astype(np.int64) - BROWSING
    return picked(rows, combined(minute - minute.min(), client, service)[1])
