"""Writes pcaps/campus-day.pcap.zst: one invented school day of 48 devices, in event time, under a megabyte.

Devices open apps in the breaks and lessons; apps call their own hosts, and some bring ad networks and
trackers along; names are asked by DNS first. In the afternoon three things go wrong: a port scan, password
guessing over SSH, and a beacon. What is where stands in campus-day.truth.json (see CONTRACTS: Truth files).
Hellos repeat and bulk payload is zeros, so that the file stays small.

    python -m pcaps.record.campus_day
"""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
import zstandard

from pcaps.record.cases import FOLDER
from pcaps.record.day_incidents import INCIDENTS, beacon, scan_vertical, ssh_guessing
from pcaps.record.day_wire import Line

NAME = "campus-day"
SEED = 2026
MINUTE = 60_000_000
#: 2026-09-01, a Tuesday: 08:00 in China.
START_US = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp()) * 1_000_000
DEVICES = 48
#: Minutes after 08:00 when many take their devices out: lessons, breaks, noon, afternoon.
BUSY = (5, 60, 115, 170, 225, 255, 290, 345, 395, 440)
SESSIONS_A_DEVICE = 9

#: An app: own hosts, and who rides along in what share of its sessions.
APPS: dict[str, tuple[tuple[str, ...], dict[str, float]]] = {
    "smart-education-of-china": (("basic.smartedu.cn", "www.zxx.edu.cn", "s-file-1.ykt.cbern.com.cn"), {}),
    "icourse163": (("www.icourse163.org", "nos.icourse163.org"), {"netease-analytics": 0.9}),
    "xuetangx": (("www.xuetangx.com", "storagecdn.xuetangx.com"), {"sensors-data": 0.8}),
    "chaoxing-xuexitong": (("mooc1.chaoxing.com", "p.cldisk.com"), {"baidu-tongji": 0.7}),
    "zuoyebang": (
        ("www.zybang.com", "img.zuoyebang.cc"),
        {"pangle-cn": 0.6, "umeng": 0.9, "tencent-gdt": 0.35},
    ),
    "yuanfudao": (("www.yuanfudao.com", "gallery.yuanfudao.com"), {"umeng": 0.8, "kuaishou-union": 0.3}),
    "youdao": (("dict.youdao.com", "shared.ydstatic.com"), {"youdao-ads": 0.7, "umeng": 0.5}),
}
THIRD_PARTIES = {
    "netease-analytics": "analytics.163.com",
    "sensors-data": "collect.sensorsdata.cn",
    "baidu-tongji": "hm.baidu.com",
    "pangle-cn": "api-access.pangolin-sdk-toutiao.com",
    "umeng": "ulogs.umeng.com",
    "tencent-gdt": "mi.gdt.qq.com",
    "kuaishou-union": "open.e.kuaishou.com",
    "youdao-ads": "gorgon.youdao.com",
}
#: What devices do besides: push services, games in the breaks, sites that no catalogue knows.
PUSH = ("sdk.open.talk.getui.net", "s.jpush.cn")
GAMES = ("pvp.qq.com", "image.smoba.qq.com")
GENERAL = tuple(f"www.{word}.example" for word in ("canteen", "weather", "news", "library", "bus", "music"))


def _session(line: Line, device: int, time: int, generator: np.random.Generator) -> None:
    """One use of one app, with what rides along: a few minutes."""
    apps = list(APPS)
    own, riding = APPS[apps[int(generator.integers(len(apps)))]]
    minutes = int(generator.integers(2, 7))
    for minute in range(minutes):
        at = time + minute * MINUTE + int(generator.integers(0, 20_000_000))
        line.visit(device, own[0] if minute == 0 else own[int(generator.integers(len(own)))], at)
        if generator.random() < 0.3:
            line.visit(device, own[-1], at + int(generator.integers(1, 8_000_000)), large=True)
    for third, share in riding.items():
        if generator.random() < share:
            at = time + int(generator.integers(1_000_000, minutes * MINUTE - 5_000_000))
            line.visit(device, THIRD_PARTIES[third], at)


def _background(line: Line, device: int, generator: np.random.Generator) -> None:
    """Push services all day, a game and a few other sites now and then."""
    for at in generator.integers(0, 470 * MINUTE, 4).tolist():
        line.visit(device, PUSH[device % 2], START_US + at)
    for at in generator.integers(0, 470 * MINUTE, 5).tolist():
        line.visit(
            device,
            GENERAL[int(generator.integers(len(GENERAL)))],
            START_US + at,
            plain=generator.random() < 0.2,
        )
    if device % 5 == 0:
        line.visit(device, GAMES[int(generator.integers(2))], START_US + (255 + device % 20) * MINUTE)


def day() -> Line:
    """Every frame of the day."""
    generator = np.random.default_rng(SEED)
    line = Line(SEED)
    for device in range(DEVICES):
        _background(line, device, generator)
        for _ in range(SESSIONS_A_DEVICE):
            start = BUSY[int(generator.integers(len(BUSY)))] + int(generator.integers(0, 25))
            _session(line, device, START_US + start * MINUTE + int(generator.integers(0, MINUTE)), generator)
    scan_vertical(line, START_US)
    ssh_guessing(line, START_US)
    beacon(line, START_US, generator)
    return line


def _rfc3339(time_us: int) -> str:
    return (
        datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    )


def truth() -> dict[str, Any]:
    """What is wrong in the day, and who rides along with whom."""
    incidents = [
        {
            "id": f"{NAME}-{number}",
            "kind": incident.kind,
            "subject": incident.host,
            "peers": [incident.peer],
            "start": _rfc3339(START_US + incident.start_us),
            "end": _rfc3339(START_US + incident.end_us),
        }
        for number, incident in enumerate(INCIDENTS, 1)
    ]
    embeddings = [
        {"app": app, "third_party": third, "share": share}
        for app, (_, riding) in APPS.items()
        for third, share in riding.items()
    ]
    return {"schema": 1, "incidents": incidents, "embeddings": embeddings}


def write(folder: Path) -> None:
    """Write the capture, its truth and its golden file."""
    line = day()
    frames = sorted(line.frames, key=lambda frame: frame[0])
    out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
    for time, frame in frames:
        out += struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(frame), len(frame)) + frame
    packed = zstandard.ZstdCompressor(level=19).compress(bytes(out))
    (folder / f"{NAME}.pcap.zst").write_bytes(packed)
    (folder / f"{NAME}.truth.json").write_text(json.dumps(truth(), indent=1) + "\n", encoding="utf-8")
    golden = {
        "capture": f"{NAME}.pcap.zst",
        "about": "An invented school day of 48 devices, with a port scan, password guessing and a beacon.",
        "made_by": "record/campus_day.py",
        "packets": len(frames),
        "tcp_flows": line.tcp_flows,
        "udp_flows": line.udp_flows,
        "tls_sni": sorted(line.tls_names),
        "http_hosts": sorted(line.http_names),
        "dns_names": sorted(line.dns_names),
        "findings": sorted({incident.kind for incident in INCIDENTS}),
    }
    (folder / f"{NAME}.yaml").write_text(yaml.safe_dump(golden, sort_keys=False), encoding="utf-8")
    print(
        f"{NAME}: {len(frames)} packets, {line.tcp_flows + line.udp_flows} flows, {len(packed)} bytes packed"
    )


if __name__ == "__main__":
    write(FOLDER)
