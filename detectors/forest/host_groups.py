"""Which group a host belongs to, from how it behaves: clients, servers, infrastructure, things.

Of a host's active hours, fading by half in a day: O flows opened and I flows opened to it an hour, P
peers that came in an hour, F the share of I that went to ports of DNS, DHCP, time and RADIUS, S
servers contacted an hour, T the share of advertising and tracking, A the share of the hours that it
was active in (of those since it was first seen, at most a week).

- infrastructure: P >= 5 and I >= O, and F >= 0.5
- servers: P >= 3 and I >= O, else
- things (printers, cameras, sensors): S <= 4, T < 0.01, A >= 0.8, of a day or more
- clients: all else, and hosts with fewer than six active hours.

A host changes its group when another has held for six active hours in a row. Configuration overrides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.campus_networks import Network
from detectors.grouping import share
from detectors.host_memory import HostMemory
from detectors.networks import Networks
from detectors.window_features import FEATURE_AT

GROUPS = ("clients", "servers", "infrastructure", "things")
CLIENTS, SERVERS, INFRASTRUCTURE, THINGS = range(len(GROUPS))
_FIGURES = ("opened", "inbound", "peers", "infra", "servers", "third_party")
_HALF_LIFE_HOURS, _WEEK_HOURS = 24.0, 168
_LEAST_HOURS, _STEADY_HOURS = 6, 6


class HostGroups:
    """The groups of hosts, in the columns of a HostMemory."""

    COLUMNS: ClassVar[dict[str, tuple[str, tuple[int, ...]]]] = {
        "figures": ("f4", (len(_FIGURES),)),
        "active": ("u4", ()),
        "first_hour": ("i4", ()),
        "group": ("u1", ()),
        "other": ("u1", ()),  # the group that would be another, and for how many hours
        "other_hours": ("u1", ()),
        "night": ("f4", (2,)),  # flows opened at night, and at all, fading by half in a day
    }

    def __init__(self, memory: HostMemory, overrides: Sequence[tuple[Network, str]] = ()) -> None:
        """overrides: networks whose hosts belong to a group whatever they do; the first that holds one."""
        self._memory = memory
        self._overrides = [(Networks([network]), GROUPS.index(group)) for network, group in overrides]

    def of(
        self, rows: NDArray[np.int64], hi: NDArray[np.uint64], lo: NDArray[np.uint64]
    ) -> NDArray[np.uint8]:
        """The group of each host."""
        group = self._memory["group"][rows]
        for networks, number in reversed(self._overrides):
            group[networks.contain(hi, lo)] = number
        return group

    def take(
        self, rows: NDArray[np.int64], windows: NDArray[np.void], infra: NDArray[np.float64], hour: int
    ) -> None:
        """WINDOWs of an hour (number since 1970), each host once; infra: flows to infrastructure's ports."""
        memory, features = self._memory, windows["features"]
        new = memory["active"][rows] == 0
        memory["first_hour"][rows[new]] = hour
        memory["active"][rows] += 1
        now = np.stack(
            [
                *(
                    features[:, FEATURE_AT[name]]
                    for name in ("flows_opened", "inbound_flows", "inbound_peers")
                ),
                infra,
                *(features[:, FEATURE_AT[name]] for name in ("servers", "third_party_share")),
            ],
            axis=1,
        )
        active = memory["active"][rows].astype(np.float64)
        rate = np.maximum(1.0 / active, 1.0 - 0.5 ** (1.0 / _HALF_LIFE_HOURS))[:, None]
        memory["figures"][rows] += rate * (now - memory["figures"][rows])
        self._decide(rows, hour)

    def night_share(
        self, rows: NDArray[np.int64], opened: NDArray[np.float64], night: bool
    ) -> NDArray[np.float64]:
        """Take in an hour's flows; of those of the last day or so, the share that was opened at night."""
        column = self._memory["night"]
        column[rows] *= 0.5 ** (1.0 / _HALF_LIFE_HOURS)
        column[rows, 1] += opened
        if night:
            column[rows, 0] += opened
        whole = column[rows, 1].astype(np.float64)
        return share(column[rows, 0].astype(np.float64), whole)

    def _decide(self, rows: NDArray[np.int64], hour: int) -> None:
        memory = self._memory
        opened, inbound, peers, infra, servers, third = memory["figures"][rows].astype(np.float64).T
        active = memory["active"][rows].astype(np.float64)
        age = hour - memory["first_hour"][rows] + 1
        wanted = np.full(len(rows), CLIENTS, np.uint8)
        always = active >= 0.8 * np.minimum(age, _WEEK_HOURS)
        wanted[(servers <= 4) & (third < 0.01) & always & (age >= 24)] = THINGS
        serves = (inbound >= opened) & (peers >= 3)
        wanted[serves] = SERVERS
        wanted[serves & (peers >= 5) & (infra >= 0.5 * inbound)] = INFRASTRUCTURE
        other = (wanted != memory["group"][rows]) & (active >= _LEAST_HOURS)
        again = other & (wanted == memory["other"][rows])
        hours = np.where(again, memory["other_hours"][rows] + 1, np.where(other, 1, 0))
        moves = hours >= _STEADY_HOURS
        memory["other"][rows] = wanted
        memory["other_hours"][rows] = np.where(moves, 0, hours)
        memory["group"][rows[moves]] = wanted[moves]
