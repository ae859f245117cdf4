"""Frames of an Initial packet, and the CRYPTO stream they carry (RFC 9000 sections 12.4 and 19).

`walk_frames` reads a decrypted payload and puts CRYPTO data where it belongs in its flow's buffer.
Which bytes are there is one bit each in `filled`; a byte that is there stays: a later frame that
says otherwise is a forgery or a bug, and the receiver would not take it either (section 2.2).
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.gquic import skip_ack
from wire.names.quic_crypto import IETF_TLS

#: What `walk_frames` returns.
FRAMES_READ, FRAMES_MALFORMED, FRAMES_TOO_FAR = 0, 1, 2

_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO, _CLOSE = 0x00, 0x01, 0x02, 0x03, 0x06, 0x1C
_ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
_GOOGLE_STOP_WAITING, _GOOGLE_PING, _GOOGLE_CRYPTO = 0x06, 0x07, 0x08


@kernel
def varint_end(data, at, end):  # type: ignore[no-untyped-def]
    """Where the variable-length integer at `at` ends, -1 when it passes `end` (section 16)."""
    if at < 0 or at >= end:
        return -1
    stop = at + (np.int64(1) << np.int64(data[at] >> np.uint8(6)))
    return stop if stop <= end else -1


@kernel
def varint(data, at, stop):  # type: ignore[no-untyped-def]
    """The value of the integer that `varint_end` found in data[at:stop]."""
    value = np.int64(data[at] & np.uint8(0x3F))
    for i in range(at + 1, stop):
        value = (value << np.int64(8)) | np.int64(data[i])
    return value


@kernel
def _skip_ack(data, at, end, ecn):  # type: ignore[no-untyped-def]
    """Where the fields of an ACK frame end, -1 when they pass `end` (section 19.3)."""
    ranges = np.int64(0)
    field = 0
    while field < 4 + 2 * ranges + (3 if ecn else 0):
        stop = varint_end(data, at, end)
        if stop < 0:
            return -1
        if field == 2:
            ranges = varint(data, at, stop)
            if ranges > end:  # each range takes two bytes: it cannot end in time
                return -1
        at = stop
        field += 1
    return at


@kernel
def _place(data, at, length, filled, filled_at, stream, stream_at, offset):  # type: ignore[no-untyped-def]
    """Copy data[at : at + length] to the stream's `offset`, where no byte stands yet."""
    done = np.int64(0)
    while done < length:
        position = offset + done
        bit = position & 63
        run = min(length - done, 64 - bit)
        word = filled_at + (position >> 6)
        there = (filled[word] >> np.uint64(bit)) & (_ALL_BITS >> np.uint64(64 - run))
        source, target = at + done, stream_at + position
        if there == 0:
            for i in range(run):
                stream[target + i] = data[source + i]
        else:
            for i in range(run):
                if there & (np.uint64(1) << np.uint64(i)) == 0:
                    stream[target + i] = data[source + i]
        filled[word] |= (_ALL_BITS >> np.uint64(64 - run)) << np.uint64(bit)
        done += run


@kernel
def contiguous(filled, filled_at, known, limit):  # type: ignore[no-untyped-def]
    """How many bytes from the stream's start are there without a gap; at least `known`."""
    position = known
    while position < limit:
        word = filled[filled_at + (position >> 6)]
        if position & 63 == 0 and word == _ALL_BITS:
            position += 64
        elif word & (np.uint64(1) << np.uint64(position & 63)) != 0:
            position += 1
        else:
            break
    return min(position, limit)


@kernel
def walk_frames(data, at, end, dialect, filled, filled_at, stream, stream_at, limit):  # type: ignore[no-untyped-def]
    """Place the CRYPTO data of data[at:end]; returns FRAMES_*.

    `limit`: bytes of the stream that are kept; a frame that reaches further is left out.
    Frames that no Initial may carry end the walk: their length is not known here.
    """
    crypto = _CRYPTO if dialect == IETF_TLS else _GOOGLE_CRYPTO
    status = FRAMES_READ
    while at < end:
        kind = np.int64(data[at])
        at += 1
        if kind == _PADDING:
            continue
        if kind == crypto:
            offset_end = varint_end(data, at, end)
            length_end = varint_end(data, offset_end, end)
            if length_end < 0:
                return FRAMES_MALFORMED
            offset = varint(data, at, offset_end)
            length = varint(data, offset_end, length_end)
            at = length_end
            if length > end - at:
                return FRAMES_MALFORMED
            if offset > limit or length > limit - offset:
                status = FRAMES_TOO_FAR
            else:
                _place(data, at, length, filled, filled_at, stream, stream_at, offset)
            at += length
        elif dialect == IETF_TLS:
            if kind == _PING:
                continue
            if _ACK <= kind <= _ACK_ECN:
                at = _skip_ack(data, at, end, kind == _ACK_ECN)
                if at < 0:
                    return FRAMES_MALFORMED
            elif kind == _CLOSE:
                return status
            else:
                return FRAMES_MALFORMED
        elif kind == _GOOGLE_PING:
            continue
        elif kind == _GOOGLE_STOP_WAITING:
            at += 1
        elif kind & 0xC0 == 0x40:
            at = skip_ack(data, at - 1, end)
            if at < 0:
                return FRAMES_MALFORMED
        else:
            return FRAMES_MALFORMED
    return status
