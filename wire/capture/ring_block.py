"""The kernel that walks a block of a TPACKET_V3 ring where it lies.

Layouts and flags are those of linux/if_packet.h: struct tpacket_block_desc at the block's start,
then frames, each with a struct tpacket3_hdr and a struct sockaddr_ll before it. All numbers are in
the machine's order, which is little-endian here. The memory is shared with the operating system:
each number is read once, and believed within the block alone.
"""

from __future__ import annotations

import sys

import numpy as np

from wire.capture.frame_index import uint32_at, wire_length
from wire.capture.frames import (
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    DIRECTION_UNKNOWN,
    VLAN_ABSENT,
)
from wire.kernel import kernel

if sys.byteorder != "little":
    raise ImportError("rings are walked on little-endian machines only")

#: struct tpacket_block_desc: where its fields stand; behind it the walker's mark.
BLOCK_STATUS, BLOCK_FRAMES, BLOCK_FIRST, BLOCK_NUMBER, BLOCK_OPENED, BLOCK_MARK = 8, 12, 16, 24, 32, 48
#: The block is ours (TP_STATUS_USER).
OURS = 1
#: struct tpacket3_hdr, and struct sockaddr_ll behind it.
_NEXT, _SECONDS, _NANOSECONDS, _CAPTURED, _WIRE, _STATUS, _MAC, _VLAN = 0, 4, 8, 12, 16, 20, 24, 32
_PACKET_TYPE, _HEADER_BYTES = 58, 68
_VLAN_VALID, _RAW_HARDWARE = 1 << 4, 1 << 31
_TO_OTHER_HOST, _OUTGOING = 3, 4
_TAG_BYTES = 4
_SLACK_NS = 1_000_000_000


@kernel
def index_ring_block(ring, position, end, left, opened_ns, now_ns, count, frames):  # type: ignore[no-untyped-def]
    """Index frames of one block into `frames` from row `count`, all columns but `interface`.

    `position`: where the next frame's header stands in `ring`; `end`: where the block ends; `left`:
    frames that follow. A NIC's clock is believed between `opened_ns`, when the system opened the
    block, and `now_ns`, give or take a second; a frame that it stamps otherwise gets `opened_ns`.
    Returns (rows filled, position of the next frame, frames left, frames of which the NIC's clock
    was not believed). Rows ran out, or `left` is 0; or else the next frame does not lie within the
    block, and nothing that follows can be found.
    """
    unsound = 0
    end = min(end, np.int64(len(ring)))
    while left > 0 and count < len(frames.offset):
        if position < 0 or position + _HEADER_BYTES > end:
            break
        start = position + (np.int64(ring[position + _MAC]) | (np.int64(ring[position + _MAC + 1]) << 8))
        captured = uint32_at(ring, position + _CAPTURED, False)
        if start < position + _HEADER_BYTES or start > end or captured > end - start:
            break
        status = uint32_at(ring, position + _STATUS, False)
        time = uint32_at(ring, position + _SECONDS, False) * 1_000_000_000
        time += uint32_at(ring, position + _NANOSECONDS, False)
        if (status & _RAW_HARDWARE) != 0 and (time < opened_ns - _SLACK_NS or time > now_ns + _SLACK_NS):
            time = opened_ns
            unsound += 1
        wire = uint32_at(ring, position + _WIRE, False)
        vlan = np.int64(VLAN_ABSENT)
        if (status & _VLAN_VALID) != 0:
            vlan = uint32_at(ring, position + _VLAN, False) & 0xFFFF
            wire += _TAG_BYTES  # on the wire the tag was part of the frame
        packet_type = ring[position + _PACKET_TYPE]
        direction = DIRECTION_UNKNOWN
        if packet_type == _OUTGOING:
            direction = DIRECTION_OUTBOUND
        elif packet_type < _TO_OTHER_HOST:
            direction = DIRECTION_INBOUND
        frames.offset[count] = start
        frames.captured_bytes[count] = captured
        frames.wire_bytes[count] = wire_length(wire, captured)
        frames.timestamp_ns[count] = time
        frames.vlan[count] = vlan
        frames.direction[count] = direction
        count += 1
        left -= 1
        step = uint32_at(ring, position + _NEXT, False)
        if left > 0 and step < _HEADER_BYTES:
            position = end  # it would not move on
            break
        position += step
    return count, position, left, unsound
