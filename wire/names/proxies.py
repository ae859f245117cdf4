"""What a client may say before its own protocol begins: SOCKS, and the plain part of STARTTLS.

`step_start` looks at the first bytes of a client's stream, or of what a tunnel carries, and
decides by content what it is; ports say nothing.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.facts import HTTP_2_PRIOR_KNOWLEDGE
from wire.names.flow_states import (
    PHASE_DONE,
    PHASE_REQUEST_LINE,
    PHASE_SOCKS5,
    PHASE_START,
    PHASE_TEXT,
    PHASE_TLS,
    PHASE_TUNNEL,
    PHASE_UNKNOWN,
)
from wire.names.http import is_http2_preface, looks_like_request
from wire.names.mining import MINING, MINING_MAYBE, asks_a_pool
from wire.names.tls import looks_like_handshake
from wire.names.words import TOKEN, is_word, line_end
from wire.names.work import (
    COUNT_SOCKS_MALFORMED,
    CURSOR_AT,
    CURSOR_NEED,
    STEP_AGAIN,
    STEP_MORE,
    intern_host_name,
)

#: A plain dialogue longer than this before STARTTLS is not followed.
TEXT_LINE_MAX_BYTES = 2048
_SPACE, _CR, _OBJECT = 32, 13, 123
_STARTTLS = np.frombuffer(b"starttls", np.uint8)  # RFC 3207 (SMTP), RFC 9051 section 6.2.1 (IMAP)
_STLS = np.frombuffer(b"stls", np.uint8)  # RFC 2595 section 4 (POP3)
_SOCKS_IPV4, _SOCKS_DOMAIN, _SOCKS_IPV6 = 1, 3, 4


@kernel
def _become(flow, work, phase, at):  # type: ignore[no-untyped-def]
    flow.phase[0] = phase
    work.cursor[CURSOR_AT] = at
    return STEP_AGAIN


@kernel
def _wait(work, at, need):  # type: ignore[no-untyped-def]
    work.cursor[CURSOR_AT] = at
    work.cursor[CURSOR_NEED] = need
    return STEP_MORE


@kernel
def _refuse(flow, work):  # type: ignore[no-untyped-def]
    work.counters[COUNT_SOCKS_MALFORMED] += 1
    flow.phase[0] = PHASE_UNKNOWN
    return STEP_MORE


@kernel
def _take_target(flow, work, strings, data, start, end):  # type: ignore[no-untyped-def]
    name = intern_host_name(work, strings, data, start, end)
    if flow.facts.proxy_target < 0:
        flow.facts.proxy_target = name


@kernel
def _step_socks4(flow, work, strings, data, at, end):  # type: ignore[no-untyped-def]
    """04 command port(2) address(4) user 00 [domain 00]; the domain with address 0.0.0.x (SOCKS 4a)."""
    user = at + 8
    while user < end and data[user] != 0:
        user += 1
    if user >= end:
        return _wait(work, at, end + 1) if end - at < 512 else _refuse(flow, work)
    after = user + 1
    if data[at + 4] == 0 and data[at + 5] == 0 and data[at + 6] == 0 and data[at + 7] != 0:
        domain = after
        while after < end and data[after] != 0:
            after += 1
        if after >= end:
            return _wait(work, at, end + 1) if end - at < 1024 else _refuse(flow, work)
        _take_target(flow, work, strings, data, domain, after)
        after += 1
    return _become(flow, work, PHASE_TUNNEL, after)


@kernel
def step_socks5(flow, work, strings, data, at, end):  # type: ignore[no-untyped-def]
    """After the greeting: username and password (RFC 1929), or the request (RFC 1928 section 4)."""
    if end - at < 7:
        return _wait(work, at, at + 7)
    if data[at] == 1:
        password = at + 2 + np.int64(data[at + 1])
        if password >= end:
            return _wait(work, at, password + 1)
        after = password + 1 + np.int64(data[password])
        return _become(flow, work, PHASE_SOCKS5, after) if after <= end else _wait(work, at, after)
    if data[at] != 5 or data[at + 2] != 0 or data[at + 1] < 1 or data[at + 1] > 3:
        return _refuse(flow, work)
    kind = data[at + 3]
    if kind == _SOCKS_DOMAIN:
        after = at + 7 + np.int64(data[at + 4])
        if after > end:
            return _wait(work, at, after)
        _take_target(flow, work, strings, data, at + 5, after - 2)
    elif kind == _SOCKS_IPV4:
        after = at + 10
    elif kind == _SOCKS_IPV6:
        after = at + 22
    else:
        return _refuse(flow, work)
    return _become(flow, work, PHASE_TUNNEL, after) if after <= end else _wait(work, at, after)


@kernel
def step_text(flow, work, strings, data, at, end):  # type: ignore[no-untyped-def]
    """One line of a plain dialogue (SMTP, IMAP, POP3) at data[at]; its STARTTLS opens a tunnel."""
    if looks_like_handshake(data, at, end, 1) == 1:
        return _become(flow, work, PHASE_TLS, at)
    lf = line_end(data, at, end)
    if lf == end:
        if end - at > TEXT_LINE_MAX_BYTES:
            flow.phase[0] = PHASE_UNKNOWN
        return _wait(work, at, end + 1)
    stop = lf
    while stop > at and data[stop - 1] in (_CR, _SPACE):
        stop -= 1
    word = stop
    while word > at and data[word - 1] != _SPACE:
        word -= 1
    # the command is the line's last word: "STARTTLS", "a1 STARTTLS", "STLS"
    opens = is_word(data, word, stop, _STARTTLS) or is_word(data, word, stop, _STLS)
    return _become(flow, work, PHASE_TUNNEL if opens else PHASE_TEXT, lf + 1)


@kernel
def _is_command(data, at, lf):  # type: ignore[no-untyped-def]
    """Whether a line is printable ASCII (or UTF-8) text that begins with a token."""
    if at >= lf or TOKEN[data[at]] == 0:
        return False
    for i in range(at, lf):
        if data[i] < 32 and data[i] != 9 and not (data[i] == _CR and i == lf - 1):
            return False
    return True


@kernel
def step_start(flow, work, strings, data, at, end):  # type: ignore[no-untyped-def]
    """Decide what the client's stream is from its first bytes at data[at]."""
    if at >= end:
        return _wait(work, at, end + 1)
    hello = looks_like_handshake(data, at, end, 1)
    if hello == 1:
        return _become(flow, work, PHASE_TLS, at)
    if hello == 2:
        return _wait(work, at, at + 6)
    first = data[at]
    if first == 5 and end - at >= 2 and data[at + 1] > 0:
        after = at + 2 + np.int64(data[at + 1])
        return _become(flow, work, PHASE_SOCKS5, after) if after <= end else _wait(work, at, after)
    if first == 4 and end - at >= 2 and data[at + 1] in (1, 2):
        return _step_socks4(flow, work, strings, data, at, end) if end - at >= 9 else _wait(work, at, at + 9)
    if first in (4, 5) and end - at < 2:
        return _wait(work, at, at + 2)
    if TOKEN[first] == 1:
        if is_http2_preface(data, at, end):
            flow.facts.http = HTTP_2_PRIOR_KNOWLEDGE
            flow.phase[0] = PHASE_DONE
            return _wait(work, at, at)
        request = looks_like_request(data, at, end)
        if request == 1:
            return _become(flow, work, PHASE_REQUEST_LINE, at)
        lf = line_end(data, at, min(end, at + TEXT_LINE_MAX_BYTES))
        if lf < end and data[lf] == 10 and flow.phase[0] == PHASE_START:
            if _is_command(data, at, lf):
                return _become(flow, work, PHASE_TEXT, at)
        elif lf == end and (request == 2 or _is_command(data, at, end)):
            return _wait(work, at, end + 1)  # a line that is not whole yet
    elif first in (10, _CR):
        return _become(flow, work, flow.phase[0], at + 1)
    elif first == _OBJECT:
        asks = asks_a_pool(data, at, end)
        if asks == MINING_MAYBE:
            return _wait(work, at, end + 1)
        if asks == MINING:
            flow.facts.mining = np.uint8(1)
    flow.phase[0] = PHASE_UNKNOWN
    return _wait(work, at, at)
