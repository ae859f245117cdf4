"""`campuswatch config check`: the configuration, and all that it names, tried out. Every error at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from detectors.catalogue.catalogue import Catalogue
from detectors.forest.model_file import load as load_model
from detectors.register.loading import load_register
from monitor.config.config import Config
from monitor.config.config_file import ConfigError, load_with_places
from monitor.config.tree import Location, dotted
from monitor.daemon.privileges import CAP_NET_RAW, holds
from monitor.errors import CommandEnd, user_errors
from monitor.pipeline.stages import registers_of
from monitor.places import state_directory
from sinks.records.pseudonyms import read_key
from wire.capture.bpf import compile_filter

#: A filter is the same on every Ethernet interface, and this one is on every machine.
_LOOPBACK = "lo"


def check(path: Path | None) -> None:
    """Say that it is good. Raises ConfigError with a line for everything that is wrong."""
    config, tree = load_with_places(path)
    catalogue = Catalogue.of(config.catalogue.settings(state_directory(config.state)))
    problems: list[str] = []
    for location, attempt in _attempts(config, catalogue):
        try:
            with user_errors():
                attempt()
        except CommandEnd as end:
            place = tree.place_of(location) or path
            problems += [f"{place}: {dotted(location)}: {line}" for line in end.message.splitlines()]
    if problems:
        raise ConfigError(problems)
    typer.echo(f"可用 good: {path or 'defaults'}; 服务 services: {len(catalogue)}")


def _attempts(config: Config, catalogue: Catalogue) -> Iterator[tuple[Location, Callable[[], object]]]:
    """What can only be known by trying, and the key that asks for it."""
    key, model, wanted = config.privacy.key_file, config.anomaly.model_file, config.capture.filter
    if key is not None:
        yield ("privacy", "key_file"), lambda: read_key(key)
    if model is not None:
        yield ("anomaly", "model_file"), lambda: load_model(model)
    if wanted is not None and holds(CAP_NET_RAW):  # libpcap compiles for an interface that it may open
        yield ("capture", "filter"), lambda: compile_filter(wanted, _LOOPBACK)
    registers = registers_of(config)
    yield ("registers",), lambda: load_register(registers, catalogue, config.registers.schools)
