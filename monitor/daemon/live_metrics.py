"""From what analysis and the parent know to the series of the exposition; a finding as a line."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from monitor import places
from monitor.daemon.orders import Order
from monitor.daemon.rooms import Rooms
from monitor.health.health import Snapshot
from monitor.pipeline.handover import REJECTS, TABLE_COUNTERS
from sinks.metrics.definitions import NAME_EVENTS
from sinks.metrics.publish import set_all
from sinks.summary import Account
from wire.capture.pcapng_blocks import SKIPPED


def set_live(rooms: Rooms, parent: Order) -> None:
    """Set every series. parent: its last report; empty before the first."""
    stages, exposition = rooms.stages, rooms.results.exposition
    counts = rooms.packets.sums()
    joined = stages.join.counters
    account = Account(
        problems=(),
        counters={name: counts[name] for name in TABLE_COUNTERS},
        rejects={name: counts[f"rejected_{name}"] for name in REJECTS},
        skipped=dict.fromkeys(SKIPPED, 0),
        name_events={name: counts[f"names_{name}"] + joined.get(name, 0) for name in NAME_EVENTS},
        late=stages.detectors.counters,
        silent=stages.detectors.silent,
        lowered=stages.detectors.feedback.lowered,
        verdicts=stages.detectors.feedback.in_force(rooms.clock_ns),
        clock_ns=rooms.clock_ns,
        hosts_are_clients=False,
        seconds=0.0,
        trust=stages.detectors.trust,
        budget=stages.detectors.budget,
    )
    set_all(exposition, account, rooms.results.tally, stages.active_flows, len(stages.strings))
    exposition.set("late_events_total", stages.merge.late_events)
    learning = stages.detectors.learning
    exposition.set("model_in_use", int(learning.has_model))
    age_ns = rooms.clock_ns - learning.model_ns if learning.model_ns else 0
    exposition.set("model_age_seconds", max(age_ns, 0) / 1e9)
    exposition.set_each("model_trainings_total", {"taken": learning.taken, "refused": learning.refused})
    if stages.halves is not None:
        exposition.set("half_flows_joined_total", stages.halves.met)
        exposition.set_each("half_flows_given_up_total", stages.halves.given_up)
    rings = rooms.rings.sums()
    exposition.set("ring_received_packets_total", rings["received"])
    exposition.set("filtered_packets_total", max(rings["shown"] - rings["received"], 0))
    exposition.set("kernel_dropped_packets_total", rings["kernel_drops"])
    exposition.set("ring_freezes_total", rings["freezes"])
    exposition.set("shed_packets_total", counts["capture_shed"], "overload")
    exposition.set("shed_packets_total", counts["capture_unreadable"], "unreadable")
    exposition.set("shed_packets_total", max(rooms.lost, counts["capture_abandoned"]), "lost_in_crash")
    exposition.set_each("capture_gaps_total", rooms.gaps.counts)
    exposition.set_each("capture_gap_seconds_total", rooms.gaps.seconds)
    exposition.set("checkpoints_total", rooms.checkpoints)
    exposition.set("checkpoint_time_seconds", rooms.checkpoint_ns / 1e9)
    exposition.set_each("write_failures_total", rooms.results.refused)
    exposition.set("history_deleted_files_total", rooms.results.deleted_files)
    if parent:
        exposition.set_each("process_restarts_total", parent["restarts"])
        exposition.set("process_stalls_total", parent["stalls"])
        exposition.set_each("reloads_total", parent["reloads"])
        exposition.set("overload_level", parent["overload"]["level"])
        exposition.set_each("overload_total", parent["overload"]["entered"])
        exposition.set("names_shed_flows_total", parent["overload"]["flows"])


def snapshot(rooms: Rooms, parent: Order, linked: int) -> Snapshot:
    """What health is judged by. linked: workers that hand over steps."""
    counts, rings = rooms.packets.sums(), rooms.rings.sums()
    seen, phases = rooms.results.tally.by_tcp_seen(), rooms.results.tally.by_phase()
    disk = shutil.disk_usage(places.state_directory(rooms.config.state))
    return Snapshot(
        received=rings["received"],
        dropped=rings["kernel_drops"],
        shed=counts["capture_shed"],
        decoded=counts["decoded"],
        duplicates=counts["duplicates"],
        both_ways=seen["both_ways"],
        one_way=seen["one_way"],
        workers=rooms.workers,
        workers_linked=linked,
        overload_level=parent["overload"]["level"] if parent else 0,
        writes_refused=sum(rooms.results.refused.values()),
        collected=phases["collect"],
        scored=phases["score"],
        disk_free=disk.free,
        disk_size=disk.total,
        clock_ns=rooms.clock_ns,
    )


def finding_line(told: Mapping[str, Any]) -> str:
    """A finding, as it was written, in one line of text."""
    patterns = "".join(f" {pattern}" for pattern in told["patterns"])
    subject, text = told["subject"]["value"], told["text"]
    return f"发现 finding {told['rule']} {subject}{patterns} {told['start'][:19]}Z: {text['zh']} {text['en']}"
