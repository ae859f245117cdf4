"""A stage on a thread of its own: order, bounds, errors and an early end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from monitor.pipeline.ahead import run_ahead


def test_items_come_in_order() -> None:
    assert list(run_ahead(range(1_000), 2)) == list(range(1_000))


@pytest.mark.parametrize(
    ("depth", "size_bytes", "most"), [(2, 0, 2), (100, 10, 3), (100, 25, 1), (100, 1_000, 1)]
)
def test_the_source_is_no_further_ahead_than_allowed(depth: int, size_bytes: int, most: int) -> None:
    made = 0

    def source() -> Iterator[int]:
        nonlocal made
        for i in range(100):
            made += 1
            yield i

    items = run_ahead(source(), depth, 30, lambda item: size_bytes)
    for taken, _ in enumerate(items, start=1):
        time.sleep(0.001)  # so that the thread goes as far as it may
        assert made <= taken + most + 1  # what waits, and one in the thread's hand
    assert made == 100


def test_an_error_of_the_source_comes_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    items = run_ahead(source(), 2)
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_closing_early_ends_the_thread() -> None:
    before = threading.active_count()
    items = run_ahead(iter(int, 1), 2)  # zeros without end
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_closing_early_ends_every_thread_of_a_chain() -> None:
    before = threading.active_count()
    items = run_ahead(run_ahead(iter(int, 1), 2), 2)
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
