"""An independent walk from a frame to its flow key, on dpkt's header classes.

Where dpkt has no class for a header (VXLAN, GENEVE, GTP-U, ERSPAN, radiotap, NFLOG) the standard's layout is
read with struct. `Walk.key` returns (protocol number, unordered endpoints), or None for a frame
that yields no flow.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

import dpkt

MAX_DEPTH = 4
ARP = 255
Key = tuple[int, frozenset[tuple[str, int]]]

ICMP_REPLIES = {0: 8, 14: 13, 16: 15, 18: 17}
ICMP6_REPLIES = {129: 128, 134: 133, 136: 135}
EXTENSIONS = {0, 43, 60, 135, 139, 140}


class NoFlow(Exception):
    """The frame carries nothing that makes a flow."""


def text(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


def key_of(protocol: int, source: bytes, source_port: int, target: bytes, target_port: int) -> Key:
    return protocol, frozenset({(text(source), source_port), (text(target), target_port)})


class Walk:
    """Keeps the first fragments of one capture."""

    def __init__(self) -> None:
        self.fragments: dict[tuple[Any, ...], tuple[int, Key]] = {}

    def key(self, link_type: int, frame: bytes, timestamp_ns: int, wire_bytes: int = 0) -> Key | None:
        self.now = timestamp_ns
        self.unseen = max(wire_bytes - len(frame), 0)
        self.depth = 0
        try:
            return self._link(link_type, frame)
        except (NoFlow, dpkt.UnpackError, dpkt.NeedData, struct.error, IndexError):
            return None

    def _link(self, link_type: int, frame: bytes) -> Key:
        if link_type == 1:
            return self._ethernet(frame)
        if link_type in (12, 14, 101, 228, 229):
            return self._ip(frame)
        if link_type == 113:
            return self._ethertype(dpkt.sll.SLL(frame).ethtype, frame[16:])
        if link_type == 276:
            return self._ethertype(dpkt.sll2.SLL2(frame).ethtype, frame[20:])
        if link_type in (0, 108):
            return self._ip(frame[4:])
        if link_type in (9, 50):
            return self._ppp(frame)
        if link_type == 127:
            length = struct.unpack_from("<H", frame, 2)[0]
            return self._wireless(frame[length:])
        if link_type == 105:
            return self._wireless(frame)
        if link_type == 239:
            return self._nflog(frame)
        raise NoFlow

    def _nflog(self, frame: bytes) -> Key:
        at = 4
        while at < len(frame):
            length, kind = struct.unpack_from("<HH", frame, at)
            if kind == 9:
                return self._ip(frame[at + 4 : at + length])
            at += (length + 3) & ~3
        raise NoFlow

    def _wireless(self, frame: bytes) -> Key:
        kind, flags = frame[0], frame[1]
        if kind & 0x4F not in (0x08,) or flags & 0x40:
            raise NoFlow
        length = 24 + (6 if flags & 3 == 3 else 0) + (2 if kind & 0x80 else 0)
        return self._llc(frame[length:])

    def _ethernet(self, frame: bytes) -> Key:
        kind = struct.unpack_from("!H", frame, 12)[0]
        return self._llc(frame[14:]) if kind <= 1500 else self._ethertype(kind, frame[14:])

    def _llc(self, data: bytes) -> Key:
        if data[:3] != b"\xaa\xaa\x03":
            raise NoFlow
        return self._ethertype(struct.unpack_from("!H", data, 6)[0], data[8:])

    def _ethertype(self, kind: int, data: bytes) -> Key:
        while kind in (0x8100, 0x88A8, 0x9100):
            kind = struct.unpack_from("!H", data, 2)[0]
            data = data[4:]
        if kind == 0x0800 or kind == 0x86DD:
            if data[0] >> 4 != (4 if kind == 0x0800 else 6):
                raise NoFlow
            return self._ip(data)
        if kind == 0x0806:
            arp = dpkt.arp.ARP(data)
            if arp.pro != 0x0800 or arp.op not in (1, 2):
                raise NoFlow
            return key_of(ARP, arp.spa, 0, arp.tpa, 0)
        if kind in (0x8847, 0x8848):
            while not data[2] & 1:
                data = data[4:]
            data = data[4:]
            if data[0] >> 4 in (4, 6):
                return self._ip(data)
            return self._ethernet(data[4:] if data[0] >> 4 == 0 else data)
        if kind == 0x8864:
            pppoe = dpkt.pppoe.PPPoE(data)
            if pppoe.code != 0:
                raise NoFlow
            return self._ppp(data[6:])
        raise NoFlow

    def _ppp(self, data: bytes) -> Key:
        if data[:2] == b"\xff\x03":
            data = data[2:]
        protocol, data = (data[0], data[1:]) if data[0] & 1 else (struct.unpack("!H", data[:2])[0], data[2:])
        if protocol not in (0x21, 0x57):
            raise NoFlow
        return self._ip(data)

    def _ip(self, data: bytes) -> Key:
        version = data[0] >> 4
        if version == 4:
            return self._ip4(data)
        if version == 6:
            return self._ip6(data)
        raise NoFlow

    def _ip4(self, data: bytes) -> Key:
        header = dpkt.ip.IP(data)
        there = len(data) + self.unseen
        total = min(header.len or there, there)
        if header.hl < 5 or 0 < header.len < header.hl * 4:
            raise NoFlow
        offset = struct.unpack_from("!H", data, 6)[0]
        body = data[header.hl * 4 : total]
        name = (header.src, header.dst, header.id, header.p)
        return self._datagram(
            header, header.p, body, name, offset & 0x1FFF, offset & 0x2000, total - header.hl * 4
        )

    def _ip6(self, data: bytes) -> Key:
        source, target = data[8:24], data[24:40]
        length, following = struct.unpack_from("!HB", data, 4)
        body = data[40 : 40 + length] if length else data[40:]
        left = min(length or len(data), len(data) + self.unseen - 40)
        offset = more = identification = 0
        header = dpkt.ip6.IP6(data[:4] + b"\0\0\x3b" + data[7:40])
        assert (header.src, header.dst) == (source, target)
        while following in EXTENSIONS or following in (44, 51):
            if len(body) < 8:
                raise NoFlow
            size = 8 if following == 44 else (body[1] + 2) * 4 if following == 51 else (body[1] + 1) * 8
            if following == 44:
                word, identification = struct.unpack_from("!HI", body, 2)
                offset, more = word >> 3, word & 1
            following, body, left = body[0], body[size:], left - size
            if offset:
                break
        return self._datagram(
            header, following, body, (source, target, identification, following), offset, more, left
        )

    def _datagram(
        self,
        header: Any,
        protocol: int,
        body: bytes,
        name: tuple[Any, ...],
        offset: int,
        more: int,
        left: int,
    ) -> Key:
        if offset:
            when, key = self.fragments.get(name, (0, None))
            if key is None or abs(self.now - when) > 30_000_000_000:
                raise NoFlow
            return key
        key = self._transport(header.src, header.dst, protocol, body, left)
        if more:
            self.fragments[name] = (self.now, key)
        return key

    def _transport(self, source: bytes, target: bytes, protocol: int, body: bytes, left: int) -> Key:
        if protocol in (4, 41, 47):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise NoFlow
            if protocol == 47:
                return self._gre(body)
            return self._ip4(body) if protocol == 4 and body[0] >> 4 == 4 else self._ip6_only(body)
        if protocol == 6:
            source_port, target_port = struct.unpack_from("!HH", body)
            header_bytes = (body[12] >> 4) * 4
            if len(body) < 16 or not 20 <= header_bytes <= left:
                raise NoFlow
            return key_of(6, source, source_port, target, target_port)
        if protocol == 17:
            datagram = dpkt.udp.UDP(body[:8])
            if 0 < datagram.ulen < 8:
                raise NoFlow
            payload = body[8 : datagram.ulen or None]
            inner = self._udp_tunnel(datagram.sport, datagram.dport, payload)
            return inner or key_of(17, source, datagram.sport, target, datagram.dport)
        if protocol == 132:
            sctp = dpkt.sctp.SCTP(body[:12])
            return key_of(132, source, sctp.sport, target, sctp.dport)
        if protocol in (1, 58):
            if len(body) < 4:
                raise NoFlow
            kind = (ICMP_REPLIES if protocol == 1 else ICMP6_REPLIES).get(body[0], body[0])
            return key_of(protocol, source, kind << 8 | body[1], target, kind << 8 | body[1])
        raise NoFlow

    def _ip6_only(self, body: bytes) -> Key:
        if body[0] >> 4 != 6:
            raise NoFlow
        return self._ip6(body)

    def _gre(self, body: bytes) -> Key:
        flags, kind = struct.unpack_from("!HH", body)
        if flags & 7 > 1 or flags & 0x4000:
            raise NoFlow
        size = 4 + 4 * (flags >> 15 & 1) + 4 * (flags >> 13 & 1) + 4 * (flags >> 12 & 1)
        size += 4 if flags & 0x87 == 0x81 else 0
        data = body[size:]
        if kind == 0x88BE:
            return self._ethernet(data[8:] if flags & 0x1000 else data)
        if kind == 0x22EB:
            return self._ethernet(data[20 if data[11] & 1 else 12 :])
        if kind == 0x6558:
            return self._ethernet(data)
        if kind == 0x880B:
            return self._ppp(data)
        if kind in (0x0800, 0x86DD, 0x8847, 0x8848):
            return self._ethertype(kind, data)
        raise NoFlow

    def _udp_tunnel(self, source_port: int, target_port: int, data: bytes) -> Key | None:
        """The key inside, or None when the payload is no tunnel."""
        ports = {source_port, target_port}
        if target_port in (4789, 8472) and len(data) >= 22 and data[0] == 8 and data[7] == 0:
            return self._inside(self._ethernet, data[8:])
        if target_port == 6081 and len(data) >= 8 and data[0] >> 6 == 0 and data[1] & 0x3F == 0:
            kind = struct.unpack_from("!H", data, 2)[0]
            rest = data[8 + (data[0] & 0x3F) * 4 :]
            if kind == 0x6558:
                return self._inside(self._ethernet, rest)
            if kind in (0x0800, 0x86DD):
                return self._inside(self._ip, rest)
        elif 2152 in ports and len(data) >= 28 and data[0] & 0xF0 == 0x30 and data[1] == 0xFF:
            at, following = 8, 0
            if data[0] & 7:
                at, following = 12, data[11] if data[0] & 4 else 0
            while following:
                size = data[at] * 4
                if not size:
                    raise NoFlow
                following = data[at + size - 1]
                at += size
            return self._inside(self._ip, data[at:])
        elif 3544 in ports:
            if data[:2] == b"\x00\x01":
                data = data[13 + data[2] + data[3] :]
            if data[:2] == b"\x00\x00":
                data = data[8:]
            # A bubble carries nothing (RFC 4380 section 2.8).
            if len(data) >= 40 and data[0] >> 4 == 6 and data[4:6] != b"\0\0" and data[6] != 59:
                if data[8:16] != bytes(8):
                    return self._inside(self._ip, data)
        return None

    def _inside(self, layer: Any, data: bytes) -> Key:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NoFlow
        key: Key = layer(data)
        return key
