"""Pins of a fetched list: a digest of the one content that is taken, or a key that must have signed it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

from monitor.config.catalogue import ListSource

_ED25519_BYTES = 64


class PinError(Exception):
    """A list is not what its pins say; the message is for the operator."""


def check_pins(source: ListSource, path: Path, signature: bytes | None) -> None:
    """Check the file at `path`. Raises PinError."""
    content = path.read_bytes()
    if source.sha256 is not None:
        digest = hashlib.sha256(content).hexdigest()
        if not hmac.compare_digest(digest, source.sha256.lower()):
            raise PinError(f"{source.url}: SHA-256 is {digest}, pinned is {source.sha256.lower()}")
    if source.public_key is not None:
        _check_signature(source, source.public_key, content, signature or b"")


def _check_signature(source: ListSource, key_file: Path, content: bytes, signature: bytes) -> None:
    """A detached Ed25519 signature (RFC 8032) of the whole content, raw or in base64."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(key_file.read_bytes())
    except (OSError, ValueError) as error:
        raise PinError(f"{key_file}: no public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise PinError(f"{key_file}: not an Ed25519 key")
    if len(signature) != _ED25519_BYTES:
        try:
            signature = base64.b64decode(signature.strip(), validate=True)
        except binascii.Error:
            signature = b""
    try:
        key.verify(signature, content)
    except InvalidSignature:
        raise PinError(f"{source.url}: the signature at .sig does not fit the list and {key_file}") from None
