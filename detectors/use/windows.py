"""Windows of services in event time: use and connections of a quarter of an hour, and those before."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts, json_of, of_json
from detectors.use.day import by_service
from detectors.use.link_rows import LINK, WINDOW_NS, add_links, median_rtt_ms
from wire.record_arrays import picked

#: Windows of one service that its past is made of: a week.
_PAST_WINDOWS = 7 * 96
#: After two hours of strange windows what was strange has become usual.
_MAX_LEFT_OUT = 8
#: Windows that can be open at once; a row of an older one is late.
_MAX_OPEN = 96


@dataclass(frozen=True, slots=True)
class ServiceWindow:
    """A quarter of an hour of one service. A share of nothing is None."""

    service: int
    start_ns: int
    devices: int
    opened: int  # flows, as minutes saw them
    up: int
    down: int
    flows: int  # TCP connections that ended and whose opening was seen
    failed: int
    packets: int
    retransmissions: int
    rtt_ms: float | None

    @property
    def failed_share(self) -> float | None:
        """Of the connections."""
        return self.failed / self.flows if self.flows else None

    @property
    def retransmitted_share(self) -> float | None:
        """Of the packets."""
        return self.retransmissions / self.packets if self.packets else None


_KEPT_LINK = np.dtype([("window", "i8"), ("service", "i4"), ("link", LINK)])
KEPT_WINDOW = np.dtype(
    [(each.name, "f8" if each.name == "rtt_ms" else "i8") for each in fields(ServiceWindow)]
)


class LinkBook:
    """LINKs of the windows that are open, by window and service."""

    def __init__(self, services: int) -> None:
        self._services = services
        self._open: dict[int, NDArray[np.void]] = {}
        self._closed_before = np.iinfo(np.int64).min
        self.late = 0

    def reserve(self, services: int) -> None:
        """Make room for services that are new."""
        more = services - self._services
        if more > 0:
            self._services = services
            for number, links in self._open.items():
                self._open[number] = np.concatenate([links, np.zeros(more, LINK)])

    def add(self, rows: NDArray[np.void], facts: NDArray[np.void], service: NDArray[np.int32]) -> None:
        """Take FLOW_ROWs of apps, each in the window in which it ended."""
        window = rows["ts_end_ns"] // WINDOW_NS
        for number in np.unique(window).tolist():
            chosen = window == number
            if number < self._closed_before or (len(self._open) >= _MAX_OPEN and number not in self._open):
                self.late += int(np.count_nonzero(chosen))
                continue
            links = self._open.get(number)
            if links is None:
                links = self._open[number] = np.zeros(self._services, LINK)
            add_links(links, picked(rows, chosen), picked(facts, chosen), service[chosen].astype(np.int64))

    @property
    def windows(self) -> list[int]:
        """Numbers of the open windows."""
        return list(self._open)

    def state(self) -> Parts:
        """What a restart needs."""
        kept = [
            (number, service, links[service])
            for number, links in self._open.items()
            for service in np.flatnonzero(links["packets"]).tolist()
        ]
        return {
            "links": np.array(kept, _KEPT_LINK),
            "closed_before": np.array([self._closed_before]),
        }

    def restore(self, parts: Parts, places: NDArray[np.int32]) -> None:
        """Take a state back; `places`: where each of its services stands now, -1 where it is gone."""
        self._closed_before = int(parts["closed_before"][0])
        for each in parts["links"]:
            service = int(places[each["service"]])
            if service >= 0:
                links = self._open.setdefault(int(each["window"]), np.zeros(self._services, LINK))
                links[service] = each["link"]

    def close(self, number: int) -> NDArray[np.void] | None:
        """The LINKs of a window, by service; nothing more is taken for it or those before."""
        self._closed_before = max(self._closed_before, number + 1)
        return self._open.pop(number, None)


class Past:
    """Each service's earlier windows, bounded; beside them those that were left out, for people to judge."""

    def __init__(self) -> None:
        self._windows: dict[int, NDArray[np.void]] = {}
        self._left_out: dict[int, NDArray[np.void]] = {}
        self._strange: dict[int, int] = {}  # windows in a row that were

    def of(self, service: int) -> Collection[ServiceWindow]:
        """Earlier windows, oldest first; made only when they are looked at: few services come to that."""
        return Earlier(self._windows.get(service, np.zeros(0, KEPT_WINDOW)))

    def add(self, window: ServiceWindow, strange: bool, confirmed: bool = False) -> None:
        """Remember a window; the oldest leaves. A strange one is left out, unless that goes on and on.

        confirmed: people said that it was strange, so it is left out however long that goes on.
        """
        in_a_row = self._strange.get(window.service, 0) + 1 if strange else 0
        self._strange[window.service] = in_a_row
        left_out = confirmed or 0 < in_a_row <= _MAX_LEFT_OUT
        _keep(self._left_out if left_out else self._windows, window.service, kept([window]))

    @property
    def services(self) -> set[int]:
        """Those of which some window is remembered."""
        return {*self._windows, *self._left_out}

    def confirm(self, service: int, start_ns: int, end_ns: int, name: str) -> None:
        """What was found of a service was true: its past is without it."""
        _move(self._windows, self._left_out, service, start_ns, end_ns)

    def withdraw(self, name: str) -> None:
        """Nobody vouches for it any more; it was found all the same, and stays left out."""

    def clear(self, service: int, start_ns: int, end_ns: int) -> None:
        """It was found falsely: its past is with it."""
        _move(self._left_out, self._windows, service, start_ns, end_ns)

    def state(self) -> Parts:
        """What a restart needs."""
        none = np.zeros(0, KEPT_WINDOW)
        return {
            "windows": np.concatenate([none, *self._windows.values()]),
            "left_out": np.concatenate([none, *self._left_out.values()]),
            "strange": of_json(list(self._strange.items())),
        }

    def restore(self, parts: Parts, places: NDArray[np.int32]) -> None:
        """Take a state back; `places`: where each of its services stands now, -1 where it is gone."""
        for name, own in (("windows", self._windows), ("left_out", self._left_out)):
            if name not in parts:  # of an earlier version
                continue
            rows = parts[name].copy()
            rows["service"] = places[rows["service"]]
            for service in np.unique(rows["service"]).tolist():
                if service >= 0:
                    own[service] = rows[rows["service"] == service]
        for service, count in json_of(parts["strange"]):
            if places[service] >= 0:
                self._strange[int(places[service])] = count


class Earlier(Collection[ServiceWindow]):
    """Kept windows, as rows of KEPT_WINDOW or as ServiceWindows, once somebody looks at them."""

    def __init__(self, rows: NDArray[np.void]) -> None:
        self.rows = rows
        self._made: list[ServiceWindow] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ServiceWindow]:
        if self._made is None:
            self._made = [_window_of(row) for row in self.rows.tolist()]
        return iter(self._made)

    def __contains__(self, window: object) -> bool:
        return any(each == window for each in self)


def _keep(windows: dict[int, NDArray[np.void]], service: int, rows: NDArray[np.void]) -> None:
    """Put rows of a service among those kept, by time; the oldest leave."""
    together = np.concatenate([windows.get(service, rows[:0]), rows])
    order = np.argsort(together["start_ns"], kind="stable")
    windows[service] = together[order[-_PAST_WINDOWS:]]


def _move(
    source: dict[int, NDArray[np.void]],
    target: dict[int, NDArray[np.void]],
    service: int,
    start_ns: int,
    end_ns: int,
) -> None:
    """Windows of a service that begin in a span of time change places."""
    rows = source.get(service, np.zeros(0, KEPT_WINDOW))
    chosen = (rows["start_ns"] >= start_ns) & (rows["start_ns"] < end_ns)
    if chosen.any():
        source[service] = rows[~chosen]
        _keep(target, service, rows[chosen])


def kept(windows: Collection[ServiceWindow]) -> NDArray[np.void]:
    """Windows as rows of KEPT_WINDOW; what is None is NaN there."""
    if isinstance(windows, Earlier):
        return windows.rows
    names = KEPT_WINDOW.names or ()
    values = [[getattr(window, name) for name in names] for window in windows]
    rows = [tuple(np.nan if value is None else value for value in row) for row in values]
    return np.array(rows, KEPT_WINDOW)


def _window_of(row: tuple[Any, ...]) -> ServiceWindow:
    figures: dict[str, Any] = dict(zip(KEPT_WINDOW.names or (), row, strict=True))
    figures["rtt_ms"] = None if math.isnan(figures["rtt_ms"]) else figures["rtt_ms"]
    return ServiceWindow(**figures)


def _devices(rows: NDArray[np.void]) -> int:
    """Devices among USE rows, in which a device's stand together."""
    hi, lo = rows["device_hi"], rows["device_lo"]
    return int(np.count_nonzero((hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1]))) + bool(len(rows))


def service_windows(
    number: int, uses: NDArray[np.void], links: NDArray[np.void] | None
) -> Iterator[ServiceWindow]:
    """The windows of all services that did anything; `uses`: merged USE rows of these minutes."""
    parts = by_service(uses)
    linked = [] if links is None else np.flatnonzero(links["packets"]).tolist()
    nothing = np.zeros(1, LINK)[0]
    for service in sorted({*parts, *linked}):
        part = parts.get(service, uses[:0])
        link = nothing if links is None else links[service]
        yield ServiceWindow(
            service=service,
            start_ns=number * WINDOW_NS,
            devices=_devices(part),
            opened=int(part["flows"].sum()),
            up=int(part["up"].sum()),
            down=int(part["down"].sum()),
            flows=int(link["flows"]),
            failed=int(link["failed"]),
            packets=int(link["packets"]),
            retransmissions=int(link["retransmissions"]),
            rtt_ms=median_rtt_ms(link["rtt"]),
        )
