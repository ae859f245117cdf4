"""Is what the tap shows a mirror of the campus? Both directions, tags, copies, whose traffic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from detectors.campus_networks import Network
from detectors.networks import Networks
from monitor.doctor.check import BAD, GOOD, UNKNOWN, WARN, Check
from monitor.doctor.listening import Heard
from wire.flows.one_way import LEAST_CONNECTIONS, is_one_way, one_way_share, tcp_seen
from wire.flows.records import UDP

_MOST_OWN_SHARE = 0.5
_MANY_COPIES = 0.3
_LEAST_PACKETS = 100
_LEAST_FRAMES, _APART = 20, 0.9
_DNS_PORT, _FEW_RESOLVERS, _MANY_HOSTS = 53, 2, 10


def mirror(heard: Heard, networks: Sequence[Network]) -> Iterator[Check]:
    """The checks of what was heard."""
    yield _traffic(heard)
    if heard.packets < _LEAST_PACKETS or heard.rows is None:
        return
    yield _directions(heard)
    yield _own(heard)
    yield _tags(heard)
    yield _copies(heard)
    yield _hosts(heard, networks)


def _traffic(heard: Heard) -> Check:
    seen = {"packets": heard.packets, "seconds": heard.seconds}
    zh, en = f"{heard.seconds:g} 秒内 {heard.packets} 个包", f"{heard.packets} packets in {heard.seconds:g} s"
    if heard.packets == 0:
        remedy = (
            "检查交换机镜像会话的源端口与目的端口",
            "check source and destination ports of the mirror session on the switch",
        )
        return Check("mirror traffic", BAD, zh, en, *remedy, seen)
    if heard.packets < _LEAST_PACKETS:
        remedy = (
            "在有人上网时再查，或 --seconds 更长",
            "check when the network is used, or for longer",
        )
        return Check("mirror traffic", UNKNOWN, f"{zh}，太少", f"{en}: too few to tell", *remedy, seen)
    return Check("mirror traffic", GOOD, zh, en, seen=seen)


def _directions(heard: Heard) -> Check:
    assert heard.rows is not None
    both_ways, one_way, _ = tcp_seen(heard.rows).tolist()
    share = one_way_share(both_ways, one_way)
    seen = {"both_ways": both_ways, "one_way": one_way}
    zh = f"{both_ways} 条 TCP 连接双向可见，{one_way} 条只见单向"
    en = f"{both_ways} TCP connections seen both ways, {one_way} one way"
    if is_one_way(both_ways, one_way):
        remedy = (
            "镜像设为双向（both / rx+tx）；一对分光器两个口都写进 capture.interfaces",
            "mirror both directions (rx and tx); of a pair of taps name both in capture.interfaces",
        )
        return Check("mirror directions", BAD, zh, en, *remedy, {**seen, "share": share})
    if both_ways + one_way < LEAST_CONNECTIONS:
        return Check("mirror directions", UNKNOWN, f"{zh}，太少", f"{en}: too few to tell", seen=seen)
    return Check("mirror directions", GOOD, zh, en, seen=seen)


def _own(heard: Heard) -> Check:
    share = heard.own / heard.packets
    seen = {"own": heard.own}
    zh, en = f"本机自身流量占 {share:.0%}", f"{share:.0%} of the packets are this machine's own"
    if share > _MOST_OWN_SHARE:
        remedy = (
            "这像管理口，不是镜像口：改 capture.interfaces",
            "this looks like the management port, not the mirror: change capture.interfaces",
        )
        return Check("mirror own traffic", WARN, zh, en, *remedy, seen)
    return Check("mirror own traffic", GOOD, zh, en, seen=seen)


def _tags(heard: Heard) -> Check:
    """A mirror that tags one direction: a pair of stations whose frames are tagged one way only."""
    one_sided = pairs = 0
    for (source, destination), (frames, tagged) in heard.pairs.items():
        back, back_tagged = heard.pairs.get((destination, source), (0, 0))
        if source < destination and min(frames, back) >= _LEAST_FRAMES:
            pairs += 1
            one_sided += abs(tagged / frames - back_tagged / back) > _APART
    tagged = sum(each[1] for each in heard.pairs.values())
    seen = {"pairs": pairs, "one_sided": one_sided, "tagged_frames": tagged}
    if one_sided > pairs / 2:
        return Check(
            "mirror vlan",
            WARN,
            "镜像只给一个方向打 VLAN 标签",
            "the mirror tags one direction only",
            "保持 flows.vlan: ignore，否则同一连接被拆成两条",
            "keep flows.vlan: ignore; else each connection falls into two",
            seen,
        )
    zh, en = f"{tagged} 帧带标签，两向一致", f"{tagged} frames are tagged; both ways alike"
    return Check("mirror vlan", GOOD, zh, en, seen=seen)


def _copies(heard: Heard) -> Check:
    share = heard.duplicates / max(heard.decoded + heard.duplicates, 1)
    seen = {"duplicates": heard.duplicates, "share": round(share, 4)}
    zh, en = f"{share:.1%} 的包是镜像重复", f"{share:.1%} of the packets are copies"
    if share > _MANY_COPIES:
        remedy = (
            "重复包只计一次；要省一半负载，镜像只取一处（如只取上联口）",
            "copies are counted once; to halve the load mirror in one place (the uplink)",
        )
        return Check("mirror copies", WARN, zh, en, *remedy, seen)
    return Check("mirror copies", GOOD, zh, en, seen=seen)


def _hosts(heard: Heard, networks: Sequence[Network]) -> Check:
    """Campus hosts, and whether their own DNS questions pass by, or only those of a resolver."""
    rows, campus = heard.rows, Networks(networks)
    assert rows is not None
    addresses = [rows[[f"{end}_hi", f"{end}_lo"]].copy() for end in ("client", "server")]
    for each in addresses:
        each.dtype.names = ("hi", "lo")
    both = np.unique(np.concatenate(addresses))
    hosts = int(campus.contain(both["hi"], both["lo"]).sum())
    asks = (rows["protocol"] == UDP) & (rows["server_port"] == _DNS_PORT)
    askers = len(np.unique(addresses[0][asks]))
    seen = {"hosts": hosts, "dns_clients": askers}
    if hosts == 0:
        remedy = ("把校内网段写进 campus.networks", "name the campus's networks in campus.networks")
        zh, en = "没有地址属于 campus.networks", "no address lies in campus.networks"
        return Check("mirror hosts", WARN, zh, en, *remedy, seen)
    if hosts >= _MANY_HOSTS and 0 < askers <= _FEW_RESOLVERS:
        return Check(
            "mirror hosts",
            WARN,
            f"{hosts} 台主机，但 DNS 只来自 {askers} 个地址：看到的是解析器之后",
            f"{hosts} hosts, yet DNS comes from {askers}: the tap is behind the resolver",
            "镜像主机与校内解析器之间的端口，名称才准",
            "mirror the ports between hosts and the campus resolver, for names to be right",
            seen,
        )
    return Check("mirror hosts", GOOD, f"{hosts} 台校内主机", f"{hosts} campus hosts", seen=seen)
