"""Another capture filter on packet sockets that are open: on all of them, or on none."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.daemon.taps import Tap
from wire.capture.bpf import compile_filter
from wire.capture.errors import CaptureError
from wire.capture.frame_counter import FrameCounter


class FilterChange:
    """Compiles the filter for each interface, and begins to count what it will refuse.

    text: in tcpdump's language; None: every frame. Raises CaptureError; then nothing has changed.
    """

    def __init__(self, taps: Sequence[Tap], text: str | None) -> None:
        self._text = text
        self._counters: list[tuple[Tap, FrameCounter]] = []
        self._taps = [(tap, _program(text, tap), _program(tap.plan.filter_text, tap)) for tap in taps]
        try:
            for tap in taps:
                if not tap.counted:
                    self._counters.append((tap, FrameCounter(tap.plan)))
        except CaptureError:
            self.discard()
            raise

    def take(self) -> None:
        """Each socket judges by the new filter from a frame on, and by the old one what came before it.

        Raises CaptureError where the kernel refuses; then all judge by the old one.
        """
        for tap, counter in self._counters:
            tap.count_all(counter)
        changed = []
        try:
            for tap, program, earlier in self._taps:
                text = tap.plan.filter_text
                tap.put_filter(self._text, program)
                changed.append((tap, text, earlier))
        except OSError as error:
            for tap, text, earlier in changed:
                tap.put_filter(text, earlier)
            raise CaptureError(f"capture.filter: 内核拒绝 the kernel refuses it: {error.strerror}") from error

    def discard(self) -> None:
        """It will not be taken."""
        for _, counter in self._counters:
            counter.close()


def _program(text: str | None, tap: Tap) -> bytes | None:
    return None if text is None else compile_filter(text, tap.interface)
