"""The pcapng file format: sections and interfaces in Python, packet blocks in a kernel.

Source: draft-ietf-opsawg-pcapng (section 4.1 section header, 4.2 interface description).
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from wire.capture import link_types
from wire.capture.frame_index import (
    BAD_LENGTH,
    BAD_LINK_TYPE,
    DESCRIPTION,
    FULL,
    NEEDS_MORE,
    FrameArrays,
)
from wire.capture.link_types import LinkTypeTable
from wire.capture.pcapng_blocks import (
    BIG_ENDIAN,
    INTERFACES,
    MAX_PCAPNG_BLOCK_BYTES,
    REFUSED_INTERFACE,
    SECTION_HEADER,
    SKIPPED,
    InterfaceArrays,
    index_pcapng,
)

MAGIC = SECTION_HEADER.to_bytes(4, "big")
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_TIME_RESOLUTION_OPTION, _TIME_OFFSET_OPTION = 9, 14
#: Options of one interface that are looked at; a damaged file may hold millions.
_MAX_OPTIONS = 256
#: Interfaces of one section, also those of link types that are not decoded.
_MAX_SECTION_INTERFACES = 65_536
_MAX_OFFSET_NS = (1 << 62) - 1
#: Stop-overs in Python within one block of frames: bounds the time between two checks.
_MAX_DESCRIPTIONS = 4096


class PcapngIndexer:
    """Indexes the blocks of one pcapng file, section by section.

    `skipped` counts what SKIPPED names, shape (len(SKIPPED),) int64.
    """

    def __init__(self, table: LinkTypeTable) -> None:
        self._table = table
        self._section = np.zeros(4, np.int64)
        self._interfaces = _empty_interfaces(8)
        self._fault = ""
        self._begun = False
        self.skipped = np.zeros(len(SKIPPED), np.int64)

    def index(
        self, data: NDArray[np.uint8], position: int, count: int, frames: FrameArrays
    ) -> tuple[int, int, int]:
        """Index from `position`; see index_pcapng. Never returns DESCRIPTION."""
        size = len(data)
        words = data[: size & ~3].view("<u4")
        for _ in range(_MAX_DESCRIPTIONS):
            count, position, status = index_pcapng(
                words, size, position, count, self._section, self._interfaces, frames, self.skipped
            )
            if status != DESCRIPTION:
                return count, position, self._explain(status)
            length, status = self._describe(data, position)
            if status != FULL:
                return count, position, status
            position += length
        return count, position, FULL

    @property
    def begun(self) -> bool:
        """A section header has been read: this is a pcapng file indeed."""
        return self._begun

    def fault(self, status: int) -> str:
        """The clause that tells of a status which ends the file."""
        return self._fault

    def _explain(self, status: int) -> int:
        if status == BAD_LENGTH:
            self._fault = "a block's length is impossible; the file is damaged there"
        elif status == BAD_LINK_TYPE:
            which = int(self._section[REFUSED_INTERFACE])
            number = int(self._interfaces.link_type[which])
            self._fault = f"interface {which}: {link_types.refusal(number)}"
        return status

    def _describe(self, data: NDArray[np.uint8], position: int) -> tuple[int, int]:
        """Read a section header or interface description; its length, and FULL or a fault."""
        head = data[position : position + 12].tobytes()
        is_section = head[:4] == MAGIC
        order = self._order
        if is_section:
            for order in ("<", ">"):
                if struct.unpack(f"{order}I", head[8:])[0] == _BYTE_ORDER_MAGIC:
                    break
            else:
                self._fault = "a section header has no byte order; the file is damaged there"
                return 0, BAD_LENGTH
        (length,) = struct.unpack(f"{order}I", head[4:8])
        if not (28 if is_section else 20) <= length <= MAX_PCAPNG_BLOCK_BYTES or length % 4:
            return 0, self._explain(BAD_LENGTH)
        if position + length > len(data):
            return 0, NEEDS_MORE
        block = data[position : position + length].tobytes()
        if block[-4:] != head[4:8]:
            return 0, self._explain(BAD_LENGTH)
        return length, self._begin_section(block, order) if is_section else self._add(block, order)

    @property
    def _order(self) -> str:
        return ">" if self._section[BIG_ENDIAN] else "<"

    def _begin_section(self, block: bytes, order: str) -> int:
        (major,) = struct.unpack_from(f"{order}H", block, 12)
        if major != 1:
            self._fault = f"pcapng version {major} is not known; convert it with editcap"
            return BAD_LENGTH
        self._section[BIG_ENDIAN] = order == ">"
        self._section[INTERFACES] = 0
        self._begun = True
        return FULL

    def _add(self, block: bytes, order: str) -> int:
        row = int(self._section[INTERFACES])
        if self._table.full or row >= _MAX_SECTION_INTERFACES:
            self._fault = "too many interfaces; split the capture with editcap"
            return BAD_LENGTH
        if row == len(self._interfaces.run_index):
            self._interfaces = _grown(self._interfaces)
        link_type, snap_length = struct.unpack_from(f"{order}H2xI", block, 8)
        resolution, offset_s = _time_options(block[16:-4], order)
        decimals = resolution - 9
        into = self._interfaces
        supported = link_type in link_types.SUPPORTED
        into.run_index[row] = self._table.add(link_type) if supported else -1
        into.link_type[row] = link_type
        into.snap_length[row] = snap_length
        binary = bool(resolution & 0x80)
        into.shift[row] = resolution & 0x7F if binary else -1
        into.multiply[row] = 10 ** max(0, -decimals)
        into.divide[row] = 0 if decimals > 19 else 10 ** max(0, decimals)
        into.offset_ns[row] = max(-_MAX_OFFSET_NS, min(_MAX_OFFSET_NS, offset_s * 10**9))
        self._section[INTERFACES] = row + 1
        return FULL


def _time_options(options: bytes, order: str) -> tuple[int, int]:
    """(if_tsresol byte, if_tsoffset in seconds); microseconds and 0 where absent."""
    resolution, offset_s, at = 6, 0, 0
    for _ in range(_MAX_OPTIONS):
        if at + 4 > len(options):
            break
        code, length = struct.unpack_from(f"{order}HH", options, at)
        value = options[at + 4 : at + 4 + length]
        if code == 0 or len(value) < length:
            break
        if code == _TIME_RESOLUTION_OPTION and length == 1:
            resolution = value[0]
        elif code == _TIME_OFFSET_OPTION and length == 8:
            (offset_s,) = struct.unpack(f"{order}q", value)
        at += 4 + (length + 3) // 4 * 4
    return resolution, offset_s


def _empty_interfaces(rows: int) -> InterfaceArrays:
    return InterfaceArrays(
        run_index=np.zeros(rows, np.int64),
        link_type=np.zeros(rows, np.int64),
        snap_length=np.zeros(rows, np.int64),
        multiply=np.ones(rows, np.uint64),
        divide=np.ones(rows, np.uint64),
        shift=np.zeros(rows, np.int64),
        offset_ns=np.zeros(rows, np.int64),
    )


def _grown(interfaces: InterfaceArrays) -> InterfaceArrays:
    wider = _empty_interfaces(2 * len(interfaces.run_index))
    for old, new in zip(interfaces, wider, strict=True):
        new[: len(old)] = old
    return wider
