"""A worker's steps reach analysis, whole and in order, over one link after another."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from monitor.daemon import outbox as outbox_module
from monitor.daemon.outbox import Outbox
from monitor.pipeline.handover import Receiver, Step
from wire.flows.records import DELTA
from wire.names.facts import FACTS
from wire.names.strings import StringTable


def _step(strings: StringTable, number: int, *names: str) -> Step:
    """A step that brings new strings and has `number` for its clock."""
    first = len(strings)
    for name in names:
        strings.add(name.encode())
    lengths, text = strings.since(first)
    return Step(clock_ns=number, string_lengths=lengths, string_bytes=text)


def _strings(steps: list[Step]) -> list[str]:
    names = []
    for step in steps:
        at = 0
        for length in step.string_lengths.tolist():
            names.append(step.string_bytes[at : at + length].tobytes().decode())
            at += length
    return names


def _receive(end: socket.socket, steps: int) -> list[Step]:
    receiver = Receiver(end)
    end.settimeout(30)
    got = []
    while len(got) < steps:
        step = receiver.receive()
        assert step is not None
        got.append(step)
    return got


def test_a_successor_is_told_all_strings_and_no_step_twice() -> None:
    strings = StringTable(100, 1_000)
    outbox = Outbox(strings)
    ours, theirs = socket.socketpair()
    outbox.link(ours)
    assert outbox.put(_step(strings, 1, "a.example", "b.example"), 1)
    assert outbox.put(_step(strings, 2), 1)
    first = _receive(theirs, 2)
    assert [step.clock_ns for step in first] == [1, 2]
    theirs.close()
    assert outbox.put(_step(strings, 3, "c.example"), 1)  # nobody is there to take it
    assert outbox.put(_step(strings, 4), 1)
    ours, theirs = socket.socketpair()
    outbox.link(ours)
    second = _receive(theirs, 3)
    assert _strings(second) == ["a.example", "b.example", "c.example"]
    assert [step.clock_ns for step in second[1:]] == [3, 4]
    assert outbox.close(5)
    theirs.close()


def test_steps_that_nobody_takes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOST_WAITING_BYTES", 10_000)
    outbox = Outbox(StringTable(100, 1_000))
    waiting = 0
    while outbox.put(Step(delta_query_ids=np.zeros(500, np.int32)), 0.01):
        waiting += 1
        assert waiting < 100
    assert waiting >= 2
    assert not outbox.close(0.01), "they were not sent"


def test_a_step_that_waits_holds_its_own_bytes_alone() -> None:
    room = np.zeros(1 << 16, DELTA)  # what a flow table offers for a whole block
    room["flow"] = np.arange(len(room))
    step = Step(deltas=room[5:8], delta_facts=np.zeros(3, FACTS), delta_query_offsets=np.zeros(4, np.int64))
    outbox = Outbox(StringTable(10, 100))
    assert outbox.put(step, 1)
    assert not np.shares_memory(step.deltas, room)
    assert step.deltas["flow"].tolist() == [5, 6, 7]
    ours, theirs = socket.socketpair()
    with theirs:
        outbox.link(ours)
        assert _receive(theirs, 1)[0].deltas["flow"].tolist() == [5, 6, 7]
        assert outbox.close(5)


def test_a_life_that_is_over_hangs_up_when_all_is_sent() -> None:
    strings = StringTable(100, 1_000)
    outbox = Outbox(strings)
    assert outbox.put(_step(strings, 1, "a.example"), 1)
    assert outbox.put(_step(strings, 2), 1)
    outbox.end()
    assert not outbox.ended, "there is nobody to take them yet"
    ours, theirs = socket.socketpair()
    outbox.link(ours)
    theirs.settimeout(30)
    receiver = Receiver(theirs)
    assert [receiver.receive().clock_ns, receiver.receive().clock_ns] == [1, 2]  # type: ignore[union-attr]
    assert receiver.receive() is None, "it has hung up"
    outbox._thread.join(30)
    assert outbox.ended
    theirs.close()
