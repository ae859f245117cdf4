"""Some seconds of a tap's packets, for the checks of the mirror. Nothing is kept but counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor.doctor.link import address
from wire.capture.frame_index import FrameArrays
from wire.capture.frames import FrameBlock
from wire.capture.packet_socket import SocketPlan, open_packet_socket
from wire.capture.ring import Ring
from wire.flows.table import FlowSettings, FlowTable

_PLAN = {"block_bytes": 1 << 20, "blocks": 16, "frame_timeout_ms": 50}
_MOST_PACKETS = 2_000_000
_MOST_PAIRS = 50_000
_MAC_BYTES, _ETHERNET = 6, 1
_TAGS = (0x8100, 0x88A8, 0x9100)


@dataclass(slots=True)
class Heard:
    """What passed by a tap. rows: FLOW_ROWs of all flows, cut off at the end of the listening.

    pairs: (source MAC, destination MAC) -> [frames, frames with a VLAN tag]; not all when there are
    more pairs than are kept. own: frames from or to the interface's own address.
    """

    seconds: float
    packets: int = 0
    decoded: int = 0
    duplicates: int = 0
    own: int = 0
    rows: NDArray[np.void] | None = None
    pairs: dict[tuple[bytes, bytes], list[int]] = field(default_factory=dict)


def listen(
    interfaces: Sequence[str],
    seconds: float,
    window_seconds: float,
    promiscuous: bool = True,
    filter_text: str | None = None,
) -> Heard:
    """Listen on interfaces as the daemon would, counted into one. Raises CaptureError."""
    heard = Heard(seconds)
    table = FlowTable(FlowSettings(max_flows=65_536, duplicate_window_seconds=window_seconds))
    rows: list[NDArray[np.void]] = [output.rows for output in table.advance(_nothing())]
    with ExitStack() as opened:
        sources = []
        for name in interfaces:
            plan = SocketPlan(
                **_PLAN, interface=name, promiscuous=promiscuous, fanout_group=None, fanout_size=1,
                filter_text=filter_text,
            )  # fmt: skip
            sock = opened.enter_context(closing(open_packet_socket(plan)))
            ring = opened.enter_context(closing(Ring(sock.fileno(), plan)))
            sources.append(ring.blocks(0.05))
            opened.callback(sources[-1].close)  # type: ignore[attr-defined]
        macs = [address(name) for name in interfaces]
        end = time.monotonic() + seconds  # after what it takes to load the kernels
        while time.monotonic() < end and heard.packets < _MOST_PACKETS:
            for source, own in zip(sources, macs, strict=True):
                block = next(source)
                if block is not None:
                    _note(heard, block, own)
                    rows += [output.rows for output in table.advance(block)]
    rows += [output.rows for output in table.finish()]
    heard.rows = np.concatenate(rows)
    counters = table.counters()
    heard.packets, heard.decoded = counters["packets"], counters["decoded"]
    heard.duplicates = counters["duplicates"]
    return heard


def _nothing() -> FrameBlock:
    """A block without frames, to have the kernels at hand before packets come."""
    return FrameArrays.empty(1).block(np.zeros(1, np.uint8), 0, np.array([_ETHERNET], np.int32))


def _note(heard: Heard, block: FrameBlock, own: bytes) -> None:
    """Count a block's MAC addresses and tags."""
    heard.packets += len(block)
    if not len(block) or block.link_types[0] != _ETHERNET:
        return
    whole = block.offset[block.captured_bytes >= 2 * _MAC_BYTES + 2]
    tagged = block.vlan[block.captured_bytes >= 2 * _MAC_BYTES + 2] >= 0
    head = block.buffer[whole[:, None] + np.arange(2 * _MAC_BYTES + 2)]
    kind = head[:, -2].astype(np.int32) << 8 | head[:, -1]
    tagged |= np.isin(kind, _TAGS)
    for destination_source, tags in (((head[~tagged, :12]), 0), ((head[tagged, :12]), 1)):
        macs = [each.tobytes() for each in destination_source]
        for both, frames in Counter(macs).items():
            destination, source = both[:_MAC_BYTES], both[_MAC_BYTES:]
            heard.own += frames * (own in (destination, source))
            pair = heard.pairs.get((source, destination))
            if pair is None and len(heard.pairs) < _MOST_PAIRS:
                pair = heard.pairs[source, destination] = [0, 0]
            if pair is not None:
                pair[0] += frames
                pair[1] += frames * tags
