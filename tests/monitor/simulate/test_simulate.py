"""Invented campuses: the same bytes for the same seed, packets that other tools find right, a true truth."""

from __future__ import annotations

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import dpkt
import numpy as np
import pytest
import yaml

from detectors.catalogue.catalogue import Catalogue
from monitor.shipped import shipped
from monitor.simulate.hosts import ScenarioError
from monitor.simulate.personal import query
from monitor.simulate.scenario import Personal
from monitor.simulate.scenario_file import load_scenario
from monitor.simulate.simulate import write_capture

_CAMPUS = """
schema: 1
seed: 11
start: 2026-09-01T10:00:00+08:00
hours: 1
devices: {phones: 6, laptops: 3, dormitory: {rooms: 1, devices_each: 3}}
apps:
  - {service: zuoyebang, users: 1, sessions_per_day: 40, embeds: {umeng: 0.9, pangle-cn: 0.5}}
  - {service: icourse163, users: 1, sessions_per_day: 20, transport: rsa}
  - {service: youdao, users: 1, sessions_per_day: 20, transport: http, personal: [citizen-id, imei]}
  - {service: xuetangx, sessions_per_day: 40, trouble: {start_hours: 0, failures: 0.5, retransmissions: 1}}
  - {service: dingtalk, incidents: [
      {kind: surge, devices: 8, opens_each: 2, start_hours: 0.1, minutes: 5},
      {kind: outage, failures: 0.9, start_hours: 0.1, minutes: 10},
      {kind: upload, devices: 2, megabytes: 3, start_hours: 0.5, minutes: 5}]}
together: [{first: zuoyebang, second: youdao}]
browsing: {pages_per_day: 200, ads: {baidu-tongji: 0.4}}
incidents:
"""
_INCIDENTS = (
    "scan-horizontal", "scan-vertical", "address-sweep", "brute-force", "flood", "beacon", "dns-tunnel",
    "icmp-tunnel", "dga", "exfiltration", "lateral-movement", "mining", "worm",
)  # fmt: skip


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load([shipped("configs/catalogue")])


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("campus")
    text = _CAMPUS + "".join(
        f"  - {{kind: {kind}, host: {number % 12}, start_hours: 0.2, minutes: 2}}\n"
        for number, kind in enumerate(_INCIDENTS)
    )
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    truth, _ = write_capture(load_scenario(folder / "a.yaml"), catalogue, folder / "a.pcap")
    return folder / "a.pcap", truth


def _records(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Time, wire length and bytes of each frame."""
    data = path.read_bytes()
    at = 24
    while at < len(data):
        seconds, nanoseconds, kept, wire = struct.unpack_from("<IIII", data, at)
        yield seconds * 10**9 + nanoseconds, wire, data[at + 16 : at + 16 + kept]
        at += 16 + kept


def test_the_same_seed_gives_the_same_bytes(
    campus: tuple[Path, dict], catalogue: Catalogue, tmp_path: Path
) -> None:
    path, truth = campus
    scenario = load_scenario(path.with_suffix(".yaml"))
    assert write_capture(scenario, catalogue, tmp_path / "b.pcap")[0] == truth
    assert (tmp_path / "b.pcap").read_bytes() == path.read_bytes()
    other = scenario.model_copy(update={"seed": 12})
    write_capture(other, catalogue, tmp_path / "c.pcap")
    assert (tmp_path / "c.pcap").read_bytes() != path.read_bytes()


def test_every_frame_is_sound(campus: tuple[Path, dict]) -> None:
    """dpkt reads each; checksums hold, what was cut off being zeros; times rise; TCP numbers add up."""
    previous, next_seq, protocols = 0, {}, Counter()
    for time_ns, wire, frame in _records(campus[0]):
        assert previous <= time_ns
        previous = time_ns
        whole = frame + bytes(wire - len(frame))
        packet = dpkt.ethernet.Ethernet(whole).data
        if isinstance(packet, dpkt.arp.ARP):
            protocols["arp"] += 1
            continue
        assert _checksum(bytes(packet)[:20]) == 0
        assert wire == max(14 + packet.len, 60)
        segment = packet.data
        protocols[type(segment).__name__] += 1
        head = bytes(packet)[12:20] + struct.pack(">HH", packet.p, packet.len - 20)
        raw = whole[34 : 14 + packet.len]
        assert _checksum((b"" if packet.p == 1 else head) + raw) == 0
        if isinstance(segment, dpkt.tcp.TCP):
            key = (packet.src, segment.sport, packet.dst, segment.dport)
            taken = len(segment.data) + bool(segment.flags & 3)
            if segment.flags & 4 == 0:
                expected = next_seq.get(key, segment.seq)
                assert segment.seq <= expected, "a hole in the stream"
                next_seq[key] = max(expected, segment.seq + taken)
        assert len(frame) <= 1_520
    assert {"TCP", "UDP", "ICMP"} <= set(protocols)


def _checksum(data: bytes) -> int:
    words = np.frombuffer(data + bytes(len(data) % 2), ">u2").astype(np.int64)
    total = int(words.sum())
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def test_the_truth_is_true(campus: tuple[Path, dict]) -> None:
    path, truth = campus
    assert truth["schema"] == 1
    of_hosts = [each for each in truth["incidents"] if isinstance(each["subject"], str)]
    assert {each["kind"] for each in of_hosts} == set(_INCIDENTS)
    assert {"app": "zuoyebang", "third_party": "umeng", "share": 0.9} in truth["embeddings"]
    moments = defaultdict(list)
    for time_ns, _, frame in _records(path):
        packet = dpkt.ethernet.Ethernet(frame).data
        if isinstance(packet, dpkt.ip.IP):
            moments[dpkt.utils.inet_to_str(packet.src), dpkt.utils.inet_to_str(packet.dst)].append(time_ns)
    for incident in of_hosts:
        begin, end = (int(np.datetime64(incident[name].rstrip("Z"), "ns")) for name in ("start", "end"))
        assert begin <= end
        for peer in incident["peers"]:
            seen = moments[incident["subject"], peer] or moments[peer, incident["subject"]]
            within = [time for time in seen if begin <= time <= end + 60 * 10**9]
            assert within, f"{incident['id']}: {peer} is in no packet of its time"


def test_the_truth_of_apps_is_true(campus: tuple[Path, dict]) -> None:
    """Two of the surge's eight share a room's address; who uploads sends that much, and then."""
    path, truth = campus
    told = {each["id"]: each for each in truth["incidents"] if not isinstance(each["subject"], str)}
    assert list(told) == ["outage-xuetangx-1", "surge-dingtalk-1", "outage-dingtalk-2", "upload-dingtalk-3"]
    surge, outage, upload = list(told.values())[1:]
    assert (len(surge["peers"]), len(upload["peers"])) == (7, 2)
    assert set(surge["peers"]) <= set(outage["peers"])
    begin, end = (
        {id: int(np.datetime64(each[name].rstrip("Z"), "ns")) for id, each in told.items()}
        for name in ("start", "end")
    )
    sent: Counter[str] = Counter()
    last: dict[str, int] = {}
    for time_ns, wire, frame in _records(path):
        packet = dpkt.ethernet.Ethernet(frame).data
        if isinstance(packet, dpkt.ip.IP) and wire > 10_000:
            source = dpkt.utils.inet_to_str(packet.src)
            sent[source] += wire
            last[source] = time_ns
    assert set(upload["peers"]) <= set(sent)
    assert sum(sent[peer] for peer in upload["peers"]) > 3_000_000
    for peer in upload["peers"]:
        assert begin["upload-dingtalk-3"] <= last[peer] <= end["upload-dingtalk-3"] + 60 * 10**9


def test_an_app_more_changes_nothing_for_the_others(catalogue: Catalogue, tmp_path: Path) -> None:
    base = yaml.safe_load(_CAMPUS.replace("incidents:\n", ""))
    more = {**base, "apps": [*base["apps"], {"service": "yuanfudao", "users": 0.5}]}
    seen = []
    for name, content in (("base", base), ("more", more)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        scenario = load_scenario(tmp_path / f"{name}.yaml")
        write_capture(scenario, catalogue, tmp_path / f"{name}.pcap")
        packets = (dpkt.ethernet.Ethernet(frame).data for _, _, frame in _records(tmp_path / f"{name}.pcap"))
        seen.append(sum(isinstance(p, dpkt.ip.IP) and b"Host: " in bytes(p.data) for p in packets))
    assert seen[0] == seen[1] > 0, "requests in cleartext are as many"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("sead: 3", ":1: sead: unknown key; did you mean `seed`?"),
        ("hours: 0", "hours: Input should be greater than 0"),
        ("apps: [{service: zuoyebang, embedds: {}}]", "unknown key; did you mean `embeds`?"),
        ("apps: [{service: no-such-service}]", "the catalogue has no service `no-such-service`"),
        ("apps: [{service: zuoyebang, embeds: {umengg: 0.5}}]", "did you mean `umeng`?"),
        ("apps: [{service: zuoyebang}, {service: zuoyebang}]", "`zuoyebang` stands twice"),
        ("together: [{first: a, second: b}]", "together: `a` is not among the apps"),
        ("incidents: [{kind: meteor}]", "incidents.0"),
        ("incidents: [{kind: beacon, evry_seconds: 3}]", "did you mean `every_seconds`?"),
        ("incidents: [{kind: beacon, start_hours: 99}]", "lies outside: 40 devices, 24 h"),
        ("apps: [{service: mooc, incidents: [{kind: upload, megabites: 3}]}]", "did you mean `megabytes`?"),
        ("apps: [{service: mooc, incidents: [{kind: surge, devices: 99}]}]", "surge of 99 devices at 1 h"),
        ("start: 2026-09-01T08:00:00", "needs an offset"),
        ("timezone: Mars/Olympus", "no time zone"),
        ("devices: {phones: 0, laptops: 0}", "nobody is on this campus"),
        ("apps: [{service: zuoyebang, personal: [mobile]}]", "personal data shows in `transport: http`"),
    ],
)
def test_mistakes_are_told_with_their_place(
    change: str, told: str, catalogue: Catalogue, tmp_path: Path
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{change}\nschema: 1\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        write_capture(load_scenario(path), catalogue, tmp_path / "x.pcap")
    assert told in str(caught.value)
    assert not (tmp_path / "x.pcap").exists()


def test_personal_data_has_the_right_form() -> None:
    draw = np.random.default_rng(5)
    for _ in range(50):
        told = dict(part.split("=", 1) for part in query(get_args(Personal), draw).split("&"))
        assert _luhn(told["imei"])
        assert len(told["imei"]) == 15
        assert _luhn(told["iccid"])
        weights = [2**place % 11 for place in range(17, -1, -1)]  # ISO 7064 MOD 11-2
        digits = [10 if digit == "X" else int(digit) for digit in told["idcard"]]
        assert sum(w * d for w, d in zip(weights, digits, strict=True)) % 11 == 1


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value // 10 + value % 10
    return total % 10 == 0


def test_the_command_writes_capture_and_truth(tmp_path: Path, root: Path) -> None:
    from monitor.cli import run

    (tmp_path / "s.yaml").write_text("schema: 1\nhours: 0.1\ndevices: {phones: 2, laptops: 0}\n")
    out, truth = ["--out", tmp_path / "x.pcap"], ["--truth", tmp_path / "x.json"]
    assert run([str(each) for each in ("simulate", tmp_path / "s.yaml", *out, *truth)]) == 0
    assert json.loads((tmp_path / "x.json").read_text()) == {"schema": 1, "incidents": [], "embeddings": []}
    assert run(["simulate", str(tmp_path / "none.yaml"), "--out", str(tmp_path / "y.pcap")]) == 2
    assert run(["simulate", str(tmp_path / "s.yaml"), "--out", str(tmp_path / "no" / "y.pcap")]) == 2


def test_dual_stack_devices_speak_ipv6_with_right_checksums(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_CAMPUS.replace("laptops: 3", "laptops: 3, ipv6: 0.8"), encoding="utf-8")
    scenario = load_scenario(tmp_path / "a.yaml")
    write_capture(scenario, catalogue, tmp_path / "a.pcap")
    kinds: Counter[int] = Counter()
    answers, whole = 0, 0
    for _, wire, data in _records(tmp_path / "a.pcap"):
        ethernet = dpkt.ethernet.Ethernet(data)
        kinds[ethernet.type] += 1
        if ethernet.type == dpkt.ethernet.ETH_TYPE_IP and isinstance(ethernet.data.data, dpkt.udp.UDP):
            answers += b"\x00\x1c\x00\x01\x00\x00\x01\x2c\x00\x10" in data  # AAAA, 300 s, 16 bytes
        if ethernet.type != dpkt.ethernet.ETH_TYPE_IP6:
            continue
        packet = ethernet.data
        assert {packet.src[:4], packet.dst[:4]} == {b"\xfd\x00\x00\x10", b"\x20\x01\x0d\xb8"}
        assert packet.plen + 54 == wire or wire == 60
        if wire == len(data):
            segment = data[54 : 54 + packet.plen]
            pseudo = packet.src + packet.dst + struct.pack(">II", packet.plen, packet.nxt)
            assert dpkt.in_cksum_done(dpkt.in_cksum_add(0, pseudo + segment)) == 0
            whole += 1
    assert kinds[dpkt.ethernet.ETH_TYPE_IP6] > 500
    assert kinds[dpkt.ethernet.ETH_TYPE_IP] > 500
    assert answers > 10
    assert whole > 100
