"""What a host is compared with: its group, and what is usual for it. Filled into windows as time goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.campus_networks import Network
from detectors.forest.baselines import SLOT_FEATURES, Baselines, deviations
from detectors.forest.features import scaled
from detectors.forest.host_groups import GROUPS, HostGroups
from detectors.host_memory import HostMemory
from detectors.night import NIGHT_ENDS, local_time
from detectors.parts import Parts, under, within
from detectors.window_features import FEATURE_AT, HOUR_NS, HOUR_SECONDS, MINUTE_SECONDS
from wire.record_arrays import picked

#: A TCP reset over IPv6 with two VLAN tags: Ethernet 14, tags 8, IPv6 40, TCP 20.
_LARGEST_REFUSAL_BYTES = 82


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """`groups`: networks whose hosts belong to a group by configuration. `max_hosts`: remembered hosts."""

    timezone: str = "Asia/Shanghai"
    groups: tuple[tuple[Network, str], ...] = ()
    max_hosts: int = 40_000


class HostContext:
    """The memory of hosts, their groups and baselines. Minutes of an hour, then the hour, then the next.

    A window is compared with what was known before its hour began: how an hour is cut into blocks
    changes nothing. What is usual for a host is kept from when it does anything but refuse what others try on
    it: a sweep that is answered with resets would else bring hundreds of hosts, and they their group's usual.
    Until then only its address is kept.
    """

    def __init__(self, settings: ContextSettings) -> None:
        self._zone = ZoneInfo(settings.timezone)
        slot_at = np.array([FEATURE_AT[name] for name in SLOT_FEATURES])
        self.memory = HostMemory(
            {
                **HostGroups.COLUMNS,
                "group_now": ("u1", ()),  # with what the configuration says of it
                **Baselines.columns(MINUTE_SECONDS, 0),
                **Baselines.columns(HOUR_SECONDS, len(SLOT_FEATURES)),
            },
            settings.max_hosts,
        )
        self._refusing = HostMemory({}, settings.max_hosts)
        self._groups = HostGroups(self.memory, settings.groups)
        none = np.zeros(0, np.int64)
        self._minutes = Baselines(self.memory, MINUTE_SECONDS, len(GROUPS), none)
        self._hours = Baselines(self.memory, HOUR_SECONDS, len(GROUPS), slot_at)

    def fill_minutes(self, windows: NDArray[np.void]) -> None:
        """Fill group, usual and deviation of minute WINDOWs of one hour, and remember them."""
        if len(windows) == 0:
            return
        rows = self._rows(windows)
        known = rows >= 0
        self._fill(self._minutes, windows, rows, known)
        self._minutes.add(rows[known], windows["group"][known], scaled(picked(windows, known)))

    def fill_hour(self, windows: NDArray[np.void], infra: NDArray[np.float64]) -> None:
        """The same of an hour's WINDOWs, each host once, and learn from the hour that is over.

        Fills the feature night_share, too. infra: flows to ports of infrastructure, (n,).
        """
        if len(windows) == 0:
            return
        start_ns = int(windows["window_start_ns"][0])
        slot, local_hour = self._slot(start_ns)
        rows = self._rows(windows)
        known = rows >= 0
        share = self._groups.night_share(
            rows[known], windows["features"][known, FEATURE_AT["flows_opened"]], local_hour < NIGHT_ENDS
        )
        windows["features"][known, FEATURE_AT["night_share"]] = share
        self._fill(self._hours, windows, rows, known, slot)
        mine, ours, group = rows[known], picked(windows, known), windows["group"][known]
        self._hours.add(mine, group, scaled(ours))
        self._hours.settle(mine, group, slot)
        waiting = np.flatnonzero(self.memory["waits60"] > 0)
        self._minutes.settle(waiting, self.memory["group_now"][waiting], slot)
        self._groups.take(mine, ours, infra[known], start_ns // HOUR_NS)

    def state(self) -> Parts:
        """All that is remembered of hosts and groups."""
        return {
            **under("refusing", self._refusing.state()),
            **under("memory", self.memory.state()),
            **under("minutes", self._minutes.state()),
            **under("hours", self._hours.state()),
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back; into an empty one."""
        self.memory.restore(within("memory", parts))
        if refusing := within("refusing", parts):  # none in a state of before they were kept apart
            self._refusing.restore(refusing)
        self._minutes.restore(within("minutes", parts))
        self._hours.restore(within("hours", parts))

    def knows(self, hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these addresses are hosts: had a window so far, and were not unseen for longest since."""
        return np.asarray(self.memory.knows(hi, lo) | self._refusing.knows(hi, lo))

    def group_sizes(self) -> dict[str, int]:
        """Remembered hosts by group."""
        of = self.memory["group_now"][self.memory["active"] > 0]
        return dict(zip(GROUPS, np.bincount(of, minlength=len(GROUPS)).tolist(), strict=True))

    def _rows(self, windows: NDArray[np.void]) -> NDArray[np.int64]:
        """The row of each window's host; -1 where there is none."""
        hi, lo = windows["host_hi"], windows["host_lo"]
        start_ns = int(windows["window_start_ns"].max())
        probed = _only_probed(windows["features"])
        probed[probed] = ~self.memory.knows(hi[probed], lo[probed])
        if not probed.any():
            return self.memory.rows_of(hi, lo, start_ns)
        self._refusing.rows_of(hi[probed], lo[probed], start_ns)
        rows = np.full(len(windows), -1)
        rows[~probed] = self.memory.rows_of(hi[~probed], lo[~probed], start_ns)
        return rows

    def _fill(
        self,
        baselines: Baselines,
        windows: NDArray[np.void],
        rows: NDArray[np.int64],
        known: NDArray[np.bool_],
        slot: int = 0,
    ) -> None:
        mine = rows[known]
        group = self._groups.of(mine, windows["host_hi"][known], windows["host_lo"][known])
        self.memory["group_now"][mine] = group
        windows["group"][known] = group
        centre, spread = baselines.usual(mine, group, slot)
        windows["usual"][known] = centre
        windows["deviation"][known] = deviations(scaled(picked(windows, known)), centre, spread)

    def _slot(self, start_ns: int) -> tuple[int, int]:
        """Hour of the week, and of the day, in the campus's time zone."""
        local = local_time(start_ns, self._zone)
        return local.weekday() * 24 + local.hour, local.hour


def _only_probed(features: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Windows of hosts that opened nothing, and to which nothing was opened that they did not refuse."""

    def value(name: str) -> NDArray[np.floating[Any]]:
        return features[:, FEATURE_AT[name]]

    refused = (value("inbound_flows") > 0) & (value("inbound_failed") == value("inbound_flows"))
    silent = (value("flows_opened") == 0) & (value("unreachables") == 0)
    return np.asarray(refused & silent & (value("frame_bytes_out") <= _LARGEST_REFUSAL_BYTES))


def refill(windows: NDArray[np.void], settings: ContextSettings) -> None:
    """Fill group, usual and deviation of WINDOWs that were read from a file, by start, in place.

    As they were filled when they were made, but that the ports which tell infrastructure from servers
    are not in a file.
    """
    context = HostContext(settings)
    hour = windows["window_start_ns"] // HOUR_NS
    of_hours = windows["seconds"] == HOUR_SECONDS
    for each in np.unique(hour).tolist():
        for chosen in (np.flatnonzero((hour == each) & ~of_hours), np.flatnonzero((hour == each) & of_hours)):
            some = windows[chosen]
            if len(some) and some["seconds"][0] == HOUR_SECONDS:
                context.fill_hour(some, np.zeros(len(some)))
            else:
                context.fill_minutes(some)
            windows[chosen] = some
