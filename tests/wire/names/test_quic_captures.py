"""QUIC names of the real captures against tshark's word in their manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dpkt
import numpy as np
import pytest

from tests.wire.names.quic_maker import block
from wire.names.hello import HELLO_FIELDS, HELLO_SNI_END, HELLO_SNI_START, HELLO_WHOLE, read_client_hello
from wire.names.quic import HELLO_GQUIC, QuicReader

PCAPS = Path(__file__).resolve().parents[4] / "shared" / "pcaps"
PPP = 9

#: (capture, hellos): some flows say the same name, one hello has none.
CAPTURES = [
    ("ndpi__wechat.pcap", 3),
    ("ndpi__youtube_quic.pcap", 3),
    ("ja4__tls-handshake.pcapng", 20),
    ("zeek__quic__quic-multiple-initial-fragmented-crypto.pcap", 1),
    ("ndpi__quic_frags_ch_in_multiple_packets.pcapng", 1),
    ("zeek__quic__quicv2-echo-443.pcap", 1),
    ("ndpi__quic-mvfst-27.pcapng", 1),
    ("suricata__quic-retry__input.pcap", 1),
    ("ndpi__http_ipv6.pcap", 1),
    ("ndpi__doq_adguard.pcapng", 1),
    ("ndpi__dlt_ppp.pcap", 1),
]


def udp_datagrams(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(flow, direction, payload) of each UDP datagram; the first sender is the client."""
    flows: dict[tuple[object, ...], tuple[int, int]] = {}
    with path.open("rb") as file:
        pcapng = file.read(4) == b"\n\r\r\n"
        file.seek(0)
        reader = dpkt.pcapng.Reader(file) if pcapng else dpkt.pcap.Reader(file)
        for _, frame in reader:
            ppp_bytes = 4 if frame[:2] == b"\xff\x03" else 2
            ppp = reader.datalink() == PPP
            ip = dpkt.ip.IP(frame[ppp_bytes:]) if ppp else dpkt.ethernet.Ethernet(frame).data
            udp = getattr(ip, "data", None)
            if not isinstance(udp, dpkt.udp.UDP):
                continue
            key = (ip.src, udp.sport, ip.dst, udp.dport)
            if key not in flows:
                serial = len(flows) // 2 + 1
                flows[key], flows[ip.dst, udp.dport, ip.src, udp.sport] = (serial, 0), (serial, 1)
            yield *flows[key], bytes(udp.data)


@pytest.mark.skipif(not PCAPS.is_dir(), reason="the shared captures are not here")
@pytest.mark.parametrize(("capture", "hellos"), CAPTURES)
def test_names_are_tsharks(capture: str, hellos: int) -> None:
    entry = next(e for e in json.loads((PCAPS / "manifest.json").read_text()) if e["file"] == capture)
    reader = QuicReader(64)
    found = reader.read(*block(list(udp_datagrams(PCAPS / capture))))
    names = set()
    for row in found.rows:
        start, end = int(row["start"]), int(row["end"])
        if row["kind"] != HELLO_GQUIC:
            out = np.zeros(HELLO_FIELDS, np.int64)
            assert read_client_hello(found.arena, start, end, out) == HELLO_WHOLE
            start, end = int(out[HELLO_SNI_START]), int(out[HELLO_SNI_END])
        if start >= 0:
            names.add(found.arena[start:end].tobytes().decode())
    assert sorted(names) == entry["quic_snis"]
    assert len(found.rows) == hellos
    assert reader.counters["decrypt_failed"] == 0
