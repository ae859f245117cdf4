"""Every metric: name, kind, meaning and the closed set of each label. docs/metrics.md is made from this."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.catalogue.categories import CATEGORIES
from detectors.feedback import SIGNS
from detectors.findings_text import PATTERNS
from detectors.forest.trust import LENGTHS
from detectors.rules.book import RULE_NAMES
from detectors.rules.sensor_degraded import GAP_REASONS
from detectors.window_features import MINUTE_FEATURES, PHASES
from sinks.metrics.overload_steps import OVERLOAD_STEPS
from wire.capture.pcapng_blocks import SKIPPED
from wire.flows.one_way import TCP_SEEN
from wire.flows.packet import REJECT_REASONS
from wire.flows.records import PROTO_NAMES, TCP_END_NAMES, TUNNEL_NAMES
from wire.names.dns_name import DNS_STATUS_NAMES
from wire.names.facts import ECH_NAMES, NAME_SOURCES
from wire.names.identifiers import IDENTIFIER_KINDS
from wire.names.quic import COUNTER_NAMES as QUIC_COUNTER_NAMES
from wire.names.work import COUNTER_NAMES

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
DIRECTIONS = ("c2s", "s2c")
#: How much of a flow an operator sees: a name; only the public name of an ECH hello; nothing.
VISIBILITY = ("named", "ech_hidden", "unnamed")
#: Upper bounds of the score's buckets; scores lie in [0, 1].
SCORE_BUCKETS = tuple(round(0.05 * i, 2) for i in range(1, 21))

#: The keys of Namer.counters.
NAME_EVENTS = (
    *COUNTER_NAMES,
    *(f"dns_{name}" for name in DNS_STATUS_NAMES),
    *(f"quic_{name}" for name in QUIC_COUNTER_NAMES),
    "strings_refused",
)
RULES = RULE_NAMES
#: Why frames that a worker got were not decoded.
SHED_PACKETS = ("overload", "lost_in_crash", "unreadable")
ROLES = ("analysis", "worker")
RELOAD_RESULTS = ("taken", "refused")
#: What became of a model that the sensor made: it scores from then on, or the one before it goes on.
TRAININGS = ("taken", "refused")
#: What waits no longer for the rest of its flow, or found no room to wait.
GIVEN_UP = ("flows", "rows")
WRITES = ("findings", "history", "state")

#: Label values that stand in the catalogue, not in the code.
FROM_CATALOGUE = None
_LABELS: dict[str, tuple[str, ...] | None] = {
    "category": CATEGORIES,
    "direction": DIRECTIONS,
    "ech": ECH_NAMES,
    "event": NAME_EVENTS,
    "end": TCP_END_NAMES,
    "pattern": tuple(PATTERNS),
    "phase": PHASES,
    "proto": tuple(sorted(PROTO_NAMES.values())),
    "rule": RULES,
    "service": FROM_CATALOGUE,
    "source": NAME_SOURCES,
    "state": VISIBILITY,
    "tunnel": TUNNEL_NAMES,
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. `labels` pairs a label's name with its values, FROM_CATALOGUE for services."""

    name: str
    kind: str
    help: str
    labels: tuple[tuple[str, tuple[str, ...] | None], ...] = ()


def _metric(kind: str, name: str, text: str, *labels: str | tuple[str, tuple[str, ...]]) -> Metric:
    pairs = tuple((label, _LABELS[label]) if isinstance(label, str) else label for label in labels)
    return Metric(f"campuswatch_{name}", kind, text, pairs)


METRICS: tuple[Metric, ...] = (
    _metric(GAUGE, "event_time_seconds", "Event clock: the highest packet time, seconds since the epoch."),
    _metric(COUNTER, "capture_packets_total", "Frames that the capture gave."),
    _metric(COUNTER, "capture_bytes_total", "Bytes of these frames on the wire."),
    _metric(
        COUNTER,
        "capture_skipped_total",
        "Blocks of a capture file that were passed over or repaired.",
        ("reason", SKIPPED),
    ),
    _metric(
        COUNTER,
        "ring_received_packets_total",
        "Frames that the kernel took for our rings, dropped ones included.",
    ),
    _metric(
        COUNTER,
        "filtered_packets_total",
        "Frames that the capture filter kept from us; with several workers also fragments put together.",
    ),
    _metric(COUNTER, "kernel_dropped_packets_total", "Frames dropped because a ring was full."),
    _metric(COUNTER, "ring_freezes_total", "Times that a ring was full."),
    _metric(
        COUNTER,
        "shed_packets_total",
        "Frames that we got and did not decode, by reason.",
        ("reason", SHED_PACKETS),
    ),
    _metric(COUNTER, "decoded_packets_total", "Frames that were counted to a flow."),
    _metric(COUNTER, "duplicate_packets_total", "Copies of a frame, made by a mirror; counted only here."),
    _metric(
        COUNTER,
        "rejected_packets_total",
        "Frames that yield no flow, by reason.",
        ("reason", REJECT_REASONS[1:]),
    ),
    _metric(COUNTER, "late_packets_total", "Frames behind the event clock."),
    _metric(
        COUNTER, "clock_jumps_held_total", "Frames more than an hour ahead, which did not move the clock."
    ),
    _metric(COUNTER, "fragment_packets_total", "Frames that are IP fragments."),
    _metric(COUNTER, "truncated_payloads_total", "Frames whose payload the capture cut off."),
    _metric(COUNTER, "kernel_faults_total", "Blocks given up because a bounds check of compiled code fired."),
    _metric(GAUGE, "flows_active", "Flows in the table."),
    _metric(COUNTER, "flows_opened_total", "Flows that were opened."),
    _metric(COUNTER, "half_flows_joined_total", "Flows that were joined to another worker's half of them."),
    _metric(
        COUNTER,
        "half_flows_given_up_total",
        "What stays half because the join had no room: flows that opened, rows that waited.",
        ("what", GIVEN_UP),
    ),
    _metric(COUNTER, "flow_evictions_total", "Flows ended early because the table was full."),
    _metric(COUNTER, "flows_total", "Flows that ended, by protocol.", "proto"),
    _metric(COUNTER, "tcp_flows_total", "TCP flows that ended, by how.", "end"),
    _metric(
        COUNTER,
        "tcp_seen_flows_total",
        "TCP flows, by which directions passed by the tap.",
        ("seen", TCP_SEEN),
    ),
    _metric(GAUGE, "tcp_one_way_ratio", "Share of TCP flows seen one way, of those that tell; live of late."),
    _metric(COUNTER, "tunnel_flows_total", "Flows that ended, by the innermost tunnel.", "tunnel"),
    _metric(COUNTER, "named_flows_total", "Flows that ended, by the evidence that named them.", "source"),
    _metric(COUNTER, "visibility_flows_total", "TCP and UDP flows that ended, by what is visible.", "state"),
    _metric(COUNTER, "ech_flows_total", "Flows that ended, by Encrypted Client Hello.", "ech"),
    _metric(
        COUNTER,
        "name_events_total",
        "What was odd or refused while names were read.",
        "event",
    ),
    _metric(
        COUNTER,
        "late_events_total",
        "Openings of flows and DNS answers that came after their turn, from a worker that was behind.",
    ),
    _metric(GAUGE, "strings", "Distinct names and fingerprints held in memory."),
    _metric(COUNTER, "category_flows_total", "Flows that ended, by category.", "category"),
    _metric(COUNTER, "classified_bytes_total", "Bytes on the wire, by category.", "category", "direction"),
    _metric(
        COUNTER,
        "service_bytes_total",
        "Bytes on the wire, both directions, by service; the history and the summary tell its flows.",
        "service",
    ),
    _metric(COUNTER, "windows_total", "Host-minutes, by what became of them.", "phase"),
    _metric(GAUGE, "model_in_use", "1 when a model scores host-minutes, 0 while they are only collected."),
    _metric(
        GAUGE,
        "model_age_seconds",
        "Event time since the model in use was learned; 0 for none and for a file's.",
    ),
    _metric(
        COUNTER,
        "model_trainings_total",
        "Models that the sensor made itself, by result.",
        ("result", TRAININGS),
    ),
    _metric(HISTOGRAM, "anomaly_score", "Scores of host-minutes; higher is stranger."),
    _metric(COUNTER, "forest_findings_total", "Findings with a sign of the forest."),
    _metric(
        COUNTER,
        "forest_expected_false_findings_total",
        "Findings that chance alone would have given the forest, at most, if its calibration holds.",
    ),
    _metric(
        GAUGE,
        "forest_false_discovery_rate",
        "Expected false findings among those of the forest, at most 1; 0 while there is none.",
    ),
    _metric(
        GAUGE,
        "forest_unfitted_tails",
        "Groups, all together one more, whose p-values end at the calibration's reach: no tail was taken.",
        ("window", tuple(LENGTHS)),
    ),
    _metric(COUNTER, "findings_total", "Findings, by rule.", "rule"),
    _metric(
        COUNTER,
        "cleartext_identifier_flows_total",
        "Flows of cleartext HTTP that ended, by the kinds of personal identifiers in them.",
        ("kind", IDENTIFIER_KINDS),
    ),
    _metric(
        COUNTER,
        "rules_silent_total",
        "Times that a rule of the opinion kept silent because no list covers what it asks for, by rule.",
        "rule",
    ),
    _metric(COUNTER, "finding_patterns_total", "Findings that show a pattern, by pattern.", "pattern"),
    _metric(
        GAUGE,
        "feature_drift",
        "Population stability index between the model's training and the last 24 h: 0.1 some, 0.25 large.",
        ("feature", MINUTE_FEATURES),
    ),
    _metric(
        COUNTER,
        "lowered_signs_total",
        "Signs not told because a person had called the like of that host or service false, by kind.",
        ("sign", SIGNS),
    ),
    _metric(GAUGE, "verdicts_in_force", "False positives by people's verdict that lower something now."),
    _metric(
        GAUGE,
        "overload_level",
        "What is given up now: 1 nothing yet (evidence, reserved), 2 elephants, 3 names, 4 packets.",
    ),
    _metric(COUNTER, "overload_total", "Times that a kind of work was given up.", ("step", OVERLOAD_STEPS)),
    _metric(
        COUNTER,
        "elephant_packets_total",
        "Packets of large flows that were only counted because of overload.",
    ),
    _metric(COUNTER, "names_shed_flows_total", "Flows whose names were not read because of overload."),
    _metric(COUNTER, "process_restarts_total", "Processes that ended unasked.", ("role", ROLES)),
    _metric(COUNTER, "process_stalls_total", "Processes that were ended because they made no progress."),
    _metric(COUNTER, "capture_gaps_total", "Gaps in what was seen, by reason.", ("reason", GAP_REASONS)),
    _metric(
        COUNTER, "capture_gap_seconds_total", "Length of these gaps in event time.", ("reason", GAP_REASONS)
    ),
    _metric(COUNTER, "reloads_total", "New configurations, taken or refused.", ("result", RELOAD_RESULTS)),
    _metric(COUNTER, "checkpoints_total", "States that were written."),
    _metric(GAUGE, "checkpoint_time_seconds", "Event time of the last state that was written."),
    _metric(COUNTER, "write_failures_total", "Writes that the disk refused, by what.", ("what", WRITES)),
    _metric(COUNTER, "history_deleted_files_total", "Hours of history deleted for age or size."),
)
