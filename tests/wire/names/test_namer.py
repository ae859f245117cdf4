"""The Namer as a whole: order of evidence, ECH, DNS, bounds, forgetting."""

from __future__ import annotations

import ssl
import struct
from itertools import pairwise

import dpkt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.names import quic_maker, tls_maker
from tests.wire.names.joined import JoinedNamer
from tests.wire.names.refs import RefMaker
from wire.flows.records import REF_OPEN, UDP
from wire.names.facts import ECH_NAMES, NAME_SOURCES
from wire.names.namer import NamerSettings

SMALL = NamerSettings(max_flows=1 << 15, reassembly_slots=4, max_strings=1 << 12, max_string_bytes=1 << 20)
CLIENT, OTHER, RESOLVER, SERVER = (bytes([10, 0, 0, n]) for n in (1, 2, 3, 4))
HELLO = tls_maker.records(tls_maker.hello(tls_maker.server_name(b"sni.example.org")))
NAMELESS = tls_maker.handshake(ssl.TLSVersion.TLSv1_2, None)


def answer(name: str, address: bytes, ech: bool = False) -> bytes:
    """A DNS response: A of the name, or an HTTPS record with an address hint and an ECH configuration."""
    kind, data = 1, address
    if ech:
        kind = 65
        hint = struct.pack(">HH", 4, 4) + address
        data = b"\0\1\0" + hint + struct.pack(">HH", 5, 3) + b"ech"
    record = dpkt.dns.DNS.RR(name=name, type=1, cls=1, ttl=300, rdata=address, ip=address)
    message = dpkt.dns.DNS(id=7, op=0x8180, qd=[dpkt.dns.DNS.Q(name=name, type=kind)], an=[record])
    raw = bytearray(bytes(message))
    if ech:
        at = raw.index(b"\0\1\0\1\0\0\1\x2c")
        raw[at : at + 10] = struct.pack(">HHIH", 65, 1, 300, len(data))
        raw[at + 10 :] = data
    return bytes(raw)


class Scene:
    """Flows in order; the last one is asked about."""

    def __init__(self, settings: NamerSettings = SMALL) -> None:
        self.namer, self.maker, self.flow = JoinedNamer(settings), RefMaker(), 0

    def ask(self, response: bytes, client: bytes = CLIENT) -> Scene:
        self.flow += 1
        dns = {"protocol": UDP, "ports": (5000, 53), "hosts": (client, RESOLVER)}
        self.maker.add(self.flow, b"", kind=REF_OPEN, **dns)
        self.maker.add(self.flow, response, side=1, **dns)
        return self

    def connect(self, *sides: bytes) -> np.void:
        """Facts of a flow to SERVER in which client and server say these bytes."""
        self.flow += 1
        self.maker.add(self.flow, b"", kind=REF_OPEN, hosts=(CLIENT, SERVER))
        for side, data in enumerate(sides):
            self.maker.add(self.flow, data, side=side, hosts=(CLIENT, SERVER))
        self.namer.read(*self.maker.block())
        return self.namer.facts(np.array([self.flow]))[0]

    def named(self, facts: np.void) -> tuple[str | None, str]:
        name = None if facts["name"] < 0 else self.namer.strings[facts["name"]].decode()
        return name, NAME_SOURCES[facts["name_source"]]


def test_evidence_comes_in_order_of_its_worth() -> None:
    own = answer("own.example.org", SERVER)
    scene = Scene().ask(own)
    sure = scene.connect(HELLO)
    assert scene.named(sure) == ("sni.example.org", "tls_sni")
    scene = Scene().ask(own)
    asked = scene.connect(*NAMELESS)
    assert scene.named(asked) == ("own.example.org", "dns_answer")
    scene = Scene().ask(answer("shared.example.org", SERVER), OTHER)
    shared = scene.connect(*NAMELESS)
    assert scene.named(shared) == ("shared.example.org", "dns_answer_shared")
    scene = Scene()
    certified = scene.connect(*NAMELESS)
    assert scene.named(certified) == ("lessons.example.org", "tls_cert")
    assert scene.named(Scene().connect(b"")) == (None, "none")
    confidences = [facts["name_confidence"] for facts in (sure, asked, shared)]
    assert confidences == sorted(confidences, reverse=True)


def ech_hello(name: bytes) -> bytes:
    return tls_maker.records(tls_maker.hello(tls_maker.server_name(name) + tls_maker.ECH))


def test_an_ech_extension_alone_may_be_grease_and_the_name_stands() -> None:
    scene = Scene()
    facts = scene.connect(ech_hello(b"sni.example.org"))
    assert scene.named(facts) == ("sni.example.org", "tls_sni")
    assert (ECH_NAMES[facts["ech"]], facts["outer_name"]) == ("offered", -1)
    assert facts["name_confidence"] < Scene().connect(HELLO)["name_confidence"]


@pytest.mark.parametrize("asked", [False, True])
def test_the_outer_name_of_ech_names_nothing(asked: bool) -> None:
    scene = Scene()
    if asked:
        scene.ask(answer("inner.example.org", SERVER))
    facts = scene.connect(ech_hello(b"cloudflare-ech.com"))
    assert ECH_NAMES[facts["ech"]] == "outer"
    assert scene.namer.strings[facts["outer_name"]] == b"cloudflare-ech.com"
    assert scene.named(facts) == (("inner.example.org", "dns_answer") if asked else (None, "none"))


def test_ech_offered_to_this_client_for_another_name_is_ech() -> None:
    scene = Scene().ask(answer("inner.example.org", SERVER, ech=True))
    facts = scene.connect(ech_hello(b"front.example.org"))
    assert ECH_NAMES[facts["ech"]] == "outer"
    assert scene.named(facts) == ("inner.example.org", "dns_answer")
    # the same SNI as was asked for is no outer name, and without the extension nothing is hidden
    scene = Scene().ask(answer("inner.example.org", SERVER, ech=True))
    assert scene.named(scene.connect(ech_hello(b"inner.example.org"))) == ("inner.example.org", "tls_sni")
    scene = Scene().ask(answer("inner.example.org", SERVER, ech=True))
    assert scene.named(scene.connect(HELLO)) == ("sni.example.org", "tls_sni")


def test_an_operator_may_add_outer_names() -> None:
    scene = Scene(NamerSettings(max_flows=16, max_strings=64, ech_public_names=("front.example.org",)))
    assert scene.named(scene.connect(ech_hello(b"front.example.org"))) == (None, "none")


@pytest.mark.parametrize(
    ("name", "counter"),
    [
        (b"a/b.example.org", "name_bad_bytes"),
        (b"a" * 64 + b".org", "name_too_long"),
        (b"192.0.2.1", "name_ip_literal"),
        (b"xn--zzzzzzzz99.example", "name_bad_idna"),
    ],
)
def test_unusable_names_are_counted_and_name_nothing(name: bytes, counter: str) -> None:
    scene = Scene()
    facts = scene.connect(tls_maker.records(tls_maker.hello(tls_maker.server_name(name))))
    assert scene.named(facts) == (None, "none")
    assert scene.namer.counters[counter] == 1


def test_dns_over_tcp_is_framed_and_reassembled() -> None:
    message = answer("own.example.org", SERVER)
    framed = len(message).to_bytes(2, "big") + message
    stream = framed + len(message).to_bytes(2, "big") + message.replace(b"\3own", b"\3two")
    for cuts in ([], [1], [20, 70], [len(framed)], [len(framed) + 1]):
        bounds = [0, *cuts, len(stream)]
        scene = Scene()
        dns = {"ports": (5000, 53), "hosts": (CLIENT, RESOLVER)}
        for start, end in pairwise(bounds):
            scene.maker.add(9, stream[start:end], at=start, side=1, **dns)
        facts = scene.connect(*NAMELESS)
        assert scene.named(facts) == ("two.example.org", "dns_answer")
        _, ids = scene.namer.dns_queries(np.array([9]))
        assert [scene.namer.strings[i] for i in ids.tolist()] == [b"own.example.org", b"two.example.org"]
        assert scene.namer.facts(np.array([9]))[0]["dns_responses"] == 2


def test_many_answers_leave_the_table_of_flows_as_it_is() -> None:
    """Answers of 64 addresses fill the room for events, which more room for flows would not mend."""
    record = b"\xc0\x0c" + struct.pack(">HHIH4s", 1, 1, 300, 4, SERVER)
    message = struct.pack(">6H", 7, 0x8180, 1, 64, 0, 0) + b"\3own\7example\3org\0\0\1\0\1" + record * 64
    scene = Scene()
    room = scene.namer.room_for_flows
    for _ in range(4_000):
        scene.flow += 1
        scene.maker.add(scene.flow, message, side=1, protocol=UDP, ports=(5000, 53), hosts=(CLIENT, RESOLVER))
    scene.namer.read(*scene.maker.block())
    assert scene.namer.facts(np.array([scene.flow]))[0]["dns_responses"] == 1
    assert scene.namer.room_for_flows == room < SMALL.max_flows


def test_flows_are_forgotten_and_the_table_grows_and_ends() -> None:
    namer = JoinedNamer(SMALL)
    serials = np.arange(1, 40001)
    maker = RefMaker()
    maker.add(1, b"-")
    buffer, one = maker.block()
    opens = np.repeat(one, len(serials))
    opens["flow"] = serials
    namer.read(buffer, opens)
    known = namer.facts(serials)["flow"] != 0
    assert known.sum() == SMALL.max_flows
    assert namer.counters["flow_state_refused"] == len(serials) - SMALL.max_flows
    namer.forget(serials[::2])
    kept = np.zeros(len(serials), bool)
    kept[1::2] = known[1::2]
    assert ((namer.facts(serials)["flow"] != 0) == kept).all()
    namer.read(buffer, opens[::2])
    assert (namer.facts(serials)["flow"] != 0).sum() == SMALL.max_flows


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=200))
def test_the_table_is_a_dictionary(steps: list[tuple[int, bool]]) -> None:
    namer, twin = JoinedNamer(NamerSettings(max_flows=32, max_strings=64)), set()
    maker = RefMaker()
    maker.add(1, b"-")
    buffer, one = maker.block()
    for flow, opens in steps:
        if opens and (flow in twin or len(twin) < 32):
            one["flow"] = flow
            namer.read(buffer, one)
            twin.add(flow)
        elif not opens:
            namer.forget(np.array([flow]))
            twin.discard(flow)
    assert set(namer.facts(np.arange(61))["flow"].tolist()) - {0} == twin


def test_streams_in_pieces_are_bounded_and_the_oldest_gives_way() -> None:
    scene = Scene()
    for flow in range(1, 7):
        scene.maker.add(flow, HELLO[:40])
    for flow in range(1, 7):
        scene.maker.add(flow, HELLO[40:], at=40)
    scene.namer.read(*scene.maker.block())
    named = scene.namer.facts(np.arange(1, 7))["name"] >= 0
    assert named.tolist() == [False, False, True, True, True, True]
    assert scene.namer.counters["reassembly_evicted"] == 2
    scene.namer.forget(np.arange(1, 7))
    assert scene.named(scene.connect(HELLO))[0] == "sni.example.org"


def test_a_stream_in_too_many_pieces_is_counted() -> None:
    scene = Scene()
    for at in range(1, 61, 3):
        scene.maker.add(1, HELLO[at : at + 1], at=at)
    scene.namer.read(*scene.maker.block())
    assert scene.namer.counters["reassembly_too_many_pieces"] == 4


def test_a_read_only_buffer_is_read() -> None:
    scene = Scene()
    scene.maker.add(1, HELLO)
    buffer, refs = scene.maker.block()
    assert not buffer.flags.writeable
    scene.namer.read(buffer, refs)
    assert scene.named(scene.namer.facts(np.array([1]))[0]) == ("sni.example.org", "tls_sni")


REF_FIELDS = ("offset", "length", "stream_offset", "direction", "kind", "protocol", "server_port")


@settings(max_examples=100)
@given(st.data())
def test_no_reference_makes_it_raise(data: st.DataObject) -> None:
    scene = Scene()
    for at in (0, 40, 90):
        scene.maker.add(1, HELLO[at : at + 60], at=at)
    buffer, refs = scene.maker.block()
    for field in REF_FIELDS:
        limits = np.iinfo(refs.dtype[field])
        edge = st.sampled_from([limits.min, limits.max, 0, 1, 2, 6, 17, 53, len(buffer)])
        number = st.one_of(edge, st.integers(limits.min, limits.max))
        drawn = data.draw(st.lists(number, min_size=3, max_size=3))
        refs[field] = [min(value, limits.max) for value in drawn]
    scene.namer.read(buffer, refs)
    scene.namer.facts(np.array([1]))
    assert scene.namer.counters["block_lost"] == 0


def test_quic_names_flows_as_quic() -> None:
    alpn = tls_maker.extension(16, b"\0\3\2h3")
    message = tls_maker.hello(tls_maker.server_name(b"quic.example.org") + alpn)
    first = quic_maker.initial(quic_maker.crypto_frame(message, 40, 999), dcid=b"12345678")
    second = quic_maker.initial(quic_maker.crypto_frame(message, 0, 40), dcid=b"12345678", number=1)
    scene = Scene()
    scene.namer.read(*quic_maker.block([(1, 0, first), (1, 0, second)]))
    facts = scene.namer.facts(np.array([1]))
    assert scene.named(facts[0]) == ("quic.example.org", "quic_sni")
    assert facts["quic_version"] == quic_maker.V1
    assert scene.namer.ja4(facts["parameters"])[0].startswith("q12d0202h3_")
