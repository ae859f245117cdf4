"""How every child begins: it gives up all privileges, and only then imports what it works with."""

from __future__ import annotations

import importlib
import signal
import socket
import sys

from monitor import garbage
from monitor.daemon import privileges
from monitor.daemon.orders import Orders

#: pyarrow would import it, where there is one, to see whether what it is given is a part of it: 20 MiB that
#: nothing here needs.
_REFUSED = "pandas"


def main(module: str, descriptor: int) -> None:
    """Run `module.work(orders)`, with the end of the wire to the parent that `descriptor` is."""
    privileges.keep_only()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent hears them and gives orders
    garbage.look_seldom()
    sys.modules[_REFUSED] = None  # type: ignore[assignment]
    importlib.import_module(module).work(Orders(socket.socket(fileno=descriptor)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
