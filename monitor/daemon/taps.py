"""The packet sockets of a run: the parent opens them, workers walk their rings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from monitor.config.config import Capture
from wire.capture.bpf import attach_filter, detach_filter
from wire.capture.errors import CaptureError
from wire.capture.frame_counter import FrameCounter
from wire.capture.packet_socket import (
    SocketPlan,
    StatisticsReader,
    bound_interface,
    open_packet_socket,
)

_MIB = 1 << 20
#: All rings together take this part of the machine's memory unless configured.
_MEMORY_SHARE = 1 / 32
#: Frames of several interfaces wait for each other about twice as long as a block does.
_MERGED_TIMEOUT_MS = 20
#: How far the number of a group's successor is from its own.
_NEXT_GROUP = 0x1001
#: Tries to read two counters between two frames.
_TRIES = 100
_LEAST_RING_MIB, _MOST_RING_MIB = 16, 256


class Tap:
    """One packet socket with its ring, for one worker on one interface.

    counted: all frames of the interface are counted, by the counter of one of its taps.
    """

    def __init__(self, plan: SocketPlan, counted: bool = False, counter: FrameCounter | None = None) -> None:
        """Raises CaptureError."""
        self.plan = plan
        self.counted = counted
        self._counter = counter
        self._before_counter = 0  # frames by the time its counter began
        self._socket = open_packet_socket(plan)
        self._statistics = StatisticsReader(self._socket)

    @property
    def descriptor(self) -> int:
        """What a worker inherits."""
        return self._socket.fileno()

    @property
    def interface(self) -> str:
        """Its name when the socket was opened."""
        return self.plan.interface

    def told(self) -> dict[str, Any]:
        """What a worker has to know, for JSON."""
        return {"descriptor": self.descriptor, "plan": asdict(self.plan)}

    def counts(self) -> dict[str, int]:
        """Frames the kernel took for this ring and those it dropped for want of room, since the start.

        The kernel forgets what it has told, so that nobody else may ask it. `received` counts what
        was dropped, too; `shown`, added up over all taps, what the interfaces had.
        """
        shown = 0 if self._counter is None else self._before_counter + self._counter.read()
        told = self._statistics.read()
        if not self.counted:
            shown = told.received
        return {
            "received": told.received,
            "kernel_drops": told.dropped,
            "freezes": told.freezes,
            "shown": shown,
        }

    def count_all(self, counter: FrameCounter) -> None:
        """Count all frames of the interface by a counter, which has begun; so far none was refused."""
        for _ in range(_TRIES):
            received = self._statistics.read().received
            self._before_counter = received - counter.read()
            if self._statistics.read().received == received:
                break  # else a frame came between the two readings, and may be counted twice
        self.counted, self._counter = True, counter

    def put_filter(self, text: str | None, program: bytes | None) -> None:
        """Judge frames by another filter from now on; None: take all. After OSError the old one stays."""
        if program is not None:
            attach_filter(self._socket, program)
        elif self.plan.filter_text is not None:
            detach_filter(self._socket)
        self.plan = replace(self.plan, filter_text=text)

    def take_up_again(self) -> bool:
        """Replace the socket of an interface that was removed and is back; whether it did.

        The descriptor stays the same, but who inherited it holds the old socket. Only a member of a
        fanout group needs this: a ring of its own binds its socket again. The old group lasts as
        long as its members, so that the new one has another number.
        """
        group = self.plan.fanout_group
        if group is None or bound_interface(self._socket) is not None:
            return False
        plan = replace(self.plan, fanout_group=(group + _NEXT_GROUP) & 0xFFFF)
        try:
            fresh = open_packet_socket(plan)
        except CaptureError:
            return False  # it is not back yet
        with fresh:
            self._statistics.read()  # what the old socket counted stays
            os.dup2(fresh.fileno(), self._socket.fileno(), inheritable=False)
        self.plan = plan
        return True

    def close(self) -> None:
        """Let go of the socket; workers that inherited it keep theirs."""
        self._socket.close()
        if self._counter is not None:
            self._counter.close()


def open_taps(capture: Capture) -> list[list[Tap]]:
    """For each worker a tap on every interface. Raises CaptureError.

    Sockets of one interface share its frames by the hash of the flow; the i-th socket of each
    interface belongs to worker i, so that the two directions of a pair of one-way taps meet.
    """
    taps: list[list[Tap]] = [[] for _ in range(capture.workers)]
    for k, interface in enumerate(capture.interfaces):
        for own in taps:
            plan = _plan(capture, interface, k)
            counted = capture.filter is not None or capture.workers > 1
            own.append(Tap(plan, counted, FrameCounter(plan) if counted and own is taps[0] else None))
    return taps


def _plan(capture: Capture, interface: str, number: int) -> SocketPlan:
    block_bytes = capture.block_kib << 10
    ring_bytes = ring_mib(capture) * _MIB
    return SocketPlan(
        interface=interface,
        block_bytes=block_bytes,
        blocks=max(ring_bytes // block_bytes, 4),
        frame_timeout_ms=min(capture.block_timeout_ms, _MERGED_TIMEOUT_MS)
        if len(capture.interfaces) > 1
        else capture.block_timeout_ms,
        promiscuous=capture.promiscuous,
        fanout_group=(os.getpid() * 16 + number) & 0xFFFF if capture.workers > 1 else None,
        fanout_size=capture.workers,
        filter_text=capture.filter,
    )


def ring_mib(capture: Capture) -> int:
    """The size of each ring: as configured, else a share of memory."""
    if capture.ring_mib is not None:
        return capture.ring_mib
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    rings = max(capture.workers * len(capture.interfaces), 1)
    return max(_LEAST_RING_MIB, min(int(memory_mib * _MEMORY_SHARE) // rings, _MOST_RING_MIB))


def interfaces_of(taps: Sequence[Sequence[Tap]]) -> list[str]:
    """The names of all interfaces."""
    return sorted({tap.interface for own in taps for tap in own})
