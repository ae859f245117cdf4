"""Capture filters: an expression in tcpdump's language to a program that the kernel runs.

libpcap compiles it, through ctypes, for the interface as it is: VLAN tags, which the kernel takes
out of frames, are then looked for where it puts them. Standard library alone.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct

from wire.capture.errors import CaptureError

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_LIBRARY = "libpcap.so.0.8"
_ERROR_BYTES = 256
_SNAP_BYTES = 262_144
_DLT_EN10MB = 1
_IFACE_NOT_UP, _NO_SUCH_DEVICE, _NOT_PERMITTED = -9, -5, (-8, -11)
_NETMASK_UNKNOWN = 0xFFFFFFFF
_MAX_INSTRUCTIONS = 4_096  # BPF_MAXINSNS
#: What a compiler that doesn't know the interface would get wrong or refuse.
_NEEDS_INTERFACE = re.compile(r"\b(vlan|inbound|outbound|ifindex)\b")

#: One instruction that refuses every frame: `ret #0`.
REFUSE_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def compile_filter(expression: str, interface: str) -> bytes:
    """The instructions (struct sock_filter, 8 bytes each) for an expression on an interface.

    Raises CaptureError for an expression that is none, or when libpcap is missing.
    """
    pcap = _libpcap()
    if "\0" in expression:
        raise CaptureError("capture filter: it contains a zero byte")
    handle = _handle(pcap, expression, interface)
    program = _Program()
    try:
        if pcap.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, _NETMASK_UNKNOWN):
            reason = pcap.pcap_geterr(handle).decode(errors="replace")
            raise CaptureError(f"capture filter {expression!r}: {reason}")
        if not 0 < program.length <= _MAX_INSTRUCTIONS:
            raise CaptureError(f"capture filter: {program.length} instructions are too many for the kernel")
        instructions = ctypes.string_at(program.instructions, program.length * 8)
        pcap.pcap_freecode(ctypes.byref(program))
        return instructions
    finally:
        pcap.pcap_close(handle)


def attach_filter(sock: socket.socket, program: bytes) -> None:
    """Let the kernel run a program on every frame; it takes the place of an earlier one at once."""
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HL", len(program) // 8, ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)


def detach_filter(sock: socket.socket) -> None:
    """Take every frame from now on."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def _libpcap() -> ctypes.CDLL:
    try:
        pcap = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise CaptureError("capture filter: it needs libpcap (package libpcap0.8)") from None
    for name in ("pcap_create", "pcap_open_dead"):
        getattr(pcap, name).restype = ctypes.c_void_p
    pcap.pcap_geterr.restype = ctypes.c_char_p
    pcap.pcap_create.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    pcap.pcap_open_dead.argtypes = (ctypes.c_int, ctypes.c_int)
    pcap.pcap_set_snaplen.argtypes = (ctypes.c_void_p, ctypes.c_int)
    for name in ("pcap_activate", "pcap_geterr", "pcap_close", "pcap_freecode"):
        getattr(pcap, name).argtypes = (ctypes.c_void_p,)
    pcap.pcap_compile.argtypes = (
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
    )  # fmt: skip
    return pcap


def _handle(pcap: ctypes.CDLL, expression: str, interface: str) -> int:
    """What libpcap compiles for: the interface, or any Ethernet while that is down."""
    handle = pcap.pcap_create(interface.encode(), ctypes.create_string_buffer(_ERROR_BYTES))
    if handle is None:
        raise CaptureError(f"{interface}: libpcap has no memory")
    pcap.pcap_set_snaplen(handle, _SNAP_BYTES)
    status = pcap.pcap_activate(handle)
    if status >= 0:
        return int(handle)
    reason = pcap.pcap_geterr(handle).decode(errors="replace")
    pcap.pcap_close(handle)
    if status == _NO_SUCH_DEVICE:
        raise CaptureError(f"{interface}: no such interface")
    if status in _NOT_PERMITTED:
        raise CaptureError(f"{interface}: not permitted to capture: it needs CAP_NET_RAW (or root)")
    if status != _IFACE_NOT_UP:
        raise CaptureError(f"{interface}: libpcap cannot open it: {reason}")
    if _NEEDS_INTERFACE.search(expression):
        raise CaptureError(
            f"{interface}: it is down, and a filter with vlan, inbound, outbound or ifindex "
            "can only be compiled while it is up"
        )
    return int(pcap.pcap_open_dead(_DLT_EN10MB, _SNAP_BYTES))
