"""How each flow of the campus mix opens: hellos, Initials, requests, queries, and the answers to them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.simulate import quic_bytes, tls_bytes
from monitor.simulate.tls_bytes import Entropy
from tests.bench.frames_kernel import DNS, FULL_SEGMENT, HTTP, OPEN_UDP, QUIC, TLS

ROOT = Path(__file__).resolve().parents[2]
_LABELS = ("www", "api", "static", "img", "m", "cdn", "s1", "data", "log", "passport", "app", "v2")
_GENERAL = 2_000
#: Who says hello, and how often: large shuffled hellos make half.
_CLIENTS = (
    (tls_bytes.CHROME, 0.44), (tls_bytes.FIREFOX, 0.06), (tls_bytes.ANDROID_APP, 0.25),
    (tls_bytes.IPHONE_APP, 0.20), (tls_bytes.OLD_APP, 0.05),
)  # fmt: skip
_USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
    "okhttp/4.12.0", "Dalvik/2.1.0 (Linux; U; Android 14; 23127PN0CC Build/UKQ1.230804.001)",
    "MicroMessenger Client", "Microsoft-Delivery-Optimization/10.1",
)  # fmt: skip


def _catalogue_suffixes() -> list[str]:
    """Suffixes of education, ad, tracker and game hosts: those of the shipped catalogue."""
    found: list[str] = []
    for path in sorted((ROOT / "configs" / "catalogue").glob("*.yaml")):
        _collect_hosts(yaml.safe_load(path.read_text(encoding="utf-8")), found)
    return sorted(set(found))


def _collect_hosts(node: Any, found: list[str]) -> None:
    """Every string in the document that looks like a host name."""
    if isinstance(node, dict):
        for value in node.values():
            _collect_hosts(value, found)
    elif isinstance(node, list):
        for value in node:
            _collect_hosts(value, found)
    elif isinstance(node, str) and node.isascii() and "." in node and " " not in node and "/" not in node:
        found.append(node.lower())


def campus_names(seed: int) -> list[str]:
    """A few thousand host names, most asked first: catalogue entries, their subdomains, general hosts."""
    generator = np.random.default_rng(seed + 1)
    suffixes = [name for name in _catalogue_suffixes() if name.isascii()]
    names = [f"{_LABELS[int(generator.integers(len(_LABELS)))]}.{suffix}" for suffix in suffixes] + suffixes
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    for _ in range(_GENERAL):
        word = "".join(generator.choice(letters, size=int(generator.integers(4, 12))))
        ending = ("com", "cn", "com.cn", "net", "edu.cn", "org")[int(generator.integers(6))]
        names.append(f"{_LABELS[int(generator.integers(len(_LABELS)))]}.{word}.{ending}")
    names = sorted(set(names))
    generator.shuffle(names)
    return names


@lru_cache(maxsize=64)
def certificate(number: int) -> bytes:
    """A self-signed certificate (DER), the same bytes every time: Ed25519 signs deterministically."""
    key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
    host = f"*.cert{number}.example.edu.cn"
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1000 + number)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, None)
    )  # fmt: skip
    return built.public_bytes(serialization.Encoding.DER)


def dns_name(host: str) -> bytes:
    """A name in wire form (RFC 1035 section 3.1)."""
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in host.split(".")) + b"\0"


class Openings:
    """Fills in each flow's opening bytes and keeps count of what a reader should find."""

    def __init__(self, seed: int) -> None:
        self._entropy = Entropy(seed + 2)
        self._pieces: list[bytes] = []
        self._size = 0
        self._truth = {
            "tls_sni": 0,
            "tls_split": 0,
            "quic_sni": 0,
            "quic_split": 0,
            "http_host": 0,
            "dns_query": 0,
        }
        self._names: set[str] = set()
        profiles = np.random.default_rng(seed).choice(
            len(_CLIENTS), size=1 << 16, p=[share for _, share in _CLIENTS]
        )
        self._profiles = profiles.tolist()
        self._flights = [self._flight(number) for number in range(64)]

    def arena(self) -> bytes:
        """All opening bytes, one after another."""
        return b"".join(self._pieces)

    def truth(self) -> dict[str, Any]:
        """Counts of flows by the evidence they carry."""
        return {**self._truth, "distinct_names": len(self._names)}

    def fill(self, flow: Any, host: str, index: int) -> None:
        """Write how the flow (a row of FLOW) opens, for the server `host`, the index-th name."""
        kind = flow["kind"]
        if kind == OPEN_UDP:
            client, server, cut = self._entropy.bytes(90), self._entropy.bytes(300), 0
        else:
            self._names.add(host)
            if kind == DNS:
                client, server, cut = self._dns(host, index)
            elif kind == HTTP:
                client, server, cut = self._http(host)
            elif kind == QUIC:
                client, server, cut = self._quic(host)
            else:
                client, server, cut = self._tls(host, whole=kind != TLS)
        flow["client_at"], flow["client_length"], flow["client_cut"] = self._size, len(client), cut
        flow["server_at"], flow["server_length"] = self._size + len(client), len(server)
        self._pieces += [client, server]
        self._size += len(client) + len(server)

    def _flight(self, number: int) -> bytes:
        tls13 = number % 8 != 0
        chain = [] if tls13 else [certificate(number), certificate(number + 1)]
        return tls_bytes.server_flight(self._entropy, tls13=tls13, chain=chain)

    def _tls(self, host: str, *, whole: bool) -> tuple[bytes, bytes, int]:
        self._truth["tls_sni"] += 1
        profile = _CLIENTS[self._profiles[self._entropy.below(1 << 16)]][0]
        if whole:
            profile = tls_bytes.ANDROID_APP
        hello = tls_bytes.records(tls_bytes.client_hello(profile, host, self._entropy))
        flight = self._flights[self._entropy.below(64)]
        if profile is tls_bytes.OLD_APP:
            flight = self._flights[0]
        if len(hello) <= FULL_SEGMENT:
            return hello, flight, 0
        self._truth["tls_split"] += 1
        # Most stacks fill the first segment; some middleboxes and clients cut earlier.
        return hello, flight, FULL_SEGMENT if self._entropy.below(4) else 200 + self._entropy.below(1000)

    def _quic(self, host: str) -> tuple[bytes, bytes, int]:
        self._truth["quic_sni"] += 1
        destination, source = self._entropy.bytes(8), b""
        parameters = quic_bytes.transport_parameters(source)
        hello = tls_bytes.server_hello(self._entropy, tls13=True, cipher=0x1301)
        answer = quic_bytes.server_initial(destination, source, self._entropy.bytes(8), hello)
        if self._entropy.below(3):
            message = tls_bytes.client_hello(
                tls_bytes.QUIC_APP, host, self._entropy, quic_parameters=parameters
            )
            return quic_bytes.whole_hello(message, destination, source)[0], answer, 0
        self._truth["quic_split"] += 1
        message = tls_bytes.client_hello(
            tls_bytes.QUIC_CHROME, host, self._entropy, quic_parameters=parameters
        )
        first, *rest = quic_bytes.scrambled_hello(message, destination, source, self._entropy)
        return first + b"".join(rest), answer, len(first)

    def _http(self, host: str) -> tuple[bytes, bytes, int]:
        self._truth["http_host"] += 1
        agent = _USER_AGENTS[self._entropy.below(len(_USER_AGENTS))]
        path = self._entropy.bytes(6).hex()
        request = (
            f"GET /{path}.js HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n"
            f"Accept-Encoding: gzip, deflate\r\nReferer: http://{host}/\r\nConnection: keep-alive\r\n\r\n"
        )
        answer = (
            "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/javascript\r\n"
            "Content-Length: 900000\r\nCache-Control: max-age=3600\r\n\r\n"
        )
        return request.encode("ascii"), answer.encode("ascii"), 0

    def _dns(self, host: str, index: int) -> tuple[bytes, bytes, int]:
        self._truth["dns_query"] += 1
        query = self._entropy.bytes(2) + b"\x01\x00\0\x01\0\0\0\0\0\0" + dns_name(host) + b"\0\x01\0\x01"
        alias = dns_name("edge.cdn" + str(self._entropy.below(40)) + ".net")
        answers, count, owner = b"", 0, b"\xc0\x0c"
        if self._entropy.below(2):
            answers += owner + b"\0\x05\0\x01\0\0\x02\x58" + len(alias).to_bytes(2, "big")
            owner = (0xC000 | (len(query) + len(answers))).to_bytes(2, "big")
            answers, count = answers + alias, 1
        base = 0xC6120000 + (index * 4 & 0x1FFFF)
        for replica in range(3):
            answers += owner + b"\0\x01\0\x01\0\0\x01\x2c\0\x04" + (base + replica).to_bytes(4, "big")
        head = query[:2] + b"\x81\x80\0\x01" + (count + 3).to_bytes(2, "big") + b"\0\0\0\0"
        return query, head + query[12:] + answers, 0
