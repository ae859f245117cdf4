"""AF_PACKET sockets with a TPACKET_V3 ring: opened here, walked by wire/capture/ring.py.

Standard library alone: the process that may open them (CAP_NET_RAW) stays small. No frame can
reach the ring before the filter stands and the fanout group is joined: the socket begins with
protocol 0 and a filter that refuses everything, and the wanted filter takes its place last.
Source: packet(7), linux/if_packet.h, Documentation/networking/packet_mmap.rst.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from dataclasses import dataclass, replace

from wire.capture.bpf import REFUSE_ALL, attach_filter, compile_filter, detach_filter
from wire.capture.errors import CaptureError

SOL_PACKET = 263
ETH_P_ALL = 0x0003
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION = 1, 5, 6, 10
_TIMESTAMP, _FANOUT, _IGNORE_OUTGOING = 17, 18, 23
_TPACKET_V3 = 2
_MR_PROMISC = 1
_FANOUT_HASH, _FANOUT_FLAG_DEFRAG = 0, 0x8000
_TIMESTAMPING_RAW_HARDWARE = 1 << 6
_SIOCGIFFLAGS = 0x8913
_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8
#: Frames of any size share a block; this only has to divide it (TPACKET_V3 ignores it else).
_FRAME_BYTES = 2_048
#: Room at a block's head for the walker's own mark.
PRIVATE_BYTES = 8
_STATISTICS_V3 = struct.Struct("III")


@dataclass(frozen=True, slots=True)
class SocketPlan:
    """How one packet socket is opened.

    | field | unit and meaning |
    |---|---|
    | interface | its name when the socket is opened |
    | block_bytes | bytes of a block, a multiple of the page size and of 2,048 |
    | blocks | blocks of the ring; together less than 4 GiB |
    | frame_timeout_ms | a block that holds frames is handed over after twice this at the latest |
    | promiscuous | take frames that are not addressed to this machine; ends with the socket |
    | fanout_group | 16-bit number that the sockets of one interface share; None: no fanout |
    | fanout_size | sockets in that group |
    | filter_text | an expression in tcpdump's language; None: everything |
    """

    interface: str
    block_bytes: int
    blocks: int
    frame_timeout_ms: int
    promiscuous: bool
    fanout_group: int | None
    fanout_size: int
    filter_text: str | None


@dataclass(frozen=True, slots=True)
class RingStatistics:
    """Frames since the ring was opened.

    `received`: passed the filter, `dropped` among them. `dropped`: found the ring full.
    `freezes`: how often the ring was full.
    """

    received: int = 0
    dropped: int = 0
    freezes: int = 0


class StatisticsReader:
    """Adds up what the kernel counts, without bound.

    The kernel counts in 32 bits and forgets what it has told: a socket has one reader alone, which
    asks at least once in 2**32 frames.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sums = [0, 0, 0]

    def read(self) -> RingStatistics:
        """The counts so far."""
        told = self._sock.getsockopt(SOL_PACKET, _STATISTICS, _STATISTICS_V3.size)
        told = told.ljust(_STATISTICS_V3.size, b"\0")  # a socket without a ring has no freezes
        self._sums = [old + new for old, new in zip(self._sums, _STATISTICS_V3.unpack(told), strict=True)]
        return RingStatistics(*self._sums)


def open_packet_socket(plan: SocketPlan) -> socket.socket:
    """Open, fill in and bind a socket whose ring then fills.

    Raises CaptureError with one line: no such interface, not permitted, no memory, fanout refused,
    a filter that is none.
    """
    program = None if plan.filter_text is None else compile_filter(plan.filter_text, plan.interface)
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except OSError as error:
        raise CaptureError(_refusal(error, plan)) from error
    try:
        attach_filter(sock, REFUSE_ALL)
        _make_ring(sock, plan)
        _ask(sock, _TIMESTAMP, struct.pack("i", _TIMESTAMPING_RAW_HARDWARE))
        _bind(sock, plan)
        _join_fanout(sock, plan)
        if program is None:
            detach_filter(sock)
        else:
            attach_filter(sock, program)
    except OSError as error:
        sock.close()
        raise CaptureError(_refusal(error, plan)) from error
    except CaptureError:
        sock.close()
        raise
    return sock


def open_unread_socket(plan: SocketPlan) -> socket.socket:
    """A socket on the plan's interface, without ring, filter or group, whose buffer holds next to nothing.

    Raises CaptureError as open_packet_socket does.
    """
    plan = replace(plan, fanout_group=None, promiscuous=False)
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except OSError as error:
        raise CaptureError(_refusal(error, plan)) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        _bind(sock, plan)
    except OSError as error:
        sock.close()
        raise CaptureError(_refusal(error, plan)) from error
    return sock


def bind_again(sock: socket.socket, plan: SocketPlan) -> bool:
    """Take up an interface that was removed and has come back under its name; whether it has.

    Needs no capability. Raises CaptureError where the kernel can't: a member of a fanout group is
    bound for good, and whoever may open packet sockets has to open a new one.
    """
    if plan.fanout_group is not None:
        raise CaptureError(f"{plan.interface}: removed; a socket in a fanout group has to be opened anew")
    try:
        _bind(sock, plan)
    except OSError as error:
        if error.errno in (errno.ENODEV, errno.ENXIO):
            return False
        raise CaptureError(_refusal(error, plan)) from error
    return True


def use_software_time(sock: socket.socket) -> None:
    """Stamp frames with the system's clock from now on, whatever the NIC offers."""
    _ask(sock, _TIMESTAMP, struct.pack("i", 0))


def bound_interface(sock: socket.socket) -> str | None:
    """The present name of the interface; None when it was removed."""
    return sock.getsockname()[0] or None


def take_error(sock: socket.socket) -> int:
    """The error number that waits on the socket, cleared by this: ENETDOWN after an interface went down."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _make_ring(sock: socket.socket, plan: SocketPlan) -> None:
    if plan.block_bytes * plan.blocks >= 1 << 32:
        raise CaptureError(f"{plan.interface}: a ring must be smaller than 4 GiB; use more workers")
    sock.setsockopt(SOL_PACKET, _VERSION, _TPACKET_V3)
    frames = plan.block_bytes // _FRAME_BYTES * plan.blocks
    request = struct.pack(
        "7I", plan.block_bytes, plan.blocks, _FRAME_BYTES, frames, plan.frame_timeout_ms, PRIVATE_BYTES, 0
    )
    try:
        sock.setsockopt(SOL_PACKET, _RX_RING, request)
    except OSError as error:
        size = f"{plan.blocks} blocks of {plan.block_bytes} bytes"
        if error.errno == errno.ENOMEM:
            raise CaptureError(f"{plan.interface}: no memory for a ring of {size}") from error
        raise CaptureError(f"{plan.interface}: no ring of {size}: {error.strerror}") from error


def _bind(sock: socket.socket, plan: SocketPlan) -> None:
    flags = _interface_flags(sock, plan.interface)
    if flags & _IFF_LOOPBACK:
        _ask(sock, _IGNORE_OUTGOING, struct.pack("i", 1))  # else each frame comes out and in
    sock.bind((plan.interface, ETH_P_ALL))
    if plan.promiscuous:
        index = socket.if_nametoindex(plan.interface)
        membership = struct.pack("iHH8s", index, _MR_PROMISC, 0, b"")
        sock.setsockopt(SOL_PACKET, _ADD_MEMBERSHIP, membership)
    if not flags & _IFF_UP:
        take_error(sock)  # it is known to be down; its frames come once it is up


def _interface_flags(sock: socket.socket, interface: str) -> int:
    name = interface.encode()
    if not 0 < len(name) < 16:
        raise OSError(errno.ENODEV, "no such interface")
    answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sh14x", name, 0))
    return int(struct.unpack("16sh14x", answer)[1]) & 0xFFFF


def _join_fanout(sock: socket.socket, plan: SocketPlan) -> None:
    """One hash for both directions of a flow; fragments are put together first, else they'd stray."""
    if plan.fanout_group is None:
        return
    how = _FANOUT_HASH | _FANOUT_FLAG_DEFRAG
    try:
        sock.setsockopt(SOL_PACKET, _FANOUT, struct.pack("I", plan.fanout_group & 0xFFFF | how << 16))
    except OSError as error:
        raise CaptureError(
            f"{plan.interface}: the kernel refuses to share packets among {plan.fanout_size} workers "
            f"(PACKET_FANOUT group {plan.fanout_group}: {error.strerror}); use one worker"
        ) from error


def _ask(sock: socket.socket, option: int, value: bytes) -> None:
    """Set an option that older kernels or some interfaces lack; without it we do as well."""
    try:
        sock.setsockopt(SOL_PACKET, option, value)
    except OSError as error:
        if error.errno not in (errno.ENOPROTOOPT, errno.EINVAL, errno.EOPNOTSUPP):
            raise


def _refusal(error: OSError, plan: SocketPlan) -> str:
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"{plan.interface}: not permitted to capture: it needs CAP_NET_RAW (or root)"
    if error.errno in (errno.ENODEV, errno.ENXIO):
        known = ", ".join(sorted(name for _, name in socket.if_nameindex())[:16])
        return f"{plan.interface}: no such interface (there are: {known})"
    return f"{plan.interface}: cannot capture: {error.strerror}"
