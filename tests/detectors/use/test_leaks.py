"""Leaks until their day is over: what is late, what does not fit, and what is forgotten with the day."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.use import leaks
from detectors.use.day import Leak
from detectors.use.leaks import Leaks
from detectors.use.link_rows import WINDOW_NS
from wire.flows.records import FLOW_ROW
from wire.names.facts import FACTS
from wire.names.identifiers import IDENTIFIER_KINDS

KIND = IDENTIFIER_KINDS[0]
PLACES = np.arange(10, dtype=np.int32)


def book() -> Leaks:
    return Leaks("host-{}".format)


def add(taken: Leaks, window: int, *hosts: int) -> None:
    """A connection of service 3 to each of some hosts, with one kind of identifier."""
    rows, facts = np.zeros(len(hosts), FLOW_ROW), np.zeros(len(hosts), FACTS)
    rows["ts_end_ns"] = window * WINDOW_NS
    facts["http_host"], facts["personal"] = hosts, 1
    taken.add(rows, facts, np.full(len(hosts), 3, np.int32))


def test_a_late_row_does_not_open_its_day_again() -> None:
    taken = book()
    add(taken, 5, 1)
    assert taken.close(10) == (Leak(3, "host-1", KIND, 1),)
    again = book()
    again.restore(taken.state(), PLACES)
    for each in (taken, again):
        add(each, 9, 1, 1)
        assert (each.late, each.windows) == (2, [])
        add(each, 10, 2)
        assert (each.late, each.windows) == (2, [10])


def test_hosts_of_days_that_are_over_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "_MAX_HOSTS", 2)
    taken = book()
    add(taken, 1, 1, 2, 3)  # a host too many counts under no name
    add(taken, 12, 2)
    assert [each.host for each in taken.close(10)] == ["", "host-1", "host-2"]
    add(taken, 13, 7)
    assert [each.host for each in taken.close(20)] == ["host-2", "host-7"]


def test_what_is_told_apart_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "_MAX_KEYS", 2)
    taken = book()
    add(taken, 1, 1, 2, 3, 1)
    add(taken, 2, 1)
    assert (taken.shed, taken.windows) == (2, [1])
    assert [(each.host, each.count) for each in taken.close(10)] == [("host-1", 2), ("host-2", 1)]
    add(taken, 11, 4)
    assert (taken.shed, len(taken.close(20))) == (2, 1)
