"""summary.json: what a run saw, as an object of a closed set of keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from detectors.findings import rfc3339
from detectors.forest.trust import LENGTHS, Budget, Trust
from sinks.tally import Tally

SCHEMA = 1
_TOP_SERVICES = 10
#: What was given up, by reason.
SHED = (
    "flows_evicted",
    "kernel_faults",
    "rows_late",
    "rows_shed",
    "pattern_rows_shed",
    "windows_shed",
    "hosts_forgotten",
    "hour_hosts_shed",
    "hour_flows_shed",
    "dns_counts_forgotten",
    "use_rows_late",
    "use_rows_shed",
    "embedding_rows_late",
    "embedding_rows_shed",
    "embedding_sessions_shed",
    "embedding_counts_forgotten",
)


@dataclass(frozen=True, slots=True)
class Account:
    """What the stages counted.

    problems: a line per capture that could not be read whole. counters, rejects: of the flow table.
    skipped: of the capture. name_events: of the namer. first_ns, clock_ns: event time, None when
    there was no packet. late: of the detectors. seconds: of real time that the run took.
    silent: how often each rule could not judge for want of a list. lowered: signs that verdicts of people
    lowered, by kind; verdicts: those that lower something now. trust: in the forest's findings. budget:
    of false alerts.
    """

    problems: Sequence[str]
    counters: Mapping[str, int]
    rejects: Mapping[str, int]
    skipped: Mapping[str, int]
    name_events: Mapping[str, int]
    late: Mapping[str, int]
    clock_ns: int | None
    hosts_are_clients: bool
    seconds: float
    trust: Trust
    budget: Budget
    silent: Mapping[str, int] = field(default_factory=dict)
    lowered: Mapping[str, int] = field(default_factory=dict)
    verdicts: int = 0


def summary(account: Account, tally: Tally, version: str) -> dict[str, Any]:
    """The object of summary.json; `seconds` is the one value that differs between two runs."""
    counters = account.counters
    clock = account.clock_ns
    return {
        "schema": SCHEMA,
        "version": version,
        "complete": not account.problems,
        "problems": list(account.problems),
        "packets": counters["packets"],
        "bytes": counters["bytes"],
        "event_clock": None if clock is None else rfc3339(clock),
        "decoded": counters["decoded"],
        "duplicates": counters["duplicates"],
        "malformed": dict(account.rejects),
        "skipped_blocks": dict(account.skipped),
        "shed": {
            "flows_evicted": counters["flows_evicted"],
            "kernel_faults": counters["kernel_faults"],
            **account.late,
        },
        "flows": tally.flows,
        "flow_rows": tally.rows,
        "protocols": tally.by_proto(),
        "tcp_seen": tally.by_tcp_seen(),
        "tcp_ends": tally.by_tcp_end(),
        "tunnels": tally.by_tunnel(),
        "names": tally.by_source(),
        "name_events": dict(account.name_events),
        "visibility": tally.by_visibility(),
        "ech": tally.by_ech(),
        "categories": tally.by_category(),
        "category_bytes": {
            name: {"c2s": sent, "s2c": received} for name, (sent, received) in tally.category_bytes().items()
        },
        "top_services": {
            category: [{"service": s, "flows": flows, "bytes": size} for s, flows, size in services]
            for category, services in tally.top_services(_TOP_SERVICES).items()
        },
        "windows": tally.by_phase(),
        "hosts_are_clients": account.hosts_are_clients,
        "findings": dict(tally.rules),
        "cleartext_identifiers": tally.by_identifier(),
        "silent": {rule: account.silent.get(rule, 0) for rule in tally.rules},
        "patterns": dict(tally.patterns),
        "forest": _forest(account.trust),
        "budget": _budget(account, tally),
        "seconds": round(account.seconds, 3),
    }


def _forest(trust: Trust) -> dict[str, Any]:
    rate = trust.false_discovery_rate
    tails: dict[str, dict[str, str]] = {length: {} for length in LENGTHS}
    for (length, group), standing in trust.tails.items():
        tails[length][group] = standing
    return {
        "findings": trust.findings,
        "expected_false": round(trust.expected_false, 6),
        "false_discovery_rate": None if rate is None else round(rate, 6),
        "tails": tails,
        "drift": dict(trust.drift),
    }


def _budget(account: Account, tally: Tally) -> dict[str, Any]:
    """Findings a day beside what is accepted of chance; patterns have no share in it, and are told beside."""
    days, forest = account.budget.days, account.trust.findings
    told = {
        "hosts": (forest, account.budget.hosts),
        "services": (tally.rules["anomalous-service"], account.budget.services),
        "patterns": (tally.rules["anomalous-host"] - forest, None),
    }
    kinds = {
        name: {
            "findings": findings,
            "per_day": round(findings / days, 6) if days >= 1 else None,
            "accepted_per_day": accepted,
        }
        for name, (findings, accepted) in told.items()
    }
    return {"days": round(days, 6), **kinds}
