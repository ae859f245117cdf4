"""Records curl, openssl, dig and headless Chromium against local servers, in network namespaces.

Needs root, tcpdump, tshark and the clients. Everything lives in two namespaces and a temporary
folder, and is gone afterwards. Packets differ from run to run; what was asked for does not, and
that is what the golden files hold, with the packet and flow counts that tshark read.

    python -m pcaps.record.real_clients
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

FOLDER = Path(__file__).resolve().parents[1]
CLIENT_SPACE, SERVER_SPACE = "cw-record-client", "cw-record-server"
CLIENT, RESOLVER, SERVER = "10.20.0.5", "10.20.0.1", "203.0.113.10"
NAMES = [
    "www.zxx.edu.cn",
    "basic.smartedu.cn",
    "static.smartedu.cn",
    "www.icourse163.org",
    "www.xuetangx.com",
]


@dataclass(frozen=True, slots=True)
class Recording:
    """One capture: what the clients run, and what a reader must find."""

    name: str
    about: str
    commands: list[list[str]]
    facts: dict[str, Any] = field(default_factory=dict)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _in(space: str, *command: str) -> list[str]:
    return ["ip", "netns", "exec", space, *command]


@contextmanager
def namespaces() -> Iterator[None]:
    """A client's and a server's namespace joined by one link."""
    resolver = Path("/etc/netns") / CLIENT_SPACE
    try:
        for space in (CLIENT_SPACE, SERVER_SPACE):
            _run("ip", "netns", "add", space)
            _run(*_in(space, "ip", "link", "set", "lo", "up"))
        _run(
            "ip", "link", "add", "wire0", "netns", CLIENT_SPACE, "type", "veth",
            "peer", "name", "wire0", "netns", SERVER_SPACE,
        )  # fmt: skip
        for space, address in ((CLIENT_SPACE, CLIENT), (SERVER_SPACE, RESOLVER)):
            _run(*_in(space, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1"))
            _run(*_in(space, "ip", "address", "add", f"{address}/16", "dev", "wire0"))
            _run(*_in(space, "ip", "link", "set", "wire0", "up"))
            # Segments as they travel a cable, not as offloading hands them over.
            _run(*_in(space, "ethtool", "-K", "wire0", "tso", "off", "gso", "off", "gro", "off", "tx", "off"))
        _run(*_in(SERVER_SPACE, "ip", "address", "add", f"{SERVER}/32", "dev", "wire0"))
        _run(*_in(CLIENT_SPACE, "ip", "route", "add", "default", "via", RESOLVER))
        resolver.mkdir(parents=True, exist_ok=True)
        (resolver / "resolv.conf").write_text(f"nameserver {RESOLVER}\n", encoding="ascii")
        yield
    finally:
        shutil.rmtree(resolver, ignore_errors=True)
        for space in (CLIENT_SPACE, SERVER_SPACE):
            subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)


def certificate(folder: Path) -> str:
    """Write a self-signed certificate for NAMES and its key; returns its SPKI hash, as Chromium wants it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAMES[0])])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 12, 31, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in NAMES]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(public).digest()).decode("ascii")


def recordings(folder: Path, spki: str) -> list[Recording]:
    """Every recording: clients' commands and the facts that follow from them."""
    ca = str(folder / "cert.pem")
    curl = ["curl", "--silent", "--show-error", "--output", "/dev/null", "--cacert", ca, "-4"]
    s_client = ["openssl", "s_client", "-brief", "-connect", f"{SERVER}:443"]
    chromium = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-extensions",
        "--disable-default-apps", f"--user-data-dir={folder}/profile", "--dump-dom",
        f"--ignore-certificate-errors-spki-list={spki}", "--disable-domain-reliability",
        "--disable-features=OptimizationHints,MediaRouter,AutofillServerCommunication",
    ]  # fmt: skip
    return [
        Recording(
            "curl-https", "curl over TLS 1.3, the name looked up by DNS first.",
            [[*curl, "https://www.zxx.edu.cn/"]],
            {"tls_sni": ["www.zxx.edu.cn"], "dns_names": ["www.zxx.edu.cn"], "tls_version": "TLS 1.3"},
        ),
        Recording(
            "curl-tls12", "curl held to TLS 1.2: the server's certificate travels in clear.",
            [[*curl, "--tls-max", "1.2", "https://www.xuetangx.com/"]],
            {"tls_sni": ["www.xuetangx.com"], "dns_names": ["www.xuetangx.com"], "tls_version": "TLS 1.2"},
        ),
        Recording(
            "curl-http", "curl over plain HTTP.", [[*curl, "http://static.smartedu.cn/lesson"]],
            {"http_hosts": ["static.smartedu.cn"], "dns_names": ["static.smartedu.cn"]},
        ),
        Recording(
            "openssl-s-client", "openssl with a server name, then without: nothing names the second.",
            [
                [*s_client, "-servername", "basic.smartedu.cn"],
                [*s_client, "-noservername"],
            ],
            {"tls_sni": ["basic.smartedu.cn"]},
        ),
        Recording(
            "dig", "dig over UDP and TCP: an address, a name that does not exist, an empty answer.",
            [
                ["dig", "+tries=1", f"@{RESOLVER}", "www.zxx.edu.cn"],
                ["dig", "+tries=1", "+tcp", f"@{RESOLVER}", "www.icourse163.org"],
                ["dig", "+tries=1", f"@{RESOLVER}", "www.zxx.edu.cn", "AAAA"],
                ["dig", "+tries=1", f"@{RESOLVER}", "no-such-name.smartedu.cn"],
            ],
            {"dns_names": ["no-such-name.smartedu.cn", "www.icourse163.org", "www.zxx.edu.cn"]},
        ),
        Recording(
            "chromium-tls", "Headless Chromium over TLS: a post-quantum hello that spans segments.",
            [[*chromium, "--disable-quic", "https://www.icourse163.org/"]],
            {"tls_sni": ["www.icourse163.org"], "dns_names": ["www.icourse163.org"], "split_hello": True},
        ),
        Recording(
            "chromium-quic", "Headless Chromium over QUIC: its hello is scrambled over frames and datagrams.",
            [[*chromium, "--origin-to-force-quic-on=www.icourse163.org:443", "https://www.icourse163.org/"]],
            {"quic_sni": ["www.icourse163.org"], "dns_names": ["www.icourse163.org"], "alpn": "h3"},
        ),
    ]  # fmt: skip


def record(recording: Recording, folder: Path) -> None:
    """Run the clients under tcpdump, then write the capture and its golden file."""
    capture = FOLDER / f"{recording.name}.pcap"
    raw = folder / "raw.pcap"
    tcpdump = subprocess.Popen(
        _in(SERVER_SPACE, "tcpdump", "-i", "wire0", "-U", "-w", str(raw), "-Z", "root", "ip and not arp"),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tcpdump.stderr is not None
    while "listening on" not in tcpdump.stderr.readline():
        pass
    for command in recording.commands:
        done = subprocess.run(
            _in(CLIENT_SPACE, *command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0 or ("chromium" in command[0] and "lesson" not in done.stdout):
            raise RuntimeError(f"{recording.name}: {command[0]} failed: {done.stderr[-800:]}")
    time.sleep(1.5)
    tcpdump.terminate()
    tcpdump.wait()
    shutil.copyfile(raw, capture)
    write_golden(recording, capture)


def _fields(capture: Path, expression: str, *names: str) -> list[list[str]]:
    wanted = [part for name in names for part in ("-e", name)]
    text = _run("tshark", "-r", str(capture), "-Y", expression, "-T", "fields", *wanted)
    return [line.split("\t") for line in text.splitlines()]


def write_golden(recording: Recording, capture: Path) -> None:
    """What was asked for, and tshark's counts of packets and flows."""
    ends = ("ip.src", "ip.dst")
    flows = {}
    for proto in ("tcp", "udp"):
        rows = _fields(capture, proto, *ends, f"{proto}.srcport", f"{proto}.dstport")
        flows[f"{proto}_flows"] = len({frozenset([(row[0], row[2]), (row[1], row[3])]) for row in rows})
    facts = dict(recording.facts)
    # A browser asks for more names than its user: those count too.
    asked = {row[0] for row in _fields(capture, "dns", "dns.qry.name")}
    if not asked.issuperset(facts.get("dns_names", [])):
        raise RuntimeError(f"{recording.name}: the clients asked for {asked}")
    facts["dns_names"] = sorted(asked)
    golden = {
        "capture": capture.name, "about": recording.about, "made_by": "record/real_clients.py",
        "packets": len(_fields(capture, "frame", "frame.number")), **flows, **facts,
    }  # fmt: skip
    path = capture.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(golden, sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")
    print(f"{capture.name}: {golden['packets']} packets, {flows}")


def main(only: list[str]) -> None:
    """Make every recording, or those named."""
    with tempfile.TemporaryDirectory(prefix="campuswatch-record-") as name, namespaces():
        folder = Path(name)
        spki = certificate(folder)
        server = subprocess.Popen(
            _in(
                SERVER_SPACE, sys.executable, "-m", "pcaps.record.servers",
                str(folder / "cert.pem"), str(folder / "key.pem"), SERVER, *NAMES,
            ),
            stdout=subprocess.PIPE, text=True, cwd=FOLDER.parent,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            if server.stdout.readline().strip() != "ready":
                raise RuntimeError("the servers did not start")
            for recording in recordings(folder, spki):
                if not only or recording.name in only:
                    record(recording, folder)
                    shutil.rmtree(folder / "profile", ignore_errors=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
