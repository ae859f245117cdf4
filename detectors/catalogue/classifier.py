"""Classes for whole blocks of flows: each distinct name is looked up once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.catalogue import NO_SERVICE, Catalogue
from detectors.catalogue.categories import GENERAL, UNKNOWN
from wire.names.strings import StringTable

_NOT_YET = -2


class Classifier:
    """Keeps the answer for every name id of one StringTable."""

    def __init__(self, catalogue: Catalogue, strings: StringTable) -> None:
        self._catalogue = catalogue
        self._strings = strings
        self._service = np.full(1024, _NOT_YET, np.int32)
        self._category = np.full(1024, GENERAL, np.uint8)

    def classify(self, names: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The service index (NO_SERVICE without) and category code of each name id.

        `names` are ids of the string table; a negative id means that the flow has no name.
        """
        service = np.full(len(names), NO_SERVICE, np.int32)
        category = np.full(len(names), UNKNOWN, np.uint8)
        named = np.flatnonzero(names >= 0)
        if len(named):
            ids = names[named]
            self._learn(ids)
            service[named] = self._service[ids]
            category[named] = self._category[ids]
        return service, category

    def _learn(self, ids: NDArray[np.int32]) -> None:
        """Look up the ids that were never seen before."""
        self._grow(int(ids.max()) + 1)
        for name_id in np.unique(ids[self._service[ids] == _NOT_YET]).tolist():
            match = self._catalogue.match(self._strings[name_id].decode("ascii", "replace"))
            self._service[name_id] = match.service if match else NO_SERVICE
            self._category[name_id] = match.category if match else GENERAL

    def _grow(self, size: int) -> None:
        have = len(self._service)
        if size > have:
            more = max(size, 2 * have) - have
            self._service = np.concatenate([self._service, np.full(more, _NOT_YET, np.int32)])
            self._category = np.concatenate([self._category, np.full(more, GENERAL, np.uint8)])
