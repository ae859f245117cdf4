"""The wire of the invented school day: visits become DNS, TLS or HTTP frames with times."""

from __future__ import annotations

import struct
import zlib

from monitor.simulate.tls_bytes import ANDROID_APP, CHROME, IPHONE_APP, Entropy, client_hello, records
from pcaps.record.day_frames import ACK, FIN, PSH, RST, SYN, tcp_frame, udp_frame
from pcaps.record.messages import dns_answer, dns_query, http_answer, http_request

RESOLVER = 0xC6336435  # 198.51.100.53
FIRST_DEVICE = 0x0A1E010A  # 10.30.1.10
SERVERS = 0xCB007100  # 203.0.113.0/24
ANSWER_SECONDS = 900
_PROFILES = (CHROME, ANDROID_APP, IPHONE_APP, ANDROID_APP)
_SEGMENT = 1400


def device_address(device: int) -> int:
    """The device's IPv4 address."""
    return FIRST_DEVICE + device


def server_address(host: str) -> int:
    """A host's IPv4 address: the same every time, few hosts share one."""
    return SERVERS + 1 + zlib.crc32(host.encode("ascii")) % 250


def dotted(address: int) -> str:
    """The address in dotted form."""
    return ".".join(str(part) for part in address.to_bytes(4, "big"))


class Line:
    """Collects (time in microseconds, frame), and what was put in."""

    def __init__(self, seed: int) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.tcp_flows = self.udp_flows = 0
        self.tls_names: set[str] = set()
        self.http_names: set[str] = set()
        self.dns_names: set[str] = set()
        self._ports: dict[int, int] = {}
        self._resolved: dict[tuple[int, str], int] = {}
        self._entropy = Entropy(seed)
        self._hellos: dict[tuple[str, str], bytes] = {}

    def port(self, address: int) -> int:
        """The address's next ephemeral port."""
        self._ports[address] = self._ports.get(address, 32767) + 1
        return self._ports[address]

    def visit(self, device: int, host: str, time: int, *, large: bool = False, plain: bool = False) -> None:
        """A device opens one connection to a host: asks its name when it has to, then talks to it."""
        client = device_address(device)
        last = self._resolved.get((device, host))
        if last is None or not 0 <= time - last < ANSWER_SECONDS * 1_000_000:
            self._resolved[(device, host)] = time
            self.resolve(client, host, time)
            time += 30_000
        if plain:
            self.http_names.add(host)
            self.conversation(
                client, server_address(host), 80, time, http_request(host), http_answer(bytes(600))
            )
            return
        self.tls_names.add(host)
        hello = self._hello(device, host)
        answer = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(32) + b"\x20" + bytes(32)
        answer += b"\x13\x01\x00\x00\x2e\x00\x2b\x00\x02\x03\x04\x00\x33\x00\x24\x00\x1d\x00\x20" + bytes(32)
        bulk = 24 if large else 3
        body = b"".join(b"\x17\x03\x03\x05\x73" + bytes(_SEGMENT - 5) for _ in range(bulk))
        self.conversation(client, server_address(host), 443, time, hello, answer + body)

    def resolve(self, client: int, host: str, time: int) -> None:
        """A DNS query and its answer."""
        port = self.port(client)
        self.dns_names.add(host)
        self.udp_flows += 1
        query = dns_query(host, identity=port)
        answer = dns_answer(host, dotted(server_address(host)), identity=port, ttl=ANSWER_SECONDS)
        self.frames.append((time, udp_frame(client, RESOLVER, port, 53, query)))
        self.frames.append((time + 12_000, udp_frame(RESOLVER, client, 53, port, answer)))

    def conversation(
        self,
        client: int,
        server: int,
        server_port: int,
        time: int,
        request: bytes,
        answer: bytes,
        *,
        gap: int = 9_000,
    ) -> None:
        """A whole TCP conversation, both sides closing."""
        port = self.port(client)
        self.tcp_flows += 1
        mine, theirs = (port * 65_537) % 2**32, (server * 31 + port) % 2**32

        def put(from_server: bool, flags: int, payload: bytes = b"") -> None:
            nonlocal time, mine, theirs
            here, there = (server, client) if from_server else (client, server)
            ports = (server_port, port) if from_server else (port, server_port)
            sequence, acknowledged = (theirs, mine) if from_server else (mine, theirs)
            frame = tcp_frame(
                here, there, *ports, sequence, acknowledged if flags & ACK else 0, flags, payload
            )
            self.frames.append((time, frame))
            time += gap
            moved = len(payload) + (1 if flags & (SYN | FIN) else 0)
            if from_server:
                theirs = (theirs + moved) % 2**32
            else:
                mine = (mine + moved) % 2**32

        put(False, SYN)
        put(True, SYN | ACK)
        put(False, ACK)
        for start in range(0, len(request), _SEGMENT):
            put(False, PSH | ACK, request[start : start + _SEGMENT])
        for start in range(0, len(answer), _SEGMENT):
            put(True, PSH | ACK, answer[start : start + _SEGMENT])
            if start // _SEGMENT % 4 == 3:
                put(False, ACK)
        put(False, FIN | ACK)
        put(True, FIN | ACK)
        put(False, ACK)

    def refused(self, client: int, server: int, server_port: int, time: int) -> None:
        """A SYN that a closed port answers with RST."""
        port = self.port(client)
        self.tcp_flows += 1
        self.frames.append((time, tcp_frame(client, server, port, server_port, port, 0, SYN, b"")))
        self.frames.append(
            (time + 900, tcp_frame(server, client, server_port, port, 0, port + 1, RST | ACK, b""))
        )

    def _hello(self, device: int, host: str) -> bytes:
        """The hello of this kind of device to this host: drawn once, so that the file compresses."""
        profile = _PROFILES[device % len(_PROFILES)]
        key = (profile.name, host)
        if key not in self._hellos:
            self._hellos[key] = records(client_hello(profile, host, self._entropy))
        return self._hellos[key]


def ssh_banner(text: str) -> bytes:
    """An SSH identification line (RFC 4253 section 4.2) and a key exchange of zeros."""
    packet = struct.pack(">IBB", 700, 4, 20) + bytes(698)
    return text.encode("ascii") + b"\r\n" + packet
