"""A stage that runs ahead of the next one on a thread of its own."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
#: How often a stage that waits looks whether the other side is still there, and whether a signal came.
_LOOK_SECONDS = 0.1


class _Over:
    """The source has ended, by itself or with an error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Waiting(Generic[_Item]):
    """What is made and not yet taken: at most `depth` items, of at most `max_bytes` together or one alone."""

    def __init__(self, depth: int, max_bytes: int) -> None:
        self._depth, self._max_bytes = depth, max_bytes
        self._items: deque[tuple[_Item, int]] = deque()
        self._held_bytes = 0
        self._change = threading.Condition()
        self.unwanted = False

    def put(self, item: _Item, size_bytes: int) -> bool:
        """Wait for room; False when nobody wants items any longer."""
        with self._change:
            while not (self.unwanted or self._has_room(size_bytes)):
                self._change.wait(_LOOK_SECONDS)
            if not self.unwanted:
                self._items.append((item, size_bytes))
                self._held_bytes += size_bytes
                self._change.notify_all()
            return not self.unwanted

    def take(self) -> _Item:
        """The oldest item, as soon as there is one."""
        with self._change:
            while not self._items:
                self._change.wait(_LOOK_SECONDS)
            item, size_bytes = self._items.popleft()
            self._held_bytes -= size_bytes
            self._change.notify_all()
            return item

    def refuse(self) -> None:
        """Want nothing any longer."""
        with self._change:
            self.unwanted = True
            self._change.notify_all()

    def _has_room(self, size_bytes: int) -> bool:
        within = len(self._items) < self._depth and self._held_bytes + size_bytes <= self._max_bytes
        return within or not self._items


def run_ahead(
    source: Iterable[_Item],
    depth: int,
    max_bytes: int = sys.maxsize,
    bytes_of: Callable[[_Item], int] = lambda item: 0,
) -> Iterator[_Item]:
    """The items of `source`, made by a thread that is at most `depth` items ahead.

    max_bytes: nor further than items of so many bytes together, as `bytes_of` counts them; one item
    is always made ahead. What the source raises is raised here, after the items before it. Closing
    this iterator ends the thread; the source is closed by that thread, which alone touches it.
    """
    waiting: _Waiting[_Item | _Over] = _Waiting(depth, max_bytes)

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in source:
                if not waiting.put(item, bytes_of(item)):
                    break
        except BaseException as raised:  # it is raised again by the consumer
            error = raised
        if isinstance(source, Generator):
            source.close()
        waiting.put(_Over(error), 0)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.take()
            if isinstance(item, _Over):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        waiting.refuse()
        thread.join()
