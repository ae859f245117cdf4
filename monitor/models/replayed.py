"""Windows of captures that were replayed for models: as a running sensor would see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detectors.host_context import ContextSettings, refill
from detectors.window_features import FEATURE_NAMES, WINDOW
from monitor.config.config import Config
from monitor.errors import USAGE, CommandEnd
from monitor.replay.session import Session
from wire.capture.files import open_captures


def replayed(captures: Sequence[str], config: Config, results: Path) -> dict[str, Any]:
    """Replay captures into a folder, addresses as they are; the summary."""
    with (
        open_captures(captures) as reader,
        Session(reader, config, results, pseudonymise=False, collect_only=True) as session,
    ):
        session.carry(reader, lambda clock_ns: None)
        return session.publish()


def read_windows(path: Path) -> tuple[NDArray[np.void], tuple[str, ...]]:
    """WINDOWs of a windows.parquet, without scores, compared anew with what was usual by then; and hosts.

    A window's `host_lo` is the place of its host among them.

    Raises OSError, CommandEnd.
    """
    try:
        table = pq.read_table(path)
        windows = np.zeros(len(table), WINDOW)
        windows["window_start_ns"] = table["window_start"].cast("int64").to_numpy()
        windows["seconds"] = table["window_seconds"].to_numpy()
        for at, name in enumerate(FEATURE_NAMES):
            windows["features"][:, at] = table[name].to_numpy()
    except (ValueError, KeyError) as error:
        raise CommandEnd(USAGE, f"{path}: not a windows.parquet of this version: {error}") from None
    hosts, host = np.unique(np.asarray(table["host"].to_pylist(), object).astype(str), return_inverse=True)
    windows["host_lo"] = host.reshape(-1) if len(hosts) else 0
    for name in ("score", "p_value", "alarm_p", "peak", "usual"):
        windows[name] = np.nan
    refill(windows, ContextSettings())
    return windows, tuple(map(str, hosts.tolist()))
