"""Where the daemon keeps what: the state directory, the runtime directory and what lies in them."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path

from monitor.config.config import State
from monitor.errors import USAGE, CommandEnd

#: The usual places, where neither the configuration nor systemd says otherwise.
_STATE, _RUNTIME = Path("/var/lib/campuswatch"), Path("/run/campuswatch")
CONTROL, METRICS_PORT = "control", "metrics.port"  # in the runtime directory
LOCK, KEY, FINDINGS, HISTORY = "lock", "privacy.key", "findings.jsonl", "history"  # in the state directory
FEEDBACK, FEEDBACK_HITS = "feedback.jsonl", "feedback-hits.json"


def state_directory(state: State) -> Path:
    """Where state, findings and history are kept: as configured, as systemd says, or the usual place."""
    return state.directory or _given("STATE_DIRECTORY") or _STATE


def runtime_directory(state: State) -> Path:
    """Where the control socket is."""
    return state.runtime_directory or _given("RUNTIME_DIRECTORY") or _RUNTIME


def make(directory: Path) -> Path:
    """The directory, made where missing, for its owner alone. Raises CommandEnd."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CommandEnd(USAGE, f"{directory} cannot be made: {error.strerror or error}") from error
    return directory


def lock(directory: Path, wait_seconds: float) -> int:
    """A descriptor that keeps other daemons out of the directory while it, or a copy, is open.

    Waits for the children of a daemon that was killed. Raises CommandEnd.
    """
    path = directory / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandEnd(USAGE, f"{path} cannot be written: {error.strerror or error}") from error
    give_up = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > give_up:
                os.close(descriptor)
                raise CommandEnd(USAGE, f"{directory}: another campuswatch is at work there") from None
            time.sleep(0.05)


def key(directory: Path) -> Path:
    """A key of this sensor's own, made at the first start, so that its pseudonyms hold for good.

    Raises CommandEnd.
    """
    path = directory / KEY
    part = path.with_name(KEY + ".part")
    try:
        if not path.exists():
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
    except OSError as error:
        raise CommandEnd(USAGE, f"{path} cannot be written: {error.strerror or error}") from error
    return path


def _given(variable: str) -> Path | None:
    first = os.environ.get(variable, "").partition(":")[0]
    return Path(first) if first else None
