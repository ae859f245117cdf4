"""TLS over TCP: records to handshake messages, and what client and server say in them.

The client's hello is read where it lies when it stands in one record (nearly always), else its
fragments are gathered without the record headers (RFC 8446 section 5.1 lets any message be split
over records). Of the server: ServerHello with the negotiated version, cipher and ALPN, seen through
HelloRetryRequest, and up to TLS 1.2 the first certificate's name,
dates and whether it covers the name that was asked for.

Encrypted Client Hello. A real outer hello and a GREASE one look alike by design (RFC 9849 section
6.2), and browsers send GREASE with the true name to every site that has no ECH. So the extension
alone says `offered`, and its SNI still names the flow, with less confidence. The hello is judged
`outer`, and its SNI never names the flow, when

- the SNI is the public name of a known ECH operator (ECH_PUBLIC_NAMES, and what the operator adds); or
- this client was given the server's address for exactly one other name, whose HTTPS record offered ECH.

What remains: a real outer hello to an operator that is not in the list, from a client whose DNS is
not seen, is named by its outer name, marked `offered`.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.certificate import certificate_name, find_parts
from wire.names.certificate_check import check_certificate
from wire.names.facts import (
    ECH_OFFERED,
    TLS_CLIENT_HELLO,
    TLS_RETRY_REQUEST,
    TLS_SERVER_HELLO,
)
from wire.names.flow_states import PHASE_DONE, PHASE_UNKNOWN
from wire.names.hello import (
    HELLO_ALPN_END,
    HELLO_ALPN_START,
    HELLO_ECH,
    HELLO_ECH_NONE,
    HELLO_MAX_BYTES,
    HELLO_MAX_VERSION,
    HELLO_SNI_END,
    HELLO_SNI_START,
    HELLO_WHOLE,
    read_client_hello,
)
from wire.names.ja3 import write_ja3
from wire.names.stream import copy_bytes
from wire.names.strings import intern
from wire.names.tls_parameters import write_hello_parameters
from wire.names.work import (
    COUNT_CERTIFICATE_MALFORMED,
    COUNT_HELLO_MALFORMED,
    COUNT_SERVER_HELLO_MALFORMED,
    CURSOR_AT,
    CURSOR_NEED,
    STEP_AGAIN,
    STEP_MORE,
    intern_host_name,
)

#: Public names seen in the ECH configurations of HTTPS records (key 5, ECHConfigContents.public_name).
#: cloudflare-ech.com: Cloudflare's, for all sites behind it; cover.defo.ie: the DEfO project's.
ECH_PUBLIC_NAMES = ("cloudflare-ech.com", "cover.defo.ie")

_CHANGE_CIPHER_SPEC, _HANDSHAKE = 20, 22
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11
_CERTIFICATE_STATUS = 22
_TLS_1_3 = 0x0304
_RECORD_MAX_BYTES = 16384 + 2048
_ALPN_TYPE, _SUPPORTED_VERSIONS_TYPE = 16, 43

#: Results of `_read_messages`.
SERVER_GOES_ON, SERVER_DONE, SERVER_BAD = 0, 1, 2

#: ServerHello.random of a HelloRetryRequest (RFC 8446 section 4.1.3).
_RETRY_RANDOM = np.frombuffer(
    bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"), np.uint8
)


@kernel
def looks_like_handshake(data, at, end, message):  # type: ignore[no-untyped-def]
    """0: data[at:end] opens no TLS stream with this handshake message; 1: it does; 2: too short.

    A record of type handshake and version 3.x that begins with message type `message` (1 ClientHello,
    2 ServerHello), and with sound lengths.
    """
    size = end - at
    if size < 1:
        return 2
    if data[at] != _HANDSHAKE or (size > 1 and data[at + 1] != 3) or (size > 2 and data[at + 2] > 4):
        return 0
    length = np.int64(0)
    if size >= 5:
        length = (np.int64(data[at + 3]) << 8) | np.int64(data[at + 4])
        if length == 0 or length > _RECORD_MAX_BYTES:
            return 0
    if size >= 6 and data[at + 5] != message:
        return 0
    if size >= 7 and length >= 2 and data[at + 6] != 0:
        return 0  # handshake messages of 64 KiB are no hello
    return 1 if size >= 6 else 2


@kernel
def take_hello(flow, work, strings, data, hello, quic):  # type: ignore[no-untyped-def]
    """Take a whole ClientHello, read into `hello`, as the flow's; the first one counts."""
    facts = flow.facts
    if facts.tls & TLS_CLIENT_HELLO:
        return
    facts.tls |= np.uint8(TLS_CLIENT_HELLO)
    if hello[HELLO_SNI_START] >= 0:
        start, end = hello[HELLO_SNI_START], hello[HELLO_SNI_END]
        facts.server_name = intern_host_name(work, strings, data, start, end)
    if hello[HELLO_ALPN_START] >= 0:
        facts.alpn = intern(strings, data, hello[HELLO_ALPN_START], hello[HELLO_ALPN_END])
    if not facts.tls & TLS_SERVER_HELLO:
        facts.tls_version = hello[HELLO_MAX_VERSION]
    if hello[HELLO_ECH] != HELLO_ECH_NONE:
        facts.ech = ECH_OFFERED
    write_ja3(data, hello, work.text, facts.ja3)
    length = write_hello_parameters(data, hello, quic, work.text)
    facts.parameters = intern(strings, work.text, 0, length)


@kernel
def gather_handshake(work, shake, data, at, end):  # type: ignore[no-untyped-def]
    """Copy the handshake bytes of the records in data[at:end] to shake; how many.

    ChangeCipherSpec records are passed over (middlebox compatibility, RFC 8446 appendix D.4).
    work.cursor: AT the start of the first record that is not whole or no handshake, NEED its end
    (-1 when it is no handshake: no more will come).
    """
    length = np.int64(0)
    work.cursor[CURSOR_NEED] = at + 5
    while at + 5 <= end:
        kind = data[at]
        size = (np.int64(data[at + 3]) << 8) | np.int64(data[at + 4])
        if (kind != _HANDSHAKE and kind != _CHANGE_CIPHER_SPEC) or data[at + 1] != 3 or size == 0:
            work.cursor[CURSOR_NEED] = -1
            break
        if size > _RECORD_MAX_BYTES or length + size > len(shake):
            work.cursor[CURSOR_NEED] = -1
            break
        whole = min(size, end - at - 5)
        if kind == _HANDSHAKE:
            copy_bytes(shake, length, data, at + 5, whole)
            length += whole
        work.cursor[CURSOR_NEED] = at + 5 + size
        if whole < size:
            break
        at += 5 + size
        work.cursor[CURSOR_NEED] = at + 5
    work.cursor[CURSOR_AT] = at
    return length


@kernel
def _finish(flow, work, side, failed, counter):  # type: ignore[no-untyped-def]
    """End the reading of a stream; a failed one is counted and only watched for a hello."""
    if failed:
        work.counters[counter] += 1
    flow.phase[side] = PHASE_UNKNOWN if failed else PHASE_DONE
    return STEP_MORE


@kernel
def step_client_hello(flow, work, strings, shake, data, at, end):  # type: ignore[no-untyped-def]
    """Read the ClientHello whose first record begins at data[at]; cursor and result as all steps."""
    side = 0
    work.cursor[CURSOR_AT] = at
    if end - at < 9:
        work.cursor[CURSOR_NEED] = at + 9
        return STEP_MORE
    record = (np.int64(data[at + 3]) << 8) | np.int64(data[at + 4])
    if record >= 4:
        if looks_like_handshake(data, at, end, _CLIENT_HELLO) != 1:
            return _finish(flow, work, side, True, COUNT_HELLO_MALFORMED)
        length = 4 + ((np.int64(data[at + 7]) << 8) | np.int64(data[at + 8]))
        if length > HELLO_MAX_BYTES:
            return _finish(flow, work, side, True, COUNT_HELLO_MALFORMED)
        work.cursor[CURSOR_NEED] = at + 5 + length
        if at + 5 + length > end:
            return STEP_MORE
        if record >= length:
            if read_client_hello(data, at + 5, at + 5 + length, work.hello) != HELLO_WHOLE:
                return _finish(flow, work, side, True, COUNT_HELLO_MALFORMED)
            take_hello(flow, work, strings, data, work.hello, 0)
            return _finish(flow, work, side, False, 0)
    gathered = gather_handshake(work, shake, data, at, end)
    need = work.cursor[CURSOR_NEED]
    work.cursor[CURSOR_AT] = at
    status = read_client_hello(shake, 0, gathered, work.hello)
    if status == HELLO_WHOLE:
        take_hello(flow, work, strings, shake, work.hello, 0)
        return _finish(flow, work, side, False, 0)
    if status != 1 or need < 0:
        return _finish(flow, work, side, True, COUNT_HELLO_MALFORMED)
    work.cursor[CURSOR_NEED] = max(need, end + 1)
    return STEP_MORE


@kernel
def read_server_hello(flow, work, strings, data, at, stop):  # type: ignore[no-untyped-def]
    """Take the ServerHello body data[at:stop] (RFC 8446 section 4.1.3); 0: malformed."""
    if stop - at < 38:
        return 0
    facts = flow.facts
    version = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
    retry = True
    for i in range(32):
        if data[at + 2 + i] != _RETRY_RANDOM[i]:
            retry = False
            break
    at += 34
    at += 1 + np.int64(data[at])
    if at + 3 > stop:
        return 0
    cipher = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
    at += 3
    if at + 2 <= stop:
        stop = min(stop, at + 2 + ((np.int64(data[at]) << 8) | np.int64(data[at + 1])))
        at += 2
    while at + 4 <= stop:
        kind = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
        size = (np.int64(data[at + 2]) << 8) | np.int64(data[at + 3])
        at += 4
        if at + size > stop:
            return 0
        if kind == _SUPPORTED_VERSIONS_TYPE and size == 2:
            version = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
        elif kind == _ALPN_TYPE and size > 3 and np.int64(data[at + 2]) == size - 3:
            facts.alpn_chosen = intern(strings, data, at + 3, at + size)
        at += size
    if retry:
        facts.tls |= np.uint8(TLS_RETRY_REQUEST)
        return 1
    facts.tls |= np.uint8(TLS_SERVER_HELLO)
    facts.tls_version = version
    facts.tls_cipher = cipher
    return 1


@kernel
def _read_certificate(flow, work, strings, data, at, end):  # type: ignore[no-untyped-def]
    """Take the first certificate of a Certificate message's body; how many bytes are missing."""
    if at + 6 > end:
        return at + 6 - end
    size = (np.int64(data[at + 3]) << 16) | (np.int64(data[at + 4]) << 8) | np.int64(data[at + 5])
    at += 6
    if at + size > end:
        return at + size - end
    whole = find_parts(data, at, at + size, work.bounds, work.certificate_parts)
    found = certificate_name(data, work.certificate_parts, whole, work.bounds)
    if found < 0:
        work.counters[COUNT_CERTIFICATE_MALFORMED] += 1
    elif found == 1:
        start, stop = work.bounds[0], work.bounds[1]
        flow.facts.cert_name = intern_host_name(work, strings, data, start, stop)
    name = np.int64(flow.facts.server_name)
    first = strings.starts[name] if name >= 0 else np.int64(0)
    last = strings.starts[name + 1] if name >= 0 else np.int64(0)
    parts, arena = work.certificate_parts, strings.arena
    check_certificate(data, parts, arena, first, last, work.bounds, work.certificate)
    flow.facts.cert_not_before = work.certificate[0]
    flow.facts.cert_not_after = work.certificate[1]
    flow.facts.cert_match = work.certificate[2]
    return np.int64(0)


@kernel
def _read_messages(flow, work, strings, data, at, end):  # type: ignore[no-untyped-def]
    """Read the server's handshake messages in data[at:end], without record headers.

    Returns SERVER_DONE, SERVER_BAD, or SERVER_GOES_ON with in work.bounds[0] where the first message
    that is not whole begins, and in work.bounds[1] how many bytes of it are missing, 0 at the end.
    """
    missing = np.int64(0)
    while at < end:
        if at + 4 > end:
            missing = at + 4 - end
            break
        kind = data[at]
        size = (np.int64(data[at + 1]) << 16) | (np.int64(data[at + 2]) << 8) | np.int64(data[at + 3])
        if kind == _CERTIFICATE:
            missing = _read_certificate(flow, work, strings, data, at + 4, end)
            if missing == 0:
                return SERVER_DONE
            break
        if kind not in (_SERVER_HELLO, _CERTIFICATE_STATUS):
            return SERVER_DONE
        if at + 4 + size > end:
            missing = at + 4 + size - end
            break
        if kind == _SERVER_HELLO:
            if not read_server_hello(flow, work, strings, data, at + 4, at + 4 + size):
                return SERVER_BAD
            if flow.facts.tls & TLS_SERVER_HELLO and flow.facts.tls_version >= _TLS_1_3:
                return SERVER_DONE  # all that follows is encrypted
        at += 4 + size
    work.bounds[0] = at
    work.bounds[1] = missing
    return SERVER_GOES_ON


@kernel
def _read_first_record(flow, work, strings, data, at, end):  # type: ignore[no-untyped-def]
    """Read messages where they lie in the record at data[at]; as `_read_messages`.

    work.cursor: NEED the position needed to go on, AT the next record when this one is read whole
    and ends with a message, `at` when not; -1 when a message goes on in the next record.
    """
    stop = at + 5 + ((np.int64(data[at + 3]) << 8) | np.int64(data[at + 4]))
    result = _read_messages(flow, work, strings, data, at + 5, min(stop, end))
    work.cursor[CURSOR_AT] = at
    if result != SERVER_GOES_ON:
        return result
    missing = work.bounds[1]
    if missing == 0 and end >= stop:
        work.cursor[CURSOR_AT] = stop
        work.cursor[CURSOR_NEED] = stop + 6
    elif min(stop, end) + missing > stop:
        work.cursor[CURSOR_AT] = -1
    else:
        work.cursor[CURSOR_NEED] = min(stop, end) + max(missing, np.int64(1))
    return result


@kernel
def step_server(flow, work, strings, shake, data, at, end):  # type: ignore[no-untyped-def]
    """Read a record of the server's handshake at data[at], whose first one opened with ServerHello."""
    side = 1
    work.cursor[CURSOR_AT] = at
    work.cursor[CURSOR_NEED] = at + 6
    if at + 6 > end:
        return STEP_MORE
    if data[at] == _CHANGE_CIPHER_SPEC and data[at + 3] == 0 and data[at + 4] == 1:
        work.cursor[CURSOR_AT] = at + 6
        return STEP_AGAIN
    if data[at] != _HANDSHAKE or data[at + 1] != 3:
        return _finish(flow, work, side, False, 0)
    result = _read_first_record(flow, work, strings, data, at, end)
    if result == SERVER_GOES_ON and work.cursor[CURSOR_AT] >= 0:
        return STEP_AGAIN if work.cursor[CURSOR_AT] > at else STEP_MORE
    if result == SERVER_GOES_ON:
        # A message is split over records: put it together.
        gathered = gather_handshake(work, shake, data, at, end)
        need = work.cursor[CURSOR_NEED]
        work.cursor[CURSOR_AT] = at
        result = _read_messages(flow, work, strings, shake, np.int64(0), gathered)
        if result == SERVER_GOES_ON:
            if need < 0 or gathered + work.bounds[1] > len(shake):
                return _finish(flow, work, side, False, 0)
            work.cursor[CURSOR_NEED] = max(need, end + max(work.bounds[1], np.int64(1)))
            return STEP_MORE
    return _finish(flow, work, side, result == SERVER_BAD, COUNT_SERVER_HELLO_MALFORMED)
