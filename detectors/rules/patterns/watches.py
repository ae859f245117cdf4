"""All patterns, each on the kind of row that it reads."""

from __future__ import annotations

from detectors.rules.patterns.address_sweep import ADDRESS_SWEEP
from detectors.rules.patterns.amplification import AMPLIFICATION
from detectors.rules.patterns.beacon import BEACON
from detectors.rules.patterns.brute_force import BRUTE_FORCE
from detectors.rules.patterns.dga import DGA
from detectors.rules.patterns.dns_tunnel import DNS_TUNNEL
from detectors.rules.patterns.exfiltration import EXFILTRATION
from detectors.rules.patterns.flood import FLOOD
from detectors.rules.patterns.icmp_tunnel import ICMP_TUNNEL
from detectors.rules.patterns.lateral_movement import LATERAL_MOVEMENT
from detectors.rules.patterns.mining import MINING
from detectors.rules.patterns.pattern import Pattern
from detectors.rules.patterns.scan_horizontal import SCAN_HORIZONTAL
from detectors.rules.patterns.scan_vertical import SCAN_VERTICAL
from detectors.rules.patterns.slow_beacon import SLOW_BEACON
from detectors.rules.patterns.slow_brute_force import SLOW_BRUTE_FORCE
from detectors.rules.patterns.slow_exfiltration import NIGHT_EXFILTRATION, SLOW_EXFILTRATION
from detectors.rules.patterns.slow_lateral_movement import SLOW_LATERAL_MOVEMENT
from detectors.rules.patterns.slow_scan import SLOW_SCAN_HORIZONTAL, SLOW_SCAN_VERTICAL
from detectors.rules.patterns.web_login import WEB_LOGIN
from detectors.rules.patterns.worm import WORM

OF_HOST_ROWS: tuple[Pattern, ...] = (
    ADDRESS_SWEEP,
    AMPLIFICATION,
    BRUTE_FORCE,
    EXFILTRATION,
    FLOOD,
    ICMP_TUNNEL,
    LATERAL_MOVEMENT,
    SCAN_HORIZONTAL,
    SCAN_VERTICAL,
    WEB_LOGIN,
    WORM,
)
OF_DNS_ROWS: tuple[Pattern, ...] = (DNS_TUNNEL,)
OF_NX_ROWS: tuple[Pattern, ...] = (DGA,)
OF_OPEN_ROWS: tuple[Pattern, ...] = (BEACON,)
OF_POOL_ROWS: tuple[Pattern, ...] = (MINING,)

#: Slow forms, over hours (hour_rows.py).
OF_HOUR_ROWS: tuple[Pattern, ...] = (
    NIGHT_EXFILTRATION,
    SLOW_BRUTE_FORCE,
    SLOW_EXFILTRATION,
    SLOW_LATERAL_MOVEMENT,
    SLOW_SCAN_HORIZONTAL,
    SLOW_SCAN_VERTICAL,
)
OF_RARE_OPENS: tuple[Pattern, ...] = (SLOW_BEACON,)

#: Some patterns have several forms, each watched by itself.
PATTERN_NAMES = tuple(
    sorted(
        {
            pattern.name
            for pattern in (*OF_HOST_ROWS, *OF_DNS_ROWS, *OF_NX_ROWS, *OF_OPEN_ROWS, *OF_POOL_ROWS)
        }
    )
)
