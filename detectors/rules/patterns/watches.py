"""All patterns, each on the kind of row that it reads."""

from __future__ import annotations

from detectors.rules.patterns.address_sweep import ADDRESS_SWEEP
from detectors.rules.patterns.beacon import BEACON
from detectors.rules.patterns.brute_force import BRUTE_FORCE
from detectors.rules.patterns.dns_tunnel import DNS_TUNNEL
from detectors.rules.patterns.flood import FLOOD
from detectors.rules.patterns.icmp_tunnel import ICMP_TUNNEL
from detectors.rules.patterns.pattern import Pattern
from detectors.rules.patterns.scan_horizontal import SCAN_HORIZONTAL
from detectors.rules.patterns.scan_vertical import SCAN_VERTICAL

OF_HOST_ROWS: tuple[Pattern, ...] = (
    ADDRESS_SWEEP,
    BRUTE_FORCE,
    FLOOD,
    ICMP_TUNNEL,
    SCAN_HORIZONTAL,
    SCAN_VERTICAL,
)
OF_DNS_ROWS: tuple[Pattern, ...] = (DNS_TUNNEL,)
OF_OPEN_ROWS: tuple[Pattern, ...] = (BEACON,)

PATTERN_NAMES = tuple(
    sorted(pattern.name for pattern in (*OF_HOST_ROWS, *OF_DNS_ROWS, *OF_OPEN_ROWS))
)
