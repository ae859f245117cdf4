"""The pcapng kernel: packet blocks to frame columns.

Source: draft-ietf-opsawg-pcapng (section 3.1 block structure, 4.3 enhanced packets, 4.4 simple
packets, appendix A obsolete packet blocks).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.capture.frame_index import (
    BAD_LENGTH,
    BAD_LINK_TYPE,
    DESCRIPTION,
    FULL,
    MAX_BLOCK_BYTES,
    MAX_DECLARED_FRAME_BYTES,
    MAX_FRAME_BYTES,
    MAX_TIMESTAMP_NS,
    NEEDS_MORE,
    wire_length,
)
from wire.capture.frames import (
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    DIRECTION_UNKNOWN,
    VLAN_ABSENT,
)
from wire.kernel import kernel

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 2, 3, 6
#: No block of a capture is longer; the bound that other readers use as well.
MAX_PCAPNG_BLOCK_BYTES = 16 << 20
_FLAGS_OPTION = 2

#: Columns of `section`: byte order, interfaces described so far, time of the last packet,
#: and the interface (within the section) of a packet that stopped the kernel.
BIG_ENDIAN, INTERFACES, LAST_TIMESTAMP_NS, REFUSED_INTERFACE = 0, 1, 2, 3

#: What is counted beside frames; see CaptureReader.skipped.
SKIPPED = (
    "other_block",
    "malformed_block",
    "interface_unknown",
    "frame_over_limit",
    "timestamp_absent",
    "timestamp_out_of_range",
)
_OTHER_BLOCK, _MALFORMED, _INTERFACE_UNKNOWN, _OVER_LIMIT, _NO_TIME, _TIME_RANGE = range(6)


class InterfaceArrays(NamedTuple):
    """The interfaces of one section, a row each."""

    run_index: NDArray[np.int64]  # in the run's link type table; -1: not supported
    link_type: NDArray[np.int64]
    snap_length: NDArray[np.int64]  # bytes; 0: no limit
    multiply: NDArray[np.uint64]  # decimal resolution: ns = ticks * multiply // divide
    divide: NDArray[np.uint64]  # 0: the ticks are too fine to count
    shift: NDArray[np.int64]  # binary resolution: ticks of 2**-shift s; -1: decimal
    offset_ns: NDArray[np.int64]  # added to every time; within 2**62


@kernel
def ticks_to_ns(high, low, multiply, divide, shift, offset_ns):  # type: ignore[no-untyped-def]
    """Nanoseconds since the epoch of a 64-bit tick count; -1 when outside [0, 2**62]."""
    limit = np.uint64(MAX_TIMESTAMP_NS)
    ticks = (np.uint64(high) << np.uint64(32)) | np.uint64(low)
    if shift >= 0:
        seconds = np.uint64(0)
        fraction = ticks
        if shift < 64:
            seconds = ticks >> np.uint64(shift)
            fraction = ticks - (seconds << np.uint64(shift))
        if seconds > np.uint64(5_000_000_000):
            return np.int64(-1)
        bits = shift
        if bits > 32:  # more than 32 bits of fraction are finer than a nanosecond
            drop = bits - 32
            fraction = fraction >> np.uint64(drop) if drop < 64 else np.uint64(0)
            bits = np.int64(32)
        below = (fraction * np.uint64(1_000_000_000)) >> np.uint64(bits)
        value = seconds * np.uint64(1_000_000_000) + below
    elif divide == np.uint64(0):
        value = np.uint64(0)
    else:
        if ticks > limit // multiply and divide == np.uint64(1):
            return np.int64(-1)
        value = ticks * multiply // divide
    if value > limit:
        return np.int64(-1)
    moved = np.int64(value) + np.int64(offset_ns)
    if moved < 0 or moved > np.int64(MAX_TIMESTAMP_NS):
        return np.int64(-1)
    return moved


@kernel
def word_at(words, at, big_endian):  # type: ignore[no-untyped-def]
    """The 32-bit number at byte `at`, a multiple of 4 that is >= 0, as int64."""
    word = words[at >> 2]
    if big_endian:
        word = (word >> 24) | ((word >> 8) & 0xFF00) | ((word & 0xFF00) << 8) | ((word & 0xFF) << 24)
    return np.int64(word)


@kernel
def half_words(words, at, big_endian):  # type: ignore[no-untyped-def]
    """The two 16-bit numbers at byte `at` and at + 2, as int64."""
    word = word_at(words, at, big_endian)
    if big_endian:
        return word >> 16, word & 0xFFFF
    return word & 0xFFFF, word >> 16


@kernel
def direction_option(words, at, end, big_endian):  # type: ignore[no-untyped-def]
    """DIRECTION_* from the flags option among the options from byte `at` to `end`."""
    while at + 4 <= end:
        code, length = half_words(words, at, big_endian)
        if code == 0:
            break
        if code == _FLAGS_OPTION and length == 4 and at + 8 <= end:
            bits = word_at(words, at + 4, big_endian) & 3
            if bits == 1:
                return np.int64(DIRECTION_INBOUND)
            if bits == 2:
                return np.int64(DIRECTION_OUTBOUND)
            break
        at += 4 + ((length + 3) & ~3)
    return np.int64(DIRECTION_UNKNOWN)


@kernel
def index_pcapng(words, size, position, count, section, interfaces, frames, skipped):  # type: ignore[no-untyped-def]
    """Index whole blocks from byte `position`, a multiple of 4, into `frames` from row `count`.

    `words`: uint32[size // 4], the bytes as little-endian words (blocks keep to multiples of 4).
    `section`: int64[4], see BIG_ENDIAN and after; `skipped`: int64[len(SKIPPED)], counted up.
    Returns (rows filled, position of the next block, status); every status of frame_index.
    """
    stop = position + MAX_BLOCK_BYTES
    if position < 0 or position & 3 or size > 4 * len(words) + 3:
        return count, position, BAD_LENGTH
    big_endian = section[BIG_ENDIAN] != 0
    while count < len(frames.offset) and position < stop:
        if position + 12 > size:
            return count, position, NEEDS_MORE
        kind = word_at(words, position, big_endian)
        if kind == SECTION_HEADER:
            return count, position, DESCRIPTION
        length = word_at(words, position + 4, big_endian)
        if length < 12 or length & 3 or length > MAX_PCAPNG_BLOCK_BYTES:
            return count, position, BAD_LENGTH
        end = position + length
        if end > size:
            return count, position, NEEDS_MORE
        if word_at(words, end - 4, big_endian) != length:
            return count, position, BAD_LENGTH
        if kind == INTERFACE_DESCRIPTION:
            return count, position, DESCRIPTION
        simple = kind == _SIMPLE_PACKET
        if not simple and kind != _ENHANCED_PACKET and kind != _PACKET:
            skipped[_OTHER_BLOCK] += 1
            position = end
            continue
        fixed = 12 if simple else 28
        if length < fixed + 4:
            skipped[_MALFORMED] += 1
            position = end
            continue
        which = np.int64(0)
        if kind == _ENHANCED_PACKET:
            which = word_at(words, position + 8, big_endian)
        elif kind == _PACKET:
            which, _ = half_words(words, position + 8, big_endian)
        if which >= section[INTERFACES]:
            skipped[_INTERFACE_UNKNOWN] += 1
            position = end
            continue
        if interfaces.run_index[which] < 0:
            section[REFUSED_INTERFACE] = which
            return count, position, BAD_LINK_TYPE
        room = length - fixed - 4
        snap_length = interfaces.snap_length[which]
        if simple:
            original = word_at(words, position + 8, big_endian)
            captured = min(original, room)
            if snap_length > 0:
                captured = min(captured, snap_length)
        else:
            captured = word_at(words, position + 20, big_endian)
            original = word_at(words, position + 24, big_endian)
        if captured > room:
            skipped[_MALFORMED] += 1
            position = end
            continue
        if captured > max(MAX_FRAME_BYTES, min(snap_length, MAX_DECLARED_FRAME_BYTES)):
            skipped[_OVER_LIMIT] += 1
            position = end
            continue
        direction = np.int64(DIRECTION_UNKNOWN)
        if simple:
            skipped[_NO_TIME] += 1
        else:
            timestamp_ns = ticks_to_ns(
                word_at(words, position + 12, big_endian),
                word_at(words, position + 16, big_endian),
                interfaces.multiply[which],
                interfaces.divide[which],
                interfaces.shift[which],
                interfaces.offset_ns[which],
            )
            if timestamp_ns < 0:
                skipped[_TIME_RANGE] += 1
            else:
                section[LAST_TIMESTAMP_NS] = timestamp_ns
            options = position + 28 + ((captured + 3) & ~3)
            direction = direction_option(words, options, end - 4, big_endian)
        frames.offset[count] = position + fixed
        frames.captured_bytes[count] = captured
        frames.wire_bytes[count] = wire_length(original, captured)
        frames.timestamp_ns[count] = section[LAST_TIMESTAMP_NS]
        frames.interface[count] = interfaces.run_index[which]
        frames.vlan[count] = VLAN_ABSENT
        frames.direction[count] = direction
        position = end
        count += 1
    return count, position, FULL
