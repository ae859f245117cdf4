"""Brings the record headers of a pcap file near before they are walked.

Where a record begins is said by the one before it, so a walk waits for memory at every record, which
takes longer than all else it does. Here several walks go in step, each from a place where a record seems
to begin, and the processor waits for all of them at once. Nothing is taken from what they find: after a
wrong guess the wrong lines are near, and the walk that counts finds the same as ever, as slowly as ever.
"""

from __future__ import annotations

import numpy as np

from wire.capture.frame_index import uint32_at
from wire.kernel import kernel

#: Walks in step: more find no more memory waiting at once.
WALKS = 8
#: Bytes for each walk: what all of them bring near, a line or two a record, stays in a core's own cache.
_WALK_BYTES = 128 << 10
#: A record is looked for in so many bytes; a longer one hides the next from the guess.
_SEARCH_BYTES = 4096
#: Records of one stretch are believed no further apart.
_STRETCH_SECONDS = 60


@kernel
def bring_near(data, position, layout, max_frame, places):  # type: ignore[no-untyped-def]
    """Touch the record headers of the next MiB of `data`, from the record at `position` on.

    data: uint8[:]. layout, max_frame: as index_pcap takes them. places: int64[WALKS], scratch.
    Returns the place up to which headers are near.
    """
    size = np.int64(len(data))
    big_endian, header = layout[0] != 0, layout[2]
    if position < 0 or position + header > size:
        return size
    around = uint32_at(data, position, big_endian)
    places[0] = position
    for i in range(1, len(places)):
        places[i] = _guess(data, position + i * _WALK_BYTES, big_endian, header, max_frame, around)
    going = True
    while going:
        going = False
        for i in range(len(places)):
            at = places[i]
            if 0 <= at < position + (i + 1) * _WALK_BYTES and at + header <= size:
                captured = uint32_at(data, at + 8, big_endian)
                places[i] = at + header + captured if captured <= max_frame else -1
                going = True
    return position + len(places) * _WALK_BYTES


@kernel
def _guess(data, start, big_endian, header, max_frame, around):  # type: ignore[no-untyped-def]
    """The first place from `start` on at which two records seem to follow each other; -1 without one."""
    top = np.uint8((around >> 24) & 0xFF)
    top_at = 0 if big_endian else 3
    for at in range(start, min(start + _SEARCH_BYTES, np.int64(len(data)) - header)):
        if data[at + top_at] != top:  # of the seconds: it changes every half a year
            continue
        following = _seeming_end(data, at, big_endian, header, max_frame, around)
        if following > 0 and _seeming_end(data, following, big_endian, header, max_frame, around) > 0:
            return at
    return np.int64(-1)


@kernel(inline=True)
def _seeming_end(data, at, big_endian, header, max_frame, around):  # type: ignore[no-untyped-def]
    """The end of the record that may begin at `at` (>= 0); -1 where none can."""
    if at + header > np.int64(len(data)) or abs(uint32_at(data, at, big_endian) - around) > _STRETCH_SECONDS:
        return np.int64(-1)
    captured = uint32_at(data, at + 8, big_endian)
    if captured > max_frame or captured > uint32_at(data, at + 12, big_endian):
        return np.int64(-1)
    return at + header + captured
