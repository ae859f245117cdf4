"""`campuswatch run -i`: the small process that opens the taps and looks after all others.

It alone keeps a capability, CAP_NET_RAW; it never imports NumPy and never looks at a packet. The
packet sockets are its own, so that a worker that dies is followed by one that walks the same ring.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import socket
import time
from collections.abc import Callable
from itertools import chain

from monitor import garbage, places
from monitor.config.config import Config
from monitor.config.config_file import ConfigError
from monitor.daemon.children import Child, ended_how
from monitor.daemon.control import ControlSocket, Question
from monitor.daemon.notify import Notifier
from monitor.daemon.orders import Order
from monitor.daemon.reload import Reload
from monitor.daemon.signals import heard_signals
from monitor.daemon.taps import Tap, interfaces_of
from monitor.errors import CUT_OFF, USAGE, WHOLE, CommandEnd, tell
from sinks.metrics.overload_steps import OVERLOAD_STEPS
from wire.capture.errors import CaptureError

_LOOK_SECONDS = 0.5
_TELL_SECONDS = 1.0
#: A start that compiles kernels says every few seconds that it goes on.
_START_SECONDS = 300.0
RUNNING, WORKERS_DRAIN, ANALYSIS_DRAINS, OVER = range(4)
WORKER, ANALYSIS = "monitor.daemon.worker", "monitor.daemon.analysis"


class Parent:
    """Supervises one analysis process and the workers. `taps`: those of each worker.

    read_config: reads the configuration anew. lock: descriptor of the state directory's lock.
    worker, analysis: the modules whose `work` the children run.
    """

    def __init__(
        self,
        config: Config,
        read_config: Callable[[], Config],
        taps: list[list[Tap]],
        lock: int,
        worker: str = WORKER,
        analysis: str = ANALYSIS,
    ) -> None:
        self._config = config
        self._read_config = read_config
        self._taps = taps
        self._notifier = Notifier()
        self._selector = selectors.DefaultSelector()
        self._analysis = Child("analysis", analysis, (lock,), self._begin_analysis)
        self._workers = [
            Child(f"worker {i}", worker, tuple(tap.descriptor for tap in own), self._begin_worker)
            for i, own in enumerate(taps)
        ]
        self._children = [self._analysis, *self._workers]
        self._name = secrets.token_hex(8)  # tells the counters of this daemon from an earlier one's
        self._stage = RUNNING
        self._deadline = 0.0
        self._ready = False
        self._refused: str | None = None
        self._cut_off = False
        self._reload: Reload | None = None
        self._reloads = {"taken": 0, "refused": 0}
        self._told = self._pinged = self._started = time.monotonic()
        self._steps_at_ping: dict[str, int] = {}

    def run(self) -> int:
        """Until SIGTERM or SIGINT; the exit code. Raises CommandEnd where a child refuses to begin."""
        garbage.look_as_usual()
        control = ControlSocket(places.make(places.runtime_directory(self._config.state)) / places.CONTROL)
        self._selector.register(control, selectors.EVENT_READ, lambda: self._asked(control.accept()))
        with heard_signals() as (wake, pending):
            self._selector.register(wake, selectors.EVENT_READ, lambda: self._signalled(wake, pending))
            try:
                while self._stage != OVER:
                    for key, _ in self._selector.select(self._wait_seconds()):
                        key.data()
                    self._look()
            finally:
                for child in self._children:
                    child.kill()
                for tap in chain.from_iterable(self._taps):
                    tap.close()
                control.close()
                self._selector.close()
        if self._refused is not None:
            raise CommandEnd(USAGE, self._refused)
        return CUT_OFF if self._cut_off else WHOLE

    # Lives of children

    def _start(self, child: Child) -> None:
        child.start()
        assert child.pidfd is not None
        assert child.orders is not None
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._died(child))
        self._selector.register(child.orders, selectors.EVENT_READ, lambda: self._heard(child))

    def _begin_worker(self, child: Child) -> None:
        i = self._workers.index(child)
        assert child.orders is not None
        taps = [tap.told() for tap in self._taps[i]]
        text = self._config.model_dump_json()
        child.orders.send("start", config=text, worker=i, life=child.lives, taps=taps)
        self._link(child)

    def _begin_analysis(self, child: Child) -> None:
        assert child.orders is not None
        text = self._config.model_dump_json()
        workers = len(self._workers)
        child.orders.send("start", config=text, workers=workers, life=child.lives, daemon=self._name)
        for worker in self._workers:
            self._link(worker)

    def _link(self, worker: Child) -> None:
        """A new way for a worker's steps to analysis, where both live."""
        if worker.orders is None or self._analysis.orders is None:
            return
        i = self._workers.index(worker)
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ends[0], ends[1]:
            worker.orders.send("link", (ends[0].fileno(),), worker=i, life=worker.lives)
            self._analysis.orders.send("link", (ends[1].fileno(),), worker=i, life=worker.lives)

    def _died(self, child: Child) -> None:
        self._hear_all(child)
        self._selector.unregister(child.pidfd)  # type: ignore[arg-type]
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.orders)  # type: ignore[arg-type]
        code = child.bury()
        if self._reload is not None:
            self._reload.lost(child)
        if self._stage == RUNNING:
            child.tell_of_death(code)
        elif code != 0:  # what it still had is not written
            self._cut_off = True
            tell(f"{child.name} 停止时意外结束 ended before it was done ({ended_how(code)})")

    def _heard(self, child: Child) -> None:
        if not self._hear_all(child) and child.orders is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.orders)  # it is about to die; its pidfd will say so

    def _hear_all(self, child: Child) -> bool:
        """Take all reports that wait; False when the child has hung up."""
        while child.orders is not None and (heard := child.orders.receive()) is not None:
            report, _ = heard
            if report is None:
                return False
            self._take(child, report)
        return True

    def _take(self, child: Child, report: Order) -> None:
        child.hear(report)
        if report["kind"] == "refused":
            if self._ready or self._refused is not None:
                tell(f"{child.name} 无法开始 cannot begin: {report['problem']}")
            else:
                self._refused = str(report["problem"])
                self._stage = OVER
        elif report["kind"] in ("prepared", "taken"):
            if "life" in report:  # in the same process: it needs a way for the new life's steps
                child.begun_anew()
                self._link(child)
            if self._reload is not None:
                self._reload.heard(child, report)
        if not self._ready and all(each.ready for each in self._children):
            self._ready = True
            self._notifier.ready(self._status())
            tell(f"就绪 ready: {self._status()}")

    # What is due

    def _wait_seconds(self) -> float:
        due = [child.due for child in self._children if child.pid is None and self._stage == RUNNING]
        return max(min([_LOOK_SECONDS, *(each - time.monotonic() for each in due)]), 0.0)

    def _look(self) -> None:
        now = time.monotonic()
        if self._stage == RUNNING:
            for child in self._children:
                if child.pid is None and child.due <= now:
                    self._start(child)
        self._end_stalls()
        if self._reload is not None:
            self._go_on_with(self._reload)
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            for child in self._children:
                if child.orders is not None:
                    child.orders.flush()
            self._take_up_interfaces()
            self._tell_analysis()
            if not self._ready and now - self._started < _START_SECONDS:
                self._notifier.extend_start(10 * _TELL_SECONDS)
        self._ping(now)
        self._drain(now)

    def _end_stalls(self) -> None:
        """A child that is stuck is ended, so that its next life can go on; one at a time.

        Workers come first: analysis may be waiting for the rest of what a worker was sending.
        """
        for child in (*self._workers, self._analysis):
            if child.stalled():
                child.stalls += 1
                tell(f"{child.name} 没有进展 makes no progress; 结束 it is ended")
                child.kill()
                child.hear({"kind": "ready"})  # asked once, not at every look
                return

    def _take_up_interfaces(self) -> None:
        """Workers whose interface was removed and is back begin anew on its new sockets."""
        for worker, own in zip(self._workers, self._taps, strict=True):
            taken = [tap.interface for tap in own if tap.take_up_again()]
            if taken:
                tell(f"{', '.join(taken)} 重新出现 is back; {worker.name} 重新开始 begins anew")
                worker.kill()

    def _tell_analysis(self) -> None:
        """What only the parent knows, for the metrics; totals since its own start."""
        if self._analysis.orders is not None:
            self._analysis.orders.send(
                "parent",
                rings=[[tap.counts() for tap in own] for own in self._taps],
                restarts={"analysis": self._analysis.restarts, "worker": self._worker_restarts()},
                stalls=sum(child.stalls for child in self._children),
                reloads=self._reloads,
                overload=self._overload(),
            )

    def _overload(self) -> Order:
        """The highest level of all workers; how often each step was entered; flows without names."""
        told = [worker.overload for worker in self._workers]
        return {
            "level": max((each["level"] for each in told), default=0),
            "entered": {step: sum(each["entered"][step] for each in told) for step in OVERLOAD_STEPS},
            "flows": sum(each["flows"] for each in told),
        }

    def _worker_restarts(self) -> int:
        return sum(worker.restarts for worker in self._workers)

    def _ping(self, now: float) -> None:
        """Tell the watchdog, if every child that works has moved since it was last told."""
        every = self._notifier.watchdog_seconds
        if every is None or now - self._pinged < every / 3:
            return
        working = [child for child in self._children if child.ready]
        if working and all(self._steps_at_ping.get(child.name) != child.steps for child in working):
            self._pinged = now
            self._steps_at_ping = {child.name: child.steps for child in working}
            self._notifier.watchdog()
            self._notifier.status(self._status())

    def _status(self) -> str:
        text = f"{', '.join(interfaces_of(self._taps))}; {len(self._workers)} worker(s)"
        restarts = self._worker_restarts() + self._analysis.restarts
        return f"{text}; {restarts} restart(s)" if restarts else text

    # Reload

    def _asked(self, question: Question | None) -> None:
        if question is None:
            return
        command = question.read()
        if command == "reload":
            self._begin_reload(question)
        elif command == "status":
            question.answer(ok=True, **self._facts())
        else:
            question.answer(ok=False, problem=f"unknown command {command!r}")

    def _facts(self) -> Order:
        return {
            "pid": os.getpid(),
            "ready": self._ready,
            "stage": ("running", "draining", "draining", "over")[self._stage],
            "children": [
                {
                    "name": child.name,
                    "pid": child.pid,
                    "ready": child.ready,
                    "steps": child.steps,
                    "restarts": child.restarts,
                }
                for child in self._children
            ],
            "rings": [[tap.counts() for tap in own] for own in self._taps],
            "reloads": self._reloads,
        }

    def _begin_reload(self, question: Question | None) -> None:
        problem = None
        starting = [child.name for child in self._children if not child.ready]
        if self._reload is not None or self._stage != RUNNING or not self._ready:
            problem = "another reload, a start or a stop is going on"
        elif starting:  # it began with the old configuration, and could not say whether it can do the new
            problem = f"{', '.join(starting)} 正在启动 is starting: ask again"
        else:
            self._notifier.reloading()
            try:
                config = self._read_config()
                self._reload = Reload(self._config, config, self._children, self._taps, question)
            except (ConfigError, CommandEnd, CaptureError) as error:
                problem = str(error)
        if problem is not None:
            self._answer_reload(problem, question)

    def _go_on_with(self, change: Reload) -> None:
        """When all have prepared it, all are told to take it; when all have, it is in effect."""
        if not change.concluded and change.decided:
            change.conclude(self._children)
            if change.problem is None:
                self._config = change.config
        if change.over:
            self._reload = None
            self._answer_reload(change.problem, change.asked_by)

    def _answer_reload(self, problem: str | None, question: Question | None) -> None:
        self._reloads["taken" if problem is None else "refused"] += 1
        if problem is None:
            tell("新配置已生效 the new configuration is in effect")
        else:
            tell(f"新配置不可用，沿用原配置 the old configuration stays: {problem}")
        self._notifier.ready(self._status())
        if question is not None:
            question.answer(ok=problem is None, problem=problem)

    # Stop

    def _signalled(self, wake: socket.socket, pending: list[int]) -> None:
        with contextlib.suppress(BlockingIOError):
            wake.recv(4096)
        while pending:
            number = pending.pop(0)
            if number == signal.SIGHUP:
                self._begin_reload(None)
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop()

    def _stop(self) -> None:
        if self._stage != RUNNING:
            self._deadline = 0.0  # asked twice: at once
            return
        self._notifier.stopping()
        self._stage = WORKERS_DRAIN
        self._deadline = time.monotonic() + self._config.state.drain_seconds
        for worker in self._workers:
            if worker.orders is not None:
                worker.orders.send("stop")

    def _drain(self, now: float) -> None:
        """On the way to the end: workers first, then analysis, which has their last steps by then."""
        if self._stage == WORKERS_DRAIN and self._gone(self._workers, now):
            self._stage = ANALYSIS_DRAINS
            self._deadline = now + self._config.state.drain_seconds
            self._tell_analysis()
            if self._analysis.orders is not None:
                self._analysis.orders.send("stop")
        if self._stage == ANALYSIS_DRAINS and self._gone([self._analysis], now):
            self._stage = OVER

    def _gone(self, children: list[Child], now: float) -> bool:
        alive = [child for child in children if child.pid is not None]
        if alive and now > self._deadline:
            self._cut_off = True
            for child in alive:
                tell(f"{child.name} 未在时限内结束 did not end in time")
                child.kill()
            self._deadline = now + 60.0  # a killed process is soon gone
        return not alive
