"""The analysis of the daemon: the workers' steps to windows, findings, metrics and history."""

from __future__ import annotations

import math
import os
import selectors
import signal
import time
from typing import Any

import numpy as np

from detectors.parts import Parts, json_of, of_json, under, within
from detectors.window_features import MINUTE_NS
from monitor import garbage, places
from monitor.config.config import Config
from monitor.daemon.begin import live
from monitor.daemon.learned_due import LearnedDue
from monitor.daemon.links import Link, Links
from monitor.daemon.live_metrics import finding_line, set_live, snapshot
from monitor.daemon.orders import Order, Orders
from monitor.daemon.renewal import Renewal
from monitor.daemon.rooms import RING_COUNTERS, Prepared, Rooms, news_bytes
from monitor.daemon.state import StateFiles
from monitor.errors import USAGE, CommandEnd, tell, user_errors
from monitor.health.endpoint import Endpoint
from monitor.health.health import Health, HealthWatch
from monitor.models.feedback import keep_hits

_WAIT_SECONDS = 0.2
_REFRESH_SECONDS = 1.0
#: Who lost its parent ends by itself, and by force if it cannot.
_ORPHAN_SECONDS = 8
#: What parts of a state raise that they cannot read.
_OF_ANOTHER_VERSION = (KeyError, ValueError, TypeError, IndexError)


def work(orders: Orders) -> None:
    """The whole life of an analysis. Ends when told, or when the parent is gone."""
    live(orders, Analysis)


class Analysis:
    """Takes steps until it is told to stop. `start`: the order with configuration and workers."""

    def __init__(self, orders: Orders, start: Order) -> None:
        self._orders = orders
        self._daemon = str(start["daemon"])
        config = Config.model_validate_json(start["config"])
        self._rooms = Rooms(config, int(start["workers"]))
        self._prepared: Prepared | None = None
        self._prepared_endpoint: Endpoint | None = None
        self._taking: Prepared | None = None  # committed, while lives of workers from before still end
        self._ending: list[Link] = []
        self._held: list[tuple[Order, int]] = []  # links of lives that begin with it
        self._files = StateFiles(places.state_directory(config.state))
        self._learned = StateFiles(places.state_directory(config.state), "learned")
        self._resume(first_life=int(start["life"]) == 1)
        self._health = HealthWatch(time.monotonic())
        self._endpoint = self._serve(config)
        self._tell_port()
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders, selectors.EVENT_READ)
        self._links = Links(self._selector)
        self._parent: Order = {}
        self._steps = 0
        self._stop = False
        self._orphan = False
        self._renewal = Renewal(self._rooms.stages.strings, time.monotonic())
        self._renews = False
        self._minute = 0  # the last whose memory was given back
        self._refreshed = self._saved = time.monotonic()
        self._learned_due = LearnedDue(self._saved)

    def run(self) -> None:
        """Until told to stop; then what the workers still sent is taken, and all is written."""
        set_live(self._rooms, self._parent)
        self._orders.send("ready", steps=0)
        while not self._stop:
            for key, _ in self._selector.select(_WAIT_SECONDS):
                if isinstance(key.fileobj, Link):
                    self._take_from(key.fileobj)
                else:
                    self._obey()
            self._look()
        if self._renews:
            self._put_away()
            self._orders.send("renews", steps=self._steps)
            return
        self._drain()
        self._orders.send("done", steps=self._steps)

    # Steps of the workers

    def _take_from(self, link: Link) -> None:
        """Take the next step of a worker."""
        if self._links.of(link.worker) is not link:
            return
        step = link.receive()
        if step is None:
            self._lose(link)
            return
        rooms = self._rooms
        if not link.seen and step.clock_ns > 0:
            link.seen = True
            rooms.results.add_findings(rooms.gaps.seeing(step.since_ns or step.clock_ns, link.worker))
        rooms.packets.set(link.source, step.counters)
        link.last = step.last
        link.steps += 1
        rooms.stages.take(step, rooms.results)
        self._announce()

    def _lose(self, link: Link) -> None:
        """A worker is gone, or another way to it has come."""
        self._links.end(link)
        self._rooms.stages.leave(link.worker, self._rooms.results)
        if link.seen and not link.last:
            self._rooms.gaps.lost("worker_lost", self._rooms.clock_ns, link.worker)

    def _begin(self, order: Order, descriptor: int) -> None:
        """A new life of a worker. What its earlier one sent is taken first."""
        if self._taking is not None:
            self._held.append((order, descriptor))
            return
        worker = int(order["worker"])
        while (earlier := self._links.of(worker)) is not None:
            if earlier.waits():
                self._take_from(earlier)
            else:
                self._lose(earlier)
        of_worker = f"{self._daemon} {worker} "
        link = self._links.begin(worker, f"{of_worker}{order['life']}", descriptor)
        self._rooms.stages.enter(worker)
        self._rooms.packets.end(
            lambda each: (
                each != link.source and (each.startswith(of_worker) or not each.startswith(self._daemon))
            )
        )

    # Orders of the parent

    def _obey(self) -> None:
        while (heard := self._orders.receive()) is not None:
            order, descriptors = heard
            if order is None:
                signal.alarm(_ORPHAN_SECONDS)
                self._stop = self._orphan = True
                return
            kind = order["kind"]
            if kind == "link":
                self._begin(order, descriptors[0])
            elif kind == "parent":
                self._hear(order)
            elif kind == "prepare":
                self._prepare(order)
            elif kind == "commit" and self._prepared is not None:
                self._commit(self._prepared)
            elif kind == "discard":
                self._discard()
            elif kind == "stop":
                self._stop = True

    def _hear(self, order: Order) -> None:
        """What only the parent knows."""
        self._parent = order
        rings = [[ring[name] for name in RING_COUNTERS] for own in order["rings"] for ring in own]
        counts = np.array(rings, np.int64).reshape(-1, len(RING_COUNTERS)).sum(axis=0)
        self._rooms.rings.set(self._daemon, counts)
        self._rooms.rings.end(lambda each: each != self._daemon)
        links = self._links.all()
        if len(links) == self._rooms.workers and all(link.seen for link in links):
            self._rooms.find_losses([link.steps for link in links])

    # Another configuration

    def _prepare(self, order: Order) -> None:
        problem = None
        try:
            with user_errors():
                config = Config.model_validate_json(order["config"])
                self._prepared = self._rooms.prepare(config)
                if config.metrics != self._rooms.config.metrics:
                    self._prepared_endpoint = self._serve(config, self._endpoint)
        except CommandEnd as end:
            problem = end.message
            self._discard()
        except MemoryError:
            problem = "内存不足 there is not enough memory for it"
            self._discard()
        self._orders.send("prepared", problem=problem)

    def _discard(self) -> None:
        if self._prepared_endpoint is not None:
            self._prepared_endpoint.close()
        self._prepared = self._prepared_endpoint = None

    def _commit(self, prepared: Prepared) -> None:
        """Take it; where workers begin anew with it, as soon as what they did before is taken."""
        self._taking, self._prepared = prepared, None
        self._ending = self._links.all() if prepared.tables is not None else []
        self._go_over()

    def _go_over(self) -> None:
        """Go by what was committed, if nothing from before is on its way."""
        if self._taking is None or any(self._links.of(link.worker) is link for link in self._ending):
            return
        self._rooms.commit(self._taking)
        self._learned_due.at_once()  # news are since what the detectors before had learned
        if self._taking.tables is not None:
            self._renewal = Renewal(self._rooms.stages.strings, time.monotonic())
            self._saved = -math.inf  # the lives before tell a successor no more what they had counted
        if self._prepared_endpoint is not None:
            earlier, self._endpoint = self._endpoint, self._prepared_endpoint
            self._prepared_endpoint = None
            self._tell_port()
            earlier.close()
        self._taking, self._ending = None, []
        held, self._held = self._held, []
        for order, descriptor in held:
            self._begin(order, descriptor)
        self._orders.send("taken")

    # What is due

    def _look(self) -> None:
        self._steps += 1
        self._go_over()
        now = time.monotonic()
        if now - self._refreshed >= _REFRESH_SECONDS:
            self._refreshed = now
            self._refresh()
            self._give_back()
            self._orders.send("progress", steps=self._steps)
            if self._taking is None and self._renewal.due(now):
                self._stop = self._renews = True
        due = now - self._saved >= self._rooms.config.state.checkpoint_seconds
        if due and self._rooms.clock_ns > 0:  # before the first step there is nothing to keep
            self._saved = now
            self._rooms.results.flush()
            self._save(clean=False)
            garbage.give_back()  # writing it took as much as all the work since the last
        if self._learned_due.due(now):
            written_bytes = self._write(self._learned, self._rooms.stages.detectors.learned())
            self._learned_due.kept(now, written_bytes)
            self._keep_challenger()

    def _give_back(self) -> None:
        """Once a minute has been closed, what that took is free."""
        minute = self._rooms.clock_ns // MINUTE_NS
        if minute != self._minute:
            self._minute = minute
            garbage.give_back()

    def _refresh(self) -> None:
        """Losses as findings, and the metrics."""
        rooms = self._rooms
        losses = {
            "kernel_drops": rooms.rings.sums()["kernel_drops"],
            "overload": rooms.packets.sums()["capture_shed"],
            "one_way": self._health.one_way_connections,
        }
        rooms.results.add_findings(rooms.gaps.losses(losses, rooms.clock_ns))
        self._announce()
        set_live(rooms, self._parent)
        self._health.look(time.monotonic(), snapshot(rooms, self._parent, len(self._links)))
        rooms.results.exposition.set("tcp_one_way_ratio", self._health.one_way_ratio)

    def _announce(self, at_the_end: bool = False) -> None:
        """Write findings, then tell of them. at_the_end: also to a disk that has just refused."""
        now = math.inf if at_the_end else time.monotonic()
        for told in self._rooms.results.write_findings(now):
            tell(finding_line(told))

    def _drain(self) -> None:
        """The end: what still lies in the links, what is over, what goes on, and a last state."""
        self._take_what_waits()
        self._ending = []
        self._go_over()
        self._take_what_waits()
        rooms = self._rooms
        rooms.stages.so_far(rooms.results)
        rooms.results.add_findings(rooms.gaps.so_far(rooms.clock_ns))
        self._announce(at_the_end=True)
        self._put_away()

    def _take_what_waits(self) -> None:
        while len(self._links) and not all(link.last for link in self._links.all()):
            waiting = [link for link in self._links.all() if link.waits()]
            if not waiting:
                break
            for link in waiting:
                self._take_from(link)

    def _put_away(self) -> None:
        """Write history and state, for the next life."""
        rooms = self._rooms
        rooms.stages.give_out_halves(rooms.results)  # the next life has not seen them open
        rooms.results.flush()
        self._write(self._learned, rooms.stages.detectors.learned())
        self._keep_challenger()
        self._save(clean=not self._orphan and not self._renews)
        rooms.results.close()

    # State

    def _save(self, clean: bool) -> None:
        """Write a checkpoint. clean: the daemon stops as it should, which leaves no gap to tell of."""
        rooms = self._rooms
        about = {
            "clock_ns": rooms.clock_ns, "clean": clean, "daemon": self._daemon, "renews": self._renews,
        }  # fmt: skip
        state = rooms.state()
        if self._write(self._files, {"about_state": of_json(about), **under("rooms", state)}):
            self._learned_due.wrote_news(news_bytes(state))
            rooms.checkpoints += 1
            rooms.checkpoint_ns = rooms.clock_ns
            keep_hits(rooms.config, rooms.stages.detectors.feedback)

    def _write(self, files: StateFiles, parts: Parts) -> int:
        """Write a state; its bytes, or 0, counted and told, where the disk refuses."""
        try:
            return files.save(parts)
        except OSError as error:
            self._rooms.results.refused["state"] += 1
            tell(f"状态未能写入 the state could not be written: {error.strerror or error}")
            return 0

    def _keep_challenger(self) -> None:
        """What was learned goes to the store of models, where the disk lets it."""
        try:
            self._rooms.keep_challenger()
        except (OSError, ValueError) as error:
            tell(f"新模型未能存档 a model that was learned could not be kept: {error}")

    def _resume(self, first_life: bool) -> None:
        """Go on where the last checkpoint was, and note what was not seen since."""
        parts, learned = self._files.load(), self._learned.load()
        for problem in (*self._files.problems, *self._learned.problems):
            tell(f"状态文件不可用 a state file cannot be used: {problem}")
        if parts is None:
            return
        try:
            about: dict[str, Any] = json_of(parts["about_state"])
            self._rooms.restore(within("rooms", parts), int(about["clock_ns"]))
        except _OF_ANOTHER_VERSION as error:
            tell(f"状态来自其他版本，重新开始 the state is of another version; it starts anew ({error!r})")
            self._begin_anew()
            return
        try:
            if learned is not None:
                self._rooms.stages.detectors.recall(learned)
            self._rooms.stages.detectors.catch_up()
        except _OF_ANOTHER_VERSION as error:
            tell(f"所学来自其他版本，重新学习 the model is of another version; it learns anew ({error!r})")
            self._begin_anew()  # without the half that was recalled
            self._rooms.restore(within("rooms", parts), int(about["clock_ns"]))
        if about["daemon"] != self._daemon:
            self._rooms.receive_what_was_taken()
        if not about["clean"]:
            same = about["daemon"] == self._daemon and not first_life
            again = "analysis_renewed" if about.get("renews") else "analysis_lost"
            self._rooms.gaps.lost(again if same else "daemon_lost", about["clock_ns"])

    def _begin_anew(self) -> None:
        self._rooms.results.close()
        self._rooms = Rooms(self._rooms.config, self._rooms.workers)

    def _serve(self, config: Config, follows: Endpoint | None = None) -> Endpoint:
        """Metrics and health, for Prometheus and for who supervises."""
        metrics = config.metrics

        def exposition() -> bytes:
            return self._rooms.results.exposition.text()

        def health() -> Health:
            return self._health.health(time.monotonic())

        try:
            return Endpoint(metrics.address, metrics.port, exposition, health, follows)
        except OSError as error:
            where = f"{metrics.address}:{metrics.port}"
            raise CommandEnd(USAGE, f"metrics cannot be served on {where}: {error.strerror}") from error

    def _tell_port(self) -> None:
        """Write where metrics are served, for the commands that ask."""
        place = places.runtime_directory(self._rooms.config.state) / places.METRICS_PORT
        try:
            place.write_text(f"{self._endpoint.port}\n", encoding="ascii")
            os.chmod(place, 0o600)
        except OSError as error:
            tell(f"{place} 未能写入 could not be written: {error.strerror}")
