"""What a check says."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

GOOD, WARN, BAD, UNKNOWN = "good", "warn", "bad", "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One verdict.

    name: a closed set, the file's name and what it was held against. zh, en: what was seen.
    remedy_zh, remedy_en: what to do; empty where all is good. seen: the figures behind it.
    """

    name: str
    verdict: str
    zh: str
    en: str
    remedy_zh: str = ""
    remedy_en: str = ""
    seen: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
