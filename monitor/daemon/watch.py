"""`campuswatch run -i`: from the command line to the parent of the daemon's processes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from monitor import places
from monitor.config import config_file
from monitor.config.config import Capture, Config
from monitor.daemon import privileges
from monitor.daemon.parent import Parent
from monitor.daemon.taps import open_taps
from monitor.errors import USAGE, CommandEnd

#: The children of a daemon that was killed need a moment to see it.
_LOCK_WAIT_SECONDS = 5.0


def watch(interfaces: Sequence[str], workers: int | None, config_path: Path | None) -> int:
    """Watch interfaces until SIGTERM; the exit code.

    Raises what user_errors turns into CommandEnd: a configuration or an interface that cannot be used.
    """
    read_config = partial(live_config, interfaces, workers, config_path)
    config = read_config()
    if not config.capture.interfaces:
        raise CommandEnd(USAGE, "no interface: name one with -i, or in capture.interfaces")
    state = places.state_directory(config.state)
    taps = open_taps(config.capture)  # rings fill while the children of a killed daemon still write
    lock = places.lock(state, config.state.drain_seconds + _LOCK_WAIT_SECONDS)
    privileges.keep_only(privileges.CAP_NET_RAW)
    return Parent(config, read_config, taps, lock).run()


def live_config(interfaces: Sequence[str], workers: int | None, path: Path | None) -> Config:
    """The configuration in effect: the file's, with what the command line says, and a key.

    Raises ConfigError, CommandEnd.
    """
    config = config_file.load(path)
    given: dict[str, object] = {"interfaces": tuple(interfaces)} if interfaces else {}
    given |= {"workers": workers} if workers is not None else {}
    try:
        capture = Capture.model_validate({**config.capture.model_dump(), **given})
    except ValidationError as error:
        raise CommandEnd(USAGE, f"--workers: {error.errors()[0]['msg']}") from None
    privacy = config.privacy
    if privacy.key_file is None:
        own = places.key(places.make(places.state_directory(config.state)))
        privacy = privacy.model_copy(update={"key_file": own})
    return config.model_copy(update={"capture": capture, "privacy": privacy})
