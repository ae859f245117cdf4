"""Whether a client's first line is a miner's request to a pool (Stratum and its kin, JSON-RPC).

Miners speak JSON, an object a request, whose name stands under "method": Stratum ("mining.subscribe",
"mining.authorize", …; BIP 310 names the first), its Ethereum form ("eth_submitLogin", "eth_getWork"),
Monero's ("login" with an "agent", "algo" or "rigid" beside it; "submit" of a "job_id"), and a node's own
("getblocktemplate", BIP 22; "submitblock"; "getwork"). Nothing of the line is kept.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.words import is_text

#: A request is looked for this far: wallet names may stand before the method.
LOOK_BYTES = 1024
NO_MINING, MINING, MINING_MAYBE = 0, 1, 2  # the last: the line is not whole yet

_QUOTE, _COLON, _BACKSLASH, _OPEN, _CLOSE = 34, 58, 92, 123, 125


def _word(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("ascii"), np.uint8)


_METHOD = _word("method")
_PREFIX = _word("mining.")
_LOGIN, _SUBMIT = _word("login"), _word("submit")
_AGENT, _ALGO, _RIGID, _JOB_ID = _word("agent"), _word("algo"), _word("rigid"), _word("job_id")
_ETH_LOGIN, _ETH_WORK = _word("eth_submitLogin"), _word("eth_getWork")
_ETH_SUBMIT, _ETH_RATE = _word("eth_submitWork"), _word("eth_submitHashrate")
_TEMPLATE, _BLOCK, _WORK = _word("getblocktemplate"), _word("submitblock"), _word("getwork")


@kernel
def _is(data, at, end, word):  # type: ignore[no-untyped-def]
    """Whether the text data[at:end] is `word`."""
    return end - at == len(word) and is_text(data, at, end, word)


@kernel
def _text_end(data, at, end):  # type: ignore[no-untyped-def]
    """Where the text that begins at data[at] ends: the place of its quote, or `end`."""
    while at < end and data[at] != _QUOTE:
        at += 2 if data[at] == _BACKSLASH else 1
    return min(at, end)


@kernel
def _skip_blank(data, at, end):  # type: ignore[no-untyped-def]
    while at < end and (data[at] == 32 or data[at] == 9 or data[at] == 13 or data[at] == 10):
        at += 1
    return at


@kernel
def _names_mining(data, at, end):  # type: ignore[no-untyped-def]
    """Whether the method data[at:end] is a miner's alone."""
    return (
        is_text(data, at, end, _PREFIX)
        or _is(data, at, end, _ETH_LOGIN)
        or _is(data, at, end, _ETH_WORK)
        or _is(data, at, end, _ETH_SUBMIT)
        or _is(data, at, end, _ETH_RATE)
        or _is(data, at, end, _TEMPLATE)
        or _is(data, at, end, _BLOCK)
        or _is(data, at, end, _WORK)
    )


@kernel
def _is_miners_name(data, at, end):  # type: ignore[no-untyped-def]
    """Whether a name beside "login" says that a program logs in at a pool."""
    return _is(data, at, end, _AGENT) or _is(data, at, end, _ALGO) or _is(data, at, end, _RIGID)


@kernel
def asks_a_pool(data, at, end):  # type: ignore[no-untyped-def]
    """MINING, NO_MINING or MINING_MAYBE of data[at:end], a client's first bytes, which begin with `{`.

    Texts that stand before a colon are names, the one after "method" is the method; of the generic
    methods a second name must say what they are about. MINING_MAYBE only while less than LOOK_BYTES
    are there and the object has not ended.
    """
    if at < 0 or at >= end or end > len(data) or data[at] != _OPEN:
        return NO_MINING
    stop = min(np.int64(end), np.int64(at) + LOOK_BYTES)
    method_at, method_end = np.int64(-1), np.int64(-1)
    of_login, of_submit = False, False
    i, depth = np.int64(at) + 1, 1
    while i < stop and depth > 0:
        if data[i] != _QUOTE:
            depth += 1 if data[i] == _OPEN else (-1 if data[i] == _CLOSE else 0)
            i += 1
            continue
        first = i + 1
        last = _text_end(data, first, stop)
        i = last + 1
        colon = _skip_blank(data, i, stop)
        if last >= stop or colon >= stop or data[colon] != _COLON:
            continue
        if _is(data, first, last, _METHOD):
            value = _skip_blank(data, colon + 1, stop)
            if value < stop and data[value] == _QUOTE:
                ends = _text_end(data, value + 1, stop)
                if ends < stop:
                    if _names_mining(data, value + 1, ends):
                        return MINING
                    method_at, method_end = value + 1, ends
                i = ends + 1
        elif _is_miners_name(data, first, last):
            of_login = True
        elif _is(data, first, last, _JOB_ID):
            of_submit = True
        if method_at >= 0:
            if of_login and _is(data, method_at, method_end, _LOGIN):
                return MINING
            if of_submit and _is(data, method_at, method_end, _SUBMIT):
                return MINING
    return NO_MINING if depth <= 0 or stop - at >= LOOK_BYTES else MINING_MAYBE
