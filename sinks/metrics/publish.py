"""From what the stages counted to the series of the exposition."""

from __future__ import annotations

from detectors.feedback import SIGNS
from detectors.forest.tail import FITTED
from detectors.forest.trust import LENGTHS, MISSING, Trust
from detectors.window_features import MINUTE_FEATURES
from sinks.metrics.definitions import NAME_EVENTS, RULES
from sinks.metrics.exposition import Exposition
from sinks.summary import Account
from sinks.tally import Tally

#: Metrics that are a counter of the flow table under another name.
_OF_THE_TABLE = {
    "capture_packets_total": "packets",
    "capture_bytes_total": "bytes",
    "decoded_packets_total": "decoded",
    "duplicate_packets_total": "duplicates",
    "late_packets_total": "late_packets",
    "clock_jumps_held_total": "clock_jumps_held",
    "fragment_packets_total": "fragments",
    "truncated_payloads_total": "truncated_payloads",
    "kernel_faults_total": "kernel_faults",
    "flows_opened_total": "flows_opened",
    "flow_evictions_total": "flows_evicted",
    "elephant_packets_total": "elephant_packets",
}


def set_all(exposition: Exposition, account: Account, tally: Tally, active_flows: int, strings: int) -> None:
    """Set every series but the histogram, whose scores come one by one."""
    for metric, counter in _OF_THE_TABLE.items():
        exposition.set(metric, account.counters[counter])
    exposition.set("event_time_seconds", (account.clock_ns or 0) / 1e9)
    exposition.set("flows_active", active_flows)
    exposition.set("strings", strings)
    exposition.set_each("capture_skipped_total", account.skipped)
    exposition.set_each("rejected_packets_total", account.rejects)
    exposition.set_each("name_events_total", {name: account.name_events.get(name, 0) for name in NAME_EVENTS})
    exposition.set_each("flows_total", tally.by_proto())
    exposition.set_each("tcp_flows_total", tally.by_tcp_end())
    exposition.set_each("tcp_seen_flows_total", tally.by_tcp_seen())
    exposition.set("tcp_one_way_ratio", tally.one_way_share)
    exposition.set_each("tunnel_flows_total", tally.by_tunnel())
    exposition.set_each("named_flows_total", tally.by_source())
    exposition.set_each("visibility_flows_total", tally.by_visibility())
    exposition.set_each("ech_flows_total", tally.by_ech())
    exposition.set_each("category_flows_total", tally.by_category())
    exposition.set_each("service_bytes_total", tally.service_bytes())
    exposition.set_each("windows_total", tally.by_phase())
    exposition.set_each("findings_total", tally.rules)
    exposition.set_each("cleartext_identifier_flows_total", tally.by_identifier())
    exposition.set_each("rules_silent_total", {name: account.silent.get(name, 0) for name in RULES})
    exposition.set_each("finding_patterns_total", tally.patterns)
    _set_trust(exposition, account.trust)
    exposition.set_each("lowered_signs_total", {name: account.lowered.get(name, 0) for name in SIGNS})
    exposition.set("verdicts_in_force", account.verdicts)
    for category, (sent, received) in tally.category_bytes().items():
        exposition.set("classified_bytes_total", sent, category, "c2s")
        exposition.set("classified_bytes_total", received, category, "s2c")


def _set_trust(exposition: Exposition, trust: Trust) -> None:
    exposition.set("forest_findings_total", trust.findings)
    exposition.set("forest_expected_false_findings_total", trust.expected_false)
    exposition.set("forest_false_discovery_rate", trust.false_discovery_rate or 0.0)
    exposition.set_each("feature_drift", {**dict.fromkeys(MINUTE_FEATURES, 0.0), **trust.drift})
    for length in LENGTHS:
        own = [standing for (of, _), standing in trust.tails.items() if of == length]
        unfitted = sum(standing not in (FITTED, MISSING) for standing in own)
        exposition.set("forest_unfitted_tails", unfitted, length)
