"""Other ways to score the same host-minutes, at the same budget of false alerts: what ours must beat.

All see what ours saw: the features of windows.parquet. Each learns from the first day and scores the
rest. Its threshold is the most generous there is: the lowest at which its own false alerts, on the
very days that are judged, stay within the budget. Signs of a host with gaps of up to five minutes are
one alert, as ours are. pyod and river are needed for the last two (extra `evaluation`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monitor.evaluate.figures import host_hours, ranking
from monitor.evaluate.outcome import HOUR_NS, Windows, positive_hours
from monitor.evaluate.truth import Incident, load_incidents
from sinks.records.folder import WINDOWS

_KEPT_APART = (
    "window_start", "window_seconds", "host", "score", "p_value", "phase", "group", "involved_as",
    "involvement",
)  # fmt: skip
_DAY_NS = 24 * HOUR_NS
_GAP_NS, _AFTER_NS = 300_000_000_000, 600_000_000_000
#: Rows of the first day that the slower methods learn from.
_LEARN_ROWS = 20_000
Floats = NDArray[np.float64]
Method = Callable[[Floats, Floats, NDArray[np.int64]], Floats]


def rivals(results: Path, truth: Path, budget_a_day: float) -> dict[str, dict[str, Any]]:
    """Ranking, incidents found and false alerts of each method that can be imported."""
    table = pq.read_table(results / WINDOWS)
    table = table.filter(pc.equal(table["window_seconds"], 60))
    start = table["window_start"].cast("int64").to_numpy()
    order = np.argsort(start, kind="stable")
    names = [name for name in table.column_names if name not in _KEPT_APART]
    features = np.column_stack([table[name].to_numpy().astype(np.float64) for name in names])[order]
    features = np.log1p(np.maximum(np.nan_to_num(features), 0.0))
    host = np.asarray(table["host"].to_pylist(), np.object_)[order]
    start = start[order]
    _, number = np.unique(host.astype(str), return_inverse=True)
    incidents = load_incidents(truth)
    positive = positive_hours(results, incidents)
    first = start < start[0] + _DAY_NS
    told = {}
    for name, method in METHODS.items():
        try:
            score = method(features[first], features[~first], number.reshape(-1))
        except ImportError as error:
            told[name] = {"missing": str(error.name)}
            continue
        scored = np.ones(len(score), np.bool_)
        judged = Windows(start[~first], host[~first], score, score, scored, np.zeros(len(score)))
        told[name] = {
            **ranking(host_hours(judged, positive)),
            **_at_budget(judged, incidents, budget_a_day),
        }
    return told


def _at_budget(judged: Windows, incidents: list[Incident], budget_a_day: float) -> dict[str, Any]:
    """Incidents found and false alerts at the lowest threshold within the budget."""
    days = (int(judged.start_ns[-1]) - int(judged.start_ns[0])) / _DAY_NS
    low, high = 0, len(judged.score)
    ranked = np.sort(judged.score)[::-1]
    best: tuple[int, set[str]] = (0, set())
    while low < high:  # false alerts grow with the rank, nearly always
        middle = (low + high) // 2
        false, found = _alerts(judged, incidents, float(ranked[middle]))
        if false <= budget_a_day * days:
            best, low = (false, found), middle + 1
        else:
            high = middle
    return {"false": best[0], "found": sorted(best[1]), "found_count": len(best[1])}


def _alerts(judged: Windows, incidents: list[Incident], threshold: float) -> tuple[int, set[str]]:
    """False alerts, and incidents with an alert, when every minute at the threshold is a sign."""
    at = np.flatnonzero(judged.score >= threshold)
    if len(at) > 200_000:
        return len(at), set()
    order = at[np.lexsort((judged.start_ns[at], judged.host[at].astype(str)))]
    host, start = judged.host[order], judged.start_ns[order]
    new = (host[1:] != host[:-1]) | (np.diff(start) > _GAP_NS)
    begins = np.flatnonzero(np.r_[len(order) > 0, new]) if len(order) else np.zeros(0, np.int64)
    ends = np.r_[begins[1:], len(order)] - 1
    false, found = 0, set[str]()
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        own = [
            each.id
            for each in incidents
            if (host[begin] == each.subject or host[begin] in each.peers)
            and start[begin] <= each.end_ns + _AFTER_NS
            and start[end] + 60_000_000_000 >= each.start_ns
        ]
        found.update(_form(each) for each in own)
        false += not own
    return false, found


def _form(incident_id: str) -> str:
    """The incident without the number of the host that took part."""
    parts = incident_id.rsplit("-", 2)
    several = len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit()
    return "-".join(parts[:2]) if several else incident_id


def _sample(rows: Floats) -> Floats:
    every = max(len(rows) // _LEARN_ROWS, 1)
    return rows[::every]


def _z_score(learn: Floats, judge: Floats, host: NDArray[np.int64]) -> Floats:
    """The largest distance of any feature from its mean, in standard deviations of the first day."""
    middle, spread = learn.mean(axis=0), np.maximum(learn.std(axis=0), 0.1)
    return np.asarray(np.abs((judge - middle) / spread).max(axis=1))


def _ewma(learn: Floats, judge: Floats, host: NDArray[np.int64]) -> Floats:
    """The same against each host's own exponentially weighted mean and variance (weight 0.02)."""
    weight = 0.02
    middle0, spread0 = learn.mean(axis=0), np.maximum(learn.var(axis=0), 0.01)
    means = np.tile(middle0, (int(host.max()) + 1, 1))
    variances = np.tile(spread0, (len(means), 1))
    rows = np.concatenate([learn, judge])
    scores = np.empty(len(rows))
    for at, (row, whose) in enumerate(zip(rows, host.tolist(), strict=True)):
        apart = row - means[whose]
        scores[at] = np.max(np.abs(apart) / np.sqrt(np.maximum(variances[whose], 0.01)))
        means[whose] += weight * apart
        variances[whose] = (1 - weight) * (variances[whose] + weight * apart * apart)
    return scores[len(learn) :]


def _plain_forest(learn: Floats, judge: Floats, host: NDArray[np.int64]) -> Floats:
    """scikit-learn's IsolationForest as it comes, contamination fixed at 1%."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(contamination=0.01, random_state=0).fit(_sample(learn))
    return np.asarray(-forest.decision_function(judge))


def _ecod(learn: Floats, judge: Floats, host: NDArray[np.int64]) -> Floats:
    """pyod's ECOD: tails of each feature's empirical distribution; the judged rows of a batch join it."""
    from pyod.models.ecod import ECOD

    model = ECOD(contamination=0.01).fit(_sample(learn))
    batches = range(0, len(judge), _LEARN_ROWS)
    return np.concatenate([model.decision_function(judge[at : at + _LEARN_ROWS]) for at in batches])


def _half_space_trees(learn: Floats, judge: Floats, host: NDArray[np.int64]) -> Floats:
    """river's HalfSpaceTrees, online: every fourth minute learns and is scored, the others follow it."""
    from river.anomaly import HalfSpaceTrees

    every = 4
    low, high = learn.min(axis=0), learn.max(axis=0)
    names = [str(column) for column in range(learn.shape[1])]
    trees = HalfSpaceTrees(n_trees=10, height=8, window_size=500, seed=0)
    spread = np.maximum(high - low, 1e-9)
    for row in ((_sample(learn) - low) / spread).clip(0, 1):
        trees.learn_one(dict(zip(names, row.tolist(), strict=True)))
    scores = np.zeros(len(judge))
    for at, row in enumerate(((judge - low) / spread).clip(0, 1)):
        if at % every == 0:
            told = dict(zip(names, row.tolist(), strict=True))
            scores[at] = trees.score_one(told)
            trees.learn_one(told)
        else:
            scores[at] = 0.0
    return scores


METHODS: dict[str, Method] = {
    "z-score": _z_score,
    "EWMA": _ewma,
    "IsolationForest": _plain_forest,
    "ECOD": _ecod,
    "HalfSpaceTrees": _half_space_trees,
}
