"""What a worker hands to the analysis: steps of flat arrays over a Unix stream socket.

    Sender(sock).send(step)             worker's end; the first message says which shape they have
    Receiver(sock).receive() -> Step    analysis' end; None when the worker has closed its end

A message is a fixed header with the length of each array, then the arrays' bytes as they lie in
memory. Both ends run on one machine and from one installation: the greeting carries a digest of
all dtypes and counter names, and a worker of another version is refused. Nothing is unpickled, no
length beyond its bound is believed, and a string id can't be anything but an integer.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.metrics.definitions import NAME_EVENTS
from wire.flows.packet import REJECT_REASONS
from wire.flows.records import DELTA, FLOW_ROW
from wire.flows.slots import COUNTERS
from wire.names.events import EVENT
from wire.names.facts import FACTS

#: The counters of a step, cumulative since the worker's start; the index is the place in `counters`.
TABLE_COUNTERS = (*COUNTERS, "kernel_faults")
REJECTS = REJECT_REASONS[1:]
CAPTURE_COUNTERS = ("shed", "abandoned", "unreadable")
STEP_COUNTERS = (
    *TABLE_COUNTERS,
    *(f"rejected_{name}" for name in REJECTS),
    *(f"names_{name}" for name in NAME_EVENTS),
    *(f"capture_{name}" for name in CAPTURE_COUNTERS),
)

#: Workers that one analysis can join.
MAX_WORKERS = 256

_MAGIC = b"campuswatch step"
_ARRAYS: tuple[tuple[str, np.dtype[Any]], ...] = (
    ("events", EVENT),
    ("deltas", DELTA),
    ("delta_facts", FACTS),
    ("delta_query_offsets", np.dtype("i8")),
    ("delta_query_ids", np.dtype("i4")),
    ("rows", FLOW_ROW),
    ("row_facts", FACTS),
    ("row_query_offsets", np.dtype("i8")),
    ("row_query_ids", np.dtype("i4")),
    ("string_lengths", np.dtype("i4")),
    ("string_bytes", np.dtype("u1")),
    ("counters", np.dtype("i8")),
)
ARRAY_NAMES = tuple(name for name, _ in _ARRAYS)
_NUMBERS = ("worker", "reached", "since_ns", "clock_ns", "active_flows", "ends", "last")
_YES_OR_NO = ("ends", "last")
_HEADER = np.dtype([("numbers", "i8", (len(_NUMBERS),)), ("lengths", "i8", (len(_ARRAYS),))])
#: No array of a step is longer: a block of 65,536 frames yields less, a table that ends less again.
MAX_ITEMS = 1 << 26
MAX_STEP_BYTES = 1 << 31
#: The kernel takes so many pieces at once (IOV_MAX is 1024).
_MAX_PIECES = 64


class HandoverError(Exception):
    """The other end speaks another version, broke off in the middle of a step, or is not a worker."""


def _none(dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.zeros(0, dtype)


@dataclass(slots=True)
class Step:
    """What one worker yields for one stretch of packets. String ids and serials are the worker's own.

    | field | shape, dtype | meaning |
    |---|---|---|
    | worker | int | the worker's place, from 0 |
    | reached | int | events of an `order` below it are out; those that follow come late or later |
    | since_ns | int | time of the stretch's first packet; 0 without one |
    | clock_ns | int | event clock of the worker after the stretch |
    | active_flows | int | flows in its table |
    | ends | bool | one of the steps in which a worker of a replay ends all its flows |
    | last | bool | nothing follows: the last of these |
    | events | (e,) EVENT | openings and DNS answers in the order of packets |
    | deltas, rows | (d,) DELTA, (r,) FLOW_ROW | what was due |
    | delta_facts, row_facts | (d,), (r,) FACTS | what each flow's own bytes say, without what DNS tells |
    | *_query_offsets, *_query_ids | (n + 1,) int64, (m,) int32 | DNS names that each flow asked for |
    | string_lengths, string_bytes | (s,) int32, (b,) uint8 | strings that are new, in the order of ids |
    | counters | (len(STEP_COUNTERS),) int64 | cumulative |
    """

    worker: int = 0
    reached: int = 0
    since_ns: int = 0
    clock_ns: int = 0
    active_flows: int = 0
    ends: bool = False
    last: bool = False
    events: NDArray[np.void] = field(default_factory=lambda: _none(EVENT))
    deltas: NDArray[np.void] = field(default_factory=lambda: _none(DELTA))
    delta_facts: NDArray[np.void] = field(default_factory=lambda: _none(FACTS))
    delta_query_offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    delta_query_ids: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    rows: NDArray[np.void] = field(default_factory=lambda: _none(FLOW_ROW))
    row_facts: NDArray[np.void] = field(default_factory=lambda: _none(FACTS))
    row_query_offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    row_query_ids: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    string_lengths: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    string_bytes: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    counters: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(STEP_COUNTERS), np.int64))

    @property
    def nbytes(self) -> int:
        """What its arrays take."""
        return sum(getattr(self, name).nbytes for name in ARRAY_NAMES)

    def check(self) -> None:
        """Raise HandoverError unless the lengths belong together and offsets lie within their arrays."""
        for what in ("delta", "row"):
            records = getattr(self, f"{what}s")
            offsets, ids = getattr(self, f"{what}_query_offsets"), getattr(self, f"{what}_query_ids")
            if len(getattr(self, f"{what}_facts")) != len(records) or len(offsets) != len(records) + 1:
                raise HandoverError(f"{what}s, their facts and their queries differ in number")
            if offsets[0] != 0 or offsets[-1] != len(ids) or (np.diff(offsets) < 0).any():
                raise HandoverError(f"offsets of the {what}s' queries do not lie in order")
        if not 0 <= self.worker < MAX_WORKERS:
            raise HandoverError(f"worker {self.worker}, and there are no more than {MAX_WORKERS}")
        if len(self.counters) != len(STEP_COUNTERS):
            raise HandoverError(f"{len(self.counters)} counters, {len(STEP_COUNTERS)} were expected")
        if (self.string_lengths < 0).any() or self.string_lengths.sum() != len(self.string_bytes):
            raise HandoverError("lengths of strings do not add up to their bytes")


def shape_digest() -> bytes:
    """SHA-256 over everything that both ends must agree on."""
    shape = repr([(name, dtype.descr) for name, dtype in _ARRAYS]) + repr((_NUMBERS, STEP_COUNTERS))
    return hashlib.sha256(shape.encode()).digest()


class Sender:
    """A worker's end of the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._greeted = False

    def send(self, step: Step) -> None:
        """Send a step whole; waits while the other end is behind. Raises OSError when that is gone."""
        header = np.zeros(1, _HEADER)
        arrays = [np.ascontiguousarray(getattr(step, name), dtype) for name, dtype in _ARRAYS]
        header["numbers"][0] = [int(getattr(step, name)) for name in _NUMBERS]
        header["lengths"][0] = [len(array) for array in arrays]
        pieces = [_bytes(array) for array in (header, *arrays) if len(array)]
        if not self._greeted:
            pieces.insert(0, memoryview(_MAGIC + shape_digest()))
            self._greeted = True
        _send_all(self._sock, pieces)


class Receiver:
    """The analysis' end of one worker's socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._greeted = False

    def receive(self) -> Step | None:
        """The next step; None when the worker closed its end between two.

        Waits as long as the socket's timeout lets it. Raises HandoverError for what is no whole
        step, OSError (TimeoutError) when the socket fails.
        """
        if not self._greeted:
            greeting = np.empty(len(_MAGIC) + hashlib.sha256().digest_size, np.uint8)
            if not _receive_all(self._sock, [_bytes(greeting)]):
                return None
            if greeting.tobytes() != _MAGIC + shape_digest():
                raise HandoverError("the worker is of another version")
            self._greeted = True
        header = np.zeros(1, _HEADER)
        if not _receive_all(self._sock, [_bytes(header)]):
            return None
        lengths = header["lengths"][0].tolist()
        sizes = [length * dtype.itemsize for length, (_, dtype) in zip(lengths, _ARRAYS, strict=True)]
        if min(lengths) < 0 or max(lengths) > MAX_ITEMS or sum(sizes) > MAX_STEP_BYTES:
            raise HandoverError("a step that is larger than any worker makes")
        arrays = {name: np.empty(n, dtype) for n, (name, dtype) in zip(lengths, _ARRAYS, strict=True)}
        pieces = [_bytes(array) for array in arrays.values() if len(array)]
        if pieces and not _receive_all(self._sock, pieces):
            raise HandoverError("the worker broke off in the middle of a step")
        step = Step()
        for name, number in zip(_NUMBERS, header["numbers"][0].tolist(), strict=True):
            setattr(step, name, bool(number) if name in _YES_OR_NO else number)
        for name, array in arrays.items():
            setattr(step, name, array)
        step.check()
        return step


def _bytes(array: NDArray[Any]) -> memoryview:
    return memoryview(array.view(np.uint8)).cast("B")  # type: ignore[arg-type]


def _send_all(sock: socket.socket, pieces: list[memoryview]) -> None:
    while pieces:
        sent = sock.sendmsg(pieces[:_MAX_PIECES])
        while pieces and sent >= len(pieces[0]):
            sent -= len(pieces.pop(0))
        if sent:
            pieces[0] = pieces[0][sent:]


def _receive_all(sock: socket.socket, pieces: Sequence[memoryview]) -> bool:
    """Fill all pieces. False when the other end closed before the first byte."""
    begun = False
    for piece in pieces:
        at = 0
        while at < len(piece):
            got = sock.recv_into(piece[at:])
            if got == 0:
                if begun:
                    raise HandoverError("the worker broke off in the middle of a step")
                return False
            at += got
            begun = True
    return True
