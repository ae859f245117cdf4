"""Random streams: one for each part of a scenario, so that a part more changes nothing for the others."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *parts: str) -> np.random.Generator:
    """A random stream of its own for each part of a scenario."""
    return np.random.default_rng([seed, zlib.crc32("/".join(parts).encode())])
