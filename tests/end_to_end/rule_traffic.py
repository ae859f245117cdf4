"""A capture of apps in use, made with dpkt: requests in cleartext HTTP, handshakes of OpenSSL."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import dpkt

from tests.wire.names.tls_maker import handshake

_SYN, _ACK, _FIN = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK, dpkt.tcp.TH_FIN
_SEGMENT = 1_400

#: Numbers with right check digits that belong to nobody, by kind, as a request carries them.
IDENTIFIERS = {
    "citizen-id": "idcard=440524198001010013",
    "mobile-number": "phone=13912345678",
    "imei": "imei=490154203237518",
    "mac": "mac=AC%3ADE%3A48%3A00%3A11%3A22",
    "iccid": "iccid=89860012345678901234",
    "email": "mail=li.hua%40mail.example",
    "coordinates": "lat=39.90871&lng=116.39751",
    "oaid": "oaid=1f2e3d4c5b6a79801f2e3d4c5b6a7980",
    "android-id": "android_id=9774d56d682e549c",
    "idfa": "idfa=6D92078A-8246-4BA4-AE5B-76104861E7DC",
}
#: What must never be found in any output.
VALUES = (
    *("440524198001010013", "13912345678", "490154203237518", "AC:DE:48:00:11:22", "acde48001122"),
    *("89860012345678901234", "li.hua", "39.90871", "116.39751", "1f2e3d4c5b6a79801f2e3d4c5b6a7980"),
    *("9774d56d682e549c", "6D92078A-8246-4BA4-AE5B-76104861E7DC"),
)


@dataclass
class Traffic:
    """Frames with their times, seconds since 1970."""

    frames: list[tuple[float, bytes]] = field(default_factory=list)
    _port: int = 20_000

    def connection(
        self, at: float, client: str, server: str, port: int, said: list[tuple[int, bytes]]
    ) -> None:
        """A whole TCP connection; `said`: who (0 client, 1 server) said what, in turn."""
        self._port = self._port + 1 if self._port < 60_000 else 20_000
        ends = ((client, self._port), (server, port))
        clock = iter(at + step * 0.004 for step in range(10_000))
        next_byte = [1_000, 5_000]

        def send(side: int, flags: int, data: bytes = b"") -> None:
            (source, source_port), (target, target_port) = ends[side], ends[1 - side]
            segment = dpkt.tcp.TCP(
                sport=source_port, dport=target_port, seq=next_byte[side], ack=next_byte[1 - side],
                flags=flags, data=data,
            )  # fmt: skip
            addresses = {"src": ip_address(source).packed, "dst": ip_address(target).packed}
            packet = dpkt.ip.IP(**addresses, p=dpkt.ip.IP_PROTO_TCP, data=segment)
            self.frames.append((next(clock), bytes(dpkt.ethernet.Ethernet(data=packet))))
            next_byte[side] += len(data) + bool(flags & (_SYN | _FIN))

        send(0, _SYN)
        send(1, _SYN | _ACK)
        send(0, _ACK)
        for side, text in said:
            for start in range(0, len(text), _SEGMENT):
                send(side, _ACK, text[start : start + _SEGMENT])
        send(0, _FIN | _ACK)
        send(1, _FIN | _ACK)
        send(0, _ACK)

    def request(self, at: float, client: str, host: str, target: str = "/", body: str = "") -> None:
        """One request of an app and its answer."""
        method = "POST" if body else "GET"
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: App/1.0\r\nAccept: {'*/*, ' * 90}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2_000
        said = [(0, head.encode()), *([(0, body.encode())] if body else []), (1, answer)]
        self.connection(at, client, _address_of(host), 80, said)

    def use(self, start: float, minutes: int, client: str, host: str) -> None:
        """A request a minute."""
        for minute in range(minutes):
            self.request(start + 60 * minute + 5, client, host, f"/lesson/{minute}")

    def tls(self, at: float, client: str, host: str, version: ssl.TLSVersion) -> None:
        """A handshake, and some bytes after it."""
        hello, answer = handshake(version, host)
        data = b"\x17\3\3\2\0" + bytes(512)
        self.connection(at, client, _address_of(host), 443, [(0, hello), (1, answer), (0, data), (1, data)])

    def write(self, path: Path) -> Path:
        """The capture, in order of time."""
        with path.open("wb") as file:
            writer = dpkt.pcap.Writer(file)
            for at, frame in sorted(self.frames):
                writer.writepkt(frame, at)
        return path


def _address_of(host: str) -> str:
    """An address outside the campus, one a host."""
    return f"203.0.113.{sum(host.encode()) % 250 + 1}"


def devices(count: int) -> Iterator[str]:
    """Addresses of the campus."""
    return (f"10.1.1.{number}" for number in range(1, count + 1))


def evening(start: float) -> Traffic:
    """Two and a half hours of a campus from `start` on: something for every rule that needs no embedding."""
    made = Traffic()
    for device in devices(6):
        made.use(start, 150, device, "www.zuoye-sample.example")
        made.use(start + 600, 4, device, "lianxi-sample.example")
        made.use(start + 900, 3, device, "baoming-sample.example")
        made.tls(start + 1_200, device, "daxue-sample.example", ssl.TLSVersion.TLSv1_2)
    made.use(start, 130, "10.1.1.20", "jiaxiao-sample.example")  # long, but for parents and staff
    made.request(start + 60, "10.1.1.7", "api.heimingdan-sample.example")
    made.request(start + 60, "10.1.1.7", "tuichu-sample.example")
    for at, query in enumerate(IDENTIFIERS.values()):
        body = query.replace("%3A", ":").replace("%40", "@") if at % 2 else ""
        target = "/" if body else f"/v1?{query}"
        made.request(start + 120 + at, "10.1.1.1", "api.zuoye-sample.example", target, body)
    return made
