"""A worker of the daemon: packets from its rings to named flows, and on to analysis."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from monitor import garbage
from monitor.config.config import Config
from monitor.daemon.begin import live
from monitor.daemon.life import Life, Lives, stages_for
from monitor.daemon.orders import Order, Orders
from monitor.daemon.overload import ELEPHANTS, NAMES, PACKETS, NamesGivenUp, Overload
from monitor.daemon.pinning import Pinning
from monitor.daemon.renewal import Renewal
from monitor.errors import CommandEnd, user_errors
from monitor.pipeline.handover import Step
from monitor.pipeline.pipeline import WorkerStages
from monitor.pipeline.stages import StageSettings, settings_from
from wire.capture.frames import FrameBlock
from wire.capture.packet_socket import SocketPlan
from wire.capture.ring import now_ns, open_rings
from wire.capture.ring_merge import merged

#: How long a quiet ring is waited for; orders of the parent wait as long.
_WAIT_SECONDS = 0.2
#: On a quiet link event time moves on without a packet so often.
_TICK_SECONDS = 1.0
_REPORT_SECONDS = 0.5
#: Event time of a quiet link stays this far behind the clock: a block may be on its way.
_TICK_BEHIND_NS = 1_000_000_000
#: Who lost its parent ends by itself, and by force if it cannot.
_ORPHAN_SECONDS = 4
#: Told to stop, it goes on with what the ring holds for this part of the bound at most.
_SHARE_OF_DRAIN = 0.2
_SEND_SECONDS = 0.02


def work(orders: Orders) -> None:
    """The whole life of a worker. Ends when told, or when the parent is gone."""
    live(orders, Worker)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Another configuration. stages: new ones, where flows or names are made by other settings."""

    config: Config
    settings: StageSettings
    stages: WorkerStages | None
    life: int


class Worker:
    """Walks its rings until it is told to stop.

    start: the order with the configuration (JSON), the worker's number, its life and its taps.
    Raises ConfigError for a processor that cannot be had, PrivacyKeyError.
    """

    def __init__(self, orders: Orders, start: Order) -> None:
        self._orders = orders
        self._config = Config.model_validate_json(start["config"])
        self._number = int(start["worker"])
        self._pinning = Pinning(self._number)
        self._pinning.check(self._config.capture.cpus)
        self._pinning.pin(self._config.capture.cpus)
        self._settings = settings_from(self._config, pseudonymise=True, live=True)
        life = int(start["life"])
        self._lives = Lives(Life(stages_for(self._settings, self._number, life), life, (0, 0, 0)))
        self._renewal = self._begin_renewal()
        self._renews = False
        self._prepared: _Prepared | None = None
        self._committed: _Prepared | None = None
        self._overload = Overload()
        self._names = NamesGivenUp()
        taps = [(int(told["descriptor"]), SocketPlan(**told["plan"])) for told in start["taps"]]
        self._rings = open_rings(taps)
        self._shed = 0
        self._steps = 0
        self._reported = 0.0
        self._trimmed = time.monotonic()
        self._ticked = 0.0
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
                self._quiet()
            else:
                self._take(block)
                if self._end is not None and time.monotonic() >= self._end:
                    break  # only now: a block that is in hand is in no ring any more
            if self._committed is not None:
                self._go_over(self._committed)
        for step in self._stages.finish():
            self._hand_over(step)
        self._send_all()
        self._orders.send("renews" if self._renews else "done", steps=self._steps)

    def _quiet(self) -> None:
        """Nothing came for a while."""
        now = time.monotonic()
        if now - self._ticked < _TICK_SECONDS:
            self._look()
            return
        self._ticked = now
        self._hand_over(self._stages.tick(now_ns() - _TICK_BEHIND_NS))

    @property
    def _stages(self) -> WorkerStages:
        return self._lives.now.stages

    def _begin_renewal(self) -> Renewal:
        return Renewal(self._stages.namer.strings, time.monotonic())

    def _send_all(self) -> None:
        """The end: what waits is sent, over links that may still come."""
        end = time.monotonic() + (_ORPHAN_SECONDS / 2 if self._orphan else self._config.state.drain_seconds)
        while not (self._lives.sent or self._orphan) and time.monotonic() < end:
            self._look()
            time.sleep(_SEND_SECONDS)
        self._lives.now.outbox.close(max(end - time.monotonic(), 0.0))

    def _take(self, block: FrameBlock) -> None:
        """Work on a block, as far as the ring's filling allows."""
        level = self._overload_level()
        self._count()
        if level >= PACKETS:
            self._shed += len(block)
            self._count()
            self._hand_over(self._stages.tick(int(block.timestamp_ns.max())))
            return
        elephant_bytes = self._config.flows.elephant_bytes
        self._stages.table.bypass_elephants(elephant_bytes if level >= ELEPHANTS else 0)
        flows = self._stages.count(block)
        flows.refs = self._names.filter(flows.refs, level >= NAMES)
        self._hand_over(self._stages.read(flows))

    def _overload_level(self) -> int:
        return self._overload.look(max(ring.filling for ring in self._rings), time.monotonic())

    def _count(self) -> None:
        """What the rings gave that is not decoded goes with the next step."""
        abandoned = sum(ring.abandoned for ring in self._rings)
        unreadable = sum(ring.unreadable for ring in self._rings)
        self._lives.now.count((self._shed, abandoned, unreadable))

    def _hand_over(self, step: Step) -> None:
        """Queue a step; while there is no room the ring has to hold what comes."""
        while not self._lives.now.outbox.put(step, _WAIT_SECONDS) and not self._orphan:
            self._look()
        self._look()

    def _look(self) -> None:
        """Count a step, report, and do what the parent says."""
        self._steps += 1
        if self._lives.over():
            self._orders.send("taken", life=self._lives.now.number)
        now = time.monotonic()
        if now - self._trimmed >= garbage.GIVE_BACK_SECONDS:
            self._trimmed = now
            self._stages.table.give_back()
            garbage.give_back()
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
                self._lives.link(order, descriptors)
            elif order["kind"] == "prepare":
                self._orders.send("prepared", problem=self._prepare(order))
            elif order["kind"] == "commit":
                self._committed, self._prepared = self._prepared, None
            elif order["kind"] == "discard":
                self._prepared = None
            elif order["kind"] == "stop":
                self._end = now + self._config.state.drain_seconds * _SHARE_OF_DRAIN

    # Another configuration

    def _prepare(self, order: Order) -> str | None:
        """All that can fail of a change to another configuration; why it cannot be."""
        life = int(order["life"])
        try:
            with user_errors():
                config = Config.model_validate_json(order["config"])
                self._pinning.check(config.capture.cpus)
                settings = settings_from(config, pseudonymise=True, live=True)
                anew = (settings.flows, settings.names) != (self._settings.flows, self._settings.names)
                stages = stages_for(settings, self._number, life) if anew else None
        except CommandEnd as end:
            return end.message
        except MemoryError:
            return "flows, names: 内存不足 there is not enough memory for such tables"
        self._prepared = _Prepared(config, settings, stages, life)
        return None

    def _go_over(self, change: _Prepared) -> None:
        """Go by what was committed: from the next frame on, which the rings hold meanwhile."""
        self._committed = None
        self._config, self._settings = change.config, change.settings
        self._pinning.pin(change.config.capture.cpus)
        if change.stages is None:
            self._orders.send("taken")
            return
        self._lives.follow(change.stages, change.life, self._hand_over)
        self._renewal = self._begin_renewal()
