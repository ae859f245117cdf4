"""Self-signed certificates that come out the same every time (Ed25519 signs deterministically)."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def self_signed(hosts: list[str], number: int) -> bytes:
    """A DER certificate for `hosts`; `number` picks its key and serial."""
    key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1000 + number)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .add_extension(names, critical=False)
        .sign(key, None)
    )
    return built.public_bytes(serialization.Encoding.DER)
