"""Classes for whole blocks of flows: each distinct name is looked up once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.addresses import CONFIDENCE, AddressRanges
from detectors.catalogue.catalogue import NO_SERVICE, Catalogue
from detectors.catalogue.categories import ADVERTISING, GENERAL, TRACKING, UNKNOWN
from wire.names.facts import SOURCE_ADDRESS_RANGE, SOURCE_NONE
from wire.names.strings import StringTable
from wire.record_arrays import picked

_NOT_YET = -2


@dataclass(frozen=True, slots=True)
class Classes:
    """What n flows are.

    | field | shape, dtype | meaning |
    |---|---|---|
    | service | (n,) int32 | index into the catalogue's services, NO_SERVICE without |
    | category | (n,) uint8 | index into CATEGORIES |
    | cloaked_service | (n,) int32 | the tracker that a first-party name is an alias of, NO_SERVICE without |
    | cloaked_category | (n,) uint8 | its category; UNKNOWN without |
    """

    service: NDArray[np.int32]
    category: NDArray[np.uint8]
    cloaked_service: NDArray[np.int32]
    cloaked_category: NDArray[np.uint8]


class Classifier:
    """Keeps the answer for every name id of one StringTable, until the catalogue is replaced."""

    def __init__(self, catalogue: Catalogue, strings: StringTable) -> None:
        self._strings = strings
        self.replace(catalogue)

    def replace(self, catalogue: Catalogue) -> None:
        """Answer by another catalogue from now on; what was answered is forgotten."""
        self._catalogue = catalogue
        self._ranges = AddressRanges(catalogue.services)
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
            self._grow(len(self._strings))
            found = self._service[ids]
            new = found == _NOT_YET
            if new.any():
                self._learn(ids[new])
                found = self._service[ids]
            service[named] = found
            category[named] = self._category[ids]
        return service, category

    def classify_flows(self, facts: NDArray[np.void], flows: NDArray[np.void]) -> Classes:
        """Classes of flows (DELTA or FLOW_ROW) with their FACTS.

        A flow that nothing names and whose server lies in a service's address range gets that service;
        its `name_source` and `name_confidence` in `facts` are set to say so.
        """
        service, category = self.classify(facts["name"])
        if self._ranges:
            self._by_address(facts, flows, service, category)
        return Classes(service, category, *self._cloaked(facts, category))

    def _by_address(
        self,
        facts: NDArray[np.void],
        flows: NDArray[np.void],
        service: NDArray[np.int32],
        category: NDArray[np.uint8],
    ) -> None:
        unnamed = np.flatnonzero((facts["name"] < 0) & (facts["name_source"] == SOURCE_NONE))
        found = self._ranges.services_of(picked(flows, unnamed), picked(facts, unnamed), self._strings)
        known = found != NO_SERVICE
        at, found = unnamed[known], found[known]
        service[at] = found
        category[at] = [self._catalogue.category_code(index) for index in found.tolist()]
        facts["name_source"][at] = SOURCE_ADDRESS_RANGE
        facts["name_confidence"][at] = CONFIDENCE

    def _cloaked(
        self, facts: NDArray[np.void], category: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Trackers behind aliases: the chain of DNS answers ends at one, and the name itself is none."""
        service, of_end = self.classify(facts["dns_chain_end"])
        cloaked = _follows(of_end) & ~_follows(category)
        service[~cloaked] = NO_SERVICE
        of_end[~cloaked] = UNKNOWN
        return service, of_end

    def _learn(self, ids: NDArray[np.int32]) -> None:
        """Look up ids that were never seen before."""
        new = np.unique(ids)
        service, category = self._catalogue.classes_of(self._catalogue.decide_all(self._strings, new))
        self._service[new], self._category[new] = service, category

    def _grow(self, size: int) -> None:
        have = len(self._service)
        if size > have:
            more = max(size, 2 * have) - have
            self._service = np.concatenate([self._service, np.full(more, _NOT_YET, np.int32)])
            self._category = np.concatenate([self._category, np.full(more, GENERAL, np.uint8)])


def _follows(category: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a category means that people are followed or advertised to."""
    return np.asarray((category == TRACKING) | (category == ADVERTISING))
