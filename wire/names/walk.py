"""Reading a stream: which reader its phase calls for, step by step."""

from __future__ import annotations

from wire.kernel import kernel
from wire.names.flow_states import (
    PHASE_BODY,
    PHASE_CHUNKS,
    PHASE_DONE,
    PHASE_HEADERS,
    PHASE_REQUEST_LINE,
    PHASE_SERVER_TLS,
    PHASE_SOCKS5,
    PHASE_TEXT,
    PHASE_TLS,
    PHASE_UNKNOWN,
)
from wire.names.http import step_request
from wire.names.proxies import step_socks5, step_start, step_text
from wire.names.tls import looks_like_handshake, step_client_hello, step_server
from wire.names.work import CURSOR_AT, CURSOR_NEED, STEP_AGAIN, STEP_MORE

CLIENT_HELLO, SERVER_HELLO = 1, 2


@kernel
def wants_more(phase):  # type: ignore[no-untyped-def]
    """Whether a stream in this phase still has something to say."""
    return phase != PHASE_UNKNOWN and phase != PHASE_DONE


@kernel
def _step_server_start(flow, work, data, at, end):  # type: ignore[no-untyped-def]
    hello = looks_like_handshake(data, at, end, SERVER_HELLO)
    work.cursor[CURSOR_AT] = at
    work.cursor[CURSOR_NEED] = at + 6
    if hello == 2:
        return STEP_MORE
    flow.phase[1] = PHASE_SERVER_TLS if hello == 1 else PHASE_UNKNOWN
    return STEP_AGAIN


@kernel
def walk(flow, side, work, strings, shake, data, at, end):  # type: ignore[no-untyped-def]
    """Read data[at:end], the next bytes of one side's stream, until more are needed or wanted no more.

    flow: FLOW_STATE record; side: 0 client, 1 server; shake: uint8[HANDSHAKE_BYTES], scratch.
    Leaves in work.cursor the position reached and the one that is needed, both in `data`.
    """
    work.cursor[CURSOR_AT] = at
    # Every step moves on by a byte at least, or changes the phase, which it can a few times only.
    for _ in range(2 * (end - at) + 16):
        phase = flow.phase[side]
        if side == 1:
            if phase == PHASE_SERVER_TLS:
                result = step_server(flow, work, strings, shake, data, at, end)
            else:
                result = _step_server_start(flow, work, data, at, end)
        elif phase == PHASE_TLS:
            result = step_client_hello(flow, work, strings, shake, data, at, end)
        elif phase in (PHASE_REQUEST_LINE, PHASE_HEADERS, PHASE_BODY, PHASE_CHUNKS):
            result = step_request(flow, work, strings, data, at, end)
        elif phase == PHASE_TEXT:
            result = step_text(flow, work, strings, data, at, end)
        elif phase == PHASE_SOCKS5:
            result = step_socks5(flow, work, strings, data, at, end)
        else:
            result = step_start(flow, work, strings, data, at, end)
        at = work.cursor[CURSOR_AT]
        if result == STEP_MORE or not wants_more(flow.phase[side]):
            return
        if at >= end:
            work.cursor[CURSOR_NEED] = at + 1
            return
