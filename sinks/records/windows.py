"""windows.parquet: a row per host and minute or hour: features, score, part in what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.involvement import ROLES, of_windows
from detectors.window_features import FEATURE_NAMES, PHASES, WINDOW
from sinks.records import columns
from sinks.records.addresses import address_column
from sinks.records.parquet import open_parquet
from sinks.records.pseudonyms import Pseudonyms

#: Scores agree within this between machines (CONTRACTS: Flows), so no more is written.
_SCORE_DECIMALS = 6
_BATCH_ROWS = 1 << 16


def windows_table(
    windows: NDArray[np.void],
    part: tuple[NDArray[np.uint8], NDArray[np.float64]],
    pseudonyms: Pseudonyms | None,
) -> pa.Table:
    """WINDOWs, (n,), as the columns of windows.parquet; NaN scores and p-values become null.

    part: role and confidence of each window's host, as `of_windows` gives them.
    """
    features = windows["features"].round(_SCORE_DECIMALS)
    role, confidence = part
    return pa.table(
        {
            "window_start": columns.times(windows["window_start_ns"]),
            "window_seconds": columns.numbers(windows["seconds"]),
            "host": address_column(windows["host_hi"], windows["host_lo"], pseudonyms),
            **{name: columns.numbers(features[:, i]) for i, name in enumerate(FEATURE_NAMES)},
            "score": columns.figures(windows["score"].round(_SCORE_DECIMALS)),
            "p_value": columns.figures(windows["p_value"]),
            "phase": columns.enumeration(windows["phase"], PHASES),
            "involved_as": columns.enumeration(role, ROLES),
            "involvement": columns.numbers(confidence),
        }
    )


def involved_table(involved: NDArray[np.void], pseudonyms: Pseudonyms | None) -> pa.Table:
    """INVOLVED, (n,), in the columns that windows have for it."""
    return pa.table(
        {
            "window_start": columns.times(involved["window_start_ns"]),
            "window_seconds": columns.numbers(involved["seconds"]),
            "host": address_column(involved["host_hi"], involved["host_lo"], pseudonyms),
            "involved_as": columns.enumeration(involved["role"], ROLES),
            "involvement": columns.numbers(involved["confidence"]),
        }
    )


def write_windows(
    path: Path,
    parts: Sequence[NDArray[np.void]],
    involved: NDArray[np.void],
    pseudonyms: Pseudonyms | None,
) -> int:
    """Write WINDOWs by (window_start, window_seconds, host); the number of rows. Raises OSError.

    involved: INVOLVED of the whole run.
    """
    windows = np.concatenate(parts) if len(parts) else np.zeros(0, WINDOW)
    order = np.lexsort(
        (windows["host_lo"], windows["host_hi"], windows["seconds"], windows["window_start_ns"])
    )
    role, confidence = of_windows(windows, involved)

    def table(at: NDArray[np.int64]) -> pa.Table:
        return windows_table(windows[at], (role[at], confidence[at]), pseudonyms)

    with open_parquet(path, table(order[:0]).schema) as writer:
        for start in range(0, len(windows), _BATCH_ROWS):
            writer.write_table(table(order[start : start + _BATCH_ROWS]))
    return len(windows)
