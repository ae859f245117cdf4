"""HTTP/1 requests (RFC 9112), read line by line from the client's stream.

A complete line is taken at once and never looked at again, so a request that trickles in costs
no more than one that comes whole, and a cut-off one still gives its Host. Of a request:

- absolute-form: the target's authority is the host, as for the origin server (section 3.2.2);
- else the first Host field, also when folded over lines (section 5.2), without its port;
- CONNECT: the target is where the tunnel leads; what follows the headers is read as a new stream;
- User-Agent: product/version tokens alone, comments and bare words never leave this function;
- Referer, else Origin: the host alone of the first, which page or app led here; no evidence of a name;
- kinds of personal identifiers in the target, the fields but Host, and the first piece of a body or of
  its first chunk that is text (identifiers.py): a bit a kind, never a value.

HTTP/2 with prior knowledge (RFC 9113 section 3.4) is recognised by its preface and not named.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.facts import HTTP_1, HTTP_2_PRIOR_KNOWLEDGE, MORE_HOSTS
from wire.names.flow_states import (
    FLAG_CHUNK_SEEN,
    FLAG_CHUNKED,
    FLAG_CONNECT,
    FLAG_HOST_TAKEN,
    FLAG_LAST_CHUNK,
    PHASE_BODY,
    PHASE_CHUNKS,
    PHASE_DONE,
    PHASE_HEADERS,
    PHASE_REQUEST_LINE,
    PHASE_TUNNEL,
    PHASE_UNKNOWN,
)
from wire.names.hostnames import absolute_form, authority_host, write_host_name
from wire.names.identifiers import identifiers
from wire.names.mining import MINING, asks_a_pool
from wire.names.strings import intern
from wire.names.user_agent import write_products
from wire.names.words import TOKEN, is_text, is_word, line_end
from wire.names.work import (
    COUNT_HTTP_MALFORMED,
    CURSOR_AT,
    CURSOR_NEED,
    STEP_AGAIN,
    STEP_MORE,
    intern_host_name,
)

#: A request line or field line beyond this ends the reading of the stream.
LINE_MAX_BYTES = 16384
METHOD_MAX_BYTES = 32
_BODY_LIMIT = 1 << 30

_TAB, _LF, _CR, _SPACE, _COLON, _OBJECT = 9, 10, 13, 32, 58, 123

_HOST = np.frombuffer(b"host", np.uint8)
_USER_AGENT = np.frombuffer(b"user-agent", np.uint8)
_CONTENT_LENGTH = np.frombuffer(b"content-length", np.uint8)
_TRANSFER_ENCODING = np.frombuffer(b"transfer-encoding", np.uint8)
_CHUNKED = np.frombuffer(b"chunked", np.uint8)
_REFERER = np.frombuffer(b"referer", np.uint8)
_ORIGIN = np.frombuffer(b"origin", np.uint8)
_CONNECT = np.frombuffer(b"CONNECT", np.uint8)
_VERSION_1 = np.frombuffer(b"HTTP/1.", np.uint8)
_PREFACE = np.frombuffer(b"PRI * HTTP/2.0\r\n", np.uint8)


@kernel
def looks_like_request(data, start, end):  # type: ignore[no-untyped-def]
    """0: no request line; 1: METHOD SP target SP HTTP/1.x LF stands there; 2: more bytes are needed."""
    at = np.int64(start)
    stop = min(np.int64(end), at + METHOD_MAX_BYTES + 1)
    while at < stop and TOKEN[data[at]] == 1:
        at += 1
    if at == end:
        return 2 if at - start <= METHOD_MAX_BYTES else 0
    if at in (start, stop) or data[at] != _SPACE:
        return 0
    lf = line_end(data, at, min(np.int64(end), at + LINE_MAX_BYTES))
    if lf == end:
        return 2
    if lf - at >= LINE_MAX_BYTES:
        return 0
    stop = lf
    while stop > at and data[stop - 1] in (_CR, _SPACE):
        stop -= 1
    # "HTTP/1." and one digit, after the target and a space
    if stop - at < 11 or data[stop - 9] != _SPACE or not is_text(data, stop - 8, stop, _VERSION_1):
        return 0
    return 1


@kernel
def is_http2_preface(data, start, end):  # type: ignore[no-untyped-def]
    """Whether the stream opens HTTP/2 with prior knowledge."""
    return is_text(data, start, end, _PREFACE)


@kernel
def _keep_host(flow, name):  # type: ignore[no-untyped-def]
    """Add a request's host to the flow: the first is its http_host."""
    facts = flow.facts
    if name < 0 or name == facts.http_host:
        return
    if facts.http_host < 0:
        facts.http_host = name
        return
    for i in range(MORE_HOSTS):
        if facts.more_hosts[i] == name:
            return
        if facts.more_hosts[i] < 0:
            facts.more_hosts[i] = name
            return


@kernel
def _note_identifiers(flow, work, data, start, end):  # type: ignore[no-untyped-def]
    """Note the kinds of personal identifiers in data[start:end]."""
    flow.facts.personal |= np.uint16(identifiers(data, start, end, work.decoded))


@kernel
def _read_request_line(flow, work, strings, data, start, lf):  # type: ignore[no-untyped-def]
    """Take method and target of the request line data[start:lf]."""
    flow.facts.http = HTTP_1
    flags = np.uint8(0)
    at = np.int64(start)
    while at < lf and data[at] != _SPACE:
        at += 1
    connect = at - start == len(_CONNECT) and is_text(data, start, at, _CONNECT)
    while at < lf and data[at] == _SPACE:
        at += 1
    target = at
    while at < lf and data[at] != _SPACE:
        at += 1
    _note_identifiers(flow, work, data, target, at)
    bounds = work.bounds
    if connect:
        flags |= np.uint8(FLAG_CONNECT)
        authority_host(data, target, at, bounds)
        name = intern_host_name(work, strings, data, bounds[0], bounds[1])
        if flow.facts.proxy_target < 0:
            flow.facts.proxy_target = name
    elif absolute_form(data, target, at, bounds):
        flags |= np.uint8(FLAG_HOST_TAKEN)
        authority_host(data, bounds[0], bounds[1], bounds)
        _keep_host(flow, intern_host_name(work, strings, data, bounds[0], bounds[1]))
    flow.flags = flags
    flow.body = 0


@kernel
def _is_space(byte):  # type: ignore[no-untyped-def]
    return byte in (_SPACE, _TAB, _CR, _LF)


@kernel
def _read_number(data, start, end, base):  # type: ignore[no-untyped-def]
    """A decimal (10) or hexadecimal (16) number at data[start:end], clamped; -1 without digits."""
    value = np.int64(-1)
    for i in range(start, end):
        byte = data[i]
        if 48 <= byte <= 57:
            digit = np.int64(byte) - 48
        elif base == 16 and 97 <= (byte | 32) <= 102:
            digit = np.int64(byte | 32) - 87
        else:
            break
        value = min(np.int64(_BODY_LIMIT), max(np.int64(0), value) * base + digit)
    return value


@kernel
def _read_field(flow, work, strings, data, start, end):  # type: ignore[no-untyped-def]
    """Take the field line data[start:end], folds included."""
    colon = np.int64(start)
    while colon < end and TOKEN[data[colon]] == 1:
        colon += 1
    if colon == start or colon >= end or data[colon] != _COLON:
        return False
    at, stop = colon + 1, np.int64(end)
    while at < stop and _is_space(data[at]):
        at += 1
    while stop > at and _is_space(data[stop - 1]):
        stop -= 1
    flags = flow.flags
    size = colon - start
    if size == len(_HOST) and is_word(data, start, colon, _HOST):
        if not flags & FLAG_HOST_TAKEN:
            flow.flags = flags | np.uint8(FLAG_HOST_TAKEN)
            authority_host(data, at, stop, work.bounds)
            _keep_host(flow, intern_host_name(work, strings, data, work.bounds[0], work.bounds[1]))
        return True
    _note_identifiers(flow, work, data, start, stop)
    if size == len(_USER_AGENT) and is_word(data, start, colon, _USER_AGENT):
        if flow.facts.user_agent < 0:
            length = write_products(data, at, stop, work.text)
            if length > 0:
                flow.facts.user_agent = intern(strings, work.text, 0, length)
    elif size == len(_CONTENT_LENGTH) and is_word(data, start, colon, _CONTENT_LENGTH):
        flow.body = max(np.int64(0), _read_number(data, at, stop, 10))
    elif size == len(_TRANSFER_ENCODING) and is_word(data, start, colon, _TRANSFER_ENCODING):
        if stop - at >= len(_CHUNKED) and is_word(data, stop - len(_CHUNKED), stop, _CHUNKED):
            flow.flags = flags | np.uint8(FLAG_CHUNKED)
    elif flow.facts.referer < 0 and (
        (size == len(_REFERER) and is_word(data, start, colon, _REFERER))
        or (size == len(_ORIGIN) and is_word(data, start, colon, _ORIGIN))
    ):
        _keep_referer(flow, work, strings, data, at, stop)
    return True


@kernel
def _keep_referer(flow, work, strings, data, start, end):  # type: ignore[no-untyped-def]
    """Keep the host of the URL data[start:end], and nothing else of it."""
    if not absolute_form(data, start, end, work.bounds):
        return
    authority_host(data, work.bounds[0], work.bounds[1], work.bounds)
    length = write_host_name(data, work.bounds[0], work.bounds[1], work.name)
    if length > 0:
        flow.facts.referer = intern(strings, work.name, 0, length)


@kernel
def phase_after_body(flow):  # type: ignore[no-untyped-def]
    """What follows the body or the chunk that is being read or passed over."""
    return PHASE_CHUNKS if flow.flags & FLAG_CHUNKED else PHASE_REQUEST_LINE


@kernel
def _end_of_headers(flow, work, after):  # type: ignore[no-untyped-def]
    """The empty line was read: where reading goes on, and as what."""
    flags = flow.flags
    phase = PHASE_REQUEST_LINE
    if flags & FLAG_CONNECT:
        phase = PHASE_TUNNEL
    elif flags & FLAG_LAST_CHUNK:
        phase = PHASE_REQUEST_LINE
    elif flags & FLAG_CHUNKED:
        phase = PHASE_CHUNKS
    elif flow.body > 0:
        phase = PHASE_BODY
    flow.phase[0] = phase
    work.cursor[CURSOR_AT] = after
    return STEP_AGAIN


@kernel
def _step_body(flow, work, data, at, end):  # type: ignore[no-untyped-def]
    """Look at the first piece of a body, as it came, and pass over the rest."""
    body = np.int64(flow.body)
    if at >= end:
        work.cursor[CURSOR_NEED] = at + 1
        return STEP_MORE
    if data[at] == _OBJECT and asks_a_pool(data, at, min(np.int64(end), at + body)) == MINING:
        flow.facts.mining = np.uint8(1)
    if _SPACE <= data[at] < 127 or _is_space(data[at]):
        _note_identifiers(flow, work, data, at, min(np.int64(end), at + body))
    flow.phase[0] = phase_after_body(flow)
    work.cursor[CURSOR_AT] = at + body
    return STEP_AGAIN


@kernel
def _give_up(flow, work):  # type: ignore[no-untyped-def]
    work.counters[COUNT_HTTP_MALFORMED] += 1
    flow.phase[0] = PHASE_UNKNOWN
    return STEP_MORE


@kernel
def _step_chunk(flow, work, data, at, lf):  # type: ignore[no-untyped-def]
    """Take the line data[at:lf] before a chunk (RFC 9112 section 7.1); the first chunk is looked at."""
    size = _read_number(data, at, lf, 16)
    if size < 0:
        return _give_up(flow, work)
    work.cursor[CURSOR_AT] = lf + 1
    if size == 0:
        flow.flags |= np.uint8(FLAG_LAST_CHUNK | FLAG_HOST_TAKEN)
        flow.phase[0] = PHASE_HEADERS  # trailers
    elif flow.flags & FLAG_CHUNK_SEEN:
        work.cursor[CURSOR_AT] = lf + 1 + size + 2
    else:
        flow.flags |= np.uint8(FLAG_CHUNK_SEEN)
        flow.body = size + 2  # with the line end behind it
        flow.phase[0] = PHASE_BODY
    return STEP_AGAIN


@kernel
def step_request(flow, work, strings, data, at, end):  # type: ignore[no-untyped-def]
    """Read one line of requests at data[at], whose phase is REQUEST_LINE, HEADERS, BODY or CHUNKS.

    Leaves where to go on in work.cursor; returns STEP_AGAIN or STEP_MORE.
    """
    phase = flow.phase[0]
    if phase == PHASE_BODY:
        return _step_body(flow, work, data, at, end)
    lf = line_end(data, at, end)
    work.cursor[CURSOR_AT] = at
    work.cursor[CURSOR_NEED] = end + 1
    if lf == end:
        return _give_up(flow, work) if end - at > LINE_MAX_BYTES else STEP_MORE
    empty = lf == at or (lf == at + 1 and data[at] == _CR)
    if phase == PHASE_REQUEST_LINE:
        work.cursor[CURSOR_AT] = lf + 1
        if empty:
            return STEP_AGAIN  # section 2.2: empty lines before a request are ignored
        if looks_like_request(data, at, lf + 1) != 1:
            if is_http2_preface(data, at, end):
                flow.facts.http = HTTP_2_PRIOR_KNOWLEDGE
                flow.phase[0] = PHASE_DONE
                return STEP_MORE
            return _give_up(flow, work)
        _read_request_line(flow, work, strings, data, at, lf)
        flow.phase[0] = PHASE_HEADERS
        return STEP_AGAIN
    if phase == PHASE_CHUNKS:
        return _step_chunk(flow, work, data, at, lf)
    if empty:
        return _end_of_headers(flow, work, lf + 1)
    while lf + 1 < end and data[lf + 1] in (_SPACE, _TAB):
        lf = line_end(data, lf + 1, end)
    if lf + 1 >= end:
        return STEP_MORE  # the next line may be a fold of this one
    if not _read_field(flow, work, strings, data, at, lf):
        work.counters[COUNT_HTTP_MALFORMED] += 1  # one bad line does not spoil the others
    work.cursor[CURSOR_AT] = lf + 1
    return STEP_AGAIN
