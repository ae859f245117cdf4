"""A new configuration for the running daemon: whole, or not at all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain

from monitor.config.config import Config
from monitor.config.config_file import ConfigError
from monitor.daemon.children import STALL_SECONDS, Child
from monitor.daemon.control import Question
from monitor.daemon.filters import FilterChange
from monitor.daemon.memory_room import available_bytes, refuse_what_does_not_fit
from monitor.daemon.orders import Order
from monitor.daemon.taps import Tap
from wire.capture.errors import CaptureError

#: What cannot change without loss while frames come (docs/operations.md has the reasons).
_NEEDS_RESTART = {
    "capture": ("interfaces", "workers", "ring_mib", "block_kib", "block_timeout_ms", "promiscuous"),
    "state": ("directory", "runtime_directory"),
    "privacy": ("key_file",),
}
#: Reading the largest catalogue and refitting a model takes a few seconds. Who prepares takes no step:
#: it is given up before it is taken for stuck and ended, so that a change that is too large costs nothing.
_PREPARE_SECONDS = 0.75 * STALL_SECONDS


def refuse_what_needs_restart(current: Config, config: Config) -> None:
    """Raises ConfigError where a key differs that cannot be changed in a running daemon."""
    changed = [
        f"{section}.{key}"
        for section, keys in _NEEDS_RESTART.items()
        for key in keys
        if getattr(getattr(current, section), key) != getattr(getattr(config, section), key)
    ]
    if changed:
        told = ", ".join(changed)
        raise ConfigError([f"{told}: 需重启才能生效 takes effect with a restart, not with a reload"])


class Reload:
    """A configuration on its way: every child prepares it, and when all could, all take it.

    asked_by: who gets the answer; None after SIGHUP. taps: whose filter may change.
    Raises ConfigError, CaptureError for what the parent itself finds it cannot do.
    """

    def __init__(
        self,
        current: Config,
        config: Config,
        children: Sequence[Child],
        taps: Sequence[Sequence[Tap]],
        asked_by: Question | None,
    ) -> None:
        refuse_what_needs_restart(current, config)
        refuse_what_does_not_fit(current, config, available_bytes())
        self.config = config
        self.problem: str | None = None
        self.asked_by = asked_by
        self.concluded = False
        self._filters: FilterChange | None = None
        if current.capture.filter != config.capture.filter:
            self._filters = FilterChange(list(chain.from_iterable(taps)), config.capture.filter)
        self._waiting = {child.name for child in children if child.ready}
        self._give_up = time.monotonic() + _PREPARE_SECONDS
        text = config.model_dump_json()
        for child in children:
            if child.name in self._waiting and child.orders is not None:
                child.orders.send("prepare", config=text, life=child.lives + 1)

    def heard(self, child: Child, report: Order) -> None:
        """A child has prepared, or says why it cannot; or it goes by the new configuration now."""
        if (report["kind"] == "taken") == self.concluded:
            self._waiting.discard(child.name)
            self.problem = self.problem or report.get("problem")

    def lost(self, child: Child) -> None:
        """A child died. Its next life begins with the old configuration, also if it had prepared; once all
        were told to take the new one, with that."""
        self._waiting.discard(child.name)
        if not self.concluded:
            self.problem = self.problem or f"{child.name} ended meanwhile"

    @property
    def decided(self) -> bool:
        """Whether all have answered, one has refused, or time is up."""
        if self._waiting and time.monotonic() > self._give_up:
            self.problem = self.problem or f"no answer from {', '.join(sorted(self._waiting))}"
        return self.problem is not None or not self._waiting

    @property
    def over(self) -> bool:
        """Whether all go by the new configuration, or by the old one. Who is stuck is ended, thus lost."""
        return self.concluded and (self.problem is not None or not self._waiting)

    def conclude(self, children: Sequence[Child]) -> None:
        """Tell all to take it, or to forget it; filters first, which the kernel may still refuse."""
        if self._filters is not None:
            try:
                self._filters.discard() if self.problem is not None else self._filters.take()
            except CaptureError as error:
                self.problem = str(error)
        self.concluded = True
        told = [child for child in children if child.orders is not None and child.ready]
        self._waiting = {child.name for child in told} if self.problem is None else set()
        for child in told:
            assert child.orders is not None
            child.orders.send("commit" if self.problem is None else "discard")
