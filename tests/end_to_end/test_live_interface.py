"""A tap's interface that is removed and comes back while the daemon runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.live_daemon import FAR_END, TAP, eventually, live_daemon
from tests.wire.capture.namespaces import ip, pair, promiscuity


@pytest.mark.parametrize("workers", [1, 2])
def test_it_is_watched_again(root: Path, tmp_path: Path, workers: int) -> None:
    with live_daemon(root, tmp_path, workers) as daemon:
        daemon.send()
        eventually(lambda: daemon.settled(daemon.sent))
        ip("link", "del", TAP)
        pair(TAP, FAR_END)
        # One ring binds its socket again; sockets that share an interface have to be opened anew.
        eventually(lambda: promiscuity(TAP) == workers)
        if workers > 1:
            eventually(lambda: daemon.metrics().get("process_restarts_total worker") == workers)
            eventually(lambda: all(child["ready"] for child in daemon.facts()["children"]))
        daemon.send()
        eventually(lambda: daemon.settled(daemon.sent))
        assert daemon.stop() == 0
