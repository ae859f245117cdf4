"""Payload references made with dpkt, independent of the flow table: the twin of wire/flows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dpkt
import numpy as np
from numpy.typing import NDArray

from wire.flows.records import PAYLOAD_REF, REF_OPEN, REF_PAYLOAD, TCP, UDP

CLIENT_BUDGET, SERVER_BUDGET, DATAGRAMS = 17 * 1024, 8 * 1024, 12
_LINKS = {1: dpkt.ethernet.Ethernet, 113: dpkt.sll.SLL, 9: dpkt.ppp.PPP}


def address(packed: bytes) -> tuple[int, int]:
    """An address as two numbers, IPv4 mapped into IPv6."""
    whole = b"\0" * 10 + b"\xff\xff" + packed if len(packed) == 4 else packed
    return int.from_bytes(whole[:8], "big"), int.from_bytes(whole[8:], "big")


class RefMaker:
    """Collects payload bytes and the references to them, in packet order."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.bytes = bytearray()

    def add(
        self,
        flow: int,
        payload: bytes,
        *,
        at: int = 0,
        side: int = 0,
        kind: int = REF_PAYLOAD,
        protocol: int = TCP,
        ports: tuple[int, int] = (40000, 443),
        hosts: tuple[bytes, bytes] = (b"\x0a\0\0\x01", b"\x0a\0\0\x02"),
        time_ns: int = 0,
    ) -> None:
        """One reference; `at` is the stream offset, `hosts` client and server."""
        row = (flow, time_ns, len(self.bytes), len(payload), at, len(self.rows))
        key = (*address(hosts[0]), *address(hosts[1]), *ports)
        self.rows.append((*row, *key, protocol, side, kind, 0, -1, -1))
        self.bytes += payload

    def block(self) -> tuple[NDArray[np.uint8], NDArray[np.void]]:
        """Buffer and references."""
        return np.frombuffer(bytes(self.bytes), np.uint8), np.array(self.rows, PAYLOAD_REF)


class _Flow:
    def __init__(self, serial: int, client: tuple[bytes, int], server: tuple[bytes, int]) -> None:
        self.serial, self.client, self.server = serial, client, server
        self.first: dict[int, int] = {}
        self.seen = [0, 0]


def _network(frame: bytes, link: int) -> Any:
    if link in (101, 12, 228, 229):
        return dpkt.ip6.IP6(frame) if frame[0] >> 4 == 6 else dpkt.ip.IP(frame)
    if link == 0:  # BSD loopback: four bytes of address family
        return _network(frame[4:], 101)
    return _LINKS[link](frame).data


def refs_of(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.void]]:
    """The references of a capture without tunnels."""
    maker = RefMaker()
    flows: dict[tuple[Any, ...], _Flow] = {}
    with path.open("rb") as file:
        pcapng = file.read(4) == b"\n\r\r\n"
        file.seek(0)
        reader = dpkt.pcapng.Reader(file) if pcapng else dpkt.pcap.Reader(file)
        for seconds, frame in reader:
            try:
                ip = _network(frame, reader.datalink())
            except (dpkt.UnpackError, IndexError, ValueError):
                continue
            transport = getattr(ip, "data", None)
            if isinstance(transport, (dpkt.tcp.TCP, dpkt.udp.UDP)):
                _take(maker, flows, ip, transport, int(seconds * 1e9))
    return maker.block()


def _take(maker: RefMaker, flows: dict[tuple[Any, ...], _Flow], ip: Any, segment: Any, time_ns: int) -> None:
    protocol = TCP if isinstance(segment, dpkt.tcp.TCP) else UDP
    source, target = (ip.src, segment.sport), (ip.dst, segment.dport)
    key = (protocol, *sorted((source, target)))
    opening = protocol == TCP and segment.flags & 0x12 == 0x02
    flow = flows.get(key)
    if flow is None or (opening and flow.first.get(0) not in (None, segment.seq + 1)):
        answer = protocol == TCP and segment.flags & 0x12 == 0x12
        ends = (target, source) if answer else (source, target)
        flow = flows[key] = _Flow(len(maker.rows) + 1, *ends)
        hosts, ports = (ends[0][0], ends[1][0]), (ends[0][1], ends[1][1])
        shared = {"protocol": protocol, "ports": ports, "hosts": hosts, "time_ns": time_ns}
        maker.add(flow.serial, b"", kind=REF_OPEN, **shared)
    side = 0 if source == flow.client else 1
    at, payload = 0, bytes(segment.data)
    if protocol == TCP:
        if segment.flags & 2:
            flow.first.setdefault(side, segment.seq + 1)
        if not payload:
            return
        at = (segment.seq - flow.first.setdefault(side, segment.seq) + 2**31) % 2**32 - 2**31
        if not -len(payload) < at < (SERVER_BUDGET if side else CLIENT_BUDGET):
            return
    elif 53 not in (source[1], target[1]):
        flow.seen[side] += 1
        if flow.seen[side] > DATAGRAMS:
            return
    if payload:
        hosts, ports = (flow.client[0], flow.server[0]), (flow.client[1], flow.server[1])
        shared = {"protocol": protocol, "ports": ports, "hosts": hosts, "time_ns": time_ns}
        maker.add(flow.serial, payload, at=at, side=side, **shared)
