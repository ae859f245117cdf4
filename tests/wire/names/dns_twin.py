"""What wire/names/dns.py does, written plainly: the twin that its kernels are held against."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field


class Malformed(Exception):
    """`str(error)` is the status name."""


@dataclass
class Read:
    status: str = "ok"
    questions: list[bytes] = field(default_factory=list)
    is_host: bool = False
    qtype: int = -1
    rcode: int = 0
    response: bool = False
    chain_end: bytes | None = None
    chain_length: int = 0
    addresses: list[bytes] = field(default_factory=list)  # 16 octets each
    ttl: int = -1
    https: int = 0
    ech: bool = False
    alpn: bytes | None = None


def labels_at(message: bytes, at: int, end: int) -> tuple[list[bytes], int]:
    """The lower-cased labels of a name and the place after it."""
    labels: list[bytes] = []
    limit, following = at, -1
    while True:
        if at >= end:
            raise Malformed("cut")
        first = message[at]
        if first >> 6 == 3:
            if at + 2 > end:
                raise Malformed("cut")
            target = struct.unpack_from("!H", message, at)[0] & 0x3FFF
            if not 12 <= target < limit:
                raise Malformed("bad_pointer")
            following = at + 2 if following < 0 else following
            at = limit = target
        elif first >> 6:
            raise Malformed("bad_label")
        elif at + 1 + first > end:
            raise Malformed("cut")
        elif first == 0:
            return labels, at + 1 if following < 0 else following
        else:
            labels.append(message[at + 1 : at + 1 + first].lower())
            at += 1 + first
            if sum(len(label) + 1 for label in labels) > 254:
                raise Malformed("name_too_long")


def text_of(labels: list[bytes]) -> bytes:
    def escape(label: bytes) -> str:
        return "".join(chr(b) if 33 <= b <= 126 and b not in b".\\" else f"\\{b:03d}" for b in label)

    return ".".join(map(escape, labels)).encode() or b"."


def is_host(labels: list[bytes]) -> bool:
    text = b".".join(labels)
    allowed = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
    if not labels or labels[-1].isdigit():
        return False
    return len(text) <= 253 and all(b in allowed for label in labels for b in label)


def _mapped(address: bytes) -> bytes:
    return bytes(10) + b"\xff\xff" + address if len(address) == 4 else address


def _records(message: bytes, at: int, count: int) -> tuple[str, list[tuple]]:
    found = []
    for _ in range(min(count, 64)):
        try:
            owner, at = labels_at(message, at, len(message))
            if at + 10 > len(message):
                raise Malformed("cut")
            rtype, rclass, ttl, length = struct.unpack_from("!HHIH", message, at)
            start, at = at + 10, at + 10 + length
            if at > len(message):
                raise Malformed("cut")
        except Malformed as error:
            return str(error), found
        if rclass != 1:
            continue
        target = None
        try:
            if rtype == 5:
                target, after = labels_at(message, start, at)
                if after != at:
                    raise Malformed("bad_rdata")
            elif rtype in (64, 65) and length >= 3 and message[start : start + 2] == b"\0\0":
                if message[start + 2]:
                    target, _ = labels_at(message, start + 2, at)
        except Malformed as error:
            return ("bad_rdata" if str(error) == "cut" else str(error)), found
        found.append((owner, rtype, ttl if ttl < 1 << 31 else 0, start, at, target))
    return "ok", found


def _service(message: bytes, start: int, end: int, read: Read) -> None:
    if end - start < 3:
        raise Malformed("bad_rdata")
    read.https += 1
    if message[start : start + 2] == b"\0\0":
        return
    try:
        _, at = labels_at(message, start + 2, end)
    except Malformed as error:
        raise Malformed("bad_rdata" if str(error) == "cut" else str(error)) from None
    while at < end:
        if at + 4 > end:
            raise Malformed("bad_rdata")
        key, length = struct.unpack_from("!HH", message, at)
        value = message[at + 4 : at + 4 + length]
        at += 4 + length
        if at > end:
            raise Malformed("bad_rdata")
        if key == 1 and read.alpn is None:
            read.alpn = value
        read.ech |= key == 5
        size = {4: 4, 6: 16}.get(key)
        if size:
            if not value or len(value) % size:
                raise Malformed("bad_rdata")
            read.addresses += [_mapped(value[i : i + size]) for i in range(0, len(value), size)]


def _answers(message: bytes, at: int, count: int, question: list[bytes], read: Read) -> str:
    status, records = _records(message, at, count)
    if status not in ("ok", "cut"):
        return status
    chain, used, moved = [question], set(), True
    ttls = []
    while moved:
        moved = False
        for i, (owner, _, ttl, _, _, target) in enumerate(records):
            if target is not None and i not in used and owner == chain[-1] and len(chain) <= 16:
                used.add(i)
                chain.append(target)
                ttls.append(ttl)
                moved = True
    read.chain_length = len(chain) - 1
    for owner, rtype, ttl, start, end, _ in records:
        if owner not in chain or rtype not in (1, 28, 64, 65):
            continue
        if rtype in (64, 65):
            _service(message, start, end, read)
        elif end - start != (4 if rtype == 1 else 16):
            raise Malformed("bad_rdata")
        else:
            read.addresses.append(_mapped(message[start:end]))
        ttls.append(ttl)
    read.addresses = read.addresses[:64]
    read.ttl = min(ttls, default=-1)
    if is_host(chain[-1]):
        read.chain_end = text_of(chain[-1])
    return status


def read_message(message: bytes) -> Read:
    read = Read()
    if len(message) < 12:
        read.status = "short"
        return read
    _, flags, questions, answers = struct.unpack_from("!HHHH", message)
    opcode = flags >> 11 & 15
    read.response, read.rcode = bool(flags >> 15), flags & 15
    if opcode > 6:
        read.status = "bad_opcode"
        return read
    at, first = 12, None
    try:
        for i in range(questions):
            labels, following = labels_at(message, at, len(message))
            at = following + 4
            if at > len(message):
                raise Malformed("cut")
            if first is None:
                first = labels
                read.qtype = struct.unpack_from("!H", message, following)[0]
                read.is_host, read.chain_end = is_host(labels), text_of(labels)
            if i < 16:
                read.questions.append(text_of(labels))
        if read.response and not opcode and first is not None and answers:
            read.status = _answers(message, at, answers, first, read)
    except Malformed as error:
        read.status = str(error)
    if read.status not in ("ok", "cut"):
        read.addresses, read.https, read.ech, read.alpn = [], 0, False, None
    return read
