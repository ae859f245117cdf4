"""Reading what a replay left behind, in the form that figures are computed from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detectors.feedback import OF_SERVICES
from detectors.involvement import ROLES
from monitor.evaluate.truth import HOST, SERVICE, Incident, time_ns
from sinks.records.folder import FINDINGS, FLOWS, WINDOWS

HOUR_NS = 3_600_000_000_000
_SCORED = "score"
_RESIDENT_HOURS = 3


@dataclass(frozen=True, slots=True)
class Told:
    """A finding about a host or service: whom, when, what it was called, when the event clock told it.

    patterns: of a service, the figures that deviated.
    """

    id: str
    subject: str
    start_ns: int
    end_ns: int
    patterns: tuple[str, ...]
    told_ns: int
    confidence: float = 0.5


@dataclass(frozen=True, slots=True)
class Windows:
    """Host-hours where some were scored, else host-minutes, as columns, each (n,).

    Start, host, score and p-value (NaN without), scored or not; the host's part in what was found
    (index into ROLES plus its confidence, 0 for none).
    """

    start_ns: NDArray[np.int64]
    host: NDArray[np.object_]
    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    scored: NDArray[np.bool_]
    part: NDArray[np.float64]


def read_windows(folder: Path) -> Windows:
    """The windows of a results folder."""
    names = ["window_start", "window_seconds", "host", "score", "p_value", "phase"]
    names += ["involved_as", "involvement"]
    table = pq.read_table(folder / WINDOWS, columns=names)
    hours = pc.equal(table["window_seconds"], 3_600)
    scored = pc.any(pc.and_(hours, pc.equal(table["phase"], _SCORED))).as_py()
    table = table.filter(hours if scored else pc.invert(hours))
    phase = np.asarray(table["phase"].to_pylist(), np.object_)
    role = np.array([ROLES.index(each) for each in table["involved_as"].to_pylist()], np.int64)
    return Windows(
        table["window_start"].cast("int64").to_numpy(),
        np.asarray(table["host"].to_pylist(), np.object_),
        table["score"].to_numpy().astype(np.float64),
        table["p_value"].to_numpy().astype(np.float64),
        phase == _SCORED,
        role + table["involvement"].to_numpy().astype(np.float64),
    )


def residents(folder: Path) -> set[str]:
    """Hosts that opened a flow at some time, or were seen in three hours: no addresses that a probe woke."""
    table = pq.read_table(folder / WINDOWS, columns=["window_start", "host", "flows_opened"])
    table = table.append_column("hour", pc.divide(table["window_start"].cast("int64"), HOUR_NS))
    of_host = table.group_by("host").aggregate([("flows_opened", "max"), ("hour", "count_distinct")])
    lives = pc.or_(
        pc.greater(of_host["flows_opened_max"], 0),
        pc.greater_equal(of_host["hour_count_distinct"], _RESIDENT_HOURS),
    )
    return set(of_host.filter(lives)["host"].to_pylist())


def read_findings(folder: Path, told_ns: dict[str, int], about: str = HOST) -> list[Told]:
    """The findings about hosts or of strange services, by start; `told_ns` says by id when each was told."""
    found: dict[str, Told] = {}
    for line in (folder / FINDINGS).read_text(encoding="utf-8").splitlines():
        finding = json.loads(line)
        wanted = finding["rule"] == OF_SERVICES if about == SERVICE else finding["subject"]["kind"] == HOST
        if wanted:
            start_ns, end_ns = time_ns(finding["start"]), time_ns(finding["end"])
            told = told_ns.get(finding["id"], end_ns)
            patterns = tuple(finding["evidence"]["deviations"] if about == SERVICE else finding["patterns"])
            whose, sure = finding["subject"]["value"], float(finding["confidence"])
            before = found.get(finding["id"])
            if before is not None:  # it went on
                end_ns, sure = max(end_ns, before.end_ns), max(sure, before.confidence)
                patterns = tuple(dict.fromkeys((*before.patterns, *patterns)))
            found[finding["id"]] = Told(finding["id"], whose, start_ns, end_ns, patterns, told, sure)
    return list(found.values())


def positive_hours(folder: Path, incidents: list[Incident]) -> set[tuple[str, int]]:
    """(host, hour) pairs that hold a packet of an incident, of the subject and of its peers.

    A flow belongs to an incident when it ran between the subject and one of the peers (any, when
    none are named) during it.
    """
    names = ["ts_start", "ts_end", "client_ip", "server_ip"]
    table = pq.read_table(folder / FLOWS, columns=names)
    start, end = (table[name].cast("int64").to_numpy() for name in names[:2])
    client, server = (np.asarray(table[name].to_pylist(), np.object_) for name in names[2:])
    hours: set[tuple[str, int]] = set()
    for incident in incidents:
        during = (end >= incident.start_ns) & (start <= incident.end_ns)
        for ours, theirs in ((client, server), (server, client)):
            for at in np.flatnonzero(during & (ours == incident.subject)).tolist():
                if incident.peers and theirs[at] not in incident.peers:
                    continue
                first = max(int(start[at]), incident.start_ns) // HOUR_NS
                last = min(int(end[at]), incident.end_ns) // HOUR_NS
                for hour in range(first, last + 1):
                    hours |= {(incident.subject, hour), (str(theirs[at]), hour)}
    return hours
