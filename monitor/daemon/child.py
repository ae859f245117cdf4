"""How every child begins: it gives up all privileges, and only then imports what it works with."""

from __future__ import annotations

import importlib
import signal
import socket
import sys

from monitor import garbage
from monitor.daemon import privileges
from monitor.daemon.orders import Orders
from monitor.without_pandas import without_pandas


def main(module: str, descriptor: int) -> None:
    """Run `module.work(orders)`, with the end of the wire to the parent that `descriptor` is."""
    privileges.keep_only()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent hears them and gives orders
    garbage.look_seldom()
    with without_pandas():
        importlib.import_module(module).work(Orders(socket.socket(fileno=descriptor)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
