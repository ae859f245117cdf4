"""Names, JA3 and JA4 of the real captures, against tshark's word in their manifest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.wire.names.joined import JoinedNamer
from tests.wire.names.refs import refs_of
from wire.names.ja3 import ja3_hex
from wire.names.namer import NamerSettings

SMALL = NamerSettings(max_flows=1 << 14, reassembly_slots=64, max_strings=1 << 14, max_string_bytes=1 << 22)

CAPTURES = [
    "arkime__http-wrapped-header.pcap",
    "arkime__tls-alpn-h2.pcap",
    "arkime__tls-split-client-hello.pcap",
    "arkime__twovlan.pcap",
    "ja4__tls-handshake.pcapng",
    "mercury__sll_tls.pcap",
    "ndpi__1kxun.pcap",
    "ndpi__WebattackSQLinj.pcap",
    "ndpi__alexa-app.pcapng",
    "ndpi__dingtalk.pcap",
    "ndpi__http_connect.pcap",
    "ndpi__http_ipv6.pcap",
    "ndpi__reddit.pcap",
    "ndpi__smtp-starttls.pcap",
    "ndpi__teams.pcap",
    "ndpi__tls_ech.pcapng",
    "ndpi__tor.pcap",
    "ndpi__trickbot.pcap",
    "ndpi__wechat.pcap",
    "ndpi__weibo.pcap",
    "slips__test-cc__test-cc-capture-2.pcap",
    "zeek__http__pipelined-requests.pcap",
    "zeek__tls__chrome-1250-tls-x25519-kyber.pcap",
    "zeek__wikipedia.pcap",
]


def strings_of(namer: JoinedNamer, ids: np.ndarray) -> set[str]:
    """The distinct strings behind ids, -1 left out."""
    return {namer.strings[i].decode() for i in np.unique(ids).tolist() if i >= 0}


def host(text: str) -> str:
    """A Host field's value as the Namer spells names."""
    name = text.lower().rsplit(":", 1)[0] if text.rsplit(":", 1)[-1].isdigit() else text.lower()
    return "" if name.replace(".", "").isdigit() else name.rstrip(".")


@pytest.mark.parametrize("capture", CAPTURES)
def test_tsharks_names_and_fingerprints(capture: str, real_captures: Path) -> None:
    manifest = json.loads((real_captures / "manifest.json").read_text(encoding="utf-8"))
    entry = next(e for e in manifest if e["file"] == capture)
    buffer, refs = refs_of(real_captures / capture)
    namer = JoinedNamer(SMALL)
    for part in np.array_split(refs, 3):
        namer.read(buffer, part)
    facts = namer.facts(np.unique(refs["flow"]))
    tls, quic = facts[facts["quic"] == 0], facts[facts["quic"] == 1]
    assert strings_of(namer, tls["server_name"]) == {host(name) for name in entry["snis"]} - {""}
    assert strings_of(namer, quic["server_name"]) == {host(name) for name in entry["quic_snis"]} - {""}
    hosts = strings_of(namer, np.append(facts["http_host"], facts["more_hosts"].reshape(-1)))
    assert hosts == {host(name) for name in entry["http_hosts"]} - {""}
    fingerprints = {text.decode() for text in ja3_hex(tls["ja3"]).tolist()} - {""}
    assert fingerprints <= set(entry["ja3"])
    if len(quic) == 0:
        assert fingerprints == set(entry["ja3"])
        assert set(namer.ja4(tls["parameters"])) - {""} == set(entry["ja4"])
    targets = {host(name) for name in entry["http_connect_targets"]}
    assert strings_of(namer, facts["proxy_target"]) == targets
