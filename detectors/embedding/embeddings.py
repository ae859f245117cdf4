"""Sightings in, embeddings out: the whole room behind three methods.

    embeddings = Embeddings(catalogue ids, their categories)
    embeddings.take(sightings, end_ns)   minutes that are over, in order of time
    embeddings.merge(another)            another day's or worker's
    embeddings.result()                  what rides along with what
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import (
    ADVERTISING,
    CATEGORIES,
    EDUCATION,
    FUNCTIONAL,
    GAME,
    PLATFORM,
    TRACKING,
)
from detectors.embedding.discovery import q_values
from detectors.embedding.embedding import Embedding
from detectors.embedding.fit import Fit, fit
from detectors.embedding.sessions import GAP_MINUTES, TAIL_MINUTES, Active, Sessions
from detectors.embedding.settings import EmbeddingSettings
from detectors.embedding.sightings import BROWSING, SIGHTING
from detectors.embedding.statistics import (
    BROWSES,
    CLIENT_BITS,
    FIRST,
    FIRST_ALONE,
    LATER,
    TAIL,
    Statistics,
    cell_of,
    column_of,
    combinations,
)
from detectors.grouping import distinct_values
from detectors.parts import Parts, json_of, of_json, under, within
from wire.record_arrays import joined, picked

_APPS = (EDUCATION, PLATFORM, GAME)
_THIRDS = (ADVERTISING, TRACKING, FUNCTIONAL, GAME)
_MINUTE_NS = 60_000_000_000
#: A session's third party is counted once; so long it is remembered after it was last seen.
_REMEMBERED_MINUTES = 180


class Embeddings:
    """Learns from sightings; bounded in all it keeps (docs/embedding.md has the figures)."""

    def __init__(
        self, ids: Sequence[str], categories: Sequence[int], settings: EmbeddingSettings | None = None
    ) -> None:
        """ids: service ids of the catalogue, categories: the category code of each."""
        self._ids = ids
        self._settings = settings or EmbeddingSettings()
        self._category = np.asarray(categories, np.int64)
        self._apps = np.flatnonzero(np.isin(self._category, _APPS))
        self._thirds = np.flatnonzero(np.isin(self._category, _THIRDS))
        self._app_of = _places(self._apps, len(ids))
        self._third_of = _places(self._thirds, len(ids))
        self._sessions = Sessions(self._settings.most_open_sessions)
        self._met = np.zeros(0, _MET)
        self._next: int | None = None
        self._held = np.zeros(0, SIGHTING)
        self._browsed = np.zeros(0, np.uint64)
        self.statistics = Statistics(len(self._apps), len(self._thirds))
        self.late = 0
        self.shed = 0  # sessions with a third party that were forgotten before their end

    def take(self, rows: NDArray[np.void], end_ns: int) -> None:
        """Take SIGHTINGs of all minutes that end by `end_ns` and were not given before."""
        minute = rows["window_start_ns"] // _MINUTE_NS
        if self._next is not None:
            late = minute < self._next
            self.late += int(np.count_nonzero(late))
            rows = picked(rows, ~late)
        rows = joined([self._held, rows])
        if len(rows) == 0:
            return
        minute = rows["window_start_ns"] // _MINUTE_NS
        begin = int(minute.min()) if self._next is None else self._next
        end = end_ns // _MINUTE_NS - GAP_MINUTES
        if end <= begin:  # nothing is decided yet
            self._next, self._held = begin, rows
            return
        self._next = end
        self._held = picked(rows, minute >= end)
        known = self.statistics
        known.first_minute = min(known.first_minute, int(minute.min()))
        known.last_minute = max(known.last_minute, int(minute.max()))
        service, client = rows["service"], rows["client"]
        app = np.where(service == BROWSING, -1, self._app_of[service])
        third = np.where(service == BROWSING, -1, self._third_of[service])
        own = app >= 0
        active, began = self._sessions.take(client[own], minute[own], app[own].astype(np.int32), begin, end)
        self.statistics.sessions += np.bincount(began, minlength=len(self._apps))
        over = minute < end
        browsing = (service == BROWSING) & over
        riding = (third >= 0) & over
        self._count(
            active,
            (client[browsing], minute[browsing]),
            _distinct(client[riding], minute[riding], third[riding]),
            begin,
            end,
        )

    def refer(
        self, client: NDArray[np.uint64], app: NDArray[np.int32], third: NDArray[np.int32]
    ) -> None:
        """Take direct evidence: clients, the services whose pages led (HTTP's Referer), and where to."""
        pair = self._app_of[app] * len(self._thirds) + self._third_of[third]
        led = (self._app_of[app] >= 0) & (self._third_of[third] >= 0) & (app != third)
        self.statistics.direct.add(distinct_values(_presence(pair[led], client[led])))

    def finish(self) -> bool:
        """No more comes: take what was held back until a session's end is known. Whether there was any."""
        if len(self._held) == 0:
            return False
        last_ns = int(self._held["window_start_ns"].max())
        self.take(self._held[:0], last_ns + (GAP_MINUTES + TAIL_MINUTES + 1) * _MINUTE_NS)
        return True

    def merge(self, other: Embeddings) -> None:
        """Add what another one has learned: of other days, or of other clients of the same days."""
        self.statistics.merge(other.statistics)
        self.late += other.late

    def state(self) -> Parts:
        """All that was learned and still waits; services go by their ids. It stays on this machine."""
        apps, thirds = ([self._ids[i] for i in places.tolist()] for places in (self._apps, self._thirds))
        ids = [list(self._ids), apps, thirds]
        plain = [self._next, self.late, self.shed, self._sessions.shed]
        return {
            "services": of_json(ids),
            "plain": of_json(plain),
            "open": self._sessions.state(),
            "met": self._met,
            "held": self._held,
            "browsed": self._browsed,
            **under("statistics", self.statistics.state()),
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back, of this catalogue or another; what it knew of services that are gone is lost.

        KeyError, ValueError: it is no such state.
        """
        now = {service: at for at, service in enumerate(self._ids)}
        ids, apps_then, thirds_then = json_of(parts["services"])
        places = np.array([*(now.get(service, -1) for service in ids), BROWSING], np.int64)
        known = np.append(places[:-1] >= 0, True)
        apps = _among(self._app_of, now, apps_then)
        thirds = _among(self._third_of, now, thirds_then)
        self._next, self.late, self.shed, self._sessions.shed = json_of(parts["plain"])
        self._sessions.restore(parts["open"], apps)
        held = parts["held"][known[parts["held"]["service"]]].copy()
        held["service"] = places[held["service"]]
        self._held = held
        met = parts["met"]
        met = met[(apps[met["app"]] >= 0) & (thirds[met["third"]] >= 0)].copy()
        met["app"], met["third"] = apps[met["app"]], thirds[met["third"]]
        self._met = met
        self._browsed = parts["browsed"]
        self.statistics.restore(within("statistics", parts), apps, thirds)

    @property
    def counters(self) -> dict[str, int]:
        """What was given up, by reason; a closed set."""
        known = self.statistics
        forgotten = known.products.forgotten + known.responses.forgotten + known.clients.forgotten
        forgotten += known.direct.forgotten
        return {
            "embedding_rows_late": self.late,
            "embedding_sessions_shed": self._sessions.shed + self.shed,
            "embedding_counts_forgotten": forgotten,
        }

    def result(self) -> list[Embedding]:
        """Pairs that were seen together by enough clients, by app, then third party.

        What fewer clients did says nothing of an app, and much of the clients.
        """
        known = self.statistics
        clients, led = known.clients_of_pairs(), known.clients_led()
        enough = clients >= self._settings.least_clients
        direct = led >= self._settings.least_clients
        seen = enough & (known.sessions_with > 0) | direct
        if not seen.any():
            return []
        if known.last_minute - known.first_minute < self._settings.least_minutes:
            enough[:] = False
        settings = self._settings
        told = fit(
            known, settings.most_inflation, self._app_of[self._thirds], enough, settings.misfit_share
        )
        apps, thirds = np.nonzero(seen)
        other = self._apps[apps] != self._thirds[thirds]
        pairs = apps[other], thirds[other]
        tests = int(np.count_nonzero(known.sessions)) * int(np.count_nonzero(known.sessions_with.any(axis=0)))
        q_value = q_values(told.p_value[pairs], tests)
        clients = np.maximum(clients, led)[pairs]
        accepted = self._accepted(told, pairs, q_value, clients) | direct[pairs]
        found = [
            Embedding(
                app=self._ids[self._apps[app]],
                third_party=self._ids[self._thirds[third]],
                category=CATEGORIES[self._category[self._thirds[third]]],
                sessions=int(known.sessions[app]),
                sessions_with=int(known.sessions_with[app, third]),
                effect=float(told.effect[app, third]),
                low=float(told.low[app, third]),
                high=float(told.high[app, third]),
                q_value=float(q_value[place]),
                clients=int(clients[place]),
                accepted=bool(accepted[place]),
            )
            for place, (app, third) in enumerate(zip(*(part.tolist() for part in pairs), strict=True))
        ]
        return sorted(found, key=lambda each: (each.app, each.third_party))

    def _accepted(
        self,
        told: Fit,
        pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
        q_value: NDArray[np.float64],
        clients: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        settings, known = self._settings, self.statistics
        apps, thirds = pairs
        effect = told.effect[pairs]
        share = known.sessions_with[pairs] / np.maximum(known.sessions[apps], 1)
        played = self._app_of[self._thirds[thirds]] >= 0
        return np.asarray(
            told.separable[apps]
            & ~told.borrowed[pairs]
            & (q_value <= settings.false_discovery_rate)
            & (clients >= settings.least_clients)
            & (effect >= np.maximum(settings.least_effect, settings.least_share * share))
            & (~played | (known.share_within()[pairs] >= settings.least_game_share))
        )

    def _count(
        self,
        active: Active,
        browsing: tuple[NDArray[np.uint64], NDArray[np.int64]],
        riding: NDArray[np.void],
        begin: int,
        end: int,
    ) -> None:
        """Turn what happened in each client's minute into sums."""
        # A page's ads may come just after the minute: browsing reaches one minute further.
        client, minute = np.tile(browsing[0], 2), np.concatenate([browsing[1], browsing[1] + 1])
        beyond = minute >= end
        still = np.full(len(self._browsed), begin)
        browses = _distinct(
            np.concatenate([self._browsed, client[~beyond]]),
            np.concatenate([still, minute[~beyond]]),
            np.zeros(1, np.int64),
        )
        self._browsed = distinct_values(client[beyond])
        slices = _distinct(
            np.concatenate([active.client, browses["client"]]),
            np.concatenate([active.minute, browses["minute"]]),
            np.zeros(1, np.int64),
        )
        of_active = _find(slices, active.client, active.minute)
        of_browses = _find(slices, browses["client"], browses["minute"])
        of_riding = _find(slices, riding["client"], riding["minute"])
        riding, of_riding = riding[of_riding >= 0], of_riding[of_riding >= 0]
        alone = np.bincount(of_active, minlength=len(slices))[of_active] == 1
        age = active.minute - active.first
        beginning = np.where(alone, FIRST_ALONE, FIRST) + age
        phase = np.where(age < 2, beginning, np.where(active.tail, TAIL, LATER))
        minute = np.concatenate([of_browses, of_active])
        column = np.concatenate([np.full(len(browses), BROWSES), column_of(active.app, phase)])
        order = np.lexsort((column, minute))
        self.statistics.add_minutes(
            cell_of(slices["client"], slices["minute"]),
            (minute[order], column[order]),
            (of_riding, riding["third"].astype(np.int64)),
        )
        self._meet(active, of_active, riding, of_riding, len(slices), end)

    def _meet(
        self,
        active: Active,
        of_active: NDArray[np.int64],
        riding: NDArray[np.void],
        of_riding: NDArray[np.int64],
        slices: int,
        end: int,
    ) -> None:
        """Count sessions with each third party once, and the clients."""
        hit, at = combinations(of_riding, of_active, slices)
        met = np.zeros(len(hit), _MET)
        met["client"], met["app"] = active.client[at], active.app[at]
        met["first"], met["last"] = active.first[at], active.minute[at]
        met["third"] = riding["third"][hit]
        both = np.concatenate([self._met, met])
        known = np.arange(len(both)) < len(self._met)
        pair = both["app"].astype(np.int64) * len(self._thirds) + both["third"]
        known_first = both["last"] + np.where(known, 0, _FAR_MINUTE)
        order = np.lexsort((known_first, both["first"], pair, both["client"]))
        both, known, pair = both[order], known[order], pair[order]
        same = np.zeros(len(both), np.bool_)
        same[1:] = pair[1:] == pair[:-1]
        for name in ("client", "first"):
            same[1:] &= both[name][1:] == both[name][:-1]
        new, pair = both[~same & ~known], pair[~same & ~known]
        sessions_with = self.statistics.sessions_with
        sessions_with += np.bincount(pair, minlength=sessions_with.size).reshape(sessions_with.shape)
        np.minimum(sessions_with, self.statistics.sessions[:, None], out=sessions_with)
        self.statistics.clients.add(distinct_values(_presence(pair, new["client"])))
        final = np.ones(len(both), np.bool_)
        final[:-1] = ~same[1:]
        self._met = self._latest(both[final & (both["last"] >= end - _REMEMBERED_MINUTES)])

    def _latest(self, met: NDArray[np.void]) -> NDArray[np.void]:
        """As many as may be kept: those that are most likely to go on."""
        most = self._settings.most_open_sessions
        if len(met) <= most:
            return met
        self.shed += len(met) - most
        return met[np.sort(np.argsort(-met["last"], kind="stable")[:most])]


#: Beyond any minute of event time.
_FAR_MINUTE = 1 << 40
_MET = np.dtype([("client", "u8"), ("app", "i4"), ("third", "i4"), ("first", "i8"), ("last", "i8")])
_RIDE = np.dtype([("client", "u8"), ("minute", "i8"), ("third", "i4")])


def _among(place_of: NDArray[np.int64], now: Mapping[str, int], then: Sequence[str]) -> NDArray[np.int64]:
    """Where services of then stand among the apps (or third parties) of now, -1 for none."""
    return np.array([place_of[now[service]] if service in now else -1 for service in then], np.int64)


def _presence(pair: NDArray[np.int64], client: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The key of a pair and a client's bit."""
    bit = (client >> np.uint64(16)) % np.uint64(CLIENT_BITS)
    return np.asarray(pair * CLIENT_BITS + bit.astype(np.int64), np.int64)


def _places(chosen: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    places = np.full(count, -1, np.int64)
    places[chosen] = np.arange(len(chosen))
    return places


def _distinct(
    client: NDArray[np.uint64], minute: NDArray[np.int64], third: NDArray[np.int64]
) -> NDArray[np.void]:
    """Distinct combinations in order of client, minute, third."""
    rows = np.zeros(len(client), _RIDE)
    rows["client"], rows["minute"] = client, minute
    rows["third"] = third if len(third) == len(client) else 0
    rows = picked(rows, np.lexsort((rows["third"], rows["minute"], rows["client"])))
    new = np.ones(len(rows), np.bool_)
    new[1:] = (
        (rows["client"][1:] != rows["client"][:-1])
        | (rows["minute"][1:] != rows["minute"][:-1])
        | (rows["third"][1:] != rows["third"][:-1])
    )
    return picked(rows, new)


def _find(
    slices: NDArray[np.void], client: NDArray[np.uint64], minute: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The place of each client's minute in `slices` (ordered), -1 where it is not there."""
    if len(slices) == 0:
        return np.full(len(client), -1, np.int64)
    clients = distinct_values(slices["client"])
    base = int(slices["minute"].min())
    width = int(slices["minute"].max()) - base + 1
    rank = np.searchsorted(clients, slices["client"])
    key = rank * width + (slices["minute"] - base)
    at = np.searchsorted(clients, client)
    inside = (at < len(clients)) & (minute >= base) & (minute < base + width)
    at = np.minimum(at, len(clients) - 1)
    inside &= clients[at] == client
    wanted = at * width + (minute - base)
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return np.where(inside & (key[place] == wanted), place, -1)
