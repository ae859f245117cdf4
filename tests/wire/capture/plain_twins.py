"""What the indexing kernels do, in plain Python: frames, and why reading stopped."""

from __future__ import annotations

import struct

from tests.wire.capture.craft import Frame
from wire.capture.link_types import SUPPORTED

_MAX_NS = 1 << 62


def read_pcap(data: bytes) -> tuple[list[Frame], str]:
    """Frames of a pcap file whose header is sound; and "end", "cut" or "length"."""
    order = "<" if data[0] in (0xD4, 0x4D, 0x34) else ">"
    magic, _, _, _, _, snap, link = struct.unpack(f"{order}IHHiIII", data[:24])
    header = 24 if magic == 0xA1B2CD34 else 16
    tick_ns = 1 if magic == 0xA1B23C4D else 1000
    frames, at = [], 24
    while at < len(data):
        if at + header > len(data):
            return frames, "cut"
        seconds, ticks, captured, original = struct.unpack_from(f"{order}IIII", data, at)
        if captured > max(262_144, min(snap, 4 << 20)):
            return frames, "length"
        if at + header + captured > len(data):
            return frames, "cut"
        direction = 0
        if header == 24:
            direction = {0: 1, 1: 1, 2: 1, 4: 2}.get(data[at + 22], 0)
        payload = data[at + header : at + header + captured]
        wire = captured if original < captured else min(original, 2**31 - 1)
        time = seconds * 10**9 + ticks * tick_ns
        frames.append(Frame(payload, time, wire, link & 0xFFFF, direction))
        at += header + captured
    return frames, "end"


def to_ns(ticks: int, resolution: int, offset_s: int) -> int | None:
    """Nanoseconds of a tick count, exactly; None outside [0, 2**62]."""
    if resolution & 0x80:
        time = (ticks * 10**9) >> (resolution & 0x7F)
        if (resolution & 0x7F) > 32:  # the kernel keeps 32 bits of a second's fraction
            shift = resolution & 0x7F
            seconds, fraction = ticks >> shift, ticks & ((1 << shift) - 1)
            time = seconds * 10**9 + (((fraction >> (shift - 32)) * 10**9) >> 32)
    else:
        time = ticks * 10**9 // 10**resolution
    if time > _MAX_NS:
        return None
    moved = time + max(-(2**62) + 1, min(2**62 - 1, offset_s * 10**9))
    return moved if 0 <= moved <= _MAX_NS else None


class PcapngTwin:
    """Reads a whole pcapng file; `frames`, `skipped` and `why` afterwards."""

    def __init__(self, data: bytes) -> None:
        self.frames: list[Frame] = []
        self.skipped: dict[str, int] = {}
        self.order = "<"
        self.interfaces: list[tuple[int, int, int, int]] = []
        self.last_ns = 0
        self.why = self._read(data)

    def _read(self, data: bytes) -> str:
        at = 0
        while at < len(data):
            if at + 12 > len(data):
                return "cut"
            is_section = data[at : at + 4] == b"\x0a\x0d\x0d\x0a"
            if is_section:
                order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(data[at + 8 : at + 12])
                if order is None:
                    return "section"
                self.order = order
            kind, length = struct.unpack_from(f"{self.order}II", data, at)
            least = 28 if is_section else 20 if kind == 1 else 12
            if length < 12 or length % 4 or length > 16 << 20 or (is_section and length < least):
                return "length"
            if at + length > len(data):
                return "cut"
            body = data[at + 8 : at + length - 4]
            if data[at + length - 4 : at + length] != data[at + 4 : at + 8] or length < least:
                return "length"
            stopped = self._block(kind, body, is_section)
            if stopped:
                return stopped
            at += length
        return "end"

    def _block(self, kind: int, body: bytes, is_section: bool) -> str:
        if is_section:
            if struct.unpack_from(f"{self.order}H", body, 4)[0] != 1:
                return "version"
            self.interfaces = []
        elif kind == 1:
            self._describe(body)
        elif kind in (2, 3, 6):
            return self._packet(kind, body)
        else:
            self._count("other_block")
        return ""

    def _count(self, name: str) -> str:
        self.skipped[name] = self.skipped.get(name, 0) + 1
        return ""

    def _options(self, data: bytes, most: int) -> list[tuple[int, bytes]]:
        found, at = [], 0
        while at + 4 <= len(data) and len(found) < most:
            code, length = struct.unpack_from(f"{self.order}HH", data, at)
            value = data[at + 4 : at + 4 + length]
            if code == 0:
                break
            found.append((code, value if len(value) == length else b""))
            at += 4 + (length + 3) // 4 * 4
        return found

    def _describe(self, body: bytes) -> None:
        link, snap = struct.unpack_from(f"{self.order}H2xI", body)
        resolution, offset = 6, 0
        for code, value in self._options(body[8:], 256):
            if code == 9 and len(value) == 1:
                resolution = value[0]
            elif code == 14 and len(value) == 8:
                offset = struct.unpack(f"{self.order}q", value)[0]
        self.interfaces.append((link, snap, resolution, offset))

    def _packet(self, kind: int, body: bytes) -> str:
        fixed = 4 if kind == 3 else 20
        if len(body) < fixed:
            return self._count("malformed_block")
        which = 0
        if kind != 3:
            which = struct.unpack_from(f"{self.order}{'I' if kind == 6 else 'H'}", body)[0]
        if which >= len(self.interfaces):
            return self._count("interface_unknown")
        link, snap, resolution, offset = self.interfaces[which]
        if link not in SUPPORTED:
            return "link type"
        room = len(body) - fixed
        direction = 0
        if kind == 3:
            (original,) = struct.unpack_from(f"{self.order}I", body)
            captured = min(original, room, snap or room)
        else:
            captured, original = struct.unpack_from(f"{self.order}II", body, 12)
        if captured > room:
            return self._count("malformed_block")
        if captured > max(262_144, min(snap, 4 << 20)):
            return self._count("frame_over_limit")
        if kind == 3:
            self._count("timestamp_absent")
        else:
            high, low = struct.unpack_from(f"{self.order}II", body, 4)
            time = to_ns(high << 32 | low, resolution, offset)
            if time is None:
                self._count("timestamp_out_of_range")
            else:
                self.last_ns = time
            for code, value in self._options(body[20 + (captured + 3) // 4 * 4 :], 1 << 30):
                if code == 2 and len(value) == 4:
                    flags = struct.unpack(f"{self.order}I", value)[0] & 3
                    direction = flags if flags < 3 else 0
                    break
        wire = captured if original < captured else min(original, 2**31 - 1)
        payload = body[fixed : fixed + captured]
        self.frames.append(Frame(payload, self.last_ns, wire, link, direction))
        return ""
