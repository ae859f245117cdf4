"""A campus mix of any size, as a pcap: the traffic of the benchmark.

Of the flows (30,000 a million packets) 45% are TLS, half with a hello of about 1,750 bytes split
over two segments; 20% QUIC, really encrypted, a third with shuffled CRYPTO frames over two
datagrams; 25% DNS; 10% HTTP/1. Most bytes lie in few bulk flows. A tenth of the flows are IPv6.
The same seed gives the same bytes. Beside CAPTURE stands CAPTURE.json: what it truly holds.

    python -m tests.bench.campus_mix build/mix-1m.pcap --packets 1000000
    python -m tests.bench.campus_mix build/open-100k.pcap --concurrent 100000
"""

from __future__ import annotations

import argparse
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.frames_kernel import (
    DNS,
    FLOW,
    FULL_SEGMENT,
    HTTP,
    LARGEST_FRAME,
    OPEN_TLS,
    OPEN_UDP,
    QUIC,
    TLS,
    lay_out,
    write_frames,
)
from tests.bench.openings import Openings, campus_names

FLOWS_PER_PACKET = 0.03
SHARES = ((TLS, 0.45), (QUIC, 0.20), (DNS, 0.25), (HTTP, 0.10))
PACKETS_PER_SECOND = 50_000
CLIENTS = 2_000
START_NS = 1_788_220_800_000_000_000  # 2026-09-01 00:00 UTC, 08:00 in China: the first school day
FRAMES_PER_WRITE = 32_768
IPV4_MAPPED = np.uint64(0x0000FFFF_00000000)
KIND_NAMES = {TLS: "tls", QUIC: "quic", DNS: "dns", HTTP: "http", OPEN_TLS: "open_tls", OPEN_UDP: "open_udp"}


def _draw_names(count: int, names: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Names by a Zipf-like law: a few carry most flows, most are rare."""
    weight = 1.0 / np.arange(1, names + 1) ** 0.9
    return generator.choice(names, size=count, p=weight / weight.sum())


def _address(
    flows: NDArray[Any], clients: NDArray[Any], names: NDArray[Any], generator: np.random.Generator
) -> None:
    """Clients in 10.0.0.0/8 and fd00::/8; servers in 198.18.0.0/15 (RFC 2544) and 2001:db8::/32."""
    count = len(flows)
    flows["ipv6"] = (generator.random(count) < 0.1) & (flows["kind"] != DNS)
    v6 = flows["ipv6"] == 1
    replica = generator.integers(0, 3, count).astype(np.uint64)
    server = (names.astype(np.uint64) * np.uint64(4) + replica) & np.uint64(0x1FFFF)
    flows["client_lo"] = IPV4_MAPPED | np.uint64(0x0A010000) + clients.astype(np.uint64)
    flows["server_lo"] = IPV4_MAPPED | np.uint64(0xC6120000) + server
    flows["client_hi"][v6] = np.uint64(0xFD00_0000_0000_0001)
    flows["client_lo"][v6] = clients[v6].astype(np.uint64) + np.uint64(0x1000)
    flows["server_hi"][v6] = np.uint64(0x2001_0DB8_0000_0000)
    flows["server_lo"][v6] = server[v6] + np.uint64(0x10000)
    dns = flows["kind"] == DNS
    flows["server_hi"][dns] = 0
    flows["server_lo"][dns] = IPV4_MAPPED | np.uint64(0x0A000035)
    by_client = np.argsort(clients, kind="stable")
    rank = np.empty(count, np.int64)
    ordered = clients[by_client]
    first = np.searchsorted(ordered, ordered, side="left")
    rank[by_client] = np.arange(count) - first
    flows["client_port"] = 32768 + (rank + clients * 977) % 28000
    flows["server_port"] = np.select([dns, flows["kind"] == HTTP], [53, 80], 443)


def _draw_sizes(flows: NDArray[Any], packets: int, generator: np.random.Generator) -> None:
    """Data packets a flow: many small, few bulk; together exactly `packets` packets."""
    count = len(flows)
    kind = flows["kind"]
    carries = kind != DNS
    shape = generator.random(count)
    data = np.where(shape < 0.7, generator.integers(3, 12, count), generator.integers(12, 60, count))
    bulk = carries & (shape > 0.94)
    fixed = np.select(
        [kind == TLS, kind == HTTP, kind == QUIC],
        [
            6 + (flows["client_cut"] > 0) + _segments(flows) + 1 + 3,
            5 + _segments(flows) + 3,
            2 + (flows["client_cut"] > 0),
        ],
        2,
    )
    data = np.where(carries & ~bulk, data, 0)
    left = packets - int(fixed.sum()) - int(data.sum())
    share = generator.pareto(1.6, count) + 0.2
    share = np.where(bulk, np.minimum(share, 50), 0)
    extra = np.floor(share / share.sum() * max(left, 0)).astype(np.int64)
    extra[np.flatnonzero(bulk)[0]] += left - int(extra.sum())
    flows["data_packets"] = data + extra
    flows["packets"] = fixed + flows["data_packets"]
    small = generator.integers(300, FULL_SEGMENT, count)
    flows["data_bytes"] = np.where(bulk, FULL_SEGMENT, small)
    flows["gap_ns"] = np.where(bulk, 2_000_000, 25_000_000)


def _segments(flows: NDArray[Any]) -> NDArray[np.int64]:
    return (flows["server_length"].astype(np.int64) + FULL_SEGMENT - 1) // FULL_SEGMENT


def mix(packets: int, seed: int) -> tuple[NDArray[Any], bytes, dict[str, Any]]:
    """Flows of a mix of exactly `packets` packets, the arena of their openings, and the truth."""
    generator = np.random.default_rng(seed)
    names = campus_names(seed)
    count = int(packets * FLOWS_PER_PACKET)
    flows = np.zeros(count, FLOW)
    flows["kind"] = generator.choice([k for k, _ in SHARES], size=count, p=[share for _, share in SHARES])
    flows["start_ns"] = START_NS + np.sort(
        generator.integers(0, packets * 1_000_000_000 // PACKETS_PER_SECOND, count)
    )
    flows["rtt_ns"] = generator.integers(2_000_000, 60_000_000, count)
    flows["client_seq"] = generator.integers(0, 2**32, count)
    flows["server_seq"] = generator.integers(0, 2**32, count)
    drawn = _draw_names(count, len(names), generator)
    clients = (CLIENTS * generator.beta(1.0, 2.0, count)).astype(np.int64)
    _address(flows, clients, drawn, generator)
    openings = Openings(seed)
    for flow, name in zip(flows, drawn.tolist(), strict=True):
        openings.fill(flow, names[name], name)
    _draw_sizes(flows, packets, generator)
    return flows, openings.arena(), openings.truth()


def concurrent(count: int, seed: int) -> tuple[NDArray[Any], bytes, dict[str, Any]]:
    """`count` flows that are all open at once: TLS with four packets (70%), UDP with two."""
    generator = np.random.default_rng(seed)
    names = campus_names(seed)
    flows = np.zeros(count, FLOW)
    flows["kind"] = np.where(generator.random(count) < 0.7, OPEN_TLS, OPEN_UDP)
    drawn = _draw_names(count, len(names), generator)
    _address(flows, np.arange(count) % CLIENTS, drawn, generator)
    flows["server_port"][flows["kind"] == OPEN_UDP] = 8801
    openings = Openings(seed)
    for flow, name in zip(flows, drawn.tolist(), strict=True):
        openings.fill(flow, names[name], name)
    flows["packets"] = np.where(flows["kind"] == OPEN_TLS, 4, 2)
    return flows, openings.arena(), openings.truth()


def _times_all_open(flows: NDArray[Any], times: NDArray[Any], owners: NDArray[Any]) -> None:
    """Every flow's first packet, then every flow's second, and so on, within 20 seconds."""
    ordinal = np.concatenate([np.flatnonzero(flows["packets"] > k) for k in range(4)])
    owners[:] = ordinal
    times[:] = START_NS + np.arange(len(times)) * 20_000_000_000 // len(times)


def write(
    path: Path, flows: NDArray[Any], arena: bytes, truth: dict[str, Any], *, all_open: bool
) -> dict[str, Any]:
    """Write the flows' frames in time order to `path`, and the truth beside it; returns the truth."""
    total = int(flows["packets"].sum())
    times, owners = np.empty(total, np.int64), np.empty(total, np.int32)
    if all_open:
        _times_all_open(flows, times, owners)
    else:
        lay_out(flows, times, owners)
    order = np.argsort(times, kind="stable")
    noise = np.frombuffer(np.random.default_rng(7).bytes(1 << 18), np.uint8)
    payload = np.frombuffer(arena, np.uint8)
    out = np.empty(FRAMES_PER_WRITE * LARGEST_FRAME, np.uint8)
    wire = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for first in range(0, total, FRAMES_PER_WRITE):
            last = min(first + FRAMES_PER_WRITE, total)
            size, block = write_frames(flows, order, times, owners, first, last, payload, noise, out)
            file.write(out[:size].data)
            wire += int(block)
    kinds, counts = np.unique(flows["kind"], return_counts=True)
    truth = {
        "packets": total, "wire_bytes": wire, "flows": len(flows),
        "flows_by_kind": {KIND_NAMES[int(k)]: int(n) for k, n in zip(kinds, counts, strict=True)},
        "event_seconds": float((times.max() - times.min()) / 1e9), **truth,
    }  # fmt: skip
    path.with_suffix(path.suffix + ".json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return truth


def main() -> None:
    """Read the command line and write one capture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("capture", type=Path)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--packets", type=int)
    size.add_argument("--concurrent", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.packets is not None:
        flows, arena, truth = mix(options.packets, options.seed)
    else:
        flows, arena, truth = concurrent(options.concurrent, options.seed)
    written = write(options.capture, flows, arena, truth, all_open=options.concurrent is not None)
    print(json.dumps({key: written[key] for key in ("packets", "flows", "wire_bytes", "event_seconds")}))


if __name__ == "__main__":
    main()
