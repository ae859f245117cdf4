"""`campuswatch run --replay`: a capture played in event time, as if it came from the wire."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType

import numpy as np
import typer

from detectors.findings import Finding
from monitor.config import config_file
from monitor.config.config import Metrics
from monitor.errors import CUT_OFF, USAGE, WHOLE, CommandEnd, tell
from monitor.health.endpoint import Endpoint
from monitor.kernels import lean_numba
from monitor.replay.session import Session
from monitor.replay.summary_text import finding_text, write_table
from monitor.shipped import shipped
from wire.capture.files import open_captures
from wire.capture.frames import FrameBlock

DEMONSTRATION = "pcaps/campus-day.pcap.zst"
#: A block is cut so that none covers more event time than this: a live ring's block is short, too.
_STEP_NS = 1_000_000_000
_LONGEST_WAIT_SECONDS = 60.0
_PASSING_PSEUDONYMS = (
    "未配置 privacy.key_file，主机假名只在本次运行内有效 "
    "without privacy.key_file, pseudonyms of hosts hold for this run only"
)


def parsed_speed(text: str) -> float:
    """`max` or a number above zero. Raises CommandEnd."""
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed < math.inf:
        raise CommandEnd(USAGE, f"--speed {text}: neither `max` nor a number above zero")
    return speed


def play(capture: str | None, speed: float, config_path: Path | None, stay: bool) -> int:
    """Play a capture to its end; the exit code. Raises what user_errors turns into CommandEnd."""
    lean_numba.import_lean()
    config = config_file.load(config_path)
    path = capture or str(shipped(DEMONSTRATION))
    stop = _stop_on_signals()
    with open_captures([path]) as reader, Session(reader, config, None, pseudonymise=True) as session:
        if config.privacy.key_file is None:
            tell(_PASSING_PSEUDONYMS)
        endpoint = _serve(config.metrics, session)
        url = f"http://{config.metrics.address}:{endpoint.port}/metrics"
        tell(f"指标 metrics: {url}; 播放 playing {path}")
        told = 0

        def after_block(clock_ns: int) -> None:
            nonlocal told
            session.refresh_metrics()
            for finding in session.results.findings[told:]:
                _announce(finding, session)
            told = len(session.results.findings)

        session.carry(paced(reader, speed, stop), after_block)
        after_block(0)
        summary = session.publish()
        write_table(summary, [], None, session.results.pseudonyms)
        if stay:
            tell(f"已播完 the capture is over; {url} stays until Ctrl-C")
            stop.wait()
        endpoint.close()
    for problem in summary["problems"]:
        tell(problem)
    return WHOLE if summary["complete"] else CUT_OFF


def paced(blocks: Iterable[FrameBlock], speed: float, stop: threading.Event) -> Iterator[FrameBlock]:
    """Blocks, each given out when its time has come; ends early when `stop` is set.

    Event time runs `speed` times as fast as the clock; a silence longer than a minute of real time
    is cut to a minute.
    """
    previous_ns: int | None = None
    due = time.monotonic()
    for block in blocks:
        for part in [block] if math.isinf(speed) else steps(block):
            if stop.is_set():
                return
            first_ns = int(part.timestamp_ns[0])
            if previous_ns is not None and not math.isinf(speed):
                due += min(max(first_ns - previous_ns, 0) / 1e9 / speed, _LONGEST_WAIT_SECONDS)
                if stop.wait(max(due - time.monotonic(), 0.0)):
                    return
            previous_ns = first_ns
            yield part


def steps(block: FrameBlock, step_ns: int = _STEP_NS) -> Iterator[FrameBlock]:
    """A block in parts of at most a second (or `step_ns`) of event time each, zero-copy."""
    step = np.maximum.accumulate(block.timestamp_ns) // step_ns
    edges = [0, *(np.flatnonzero(np.diff(step)) + 1).tolist(), len(block)]
    for start, end in pairwise(edges):
        yield FrameBlock(
            block.buffer,
            block.offset[start:end],
            block.captured_bytes[start:end],
            block.wire_bytes[start:end],
            block.timestamp_ns[start:end],
            block.interface[start:end],
            block.vlan[start:end],
            block.direction[start:end],
            block.link_types,
        )


def _serve(metrics: Metrics, session: Session) -> Endpoint:
    try:
        return Endpoint(metrics.address, metrics.port, session.results.exposition.text, None)
    except OSError as error:
        where = f"{metrics.address}:{metrics.port}"
        raise CommandEnd(USAGE, f"metrics cannot be served on {where}: {error.strerror}") from error


def _announce(finding: Finding, session: Session) -> None:
    typer.echo(finding_text(finding, session.results.pseudonyms))


def _stop_on_signals() -> threading.Event:
    """Set by SIGTERM and by the first Ctrl-C; a second one ends the process at once."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop
