"""What goes wrong on the invented school day's afternoon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcaps.record.day_wire import Line, device_address, dotted, ssh_banner

_SECOND, _MINUTE = 1_000_000, 60_000_000
_SCANNER, _GUESSER, _CALLER = device_address(17), device_address(30), device_address(41)
_SCANNED, _SSH_SERVER, _CONTROLLER = 0xCB007205, 0xCB007206, 0xCB007207  # 203.0.114.5, .6, .7
SCANNED_PORTS = 120
GUESSES = 45
CALLS = 90
CALL_EVERY_US = 15 * _SECOND


@dataclass(frozen=True, slots=True)
class Incident:
    """Who does what to whom, from when to when (microseconds after 08:00)."""

    kind: str
    host: str
    peer: str
    start_us: int
    end_us: int


INCIDENTS = (
    Incident("scan-vertical", dotted(_SCANNER), dotted(_SCANNED), 405 * _MINUTE, 407 * _MINUTE),
    Incident("brute-force", dotted(_GUESSER), dotted(_SSH_SERVER), 425 * _MINUTE, 430 * _MINUTE),
    Incident(
        "beacon",
        dotted(_CALLER),
        dotted(_CONTROLLER),
        440 * _MINUTE,
        440 * _MINUTE + CALLS * CALL_EVERY_US + _SECOND,
    ),
)


def scan_vertical(line: Line, start_us: int) -> None:
    """One device tries many ports of one machine within two minutes; all are closed."""
    incident = INCIDENTS[0]
    step = (incident.end_us - incident.start_us) // (SCANNED_PORTS + 1)
    for number in range(SCANNED_PORTS):
        line.refused(_SCANNER, _SCANNED, 1 + number * 73 % 9973, start_us + incident.start_us + number * step)


def ssh_guessing(line: Line, start_us: int) -> None:
    """One device logs in to one SSH server again and again."""
    incident = INCIDENTS[1]
    step = (incident.end_us - incident.start_us) // (GUESSES + 1)
    for number in range(GUESSES):
        at = start_us + incident.start_us + number * step
        line.conversation(
            _GUESSER,
            _SSH_SERVER,
            22,
            at,
            ssh_banner("SSH-2.0-libssh_0.10"),
            ssh_banner("SSH-2.0-OpenSSH_9.2"),
            gap=150_000,
        )


def beacon(line: Line, start_us: int, generator: np.random.Generator) -> None:
    """One device calls one machine every fifteen seconds, give or take half a second."""
    incident = INCIDENTS[2]
    for number in range(CALLS):
        jitter = int(generator.integers(-_SECOND // 2, _SECOND // 2)) if number else 0
        at = start_us + incident.start_us + number * CALL_EVERY_US + jitter
        line.conversation(_CALLER, _CONTROLLER, 8443, at, b"\x17" + bytes(63), bytes(32))
