"""What scoring costs: CPU seconds for 10,000 host-windows, and memory for what is known of 20,000 hosts.

    python -m tests.bench.scoring
"""

from __future__ import annotations

import time

import numpy as np

from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.host_context import ContextSettings, HostContext
from detectors.window_features import FEATURES, HOUR_SECONDS, WINDOW

HOSTS, WINDOWS = 20_000, 10_000


def made(count: int, seed: int, seconds: int = 60) -> np.ndarray:
    """WINDOWs with features drawn at random, each of another host."""
    random = np.random.default_rng(seed)
    windows = np.zeros(count, WINDOW)
    windows["seconds"], windows["host_lo"] = seconds, np.arange(count)
    for at, (_, unit, _) in enumerate(FEATURES):
        share = unit in ("ratio", "bits")
        windows["features"][:, at] = random.beta(2, 8, count) if share else random.lognormal(3, 1, count)
    return windows


def main() -> None:
    """Print both figures."""
    model = Model.learn(made(5_000, 1), made(5_000, 2), ForestSettings())
    windows = made(WINDOWS, 3)
    began = time.process_time()
    model.score(windows)
    print(f"{WINDOWS:,} host-windows scored in {time.process_time() - began:.3f} s of processor time")
    context = HostContext(ContextSettings())
    context.fill_minutes(made(HOSTS, 4))
    context.fill_hour(made(HOSTS, 5, HOUR_SECONDS), np.zeros(HOSTS))
    print(f"{len(context.memory):,} hosts remembered in {context.memory.bytes / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
