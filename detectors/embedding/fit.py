"""The joint fit: what each app adds to how often each third party shows up, all apps at once.

A linear model of "shows up in this minute" on the apps that are active, each by the phase of its
session, and on browsing; an intercept for each slot of clients in each hour of the week, so that
clients are compared with themselves at the same time of day; a small penalty; errors clustered by
bucket. All that follows from the Statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.embedding.statistics import (
    BUCKETS,
    CELLS,
    FIRST,
    FIRST_ALONE,
    LATER,
    MINUTE,
    PHASES,
    SECOND_ALONE,
    Statistics,
    column_of,
)

#: Minutes' worth of belief that an app adds nothing.
PENALTY = 1.0
#: What an app adds is another's if, when no other app is in use, it is surely less than this share.
BORROWED_SHARE, BORROWED_ERRORS = 0.5, 1.0


@dataclass(frozen=True, slots=True)
class Fit:
    """Figures of each app and third party, float64[apps, thirds].

    effect: minutes with the third party that a session adds; low, high: its 95% interval.
    p_value: one-sided, against "adds nothing". borrowed: what the app seems to add is not there when
    it is opened while no other app is in use, so that it is another's. separable bool[apps]: what
    the app adds can be told from what others add.
    """

    effect: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    borrowed: NDArray[np.bool_]
    separable: NDArray[np.bool_]


def fit(
    statistics: Statistics,
    most_inflation: float,
    itself: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    least_share: float,
) -> Fit:
    """Solve for the pairs that are `wanted`, bool[apps, thirds]; of others every p-value is 1.

    itself int64[thirds]: the app that a third party is at the same time (a game), -1 none. It does
    not explain itself away: its own predictors are left out where it is the response. least_share:
    the p-values are against adding at most this share of the share of sessions in which the third
    party shows up: so much of what others bring may be laid at the app's door by a model that is only
    nearly right, and with enough data any crumb is certain.
    """
    from scipy.special import stdtr, stdtrit  # only when a fit is made: a start must not wait for it

    shape = (statistics.apps, statistics.thirds)
    blank = Fit(
        np.zeros(shape), np.zeros(shape), np.zeros(shape), np.ones(shape),
        np.zeros(shape, np.bool_), np.zeros(shape[0], np.bool_),
    )  # fmt: skip
    apps, thirds = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
    if len(apps) == 0:
        return blank
    sums, itself = _Sums(statistics, thirds), itself[thirds]
    inverse = np.asarray(np.linalg.inv(sums.within + PENALTY * np.eye(len(sums.columns))), np.float64)
    beta = inverse @ sums.response
    contrasts = _contrasts(statistics, sums, apps)
    weights = inverse @ contrasts
    without = _without_itself(sums, inverse, itself)
    for third, (own, carry) in without.items():
        beta[:, third] -= carry @ beta[own, third]
    estimate = contrasts.T @ beta
    variance, buckets = _clustered(sums, beta, weights, without)
    error = np.sqrt(variance)
    spread = _buckets_with(sums, apps)
    freedom = np.maximum(np.minimum(buckets, spread) - 1, 1)[:, None]
    onset, whole, alone = (estimate[part] for part in _thirds_of(len(apps)))
    onset_error, whole_error, alone_error = (error[part] for part in _thirds_of(len(apps)))
    pairs = np.ix_(apps, thirds)
    crumb = least_share * statistics.sessions_with[pairs] / np.maximum(statistics.sessions[apps], 1)[:, None]
    t_onset, t_whole = _ratio(onset - crumb, onset_error), _ratio(whole - crumb, whole_error)
    p_value = np.minimum(1.0, 2 * np.minimum(stdtr(freedom, -t_onset), stdtr(freedom, -t_whole)))
    margin = stdtrit(freedom, 0.975) * whole_error
    of_whole = slice(len(apps), 2 * len(apps))
    inflation = _inflation(sums, contrasts[:, of_whole], weights[:, of_whole])
    borrowed = alone + BORROWED_ERRORS * alone_error < BORROWED_SHARE * onset
    borrowed[:, itself >= 0] = False  # where a game is, the app is not alone
    chosen = wanted[pairs]
    blank.effect[pairs] = np.where(chosen, whole, 0.0)
    blank.p_value[pairs] = np.where(chosen & (spread[:, None] >= 2), p_value, 1.0)
    blank.low[pairs] = np.where(chosen, whole - margin, 0.0)
    blank.high[pairs] = np.where(chosen, whole + margin, 0.0)
    blank.borrowed[pairs] = borrowed
    blank.separable[apps] = inflation <= most_inflation
    return blank


class _Sums:
    """X'X and X'Y within cells, of the predictors that were ever seen; the intercepts are gone."""

    def __init__(self, statistics: Statistics, thirds: NDArray[np.int64]) -> None:
        """thirds: the third parties that are looked at, by number; they are counted anew from 0."""
        self._of = statistics
        self._thirds = len(thirds)
        self._third = np.full(statistics.thirds, -1, np.int64)
        self._third[thirds] = np.arange(len(thirds))
        self._read_cells()
        self._read_products()
        self._read_responses()
        share = self._active.multiply(1 / self._minutes[:, None]).tocsr()
        self._share, self._mean = share, (self._hits.multiply(1 / self._minutes[:, None])).tocsr()
        self.within -= (self._active.T @ share).toarray()
        self.response -= (self._active.T @ self._mean).toarray()

    def _read_cells(self) -> None:
        """Sums of X and Y by cell, sparse; cells in order."""
        from scipy.sparse import csr_array  # as in `fit`

        statistics = self._of
        keys, values = statistics.active.items()
        cell, column = keys // statistics.columns, keys % statistics.columns
        whole = column == MINUTE
        self._cells, self._minutes = cell[whole], values[whole].astype(np.float64)
        self.columns = np.unique(column[~whole])
        self._index = np.full(statistics.columns, -1, np.int64)
        self._index[self.columns] = np.arange(len(self.columns))
        place = np.searchsorted(self._cells, cell[~whole])
        shape = (len(self._cells), len(self.columns))
        self._active = csr_array((values[~whole], (place, self._index[column[~whole]])), shape, np.float64)
        keys, values, third = self._of_thirds(*statistics.hits.items())
        place = np.searchsorted(self._cells, keys // statistics.thirds)
        shape = (len(self._cells), self._thirds)
        self._hits = csr_array((values, (place, third)), shape, np.float64)
        bucket = self._cells // CELLS
        self._cell_starts = np.searchsorted(bucket, np.arange(BUCKETS + 1))
        #: Minutes in which each predictor was 1, by bucket.
        every = np.arange(len(bucket))
        of_bucket = csr_array((np.ones(len(bucket)), (bucket, every)), (BUCKETS, len(bucket)))
        self.active = (of_bucket @ self._active).toarray()
        self.seen = np.unique(bucket)

    def _read_products(self) -> None:
        statistics = self._of
        keys, values = statistics.products.items()
        left = self._index[keys // statistics.columns % statistics.columns]
        right = self._index[keys % statistics.columns]
        self._products = (keys // statistics.columns // statistics.columns, left, right, values)
        self._product_starts = np.searchsorted(self._products[0], np.arange(BUCKETS + 1))
        self.within = np.zeros((len(self.columns), len(self.columns)))
        np.add.at(self.within, (left, right), values)
        off = left != right
        np.add.at(self.within, (right[off], left[off]), values[off])

    def _read_responses(self) -> None:
        statistics = self._of
        keys, values, third = self._of_thirds(*statistics.responses.items())
        column = self._index[keys // statistics.thirds % statistics.columns]
        self._responses = (keys // statistics.thirds // statistics.columns, column, third, values)
        self._response_starts = np.searchsorted(self._responses[0], np.arange(BUCKETS + 1))
        self.response = np.zeros((len(self.columns), self._thirds))
        np.add.at(self.response, (column, third), values)

    def _of_thirds(
        self, keys: NDArray[np.int64], values: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Sums of the third parties that are looked at, and the number of each."""
        third = self._third[keys % self._of.thirds]
        looked = third >= 0
        return keys[looked], values[looked], third[looked]

    def score(
        self, bucket: int, beta: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """X'(Y - X beta) of one bucket, within its cells: float64[own, thirds].

        Its rows other than `own`, the predictors that were ever 1 in the bucket, are zero.
        """
        own = np.flatnonzero(self.active[bucket])
        first, last = self._product_starts[bucket], self._product_starts[bucket + 1]
        _, left, right, value = (part[first:last] for part in self._products)
        left, right = np.searchsorted(own, left), np.searchsorted(own, right)
        product = np.zeros((len(own), len(own)))
        np.add.at(product, (left, right), value)
        off = left != right
        np.add.at(product, (right[off], left[off]), value[off])
        cells = slice(self._cell_starts[bucket], self._cell_starts[bucket + 1])
        expected = self._share[cells][:, own] @ beta[own] - self._mean[cells]
        residual = np.asarray(self._active[cells][:, own].T @ expected - product @ beta[own])
        first, last = self._response_starts[bucket], self._response_starts[bucket + 1]
        _, column, third, value = (part[first:last] for part in self._responses)
        residual[np.searchsorted(own, column), third] += value
        return own, residual

    def place(self, app: int, phase: int) -> int:
        """Where the predictor of an app's phase stands, -1 where it was never 1."""
        return int(self._index[column_of(np.array([app]), np.array([phase]))[0]])


def _thirds_of(apps: int) -> tuple[slice, slice, slice]:
    """Where the contrasts of each kind stand: onset, whole session, onset when alone."""
    return slice(0, apps), slice(apps, 2 * apps), slice(2 * apps, 3 * apps)


def _contrasts(statistics: Statistics, sums: _Sums, apps: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[columns, 3 * apps]: what a session's first two minutes add, a whole session, and its
    first two minutes as they are when no other app is in use.
    """
    onset, whole, alone = (np.zeros((len(sums.columns), len(apps))) for _ in range(3))
    for number, app in enumerate(apps.tolist()):
        places = [sums.place(app, phase) for phase in range(PHASES)]
        minutes = [sums.active[:, place].sum() if place >= 0 else 0.0 for place in places]
        for phase, (place, length) in enumerate(zip(places, minutes, strict=True)):
            if place < 0:
                continue
            whole[place, number] = length / statistics.sessions[app]
            if phase < LATER:
                onset[place, number] = length / statistics.sessions[app]
            if phase in (FIRST_ALONE, SECOND_ALONE):
                with_others = minutes[phase - FIRST_ALONE + FIRST]
                alone[place, number] = (length + with_others) / statistics.sessions[app]
    return np.concatenate([onset, whole, alone], axis=1)


#: Of some third parties: predictors that are left out, and what takes them out of a solution.
_Without = dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]


def _without_itself(sums: _Sums, inverse: NDArray[np.float64], itself: NDArray[np.int64]) -> _Without:
    """By partition of the inverse: of a solution x, x - carry @ x[own] is the one without `own`."""
    found: _Without = {}
    for third in np.flatnonzero((itself >= 0) & sums.response.any(axis=0)).tolist():
        places = (sums.place(int(itself[third]), phase) for phase in range(PHASES))
        own = np.array([place for place in places if place >= 0], np.int64)
        if len(own):
            found[third] = own, inverse[:, own] @ np.linalg.inv(inverse[np.ix_(own, own)])
    return found


def _clustered(
    sums: _Sums, beta: NDArray[np.float64], weights: NDArray[np.float64], without: _Without
) -> tuple[NDArray[np.float64], int]:
    """Variance of each contrast and third party, errors clustered by bucket; and how many buckets."""
    variance = np.zeros((weights.shape[1], beta.shape[1]))
    for bucket in sums.seen.tolist():
        rows, score = sums.score(bucket, beta)
        told = weights[rows].T @ score
        for third, (own, carry) in without.items():
            told[:, third] -= weights[own].T @ (carry[rows].T @ score[:, third])
        variance += told**2
    buckets = len(sums.seen)
    return variance * (buckets / max(buckets - 1, 1)), buckets


def _buckets_with(sums: _Sums, apps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Buckets in which each app was used."""
    spread = np.zeros(len(apps), np.int64)
    for number, app in enumerate(apps.tolist()):
        places = [sums.place(app, phase) for phase in range(PHASES)]
        places = [place for place in places if place >= 0]
        spread[number] = np.count_nonzero(sums.active[:, places].sum(axis=1))
    return spread


def _inflation(
    sums: _Sums, contrasts: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many times larger a contrast's variance is than if no other app had been in use."""
    found = np.ones(contrasts.shape[1])
    together = (contrasts * weights).sum(axis=0)
    for number in range(contrasts.shape[1]):
        contrast = contrasts[:, number]
        own = np.flatnonzero(contrast)
        if len(own):
            block = sums.within[np.ix_(own, own)] + PENALTY * np.eye(len(own))
            alone = float(contrast[own] @ np.linalg.solve(block, contrast[own]))
            found[number] = together[number] / max(alone, 1e-30)
    return found


def _ratio(estimate: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """estimate / error; 0 where there is no error because there is nothing."""
    return np.divide(estimate, error, out=np.zeros_like(estimate), where=error > 0)
