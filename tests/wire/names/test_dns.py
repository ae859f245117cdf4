"""DNS messages: kernels against the plain twin, dpkt, and tshark's word on real captures."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import dpkt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.names.dns_twin import Read, read_message
from wire.names import dns
from wire.names.dns_message import DNS_CHAIN_LENGTH
from wire.names.strings import StringTable


def read(payload: bytes, before: bytes = b"", after: bytes = b"") -> Read:
    """What the kernel finds in `payload`, standing between other bytes of a buffer."""
    buffer = np.frombuffer(before + payload + after + b"\0", np.uint8)
    strings, message = StringTable(512, 1 << 18), dns.dns_message()
    start = len(before)
    status = dns.read_dns_message(buffer, start, start + len(payload), strings.arrays, message)
    out = message.out

    def text(field: int) -> bytes | None:
        return None if out[field] < 0 else strings[int(out[field])]

    addresses = zip(message.address_hi, message.address_lo, strict=True)
    return Read(
        status=dns.DNS_STATUS_NAMES[status],
        questions=[strings[int(i)] for i in message.questions[: out[dns.DNS_QUESTIONS]]],
        is_host=bool(out[dns.DNS_NAME_IS_HOST]),
        qtype=int(out[dns.DNS_QTYPE]),
        rcode=int(out[dns.DNS_RCODE]),
        response=bool(out[dns.DNS_RESPONSE]),
        chain_end=text(dns.DNS_CHAIN_END),
        chain_length=int(out[DNS_CHAIN_LENGTH]),
        addresses=[struct.pack("!QQ", int(hi), int(lo)) for hi, lo in addresses][
            : out[dns.DNS_ADDRESSES]
        ],
        ttl=int(out[dns.DNS_TTL]),
        https=int(out[dns.DNS_HTTPS]),
        ech=bool(out[dns.DNS_ECH]),
        alpn=text(dns.DNS_ALPN),
    )


class Writer:
    """Writes a message with compressed names."""

    def __init__(self, flags: int, counts: tuple[int, int]) -> None:
        self.data = bytearray(struct.pack("!6H", 7, flags, *counts, 0, 0))
        self.places: dict[tuple[bytes, ...], int] = {}

    def name(self, labels: tuple[bytes, ...], compress: bool = True) -> None:
        for i in range(len(labels)):
            if compress and labels[i:] in self.places:
                self.data += struct.pack("!H", 0xC000 | self.places[labels[i:]])
                return
            self.places.setdefault(labels[i:], len(self.data))
            self.data += bytes([len(labels[i])]) + labels[i]
        self.data += b"\0"

    def record(self, owner: tuple[bytes, ...], rtype: int, ttl: int, rdata: bytes | tuple) -> None:
        self.name(owner)
        self.data += struct.pack("!HHI", rtype, 1, ttl)
        at = len(self.data)
        self.data += b"\0\0"
        if isinstance(rdata, tuple):
            self.name(rdata)
        else:
            self.data += rdata
        self.data[at : at + 2] = struct.pack("!H", len(self.data) - at - 2)


def parameter(key: int, value: bytes) -> bytes:
    return struct.pack("!HH", key, len(value)) + value


WWW, EDGE, CDN = (b"www", b"school", b"cn"), (b"edge", b"cdn", b"net"), (b"a", b"cdn", b"net")


def answer(records: list[tuple], name: tuple[bytes, ...] = WWW, qtype: int = 1) -> bytes:
    writer = Writer(0x8180, (1, len(records)))
    writer.name(name)
    writer.data += struct.pack("!HH", qtype, 1)
    for record in records:
        writer.record(*record)
    return bytes(writer.data)


def mapped(text: bytes) -> bytes:
    return bytes(10) + b"\xff\xff" + text


def test_addresses_at_the_end_of_a_chain_answer_for_the_question() -> None:
    result = read(
        answer(
            [
                (CDN, 1, 20, b"\1\2\3\4"),
                (EDGE, 5, 60, CDN),
                (WWW, 5, 300, EDGE),
                ((b"other", b"cn"), 1, 1, b"\x09\x09\x09\x09"),
            ]
        )
    )
    assert result.status == "ok"
    assert result.questions == [b"www.school.cn"]
    assert result.chain_end == b"a.cdn.net"
    assert (result.chain_length, result.ttl) == (2, 20)
    assert result.addresses == [mapped(b"\1\2\3\4")]


def test_https_record_gives_hints_alpn_and_ech() -> None:
    rdata = b"\0\1\0" + b"".join(
        [
            parameter(1, b"\2h3\2h2"),
            parameter(4, b"\1\2\3\4\5\6\7\x08"),
            parameter(5, b"configuration"),
            parameter(6, bytes(range(16))),
        ]
    )
    result = read(answer([(WWW, 65, 90, rdata)], qtype=65))
    assert result.status == "ok"
    assert result.alpn == b"\2h3\2h2"
    assert result.ech
    assert result.addresses == [mapped(b"\1\2\3\4"), mapped(b"\5\6\7\x08"), bytes(range(16))]
    assert result.ttl == 90


@pytest.mark.parametrize(
    ("labels", "text", "is_host"),
    [
        ((b"WwW", b"Example", b"COM"), b"www.example.com", True),
        ((b"my_cdn", b"example"), b"my_cdn.example", True),
        ((b"a.b", b"c\\d", b"x y", b"\xff\0"), b"a\\046b.c\\092d.x\\032y.\\255\\000", False),
        ((b"a@b", b"c"), b"a@b.c", False),
        ((b"1", b"2", b"3", b"4"), b"1.2.3.4", False),
        ((), b".", False),
        ((b"x" * 63, b"x" * 63, b"x" * 63, b"x" * 61), b".".join([b"x" * 63] * 3 + [b"x" * 61]), True),
        ((b"\xff" * 63,) * 3, b".".join([b"\\255" * 63] * 3), False),
    ],
)
def test_presentation_form(labels: tuple[bytes, ...], text: bytes, is_host: bool) -> None:
    writer = Writer(0x0100, (1, 0))
    writer.name(labels)
    result = read(bytes(writer.data) + b"\0\1\0\1")
    assert (result.status, result.questions, result.is_host) == ("ok", [text], is_host)


HEADER = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"", "short"),
        (HEADER[:11], "short"),
        (HEADER, "cut"),
        (HEADER + b"\3ab", "cut"),
        (HEADER + b"\3abc\0\0\1\0", "cut"),
        (HEADER + b"\xc0\x0c\0\1\0\1", "bad_pointer"),
        (HEADER + b"\1a\xc0\x0c\0\1\0\1", "bad_pointer"),
        (HEADER + b"\xc0\x0e\0\0\1\0\1", "bad_pointer"),
        (HEADER + b"\xc0\x02\0\1\0\1", "bad_pointer"),
        (HEADER + b"\x41a\0\0\1\0\1", "bad_label"),
        (HEADER + b"\x3f" + b"a" * 63 + (b"\x3f" + b"a" * 63) * 3 + b"\0\0\1\0\1", "name_too_long"),
        (HEADER[:2] + b"\x79\0" + HEADER[4:], "bad_opcode"),
        (answer([(WWW, 1, 5, b"\1\2\3")]), "bad_rdata"),
        (answer([(WWW, 28, 5, b"\1\2\3\4")]), "bad_rdata"),
        (answer([(WWW, 65, 5, b"\0\1\0" + b"\0\4\0\5abcde")]), "bad_rdata"),
        (answer([(WWW, 65, 5, b"\0\1\0" + b"\0\4\0\5abc")]), "bad_rdata"),
    ],
)
def test_malformed_messages_have_a_reason_and_no_addresses(payload: bytes, status: str) -> None:
    result = read(payload, before=b"\xc0" * 5, after=b"\1" * 40)
    assert (result.status, result.addresses) == (status, [])


def test_a_cut_message_gives_what_stands_before_the_cut() -> None:
    whole = answer([(WWW, 1, 5, b"\1\2\3\4"), (WWW, 1, 5, b"\5\6\7\x08")])
    result = read(whole[:-1])
    assert (result.status, result.addresses) == ("cut", [mapped(b"\1\2\3\4")])


def test_tcp_stream_is_walked_message_by_message() -> None:
    messages = [answer([(WWW, 1, 5, b"\1\2\3\4")]), b"x" * 3, b"", answer([], name=EDGE)]
    stream = b"".join(struct.pack("!H", len(m)) + m for m in messages)
    buffer = np.frombuffer(stream + b"\0\x20partial", np.uint8)
    strings, message = StringTable(64, 1 << 12), dns.dns_message()
    at, seen = 0, []
    while True:
        status = dns.read_dns_stream(buffer, at, len(buffer), strings.arrays, message)
        if status == dns.DNS_NEED_MORE:
            break
        assert message.out[dns.DNS_NEXT] > at
        at = int(message.out[dns.DNS_NEXT])
        seen.append((dns.DNS_STATUS_NAMES[status], int(message.out[dns.DNS_NAME])))
    assert at == len(stream)
    assert [status for status, _ in seen] == ["ok", "short", "short", "ok"]
    assert strings[seen[3][1]] == b"edge.cdn.net"


def test_name_services_are_told_apart_by_port() -> None:
    assert dns.dns_kind(17, 40000, 53) == dns.KIND_DNS
    assert dns.dns_kind(6, 40000, 53) == dns.KIND_DNS
    assert dns.dns_kind(17, 53, 40000) == dns.KIND_DNS
    assert dns.dns_kind(17, 5353, 5353) == dns.KIND_MDNS
    assert dns.dns_kind(17, 40000, 5355) == dns.KIND_LLMNR
    assert dns.dns_kind(17, 40000, 443) == dns.KIND_NONE
    assert dns.dns_kind(132, 40000, 53) == dns.KIND_NONE


labels = st.one_of(
    st.sampled_from([b"www", b"WWW", b"a", b"cdn", b"net", b"_dns", b"\xe4\xb8\xad", b"a.b"]),
    st.binary(min_size=1, max_size=63),
)
names = st.lists(labels, max_size=5).map(tuple)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    pool = draw(st.lists(names, min_size=1, max_size=4))
    some_name = st.sampled_from(pool)
    count = draw(st.integers(0, 8))
    questions = draw(st.sampled_from([0, 1, 1, 1, 2, 18]))
    flags = draw(st.sampled_from([0x8180, 0x8180, 0x0100, 0x8183, 0xA000, 0xF800]))
    writer = Writer(flags, (questions, count))
    for _ in range(questions):
        writer.name(draw(some_name), draw(st.booleans()))
        writer.data += struct.pack("!HH", draw(st.sampled_from([1, 28, 65, 16])), 1)
    value = st.binary(max_size=20)
    for _ in range(count):
        rtype = draw(st.sampled_from([1, 28, 5, 5, 65, 64, 16]))
        rdata: bytes | tuple = draw(value)
        if rtype == 5:
            rdata = draw(some_name)
        elif rtype in (1, 28):
            size = 4 if rtype == 1 else 16
            rdata = draw(st.binary(min_size=size, max_size=size))
        elif rtype in (64, 65):
            keys = draw(st.lists(st.tuples(st.sampled_from([1, 4, 5, 6, 7]), value), max_size=4))
            fits = {4: lambda v: v[: len(v) // 4 * 4], 6: lambda v: (v * 16)[:16]}
            fitted = [(key, fits.get(key, bytes)(text)) for key, text in keys]
            priority = draw(st.sampled_from([b"\0\0", b"\0\1"]))
            rdata = priority + b"\0" + b"".join(parameter(k, v) for k, v in fitted)
        writer.record(draw(some_name), rtype, draw(st.integers(0, 2**32 - 1)), rdata)
    return bytes(writer.data)


def agree(payload: bytes) -> None:
    ours, plain = read(payload, before=b"\x3f\xc0\1"), read_message(payload)
    if plain.status not in ("ok", "cut"):  # no address, no lifetime: nobody may use it
        ours.ttl = plain.ttl
        ours.chain_end, ours.chain_length = plain.chain_end, plain.chain_length
    assert ours == plain


@settings(max_examples=150, deadline=None)
@given(messages())
def test_built_messages_agree_with_the_twin(payload: bytes) -> None:
    agree(payload)


@settings(max_examples=250, deadline=None)
@given(messages(), st.data())
def test_mutated_messages_agree_with_the_twin(payload: bytes, data: st.DataObject) -> None:
    mutated = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at] = data.draw(st.sampled_from([0, 1, 4, 5, 12, 0x3F, 0x40, 0xC0, 0xFF]))
    agree(bytes(mutated[: data.draw(st.integers(0, len(mutated)))]))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_agree_with_the_twin(payload: bytes) -> None:
    agree(payload)


LINKTYPE_RAW = 101


def datagrams(path: Path) -> Iterator[tuple[int, bytes]]:
    """(port, payload) of the name services' UDP datagrams that dpkt can see in a capture."""
    with path.open("rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        raw = reader.datalink() == LINKTYPE_RAW
        for _, frame in reader:
            try:
                if raw:
                    layer = (dpkt.ip6.IP6 if frame[0] >> 4 == 6 else dpkt.ip.IP)(frame)
                else:
                    layer = dpkt.ethernet.Ethernet(frame)
            except dpkt.Error:
                continue
            while isinstance(layer, dpkt.Packet) and not isinstance(layer, dpkt.udp.UDP):
                layer = layer.data
            if isinstance(layer, dpkt.udp.UDP):
                for port in (53, 5353, 5355):
                    if port in (layer.sport, layer.dport):
                        yield port, bytes(layer.data)


def comparable(name: str) -> str:
    """tshark shows UTF-8 as it is, and stand-ins for what is none: their number is its own affair."""
    return re.sub(r"[^!-~]+", "?", name).lower()


def as_tshark_writes(name: bytes) -> str:
    octets = re.sub(rb"\\(\d{3})", lambda found: bytes([int(found[1])]), name)
    return comparable(octets.decode("utf-8", "replace"))


PLAIN = ("ndpi__wechat.pcap", "ndpi__dns.pcap", "ndpi__1kxun.pcap", "zeek__dns__ech.pcap",
         "ndpi__weibo.pcap", "ndpi__reddit.pcap", "ndpi__trickbot.pcap", "zeek__wikipedia.pcap",
         "ndpi__dns-tunnel-iodine.pcap", "ndpi__skype-conference-call.pcap")  # fmt: skip


@pytest.mark.parametrize("file", PLAIN)
def test_names_in_real_captures_are_tsharks(real_captures: Path, file: str) -> None:
    records = json.loads((real_captures / "manifest.json").read_text())
    known = next(record for record in records if record["file"] == file)
    seen: dict[int, set[str]] = {53: set(), 5353: set(), 5355: set()}
    for port, payload in datagrams(real_captures / file):
        agree(payload)
        seen[port].update(map(as_tshark_writes, read(payload).questions))
    for port, key in ((53, "dns_qnames"), (5353, "mdns_qnames"), (5355, "llmnr_qnames")):
        assert seen[port] == set(map(comparable, known[key])), key
