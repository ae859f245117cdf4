"""A quarter of an hour of a service as it was judged: for who holds verdicts against what happened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JudgedQuarter:
    """Start in nanoseconds of event time; the greatest deviation of a figure, in robust standard deviations.

    p_value: the rank of that among usual windows; None until enough of them are known.
    """

    service: str
    start_ns: int
    deviation: float
    p_value: float | None
