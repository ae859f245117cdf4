"""The words of findings, in Chinese and English, in one table. No text holds an address."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.forest.explanation import Reason
from detectors.rules.signal import Signal

#: What the wire could not show, by rule.
LIMITS = {
    "anomalous-host": {
        "zh": "流量看不出意图，也看不到加密内容；地址背后可能不止一台设备。",
        "en": "Traffic shows neither intent nor encrypted content; an address may hide several devices.",
    },
    "model-drift": {
        "zh": "分布为何改变无从得知：假期、新设备与攻击都会如此。",
        "en": "Why it changed cannot be seen: holidays, new devices and attacks all do this.",
    },
    "sensor-degraded": {
        "zh": "间断期间经过的流量无从得知。",
        "en": "What passed during the gap cannot be known.",
    },
}

#: Why the sensor did not see.
GAPS = {
    "worker_lost": ("一个抓包进程意外结束并已重启", "A capture process ended unasked and was started again"),
    "analysis_lost": ("分析进程意外结束并已重启", "The analysis process ended unasked and was started again"),
    "analysis_renewed": ("分析进程按计划重启", "The analysis process began anew as planned"),
    "daemon_lost": ("守护进程意外结束后重新启动", "The daemon ended unasked and was started again"),
    "overload": ("过载，部分包未解析", "Overload: some packets were not decoded"),
    "kernel_drops": ("抓包缓冲已满，内核丢弃了包", "The ring was full and the kernel dropped packets"),
    "one_way": ("镜像只显示一个方向", "The tap showed one direction of connections only"),
}

PATTERNS = {
    "scan-vertical": ("端口扫描（单一目标）", "a port scan of one target"),
    "scan-horizontal": ("端口扫描（多个目标）", "a scan of one port over many targets"),
    "address-sweep": ("地址探测（ARP 或 ICMP）", "an address sweep (ARP or ICMP)"),
    "brute-force": ("口令猜测（反复登录）", "password guessing (repeated logins)"),
    "flood": ("洪泛", "a flood"),
    "dns-tunnel": ("DNS 隧道", "a DNS tunnel"),
    "icmp-tunnel": ("ICMP 隧道", "an ICMP tunnel"),
    "dga": ("算法生成域名", "look-ups of generated names"),
    "exfiltration": ("大量外传数据", "exfiltration of data"),
    "lateral-movement": ("横向移动", "lateral movement"),
    "worm": ("蠕虫式传播", "spreading as a worm does"),
    "mining": ("加密货币挖矿", "mining of crypto coins"),
    "beacon": ("定时回连（信标）", "a beacon (regular call-backs)"),
}

#: What is compared of a service's quarter of an hour.
SERVICE_FIGURES = {
    "flows": ("连接数", "flows"),
    "devices": ("设备数", "devices"),
    "bytes_up": ("上行字节", "bytes up"),
    "bytes_down": ("下行字节", "bytes down"),
    "failed_share": ("失败占比", "share of failed connections"),
}

FEATURE_WORDS = {
    "flows_opened": ("新建连接数", "flows opened"),
    "packets": ("包数", "packets"),
    "bytes_out": ("发出字节", "bytes sent"),
    "bytes_in": ("收到字节", "bytes received"),
    "out_share": ("发出占比", "share of bytes sent"),
    "servers": ("访问的服务器数", "servers contacted"),
    "server_ports": ("访问的端口数", "server ports contacted"),
    "failed_flows": ("失败连接数", "failed flows"),
    "failed_share": ("失败占比", "share of failed flows"),
    "flows_per_server": ("每台服务器的连接数", "flows per server"),
    "dns_queries": ("DNS 查询数", "DNS queries"),
    "nxdomain_share": ("域名不存在占比", "share of NXDOMAIN answers"),
    "unnamed_share": ("无名连接占比", "share of unnamed flows"),
    "third_party_share": ("广告与跟踪占比", "share of advertising and tracking flows"),
    "udp_share": ("UDP 占比", "share of UDP flows"),
    "inbound_flows": ("被访问连接数", "inbound flows"),
    "inbound_peers": ("来访地址数", "addresses that connected in"),
    "small_flow_share": ("小流占比", "share of tiny flows"),
    "control_packets": ("ICMP/ARP 包数", "ICMP and ARP packets"),
    "frame_bytes_out": ("发出帧的平均字节", "mean bytes per frame sent"),
    "failed_servers": ("连接失败的服务器数", "servers that failed"),
    "reset_flows": ("被重置拒绝的连接数", "flows refused by a reset"),
    "unanswered_flows": ("无应答连接数", "unanswered flows"),
    "nxdomains": ("域名不存在应答数", "NXDOMAIN answers"),
    "unreachables": ("ICMP 不可达数", "ICMP unreachable messages"),
    "internal_servers": ("访问的校内地址数", "internal addresses contacted"),
    "odd_port_servers": ("非常用端口的服务器数", "servers contacted on uncommon ports"),
    "login_flows": ("登录端口连接数", "flows to login ports"),
    "unnamed_bytes_out": ("发往校外无名地址的字节", "bytes sent to unnamed addresses outside"),
    "new_servers": ("首次访问的服务器数", "servers never contacted before"),
    "new_names": ("全校首次查询的域名数", "names never asked for on this campus"),
    "name_length": ("域名子标签平均长度", "mean length of names below their domain"),
    "name_entropy": ("域名子标签的熵", "entropy of names below their domain"),
    "countries": ("域名所属国别数", "country domains asked for"),
    "encrypted_dns_share": ("加密 DNS 占比", "share of encrypted DNS"),
    "protocol_mix": ("协议混杂程度", "mix of protocols"),
    "inbound_failed": ("被本机拒绝的来访连接数", "inbound flows that the host refused"),
    "lasting_flows": ("长连接数", "long connections"),
    "open_regularity": ("建连时间规律性", "regularity of openings"),
    "beacon_score": ("定时回连程度", "regularity of calls to one place over hours"),
    "night_share": ("夜间连接占比", "share of flows opened at night"),
    "active_minutes": ("活动分钟数", "active minutes"),
    "failing_slices": ("出现失败的五分钟段数", "five-minute slices with failures"),
    "busiest_share": ("最忙五分钟的连接占比", "share of the busiest five minutes"),
}


def narrate(
    minutes: int, patterns: Sequence[Signal], reasons: Sequence[Reason], touched: int = 0
) -> dict[str, str]:
    """One sentence in each language: what the host did, how long, to how many, and what moved the score."""
    named = [PATTERNS[each.pattern] for each in patterns if each.pattern]
    zh, en = f"该主机连续 {minutes} 分钟内行为异常", f"Within {minutes} min this host behaved unusually"
    if named:
        zh += "，表现为" + "、".join(words for words, _ in named)
        en += ", in the manner of " + " and ".join(words for _, words in named)
    if touched:
        zh += f"，波及校内 {touched} 台主机"
        en += f", touching {touched} other {'host' if touched == 1 else 'hosts'} of the campus"
    moved = [(FEATURE_WORDS[each.feature], each) for each in reasons]
    if moved:
        zh += "：" + "；".join(f"{w[0]} {_figure(r.seen)}（通常 {_figure(r.usual)}）" for w, r in moved)
        en += ": " + "; ".join(f"{w[1]} {_figure(r.seen)} (usually {_figure(r.usual)})" for w, r in moved)
    return {"zh": zh + "。", "en": en + "."}


def _figure(value: float) -> str:
    """A figure as a person writes it: whole from ten on, else two digits."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"
