"""Steps go over a real socket whole, or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.pipeline.handover import (
    _HEADER,
    MAX_WORKERS,
    STEP_COUNTERS,
    HandoverError,
    Receiver,
    Sender,
    Step,
    shape_digest,
)
from monitor.pipeline.pipeline import WorkerStages
from wire.capture.files import open_captures
from wire.flows.records import DELTA, FLOW_ROW
from wire.flows.table import FlowSettings
from wire.names.events import EVENT
from wire.names.facts import FACTS
from wire.names.namer import NamerSettings

_BOUND = 2**40


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A step whose arrays hold any bytes; small or larger than a socket's buffer."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))

    def records(dtype: np.dtype, count: int) -> np.ndarray:
        return random.integers(0, 256, count * dtype.itemsize, np.uint8).view(dtype)

    def queries(count: int) -> tuple[np.ndarray, np.ndarray]:
        offsets = np.append(0, np.cumsum(random.integers(0, 3, count)))
        return offsets.astype(np.int64), random.integers(-1, 99, offsets[-1]).astype(np.int32)

    counts = st.sampled_from([0, 1, 2, 3000])
    deltas, rows = draw(counts), draw(counts)
    lengths = random.integers(0, 9, draw(counts)).astype(np.int32)
    delta_offsets, delta_ids = queries(deltas)
    row_offsets, row_ids = queries(rows)
    numbers = [draw(st.integers(-_BOUND, _BOUND)) for _ in range(4)]
    worker = draw(st.integers(0, MAX_WORKERS - 1))
    return Step(
        worker, *numbers, draw(st.booleans()), draw(st.booleans()), records(EVENT, draw(counts)),
        records(DELTA, deltas), records(FACTS, deltas), delta_offsets, delta_ids,
        records(FLOW_ROW, rows), records(FACTS, rows), row_offsets, row_ids,
        lengths, records(np.dtype("u1"), int(lengths.sum())), records(np.dtype("i8"), len(STEP_COUNTERS)),
    )  # fmt: skip


def same(one: Step, other: Step) -> bool:
    pairs = [(getattr(one, each.name), getattr(other, each.name)) for each in fields(Step)]
    return all(
        (a.dtype == b.dtype and a.tobytes() == b.tobytes()) if isinstance(a, np.ndarray) else a == b
        for a, b in pairs
    )


@contextmanager
def over_a_socket(data: bytes) -> Iterator[Receiver]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    with theirs:
        with ours:
            ours.sendall(data)
        yield Receiver(theirs)


def recorded(sent: list[Step]) -> bytes:
    """The bytes that a worker puts on the socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        received = bytearray()

        def read() -> None:
            while data := theirs.recv(1 << 16):
                received.extend(data)

        reader = threading.Thread(target=read)
        reader.start()
        sender = Sender(ours)
        for step in sent:
            sender.send(step)
        ours.shutdown(socket.SHUT_WR)
        reader.join(20)
        return bytes(received)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps(), min_size=1, max_size=3))
def test_what_is_sent_is_received(sent: list[Step]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(20)

        def send() -> None:
            sender = Sender(ours)
            for step in sent:
                sender.send(step)
            ours.shutdown(socket.SHUT_WR)

        worker = threading.Thread(target=send)
        worker.start()
        receiver = Receiver(theirs)
        received = list(iter(receiver.receive, None))
        worker.join(20)
    assert len(received) == len(sent)
    assert all(same(one, other) for one, other in zip(sent, received, strict=True))


def test_another_version_is_refused() -> None:
    data = recorded([Step()])
    other = data.replace(shape_digest(), bytes(32), 1)
    with over_a_socket(other) as receiver, pytest.raises(HandoverError, match="version"):
        receiver.receive()


@pytest.mark.parametrize("cut", [1, 20, 47, 49, 300, -1])
def test_a_worker_that_breaks_off(cut: int) -> None:
    with (
        over_a_socket(recorded([Step()])[:cut]) as receiver,
        pytest.raises(HandoverError, match="broke off"),
    ):
        receiver.receive()


def test_a_worker_that_closes_between_two_steps() -> None:
    with over_a_socket(recorded([Step(), Step()])) as receiver:
        assert receiver.receive() is not None
        assert receiver.receive() is not None
        assert receiver.receive() is None


@pytest.mark.parametrize("length", [2**30, -1, -(2**63)])
def test_lengths_are_not_believed(length: int) -> None:
    greeting = recorded([Step()])[:48]
    header = np.full(_HEADER.itemsize // 8, length, np.int64).tobytes()
    with over_a_socket(greeting + header) as receiver, pytest.raises(HandoverError, match="larger"):
        receiver.receive()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("delta_query_offsets", np.array([0, 1], np.int64)),
        ("row_query_offsets", np.array([5], np.int64)),
        ("row_facts", np.zeros(1, FACTS)),
        ("string_lengths", np.array([7], np.int32)),
        ("string_lengths", np.array([-1], np.int32)),
        ("worker", 256),
        ("worker", -1),
        ("counters", np.zeros(3, np.int64)),
    ],
)
def test_what_does_not_belong_together(name: str, value: np.ndarray | int) -> None:
    step = Step()
    setattr(step, name, value)
    with over_a_socket(recorded([step])) as receiver, pytest.raises(HandoverError):
        receiver.receive()


def test_a_step_says_when_its_first_packet_came(root: Path) -> None:
    worker = WorkerStages(FlowSettings(), NamerSettings())
    with open_captures([root / "pcaps" / "chromium-tls.pcap"]) as reader:
        for block in reader:
            assert worker.advance(block).since_ns == block.timestamp_ns.min() > 0
            clock_ns = int(block.timestamp_ns.max())
    assert worker.tick(clock_ns + 1).since_ns == 0
