"""Runs a parent over placeholder children: supervise.py CONFIG WORKERS."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from monitor import places
from monitor.daemon import privileges
from monitor.daemon.parent import Parent
from monitor.daemon.watch import live_config

PLACEHOLDER = "tests.monitor.daemon.placeholder_child"

if __name__ == "__main__":
    read_config = partial(live_config, ["lo"], None, Path(sys.argv[1]))
    config = read_config()
    lock = places.lock(places.state_directory(config.state), 5.0)
    privileges.keep_only(privileges.CAP_NET_RAW)
    taps = [[] for _ in range(int(sys.argv[2]))]
    sys.exit(Parent(config, read_config, taps, lock, PLACEHOLDER, PLACEHOLDER).run())
