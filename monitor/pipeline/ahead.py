"""A stage that runs ahead of the next one on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import Empty, Full, Queue
from typing import TypeVar

_Item = TypeVar("_Item")
#: How often a stage that waits looks whether the other side is still there.
_LOOK_SECONDS = 0.1


class _Over:
    """The source has ended, by itself or with an error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def run_ahead(source: Iterable[_Item], depth: int) -> Iterator[_Item]:
    """The items of `source`, made by a thread that is at most `depth` items ahead.

    What the source raises is raised here, after the items before it. Closing this iterator ends
    the thread; the source is closed by that thread, which alone touches it.
    """
    queue: Queue[_Item | _Over] = Queue(maxsize=depth)
    unwanted = threading.Event()

    def hand_over(item: _Item | _Over) -> bool:
        while not unwanted.is_set():
            try:
                queue.put(item, timeout=_LOOK_SECONDS)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in source:
                if not hand_over(item):
                    break
        except BaseException as raised:  # it is raised again by the consumer
            error = raised
        if isinstance(source, Generator):
            source.close()
        hand_over(_Over(error))

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = queue.get(timeout=_LOOK_SECONDS)
            except Empty:
                continue  # so that a signal is noticed
            if isinstance(item, _Over):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        unwanted.set()
        thread.join()
