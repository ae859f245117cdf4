"""Pseudonyms of internal addresses: keyed, so that who lacks the key cannot try all addresses."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.networks import Networks

#: A key shorter than this is refused: 2^32 addresses are tried in seconds against a guessable one.
KEY_MIN_BYTES = 16


class PrivacyKeyError(ValueError):
    """The key file cannot be read, or its key is too short."""


def read_key(path: Path) -> bytes:
    """The key: the file's bytes without white space at the ends. Raises PrivacyKeyError."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise PrivacyKeyError(f"privacy.key_file {path}: {error.strerror}") from error
    if len(key) < KEY_MIN_BYTES:
        raise PrivacyKeyError(
            f"privacy.key_file {path}: {len(key)} bytes, at least {KEY_MIN_BYTES} are needed"
        )
    return key


class Pseudonyms:
    """Names for addresses inside `networks`: `h-` and 20 hexadecimal digits of HMAC-SHA-256."""

    def __init__(self, key: bytes, networks: Networks) -> None:
        self._key = key
        self._networks = networks
        self._everyone = False

    def hide_everyone(self) -> None:
        """From now on every address is internal: none lies in the networks, so they are wrong."""
        self._everyone = True

    def internal(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which addresses are the campus's own, (n,) bool."""
        if self._everyone:
            return np.ones(len(high), np.bool_)
        return self._networks.contain(high, low)

    def of(self, high: int, low: int) -> str:
        """The pseudonym of one address."""
        address = high.to_bytes(8, "big") + low.to_bytes(8, "big")
        return "h-" + hmac.digest(self._key, address, hashlib.sha256).hex()[:20]
