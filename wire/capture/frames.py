"""FrameBlock: the record that passes from capture to flows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Direction of a frame as the capture knows it (AF_PACKET sll_pkttype, pcapng epb_flags).
DIRECTION_UNKNOWN, DIRECTION_INBOUND, DIRECTION_OUTBOUND = 0, 1, 2
#: `vlan` of a frame whose capture carries no VLAN metadata beside the frame's own bytes.
VLAN_ABSENT = -1


@dataclass(slots=True)
class FrameBlock:
    """Some frames of one capture, in capture order, zero-copy over `buffer`.

    | field | shape, dtype | unit and meaning |
    |---|---|---|
    | buffer | (bytes,) uint8 | the file's pages, a ring's block, or a copy; C-contiguous |
    | offset | (n,) int64 | where the frame's first byte stands in `buffer` |
    | captured_bytes | (n,) int32 | bytes of the frame that `buffer` holds |
    | wire_bytes | (n,) int32 | bytes of the frame on the wire |
    | timestamp_ns | (n,) int64 | nanoseconds since the epoch, UTC |
    | interface | (n,) int32 | index into `link_types` |
    | vlan | (n,) int32 | tag control information from metadata, VLAN_ABSENT without |
    | direction | (n,) uint8 | DIRECTION_* |
    | link_types | (interfaces,) int32 | LINKTYPE_* number of each interface |

    `offset[i] >= 0` and `offset[i] + captured_bytes[i] <= len(buffer)` hold for every frame:
    the capture checks them, and kernels check them again.
    """

    buffer: NDArray[np.uint8]
    offset: NDArray[np.int64]
    captured_bytes: NDArray[np.int32]
    wire_bytes: NDArray[np.int32]
    timestamp_ns: NDArray[np.int64]
    interface: NDArray[np.int32]
    vlan: NDArray[np.int32]
    direction: NDArray[np.uint8]
    link_types: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.offset)
