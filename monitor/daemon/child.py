"""How every child begins: it gives up all privileges, and only then imports what it works with."""

from __future__ import annotations

import importlib
import signal
import socket
import sys
from importlib.abc import MetaPathFinder

from monitor import garbage
from monitor.daemon import privileges
from monitor.daemon.orders import Orders


class _WithoutPandas(MetaPathFinder):
    """pyarrow would import pandas, where there is one, to see whether what it is given is a part of it.

    That is 17 MiB that nothing here needs.
    """

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Nobody has found it: ModuleNotFoundError. All else others may find."""
        if name == "pandas":
            raise ModuleNotFoundError("no process of the daemon has pandas", name=name)


def main(module: str, descriptor: int) -> None:
    """Run `module.work(orders)`, with the end of the wire to the parent that `descriptor` is."""
    privileges.keep_only()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent hears them and gives orders
    garbage.look_seldom()
    sys.meta_path.insert(0, _WithoutPandas())
    importlib.import_module(module).work(Orders(socket.socket(fileno=descriptor)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
