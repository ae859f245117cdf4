"""Windows of captures that were replayed for models: as a running sensor would see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detectors.host_context import ContextSettings, refill
from detectors.networks import address_pair
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


def read_windows(path: Path, config: Config) -> tuple[NDArray[np.void], NDArray[np.str_]]:
    """WINDOWs of a windows.parquet, without scores, compared anew with what was usual by then.

    And the text of each window's host. Where that is a pseudonym, a number stands in the address's
    place, and no group of the configuration holds it. Raises OSError, CommandEnd.
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
    hosts = np.asarray(table["host"].to_pylist(), np.str_)
    distinct, host = np.unique(hosts, return_inverse=True)
    pairs = [_address_or(number, text) for number, text in enumerate(distinct.tolist())]
    for half, name in enumerate(("host_hi", "host_lo")):
        windows[name] = np.array([pair[half] for pair in pairs], np.uint64)[host.reshape(-1)]
    for name in ("score", "p_value", "alarm_p", "peak", "usual"):
        windows[name] = np.nan
    refill(windows, ContextSettings(config.campus.timezone, config.anomaly.host_groups.narrowest_first()))
    return windows, hosts


def _address_or(number: int, host: str) -> tuple[int, int]:
    """The address that a host's text is; of a pseudonym, a number in its place."""
    try:
        return address_pair(host)
    except ValueError:
        return 0, number
