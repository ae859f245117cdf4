"""A pair of one-way taps: each shows one direction of every connection, together they are one stream."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.end_to_end.live_daemon import FAR_END, TAP, LiveDaemon, eventually
from tests.wire.capture.live_frames import MACS
from tests.wire.capture.namespaces import ip, own_namespace, pair, sender

SECOND_TAP, SECOND_END = "cwtap2", "cwfar2"
CONNECTIONS = 200


def segment(connection: int, to_server: bool, flags: int, seq: int, ack: int) -> bytes:
    """A TCP segment without payload, between 10.1.0.x and 198.18.0.1."""
    client, server = bytes([10, 1, connection >> 8, connection & 255]), bytes([198, 18, 0, 1])
    ends = (client, server) if to_server else (server, client)
    ports = (40_000 + connection, 443) if to_server else (443, 40_000 + connection)
    header = bytes([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]) + ends[0] + ends[1]
    tcp = b"".join(port.to_bytes(2, "big") for port in ports)
    tcp += seq.to_bytes(4, "big") + ack.to_bytes(4, "big") + bytes([0x50, flags]) + bytes(6)
    return MACS + b"\x08\x00" + header + tcp + bytes(6)


#: A connection from its first to its last segment: to the server?, flags, sequence, acknowledgement.
SEGMENTS = (
    (True, 0x02, 100, 0), (False, 0x12, 500, 101), (True, 0x10, 101, 501),
    (True, 0x11, 101, 501), (False, 0x11, 501, 102), (True, 0x10, 102, 502),
)  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2])
def test_both_directions_of_a_connection_meet(root: Path, tmp_path: Path, workers: int) -> None:
    with own_namespace():
        ip("link", "set", "lo", "up")
        pair(TAP, FAR_END)
        pair(SECOND_TAP, SECOND_END)
        daemon = LiveDaemon(root, tmp_path, workers)
        daemon.interfaces = (TAP, SECOND_TAP)
        daemon.start()
        try:
            with sender(FAR_END) as out, sender(SECOND_END) as back:
                for connection in range(CONNECTIONS):
                    for to_server, *numbers in SEGMENTS:
                        (out if to_server else back).send(segment(connection, to_server, *numbers))
            eventually(lambda: daemon.settled(CONNECTIONS * len(SEGMENTS)))
            assert daemon.stop() == 0
        finally:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()
        rows = [
            row
            for path in (tmp_path / "state" / "history").glob("flows-*")
            for row in pq.read_table(path).to_pylist()
        ]
        assert len(rows) == CONNECTIONS
        for row in rows:
            assert (row["server_port"], row["packets_c2s"], row["packets_s2c"]) == (443, 4, 2)
            assert row["tcp_end"] == "fin"
