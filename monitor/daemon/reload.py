"""A new configuration for the running daemon: whole, or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterable

from pydantic import BaseModel

from monitor.config.config import Config
from monitor.config.config_file import ConfigError
from monitor.daemon.children import STALL_SECONDS, Child
from monitor.daemon.control import Question

#: What the parent and the memory of the workers were made for; a new value needs new processes.
_NEEDS_RESTART = ("capture", "state", "metrics", "flows", "names", "privacy")
#: Reading the largest catalogue and refitting a model takes a few seconds. Who prepares takes no step:
#: it is given up before it is taken for stuck and ended, so that a change that is too large costs nothing.
_PREPARE_SECONDS = 0.75 * STALL_SECONDS


def refuse_what_needs_restart(current: Config, config: Config) -> None:
    """Raises ConfigError where a key differs that cannot be changed in a running daemon."""
    changed = [key for name in _NEEDS_RESTART for key in _differences(current, config, name)]
    if changed:
        told = ", ".join(changed)
        raise ConfigError([f"{told}: 需重启才能生效 takes effect with a restart, not with a reload"])


def _differences(old: Config, new: Config, section: str) -> list[str]:
    """Dotted names of the keys of a section that differ."""
    before, after = getattr(old, section), getattr(new, section)
    assert isinstance(before, BaseModel)
    return [
        f"{section}.{key}"
        for key in type(before).model_fields
        if getattr(before, key) != getattr(after, key)
    ]


class Reload:
    """A configuration on its way: every child prepares it, and when all could, all take it.

    asked_by: who gets the answer; None after SIGHUP.
    """

    def __init__(self, config: Config, children: Iterable[Child], asked_by: Question | None) -> None:
        self.config = config
        self.problem: str | None = None
        self.asked_by = asked_by
        self._waiting = {child.name for child in children if child.ready}
        self._give_up = time.monotonic() + _PREPARE_SECONDS
        text = config.model_dump_json()
        for child in children:
            if child.name in self._waiting and child.orders is not None:
                child.orders.send("prepare", config=text)

    def heard(self, child: Child, problem: str | None) -> None:
        """A child has prepared, or says why it cannot."""
        self._waiting.discard(child.name)
        self.problem = self.problem or problem

    def lost(self, child: Child) -> None:
        """A child died: its next life begins with the old configuration, also if it had prepared."""
        self.heard(child, f"{child.name} ended meanwhile")

    @property
    def decided(self) -> bool:
        """Whether all have answered, one has refused, or time is up."""
        if self._waiting and time.monotonic() > self._give_up:
            self.problem = self.problem or f"no answer from {', '.join(sorted(self._waiting))}"
        return self.problem is not None or not self._waiting

    def conclude(self, children: Iterable[Child]) -> None:
        """Tell all to take it, or to forget it."""
        for child in children:
            if child.orders is not None and child.ready:
                child.orders.send("commit" if self.problem is None else "discard")
