"""What was learned is kept before the news in checkpoints cost more than it does, and every five minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.daemon.learned_due import LearnedDue
from monitor.daemon.rooms import news_bytes
from monitor.daemon.state import StateFiles


def test_every_five_minutes_whatever_is_new() -> None:
    due = LearnedDue(100.0)
    assert not due.due(399.0)
    assert due.due(400.0)
    due.kept(400.0, 10)
    assert not due.due(699.0)
    assert due.due(700.0)


def test_a_change_of_all_that_is_known_is_kept_at_once() -> None:
    due = LearnedDue(0.0)
    due.at_once()
    assert due.due(0.0)
    due.kept(0.0, 10)
    assert not due.due(1.0)


def test_a_disk_that_refused_is_not_asked_at_every_step() -> None:
    due = LearnedDue(0.0)
    due.kept(0.0, 0)
    due.wrote_news(1 << 40)
    assert not due.due(299.0)
    assert due.due(300.0)


@given(st.integers(1, 10_000), st.integers(1, 500), st.integers(30, 400))
def test_no_more_than_twice_the_least_is_written(learned: int, more: int, checkpoints: int) -> None:
    """Against every other way to keep it after so many checkpoints, again and again."""
    due = LearnedDue(0.0)
    due.kept(0.0, learned)
    written = since = 0
    for _ in range(checkpoints):
        since += 1
        written += since * more
        due.wrote_news(since * more)
        if due.due(0.0):
            written += learned
            since = 0
            due.kept(0.0, learned)

    def each(after: int) -> int:
        whole, rest = divmod(checkpoints, after)
        news = more * after * (after + 1) // 2
        return whole * (news + learned) + more * rest * (rest + 1) // 2

    least = min(each(after) for after in range(1, checkpoints + 1))
    one_more = more * (checkpoints + 1) + learned  # of a term that has only begun
    assert written <= 2 * least + one_more


def test_a_state_tells_what_is_new_in_it_and_a_file_how_large_it_is(tmp_path: Path) -> None:
    parts = {"detectors/news/hosts/a": np.zeros(3, np.int64), "detectors/policy": np.zeros(9, np.int64)}
    assert news_bytes(parts) == 24
    assert StateFiles(tmp_path).save(parts) == (tmp_path / "state.1").stat().st_size
