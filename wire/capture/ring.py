"""A TPACKET_V3 ring, walked in place: the kernel's blocks as FrameBlocks, without a copy."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wire.capture import link_types
from wire.capture.errors import CaptureError
from wire.capture.frame_index import MAX_BLOCK_FRAMES, FrameArrays
from wire.capture.frames import FrameBlock
from wire.capture.packet_socket import (
    RingStatistics,
    SocketPlan,
    StatisticsReader,
    bind_again,
    bound_interface,
    take_error,
    use_software_time,
)
from wire.capture.ring_block import (
    BLOCK_FIRST,
    BLOCK_FRAMES,
    BLOCK_MARK,
    BLOCK_NUMBER,
    BLOCK_OPENED,
    BLOCK_STATUS,
    OURS,
    index_ring_block,
)
from wire.capture.ring_memory import map_side_by_side

#: At most this part of a ring is handed out at once, so that the kernel always has room.
_HELD_SHARE = 4
#: How often a removed interface is looked for.
_LOOK_SECONDS = 0.5
#: Hardware types (linux/if_arp.h) and what a frame of theirs begins with.
_LINK_TYPES = {
    1: link_types.LINKTYPE_ETHERNET,
    772: link_types.LINKTYPE_ETHERNET,  # loopback
    519: link_types.LINKTYPE_RAW,
    768: link_types.LINKTYPE_RAW,  # IP in IP
    769: link_types.LINKTYPE_RAW,
    776: link_types.LINKTYPE_RAW,  # sit
    0xFFFE: link_types.LINKTYPE_RAW,  # tun and others without a header
    801: link_types.LINKTYPE_IEEE802_11,
    803: link_types.LINKTYPE_IEEE802_11_RADIOTAP,
}
_REMOVED = 0  # what the kernel says of an interface that is gone


def now_ns() -> int:
    """The system's clock, by which the kernel stamps frames: nanoseconds since the epoch."""
    return time.time_ns()


class Ring:
    """The ring of one packet socket. Not thread-safe.

    descriptor: the socket, which the caller keeps. memory, base: where the ring lies when several
    are mapped side by side (`open_rings`). interface: its number among those.
    Blocks that a predecessor had taken when it died are given back unread, so that a frame that
    brings a walker down does not bring down the next: `abandoned` counts their frames.
    `unreadable` counts frames that could not be found in their block: 0 on a sound kernel.
    Raises CaptureError when it cannot be mapped or its link type is not decoded.
    """

    def __init__(
        self,
        descriptor: int,
        plan: SocketPlan,
        memory: NDArray[np.uint8] | None = None,
        base: int = 0,
        interface: int = 0,
    ) -> None:
        self.plan = plan
        self.abandoned = 0
        self.unreadable = 0
        size = plan.block_bytes * plan.blocks
        self.memory = map_side_by_side([descriptor], [size]) if memory is None else memory
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self.link_type = self._link_type()
        self._interface = interface
        self._base = base
        own = self.memory[base : base + size].reshape(plan.blocks, plan.block_bytes)
        self._status, self._frames, self._first = (
            own.view(np.uint32)[:, at // 4] for at in (BLOCK_STATUS, BLOCK_FRAMES, BLOCK_FIRST)
        )
        self._opened = own.view(np.uint32)[:, BLOCK_OPENED // 4 : BLOCK_OPENED // 4 + 2]
        self._number, self._mark = (own.view(np.uint64)[:, at // 8] for at in (BLOCK_NUMBER, BLOCK_MARK))
        self._at = self._oldest()
        self._left = 0  # frames of the block that we stand in, which is taken
        self._position = 0
        self._held: list[int] = []
        self._most_held = max(plan.blocks // _HELD_SHARE, 1)
        self._statistics = StatisticsReader(self._socket)
        self._looked = 0.0
        # Compiled code is loaded now, not while the first frames wait.
        index_ring_block(self.memory, 0, 0, 0, 0, 0, 0, FrameArrays.empty(0))

    def __enter__(self) -> Ring:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what is held; let go of socket and memory, which goes with the last block over it."""
        self.release(len(self._held))
        self._socket.close()
        self.memory = np.zeros(0, np.uint8)
        del self._status, self._frames, self._first, self._opened, self._number, self._mark

    def blocks(self, wait_seconds: float) -> Iterator[FrameBlock | None]:
        """The frames as they come; None when none came within the wait. Without end.

        A FrameBlock lies in the ring: it is valid until the iterator is advanced or closed.
        """
        frames = FrameArrays.empty(MAX_BLOCK_FRAMES)
        table = np.array([self.link_type], np.int32)
        while True:
            self.mend()
            count = self.take(frames)
            if count:
                try:
                    yield frames.block(self.memory, count, table)
                finally:
                    self.release(self.held_whole)
            elif not wait_for([self], wait_seconds):
                yield None

    @property
    def filling(self) -> float:
        """The part of the ring that waits for us: 1 when the next frame is dropped."""
        return float(np.count_nonzero(self._status & OURS)) / self.plan.blocks

    @property
    def removed(self) -> bool:
        """The interface is gone. A ring outside of a fanout group takes it up when it comes back."""
        return bound_interface(self._socket) is None

    @property
    def held_whole(self) -> int:
        """Blocks that are taken and read to their end, oldest first."""
        return len(self._held) - (self._left > 0)

    @property
    def ready(self) -> bool:
        """Frames wait, whether or not there is leave to take more."""
        return self._left > 0 or self._is_ours(self._at)

    def statistics(self) -> RingStatistics:
        """What the kernel counted for this socket, unless somebody else asks it, too."""
        return self._statistics.read()

    def take(self, frames: FrameArrays) -> int:
        """Index what is ready; rows filled. Their blocks are held; those without a readable frame go back.

        To be called when all that was taken before has been released.
        """
        count = 0
        while count < len(frames.offset) and (self._left or self._begin_block()):
            start = self._base + (self._held[-1]) * self.plan.block_bytes
            seconds, nanoseconds = self._opened[self._held[-1]].tolist()
            filled, self._position, left, unsound = index_ring_block(
                self.memory, self._position, start + self.plan.block_bytes, self._left,
                seconds * 1_000_000_000 + nanoseconds, now_ns(), count, frames,
            )  # fmt: skip
            frames.interface[count:filled] = self._interface
            count, self._left = filled, left
            if unsound:
                use_software_time(self._socket)
            if left and count < len(frames.offset):
                self.unreadable += left
                self._left = 0
        if not count:
            self.release(self.held_whole)
        return count

    def release(self, blocks: int) -> None:
        """Give the oldest held blocks back to the kernel."""
        for block in self._held[:blocks]:
            self._mark[block] = 0
            self._status[block] = 0  # last: from here on it is the kernel's
        del self._held[:blocks]

    def mend(self) -> None:
        """Look for an interface that was removed; to be called often, looks now and then.

        Also while other rings are busy: their frames say nothing of this one.
        """
        now = time.monotonic()
        if self.plan.fanout_group is None and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            if self.removed:
                bind_again(self._socket, self.plan)

    def fileno(self) -> int:
        """For poll: readable when a block was handed over."""
        return self._socket.fileno()

    def take_error(self) -> None:
        """Clear what poll shows after the link went down; the socket outlasts that."""
        take_error(self._socket)

    def _begin_block(self) -> bool:
        """Take the next block if it is ours and we may hold more."""
        while self._is_ours(self._at) and len(self._held) < self._most_held:
            block = self._at
            self._at = (block + 1) % self.plan.blocks
            self._held.append(block)
            if self._mark[block]:
                self.abandoned += int(self._frames[block])
                self.release(len(self._held))
                continue
            self._mark[block] = 1
            self._left = int(self._frames[block])
            self._position = self._base + block * self.plan.block_bytes + int(self._first[block])
            if self._left:
                return True
        return False

    def _is_ours(self, block: int) -> bool:
        return bool(self._status[block] & OURS) and block not in self._held

    def _oldest(self) -> int:
        """Where the kernel's next block is: the oldest that waits, else the one that it fills."""
        waiting = np.flatnonzero(self._status & OURS)
        if len(waiting):
            return int(waiting[np.argmin(self._number[waiting])])
        return int(np.argmax(self._number))

    def _link_type(self) -> int:
        hardware = self._socket.getsockname()[3]
        if hardware == _REMOVED:
            return link_types.LINKTYPE_ETHERNET
        if hardware not in _LINK_TYPES:
            self._socket.close()
            raise CaptureError(f"{self.plan.interface}: hardware type {hardware} is not decoded")
        return _LINK_TYPES[hardware]


def wait_for(rings: Sequence[Ring], seconds: float) -> bool:
    """Wait until a block of some ring is ready, or the time is over; whether one is."""
    end = time.monotonic() + seconds
    while not any(ring.ready for ring in rings):
        left = end - time.monotonic()
        if left <= 0:
            return False
        poll = select.poll()
        for ring in rings:
            poll.register(ring, select.POLLIN)
        for descriptor, event in poll.poll(left * 1000):
            if event & select.POLLERR:
                next(ring for ring in rings if ring.fileno() == descriptor).take_error()
    return True


def open_rings(taps: Sequence[tuple[int, SocketPlan]]) -> list[Ring]:
    """The rings of some sockets, mapped side by side, so that `merged` can join them.

    Raises CaptureError as Ring does.
    """
    sizes = [plan.block_bytes * plan.blocks for _, plan in taps]
    memory = map_side_by_side([descriptor for descriptor, _ in taps], sizes)
    rings = []
    for k, (descriptor, plan) in enumerate(taps):
        rings.append(Ring(descriptor, plan, memory, sum(sizes[:k]), k))
    return rings
