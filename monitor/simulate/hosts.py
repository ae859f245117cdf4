"""The names on the invented internet, and one address for each."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.catalogue import Catalogue

#: 198.18.0.0/15, set aside for measurements (RFC 2544): 131,072 servers that are nobody's.
_FIRST_ADDRESS = 0xC6120100
_MOST = 0x1FE00
_LABELS = ("www", "api", "static", "m")


class ScenarioError(Exception):
    """A scenario that cannot be played; the message is one line an error."""


class Hosts:
    """Names by number, in the order in which they were asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._of_service: dict[str, NDArray[np.int32]] = {}
        self._number: dict[str, int] = {}
        self.names: list[str] = []
        self.services: list[int] = []  # index into the catalogue, -1 for none

    def add(self, name: str) -> int:
        """The number of a name."""
        known = self._number.get(name)
        if known is None:
            if len(self.names) >= _MOST:
                raise ScenarioError(f"more than {_MOST} names")
            match = self._catalogue.match(name)
            known = self._number[name] = len(self.names)
            self.names.append(name)
            self.services.append(match.service if match else -1)
        return known

    def of_service(self, service: str) -> NDArray[np.int32]:
        """Numbers of a few names of a catalogue service. Raises ScenarioError for one it lacks."""
        known = self._of_service.get(service)
        if known is None:
            known = self._of_service[service] = np.array(
                [self.add(name) for name in self._names_of(service)], np.int32
            )
        return known

    def addresses(self) -> NDArray[np.uint32]:
        """The address of each name."""
        return (_FIRST_ADDRESS + np.arange(len(self.names))).astype(np.uint32)

    def _names_of(self, service: str) -> list[str]:
        if service not in self._catalogue.ids:
            near = get_close_matches(service, self._catalogue.ids, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise ScenarioError(f"the catalogue has no service `{service}`{hint}")
        index = self._catalogue.ids.index(service)
        entry = self._catalogue.services[index]
        names = [f"{label}.{suffix}" for suffix in entry.suffixes for label in _LABELS[:2]]
        names += [*entry.suffixes, *entry.hosts]
        own = [name for name in names if self._is_of(name, index)]
        if not own:
            raise ScenarioError(f"the service `{service}` has no host of its own to call")
        return own[:4]

    def _is_of(self, name: str, index: int) -> bool:
        match = self._catalogue.match(name)
        return name.isascii() and match is not None and match.service == index
