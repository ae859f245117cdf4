"""A child that does nothing but live, report and obey: what supervision is tested with."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from pathlib import Path

from monitor.daemon.orders import Orders

TICK_SECONDS = 0.02


def work(orders: Orders) -> None:
    """Write what is heard to the folder PLACEHOLDER_LOG, a file a process; end when told."""
    import numpy  # noqa: F401  # as a real child does: its threads must hold nothing

    threading.Thread(target=threading.Event().wait, daemon=True).start()
    folder = Path(os.environ["PLACEHOLDER_LOG"])
    log = folder / f"{os.getpid()}.jsonl"
    steps = next_life = 0
    is_worker = False
    (folder / "pandas").write_text(str(_has_pandas()))
    if (folder / "refuses").exists():
        orders.send("refused", problem="no such list")
        return
    with log.open("w") as file:
        while True:
            waits = not steps and (folder / "slow start").exists()
            if not waits and not (folder / "stuck").exists():
                steps += 1
                orders.send("ready" if steps == 1 else "progress", steps=steps)
            select.select([orders], [], [], TICK_SECONDS)
            while (heard := orders.receive()) is not None:
                order, descriptors = heard
                for descriptor in descriptors:
                    os.close(descriptor)
                if order is None or order["kind"] == "stop":
                    if order is not None and (folder / "dies at stop").exists():
                        os.kill(os.getpid(), signal.SIGKILL)
                    return
                file.write(json.dumps(order) + "\n")
                file.flush()
                is_worker = is_worker or (order["kind"] == "start" and "worker" in order)
                if order["kind"] == "prepare":
                    next_life = order["life"]
                    bad = json.loads(order["config"])["campus"]["id"] == "unusable"
                    orders.send("prepared", problem="no such catalogue" if bad else None)
                elif order["kind"] == "commit":
                    anew = is_worker and (folder / "begin anew").exists()
                    orders.send("taken", **({"life": next_life} if anew else {}))


def _has_pandas() -> bool:
    """Whether pyarrow found it, which the tests have."""
    import pyarrow as pa

    assert len(pa.array(["a"])) == 1
    return "pandas" in sys.modules
