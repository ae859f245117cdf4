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
from detectors.waiting_rows import WaitingRows, from_packed_state, packed_state
from detectors.window_features import MINUTE_NS
from detectors.windows import HostWindows
from wire.record_arrays import picked

#: Who was led from the page or app of which service to which other (HTTP's Referer or Origin).
_REFERRED = np.dtype([("client", "u8"), ("app", "i4"), ("third", "i4")])


class EmbeddingTrack:
    """Of each block `take` the deltas, then `advance` the clock; at the end `finish`, then `result`."""

    def __init__(
        self,
        catalogue: Catalogue,
        settings: EmbeddingSettings,
        max_open_rows: int,
        keeps_news: bool = False,
    ) -> None:
        """keeps_news: there are checkpoints, and `state` is asked for now and then."""
        self._catalogue = catalogue
        self._settings = settings
        self._max_open_rows = max_open_rows
        self._keeps_news = keeps_news
        self.forget()

    def forget(self) -> None:
        """Begin anew: whose clients count has changed."""
        self._learned = self._nothing_learned()
        self._windows = HostWindows(self._max_open_rows)
        self._told: Sequence[Embedding] | None = None
        self._forget_news()

    def _forget_news(self) -> None:
        self._counted: list[WaitingRows] = []
        self._counted_until_ns = 0
        self._referred: list[NDArray[np.void]] = []

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
                led = np.empty(len(at), _REFERRED)
                led["client"] = client_hash(deltas["client_hi"][at], deltas["client_lo"][at])
                led["app"], led["third"] = led_by[at], service[at]
                self._refer(np.unique(led))

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
        """What a restart needs; with the `news` since, if they are of later."""
        self._forget_news()
        return {
            "catalogue": of_json(self._catalogue.ids),
            **under("windows", self._windows.state()),
            **under("learned", self._learned.state()),
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back; into a track that has seen nothing. KeyError, ValueError: it is none."""
        self._restore_windows(parts)
        self._learned.restore(within("learned", parts))
        self._told = None

    def news(self) -> Parts:
        """What has come since the last `state`: small, for a checkpoint that comes more often."""
        return {
            "until": np.array([self._counted_until_ns], np.int64),
            "catalogue": of_json(self._catalogue.ids),
            "referred": np.concatenate([*self._referred, np.zeros(0, _REFERRED)]),
            **under("counted", packed_state(self._counted)),
            **under("windows", self._windows.state()),
        }

    def catch_up(self, parts: Parts) -> None:
        """Take news back, after the state that they are since."""
        (until_ns,) = parts["until"].tolist()
        places = self._places(parts)
        for rows in from_packed_state(within("counted", parts)):
            self._count(_moved(rows.rows(), places), until_ns)
        referred = parts["referred"].copy()
        for name in ("app", "third"):
            referred[name] = places[referred[name]]
        self._refer(referred[(referred["app"] >= 0) & (referred["third"] >= 0)])
        self._windows = HostWindows(self._max_open_rows)
        self._restore_windows(parts)

    def _places(self, parts: Parts) -> NDArray[np.int32]:
        """Where each service of a state stands in this catalogue, -2 for one that is gone; BROWSING last."""
        now = {service: at for at, service in enumerate(self._catalogue.ids)}
        return np.array([*(now.get(id_, -2) for id_ in json_of(parts["catalogue"])), BROWSING], np.int32)

    def _restore_windows(self, parts: Parts) -> None:
        windows = within("windows", parts)
        if "rows" in windows:
            windows["rows"] = _moved(windows["rows"], self._places(parts))
        self._windows.restore(windows)

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
            until_ns = min(end_ns, last_ns + MINUTE_NS)
            self._learned.take(rows, until_ns)
            if self._keeps_news:
                self._counted.append(WaitingRows.of(rows, packed=True))
                self._counted_until_ns = until_ns
            self._told = None

    def _refer(self, led: NDArray[np.void]) -> None:
        """Count REFERREDs."""
        self._learned.refer(led["client"], led["app"], led["third"])
        self._told = None
        if self._keeps_news:
            self._referred.append(led)


def _moved(rows: NDArray[np.void], places: NDArray[np.int32]) -> NDArray[np.void]:
    """SIGHTINGs by the services of this catalogue; those of services that are gone are left out."""
    rows = rows.copy()
    rows["service"] = places[rows["service"]]
    return np.asarray(rows[rows["service"] >= BROWSING])


def _distinct(rows: NDArray[np.void]) -> NDArray[np.void]:
    """SIGHTINGs without those that say nothing new: a page's many flows are one call in its minute."""
    minute = rows["window_start_ns"] // MINUTE_NS
    _, client = np.unique(rows["client"], return_inverse=True)
    service = rows["service"].astype(np.int64) - BROWSING
    return picked(rows, combined(minute - minute.min(), client, service)[1])
