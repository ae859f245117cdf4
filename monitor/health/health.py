"""How the running daemon is, with reasons: what /healthz, /readyz, `status` and `top` tell.

Live: the work goes on; a supervisor that finds it dead should restart it. Ready: what passes by the
tap is captured and findings can be written. Every reason has a severity: `bad` takes readiness,
`warn` asks for a person, `info` explains. docs/operations.md says what to do for each.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from monitor.health.disk_room import least_free_bytes
from wire.flows.one_way import is_one_way, one_way_share

SEVERITIES = BAD, WARN, INFO = "bad", "warn", "info"
#: Rates are those of the last minute; directions need more connections than a minute may have.
_WINDOW_SECONDS = 60.0
_DIRECTIONS_SECONDS = 600.0
_SAMPLE_SECONDS = 5.0
#: Without a look for so long the work does not go on.
STALL_SECONDS = 20.0
_WARN_DROPS, _BAD_DROPS = 0.001, 0.05
_DOUBLING_SHARE = 0.3

#: Code -> (severity, Chinese, English); {} is filled with the figure.
REASONS = {
    "stalled": (BAD, "分析进程 {} 秒没有进展", "no progress for {} s"),
    "worker_missing": (BAD, "缺少 {} 个抓包进程", "{} capture process(es) missing"),
    "writes_refused": (BAD, "磁盘拒绝写入 {} 次", "the disk refused {} write(s)"),
    "heavy_drops": (BAD, "最近一分钟丢包 {}", "{} of the packets of the last minute were dropped"),
    "drops": (WARN, "最近一分钟丢包 {}", "{} of the packets of the last minute were dropped"),
    "overload": (WARN, "过载，第 {} 级降载", "overload: level {}"),
    "no_traffic": (WARN, "{} 秒没有收到任何包", "no packet for {} s"),
    "one_way": (WARN, "只看到单方向：{} 的 TCP 连接缺另一方向", "one direction only: {} of TCP connections"),
    "disk_low": (WARN, "状态目录所在磁盘只剩 {}", "only {} left on the disk of the state directory"),
    "mirror_doubles": (
        INFO,
        "镜像重复：{} 的包是副本，只计一次",
        "{} of the packets are copies; counted once",
    ),
    "model_collecting": (INFO, "模型仍在收集数据", "the model is still collecting"),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the daemon knows of itself at one moment; totals since its start unless said otherwise.

    received: frames the kernel gave or dropped. workers_linked: those that hand over steps now.
    scored, collected: host-minutes by what became of them. disk_*: of the state directory, bytes.
    """

    received: int = 0
    dropped: int = 0
    shed: int = 0
    decoded: int = 0
    duplicates: int = 0
    both_ways: int = 0
    one_way: int = 0
    workers: int = 1
    workers_linked: int = 0
    overload_level: int = 0
    writes_refused: int = 0
    collected: int = 0
    scored: int = 0
    disk_free: int | None = None
    disk_size: int | None = None
    clock_ns: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why things are as they are."""

    code: str
    severity: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict. figures: the Snapshot, and rates a second of the last minute."""

    live: bool
    ready: bool
    reasons: tuple[Reason, ...]
    figures: Mapping[str, Any]

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "live": self.live,
            "ready": self.ready,
            "reasons": [asdict(reason) for reason in self.reasons],
            "figures": dict(self.figures),
        }


class HealthWatch:
    """Keeps ten minutes of snapshots, and judges. `now` is monotonic seconds.

    One thread looks; any thread may ask for the verdict.
    """

    def __init__(self, now: float) -> None:
        self._kept: deque[tuple[float, Snapshot]] = deque([(now, Snapshot())])
        self._last = now
        self._moved = now  # when a packet came last
        self._begun = False
        self._seen_all = False
        self._lock = threading.Lock()

    def look(self, now: float, snapshot: Snapshot) -> None:
        """Take a snapshot; once a second or so."""
        with self._lock:
            self._take(now, snapshot)

    def health(self, now: float) -> Health:
        """The verdict at this moment; also when looks have ceased."""
        with self._lock:
            figures = {**asdict(self._newest), **self._rates(now)}
            told = dict(self._judge(now, figures))
        reasons = tuple(_reason(code, figure) for code, figure in told.items())
        ready = self._seen_all and all(reason.severity != BAD for reason in reasons)
        return Health("stalled" not in told, ready, reasons, figures)

    def _take(self, now: float, snapshot: Snapshot) -> None:
        if snapshot.received > self._newest.received or self._restarted(snapshot):
            self._moved = now
        if self._restarted(snapshot) or not self._begun:
            self._kept.clear()  # totals may come from an earlier life
        self._begun = True
        self._seen_all = self._seen_all or snapshot.workers_linked >= snapshot.workers
        if len(self._kept) > 1 and now - self._kept[-2][0] < _SAMPLE_SECONDS:
            self._kept.pop()
        self._kept.append((now, snapshot))
        while now - self._kept[0][0] > _DIRECTIONS_SECONDS:
            self._kept.popleft()
        self._last = now

    @property
    def one_way_connections(self) -> int:
        """Connections seen one way, while the tap is held to see one way; it only rises then."""
        return self._newest.one_way if self._sees_one_way() else 0

    @property
    def one_way_ratio(self) -> float:
        """Share of connections of the last ten minutes that were seen one way."""
        return one_way_share(*self._directions())

    @property
    def _newest(self) -> Snapshot:
        return self._kept[-1][1]

    def _restarted(self, snapshot: Snapshot) -> bool:
        """Totals that fall are those of another life."""
        return snapshot.received < self._newest.received or snapshot.decoded < self._newest.decoded

    def _since(self, now: float, seconds: float) -> tuple[float, Snapshot]:
        return next(each for each in self._kept if now - each[0] <= seconds or each is self._kept[-1])

    def _rates(self, now: float) -> dict[str, Any]:
        """Packets a second and shares of the last minute."""
        since, before = self._since(now, _WINDOW_SECONDS)
        seconds = max(self._kept[-1][0] - since, 1e-9)
        more = {each.name: _more(self._newest, before, each.name) for each in fields(Snapshot)}
        received, decoded, duplicates = more["received"], more["decoded"], more["duplicates"]
        lost = more["dropped"] + more["shed"]
        moving = self._kept[-1][0] > since
        return {
            "packets_per_second": received / seconds if moving else 0.0,
            "lost_share": lost / received if received else 0.0,
            "duplicate_share": duplicates / (decoded + duplicates) if decoded + duplicates else 0.0,
            "one_way_share": self.one_way_ratio,
            "seconds_without_packet": now - self._moved,
            "seconds_without_progress": now - self._last,
        }

    def _directions(self) -> tuple[int, int]:
        before, newest = self._kept[0][1], self._newest
        return newest.both_ways - before.both_ways, newest.one_way - before.one_way

    def _sees_one_way(self) -> bool:
        return is_one_way(*self._directions())

    def _judge(self, now: float, figures: Mapping[str, Any]):  # type: ignore[no-untyped-def]
        newest = self._newest
        if figures["seconds_without_progress"] > STALL_SECONDS:
            yield "stalled", f"{figures['seconds_without_progress']:.0f}"
        if newest.workers_linked < newest.workers:
            yield "worker_missing", str(newest.workers - newest.workers_linked)
        refused = _more(newest, self._kept[0][1], "writes_refused")
        if refused:
            yield "writes_refused", str(refused)
        lost = figures["lost_share"]
        if lost > _WARN_DROPS:
            yield "heavy_drops" if lost > _BAD_DROPS else "drops", f"{lost:.1%}"
        if newest.overload_level:
            yield "overload", str(newest.overload_level)
        if self._seen_all and figures["seconds_without_packet"] > _WINDOW_SECONDS:
            yield "no_traffic", f"{figures['seconds_without_packet']:.0f}"
        if self._sees_one_way():
            yield "one_way", f"{self.one_way_ratio:.0%}"
        if newest.disk_free is not None and newest.disk_size:
            if newest.disk_free < least_free_bytes(newest.disk_size):
                yield "disk_low", f"{newest.disk_free / (1 << 30):.1f} GiB"
        if figures["duplicate_share"] > _DOUBLING_SHARE:
            yield "mirror_doubles", f"{figures['duplicate_share']:.0%}"
        if newest.collected and not newest.scored:
            yield "model_collecting", ""


def _more(newest: Snapshot, before: Snapshot, name: str) -> int:
    after, earlier = getattr(newest, name), getattr(before, name)
    return 0 if after is None or earlier is None else max(after - earlier, 0)


def _reason(code: str, figure: str) -> Reason:
    severity, zh, en = REASONS[code]
    return Reason(code, severity, zh.format(figure), en.format(figure))
