"""A replay spread over worker processes: each walks all frames and keeps the flows that are its own.

Every worker's event clock sees every frame, and a step ends where a block does, so what comes out
does not depend on how many workers there are.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from monitor.errors import INTERNAL, USAGE, CommandEnd
from monitor.pipeline.handover import HandoverError, Receiver, Sender, Step
from monitor.pipeline.pipeline import Place, WorkerStages
from wire.capture.files import open_captures
from wire.capture.pcapng_blocks import SKIPPED
from wire.flows.table import FlowSettings
from wire.names.answers import AnswerSettings
from wire.names.namer import NamerSettings

#: A worker that says nothing for so long while it should read a file has failed.
_SILENCE_SECONDS = 600.0
_END_SECONDS = 20.0
_PACKAGES = Path(__file__).resolve().parents[2]


class Spread:
    """Captures as `workers` processes read them. Its account is that of a CaptureReader.

    Raises CommandEnd for what can be read only once.
    """

    def __init__(self, captures: Sequence[str], workers: int) -> None:
        for capture in captures:
            if not Path(capture).is_file():
                raise CommandEnd(USAGE, f"--workers {workers}: {capture} cannot be read more than once")
        self._captures = [str(Path(capture).resolve()) for capture in captures]
        self._shown = list(captures)
        self.workers = workers
        self.problems: list[str] = []
        self.skipped: dict[str, int] = dict.fromkeys(SKIPPED, 0)
        self.frames_read = 0

    def steps(self, flows: FlowSettings, names: NamerSettings) -> Iterator[Step]:
        """The steps of all workers, a block of each in turn. Raises CommandEnd when a worker fails."""
        with ExitStack() as stack:
            running = []
            for i in range(self.workers):
                job = {"captures": self._captures, "worker": i, "of": self.workers}
                job |= {"flows": asdict(flows), "names": asdict(names)}
                running.append(stack.enter_context(_Worker(job)))
            while running:
                for worker in tuple(running):
                    step = worker.receive()
                    self.frames_read = max(self.frames_read, step.reached)
                    yield step
                    if step.last:
                        self._note(worker.account())
                        running.remove(worker)

    def _note(self, account: dict[str, Any]) -> None:
        """What a worker says of the files: the same as the others, unless one changed meanwhile."""
        for whole, shown in zip(self._captures, self._shown, strict=True):
            account["problems"] = [problem.replace(whole, shown) for problem in account["problems"]]
        self.problems = list(dict.fromkeys([*self.problems, *account["problems"]]))
        self.skipped = account["skipped"]


class _Worker:
    """One process and the way to it."""

    def __init__(self, job: dict[str, Any]) -> None:
        ours, theirs = socket.socketpair()
        path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "monitor.replay.spread", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": path},
            )
        ours.settimeout(_SILENCE_SECONDS)
        self._socket = ours
        self._receiver = Receiver(ours)
        assert self._process.stdin is not None
        with self._process.stdin as orders:
            orders.write(json.dumps(job).encode())

    def __enter__(self) -> _Worker:
        return self

    def receive(self) -> Step:
        """The next step."""
        try:
            step = self._receiver.receive()
        except (HandoverError, OSError) as error:
            raise CommandEnd(INTERNAL, f"a worker of the replay failed: {error}") from error
        if step is None:
            raise CommandEnd(INTERNAL, "a worker of the replay ended early")
        return step

    def account(self) -> dict[str, Any]:
        """What it says of the files, once it has ended."""
        assert self._process.stdout is not None
        account: dict[str, Any] = json.loads(self._process.stdout.read())
        return account

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        if kind is not None:
            self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def work(descriptor: int) -> None:
    """The life of a worker: its job on standard input, steps over the socket, its account at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    job = json.load(sys.stdin)
    flows, names = job["flows"], job["names"]
    flows["idle_seconds"] = tuple(flows["idle_seconds"])
    names["ech_public_names"] = tuple(names["ech_public_names"])
    names["answers"] = AnswerSettings(**names["answers"])
    stages = WorkerStages(FlowSettings(**flows), NamerSettings(**names), Place(job["worker"], of=job["of"]))
    with socket.socket(fileno=descriptor) as sock, open_captures(job["captures"]) as reader:
        sender = Sender(sock)
        try:
            for block in reader:
                sender.send(stages.advance(block))
            for step in stages.finish():
                sender.send(step)
        except BrokenPipeError:
            return  # the parent is gone, or has given up
        account = {"problems": reader.problems, "skipped": reader.skipped}
    sys.stdout.write(json.dumps(account))


if __name__ == "__main__":
    work(int(sys.argv[1]))
