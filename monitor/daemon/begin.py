"""How the work of a child begins: with the parent's first order, or with a refusal."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Protocol

from monitor import garbage
from monitor.daemon.orders import Order, Orders
from monitor.errors import CommandEnd, user_errors
from monitor.kernels import lean_numba


class Works(Protocol):
    """What a child does once it has all it needs."""

    def run(self) -> None:
        """Until it is told to stop."""


def live(orders: Orders, made: Callable[[Orders, Order], Works]) -> None:
    """Make what works and let it run; tell the parent where a configuration cannot be used."""
    lean_numba.import_lean()
    start = _first_order(orders)
    if start is None:
        return
    try:
        with user_errors():
            works = made(orders, start)
    except CommandEnd as end:
        orders.send("refused", problem=end.message)
        return
    garbage.look_as_usual()
    works.run()


def _first_order(orders: Orders) -> Order | None:
    """None when the parent is gone before it says anything."""
    while True:
        select.select([orders], [], [])
        heard = orders.receive()
        if heard is not None:
            return heard[0]
