"""What is known to have happened: truth files as CONTRACTS.md has them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np

_MAX_BYTES = 64 << 20
HOST, SERVICE = "host", "service"
_FIELDS = {"id", "kind", "subject", "peers", "start", "end"}


class TruthError(Exception):
    """A truth file cannot be used; the message holds every reason, a line each."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: who did what to whom, from when to when (nanoseconds since the epoch, UTC).

    about: HOST, or SERVICE, whose subject is an app's id and whose peers are the hosts that took part.
    """

    id: str
    kind: str
    subject: str
    peers: frozenset[str]
    start_ns: int
    end_ns: int
    about: str = HOST


def load_incidents(path: Path) -> list[Incident]:
    """The incidents of a truth file, by start. Raises TruthError."""
    try:
        raw = path.read_bytes()[: _MAX_BYTES + 1]
    except OSError as error:
        raise TruthError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(raw) > _MAX_BYTES:
        raise TruthError(f"{path}: larger than {_MAX_BYTES >> 20} MiB")
    try:
        told = json.loads(raw)
    except ValueError as error:
        raise TruthError(f"{path}: not JSON: {error}") from None
    if not isinstance(told, dict) or told.get("schema") != 1 or not isinstance(told.get("incidents"), list):
        raise TruthError(f"{path}: no truth file: needs `schema: 1` and a list `incidents`")
    incidents, errors = [], []
    for at, each in enumerate(told["incidents"]):
        try:
            incidents.append(_incident(each))
        except (TypeError, ValueError, KeyError) as error:
            errors.append(f"{path}: incidents[{at}]: {error}")
    if errors:
        raise TruthError("\n".join(errors))
    return sorted(incidents, key=lambda each: (each.start_ns, each.id))


def _incident(told: Any) -> Incident:
    if not isinstance(told, dict) or not told.keys() >= _FIELDS:
        raise ValueError(f"needs the fields {', '.join(sorted(_FIELDS))}")
    start_ns, end_ns = time_ns(told["start"]), time_ns(told["end"])
    if end_ns < start_ns:
        raise ValueError("ends before it starts")
    named = isinstance(told["subject"], dict)
    subject = told["subject"]["value"] if named else told["subject"]
    about = told["subject"].get("kind", HOST) if named else HOST
    if about not in (HOST, SERVICE):
        raise ValueError(f"its subject is neither a {HOST} nor a {SERVICE}")
    peers = frozenset(_host(peer) for peer in told["peers"])
    return Incident(str(told["id"]), str(told["kind"]), _host(subject), peers, start_ns, end_ns, about)


def _host(text: str) -> str:
    """An address in its usual form; anything else as it stands."""
    try:
        return str(ip_address(text))
    except ValueError:
        return str(text)


def time_ns(text: Any) -> int:
    """RFC 3339 in UTC to nanoseconds."""
    if not isinstance(text, str) or not text.endswith(("Z", "+00:00")):
        raise ValueError(f"{text!r} is no RFC 3339 time in UTC")
    return int(np.datetime64(text.removesuffix("Z").removesuffix("+00:00"), "ns").astype(np.int64))
