"""A worker on a real ring: what it takes, it counts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from monitor.config.config import Config
from monitor.daemon import worker
from monitor.daemon.orders import Orders
from monitor.daemon.taps import Tap
from tests.wire.capture.live_frames import PATIENCE, PLAN, WAIT, numbered
from tests.wire.capture.namespaces import own_namespace, pair, sender
from wire.capture.ring import Ring

FRAMES = 3_000  # several times what a ring of this plan hands out at once


def _left(ring: Ring) -> int:
    """Frames that still lie in a ring, those that a predecessor had begun included."""
    count = quiet = 0
    for block in ring.blocks(WAIT):
        if block is not None:
            count += len(block)
            continue
        quiet += 1
        if count or quiet > PATIENCE:
            break
    return count + ring.abandoned


def test_a_stop_under_traffic_drops_no_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_SHARE_OF_DRAIN", 0.0)  # the time is up when it hears of the stop
    config = Config.model_validate({"state": {"directory": tmp_path, "drain_seconds": 1}})
    with own_namespace():
        pair("wire", "tap")
        with closing(Tap(PLAN)) as tap:
            with sender("wire") as sock:
                for i in range(FRAMES):
                    sock.send(numbered(i))
            parent, theirs = Orders.pair()
            parent.send("stop")
            start = {"config": config.model_dump_json(), "worker": 0, "life": 1, "taps": [tap.told()]}
            stopped = worker.Worker(Orders(theirs), {"kind": "start", **start})
            stopped.run()
            taken = stopped._stages.table.counters()["packets"]
            for ring in stopped._rings:
                ring.close()
            assert taken > 0
            with Ring(tap.descriptor, PLAN) as ring:
                assert taken + stopped._shed + _left(ring) == FRAMES
            parent.close()
            theirs.close()
