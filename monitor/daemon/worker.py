"""A worker of the daemon: packets from its rings to named flows, and on to analysis."""

from __future__ import annotations

import os
import select
import signal
import socket
import time

from monitor import garbage
from monitor.config.config import Config
from monitor.daemon.orders import Order, Orders
from monitor.daemon.outbox import Outbox
from monitor.daemon.overload import ELEPHANTS, NAMES, PACKETS, NamesGivenUp, Overload
from monitor.daemon.renewal import Renewal
from monitor.kernels import lean_numba
from monitor.pipeline.handover import Step
from monitor.pipeline.pipeline import Place, WorkerStages
from monitor.pipeline.stages import settings_from
from wire.capture.frames import FrameBlock
from wire.capture.packet_socket import SocketPlan
from wire.capture.ring import now_ns, open_rings
from wire.capture.ring_merge import merged

#: How long a quiet ring is waited for; then event time moves on without a packet.
_WAIT_SECONDS = 0.2
_REPORT_SECONDS = 0.5
#: Event time of a quiet link stays this far behind the clock: a block may be on its way.
_TICK_BEHIND_NS = 1_000_000_000
#: Who lost its parent ends by itself, and by force if it cannot.
_ORPHAN_SECONDS = 4
#: Told to stop, it goes on with what the ring holds for this part of the bound at most.
_SHARE_OF_DRAIN = 0.2


def work(orders: Orders) -> None:
    """The whole life of a worker. Ends when told, or when the parent is gone."""
    lean_numba.import_lean()
    start = first_order(orders)
    if start is not None:
        worker = Worker(orders, start)
        garbage.look_as_usual()
        worker.run()


def first_order(orders: Orders) -> Order | None:
    """What a child's life begins with; None when the parent is gone before it says anything."""
    while True:
        select.select([orders], [], [])
        heard = orders.receive()
        if heard is not None:
            return heard[0]


class Worker:
    """Walks its rings until it is told to stop.

    start: the order with the configuration (JSON), the worker's number, its life and its taps.
    """

    def __init__(self, orders: Orders, start: Order) -> None:
        self._orders = orders
        config = Config.model_validate_json(start["config"])
        number = int(start["worker"])
        if config.capture.cpus:
            os.sched_setaffinity(0, {config.capture.cpus[number % len(config.capture.cpus)]})
        self._drain_seconds = config.state.drain_seconds
        settings = settings_from(config, pseudonymise=True, live=True)
        place = Place(number, int(start["life"]), by_time=True)
        self._stages = WorkerStages(settings.flows, settings.names, place)
        self._elephant_bytes = config.flows.elephant_bytes
        self._outbox = Outbox(self._stages.namer.strings)
        self._renewal = Renewal(self._stages.namer.strings, time.monotonic())
        self._renews = False
        self._overload = Overload()
        self._names = NamesGivenUp()
        taps = [(int(told["descriptor"]), SocketPlan(**told["plan"])) for told in start["taps"]]
        self._rings = open_rings(taps)
        self._shed = 0
        self._steps = 0
        self._reported = 0.0
        self._end: float | None = None  # when it ends at the latest, once it was told to
        self._orphan = False

    def run(self) -> None:
        """Until told to stop; then the flows that are open end, and what waits is sent."""
        self._orders.send("ready", steps=0)
        for block in merged(self._rings, _WAIT_SECONDS):
            if block is None:
                if self._end is not None:
                    break
                self._overload_level()  # a quiet link is calm
                self._hand_over(self._stages.tick(now_ns() - _TICK_BEHIND_NS))
            else:
                self._take(block)
                if self._end is not None and time.monotonic() >= self._end:
                    break  # only now: a block that is in hand is in no ring any more
        for step in self._stages.finish():
            self._hand_over(step)
        self._outbox.close(_ORPHAN_SECONDS / 2 if self._orphan else self._drain_seconds)
        self._orders.send("renews" if self._renews else "done", steps=self._steps)

    def _take(self, block: FrameBlock) -> None:
        """Work on a block, as far as the ring's filling allows."""
        level = self._overload_level()
        self._count()
        if level >= PACKETS:
            self._shed += len(block)
            self._count()
            self._hand_over(self._stages.tick(int(block.timestamp_ns.max())))
            return
        self._stages.table.bypass_elephants(self._elephant_bytes if level >= ELEPHANTS else 0)
        flows = self._stages.count(block)
        flows.refs = self._names.filter(flows.refs, level >= NAMES)
        self._hand_over(self._stages.read(flows))

    def _overload_level(self) -> int:
        return self._overload.look(max(ring.filling for ring in self._rings), time.monotonic())

    def _count(self) -> None:
        """What the rings gave that is not decoded goes with the next step."""
        self._stages.capture_counts = (
            self._shed,
            sum(ring.abandoned for ring in self._rings),
            sum(ring.unreadable for ring in self._rings),
        )

    def _hand_over(self, step: Step) -> None:
        """Queue a step; while there is no room the ring has to hold what comes."""
        while not self._outbox.put(step, _WAIT_SECONDS) and not self._orphan:
            self._look()
        self._look()

    def _look(self) -> None:
        """Count a step, report, and do what the parent says."""
        self._steps += 1
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            if self._end is None and self._renewal.due(now):
                self._end, self._renews = now, True
            self._orders.send(
                "progress",
                steps=self._steps,
                overload={
                    "level": self._overload.level,
                    "entered": self._overload.entered,
                    "flows": self._names.flows,
                },
            )
        while (heard := self._orders.receive()) is not None:
            order, descriptors = heard
            if order is None:
                signal.alarm(_ORPHAN_SECONDS)
                self._end, self._orphan = now, True
                return
            if order["kind"] == "link":
                self._outbox.link(socket.socket(fileno=descriptors[0]))
            elif order["kind"] == "prepare":
                self._orders.send("prepared", problem=None)  # what can change is not a worker's
            elif order["kind"] == "stop":
                self._end = now + self._drain_seconds * _SHARE_OF_DRAIN
