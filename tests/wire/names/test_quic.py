"""QuicReader against Initials made by aioquic, and against a plain twin of CRYPTO reassembly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.names.quic_maker import (
    V1,
    V2,
    block,
    crypto_frame,
    hello,
    initial,
    long_packet,
    read,
    tls_hellos,
)
from wire.names.quic import QuicReader

FIRST, SECOND = b"firstid8", b"second-connection-id"
PING, ACK, ACK_ECN = b"\x01", b"\x02\x05\x00\x01\x00\x00\x00", b"\x03\x00\x00\x00\x00\x01\x02\x03"
HELLO = hello(600)


def whole(stream: bytes = HELLO) -> bytes:
    return crypto_frame(stream, 0, len(stream))


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("id_length", [0, 1, 8, 20])
def test_hello_in_one_datagram(version: int, id_length: int) -> None:
    datagram = initial(whole(), dcid=b"x" * id_length, version=version)
    reader = QuicReader(4)
    found = reader.read(*block([(7, 0, datagram)]))
    assert tls_hellos(found) == {7: HELLO}
    assert found.rows["version"].tolist() == [version]
    assert reader.counters["hellos"] == reader.counters["initials"] == 1


def test_other_frames_stand_between() -> None:
    parts = PING + crypto_frame(HELLO, 300, 400) + ACK + b"\0\0" + crypto_frame(HELLO, 0, 310) + ACK_ECN
    reader = QuicReader(4)
    assert read(reader, [(1, 0, initial(parts, dcid=FIRST))]) == {1: HELLO}
    assert reader.counters["malformed_frames"] == 0


def test_hello_over_datagrams_and_blocks_with_the_servers_id_in_later_ones() -> None:
    stream = hello(2500)
    cuts = [(1200, 1304), (0, 700), (600, 700)]
    reader = QuicReader(4)
    for number, (offset, length) in enumerate(cuts):
        dcid = FIRST if number == 0 else SECOND
        datagram = initial(
            crypto_frame(stream, offset, length), dcid=dcid, key_id=FIRST, number=number, pad_to=1400
        )
        assert read(reader, [(1, 0, datagram)]) == ({1: stream} if number == 2 else {})
    assert reader.counters["decrypt_failed"] == 0


def test_retry_changes_the_keys_and_the_hello_is_sent_again() -> None:
    stream = hello(1500)
    before = initial(crypto_frame(stream, 0, 1000), dcid=FIRST)
    retry = long_packet(3, b"token and tag", dcid=b"")
    after = [
        initial(crypto_frame(stream, offset, 1000), dcid=SECOND, token=b"t" * 90, number=number)
        for number, offset in ((1, 1000), (2, 0))
    ]
    datagrams = [(1, 0, before), (1, 1, retry)] + [(1, 0, datagram) for datagram in after]
    reader = QuicReader(4)
    assert read(reader, datagrams) == {1: stream}
    assert reader.counters["retry"] == 1


def test_zero_rtt_first_and_initial_behind_another_packet() -> None:
    early = long_packet(1, b"e" * 900, dcid=FIRST)
    behind = long_packet(1, b"e" * 200, dcid=FIRST) + initial(whole(), dcid=FIRST, pad_to=700)
    assert read(QuicReader(4), [(1, 0, early), (1, 0, behind)]) == {1: HELLO}


def test_two_initials_in_one_datagram() -> None:
    datagram = initial(crypto_frame(HELLO, 0, 200), dcid=FIRST, pad_to=210)
    datagram += initial(crypto_frame(HELLO, 200, 500), dcid=FIRST, number=1, pad_to=500)
    assert read(QuicReader(4), [(1, 0, datagram)]) == {1: HELLO}


def test_version_negotiation_then_another_version() -> None:
    refused = initial(whole(hello(900)), dcid=FIRST, version=V1).replace(
        b"\0\0\0\x01", b"\x1a\x2a\x3a\x4a", 1
    )
    answer = b"\x80" + bytes(4) + b"\0\x08" + FIRST + V2.to_bytes(4, "big")
    reader = QuicReader(4)
    chosen = initial(whole(), dcid=FIRST, version=V2)
    assert read(reader, [(1, 0, refused), (1, 1, answer), (1, 0, chosen)]) == {1: HELLO}
    assert reader.counters["unknown_version"] == reader.counters["version_negotiation"] == 1


def test_only_the_server_seen_names_nothing() -> None:
    answer = initial(whole(), dcid=b"clientid", key_id=FIRST, client=False)
    short = initial(whole(), dcid=b"", key_id=FIRST, client=False)
    reader = QuicReader(4)
    assert read(reader, [(1, 1, answer), (2, 1, short)]) == {}
    assert reader.counters["server_initial"] == 2
    assert reader.counters["decrypt_failed"] == 0


def test_client_seen_in_the_wrong_direction_is_still_read() -> None:
    assert read(QuicReader(4), [(1, 1, initial(whole(), dcid=FIRST))]) == {1: HELLO}


def test_hello_is_reported_once() -> None:
    datagram = initial(whole(), dcid=FIRST)
    reader = QuicReader(4)
    assert read(reader, [(1, 0, datagram), (1, 0, datagram)]) == {1: HELLO}
    assert read(reader, [(1, 0, datagram)]) == {}
    assert reader.counters["initials"] == 1


def test_forged_byte_fails_the_tag_and_is_counted() -> None:
    datagram = bytearray(initial(whole(), dcid=FIRST))
    datagram[-1] ^= 1
    reader = QuicReader(4)
    assert read(reader, [(1, 0, bytes(datagram))]) == {}
    assert reader.counters["decrypt_failed"] == 1


def test_packet_cut_by_the_capture_is_counted() -> None:
    reader = QuicReader(4)
    assert read(reader, [(1, 0, initial(whole(), dcid=FIRST)[:256])]) == {}
    assert reader.counters["truncated"] == 1


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (crypto_frame(b"\x02" + HELLO[1:], 0, 604), "not_client_hello"),
        (crypto_frame(b"\x01\xff\xff\xff", 0, 4), "crypto_overflow"),
        (b"\x06\xff\xff\xff\xff\xff\xff\xff\xff\x01a", "crypto_overflow"),
        (b"\x06\x00\x7f\xff", "malformed_frames"),
        (b"\x02\x00\x00\x7f\xff" + b"\xc0" * 1157, "malformed_frames"),
        (b"\x30", "malformed_frames"),
    ],
)
def test_bad_payload_is_counted(payload: bytes, reason: str) -> None:
    reader = QuicReader(4)
    assert read(reader, [(1, 0, initial(payload, dcid=FIRST))]) == {}
    assert reader.counters[reason] == 1


def test_unfinished_hello_is_counted_when_its_flow_ends() -> None:
    reader = QuicReader(4)
    read(reader, [(1, 0, initial(crypto_frame(HELLO, 0, 99), dcid=FIRST))])
    reader.forget(np.array([1, 2]))
    assert reader.counters["crypto_gap_at_end"] == 1
    assert read(reader, [(1, 0, initial(crypto_frame(HELLO, 99, 600), dcid=FIRST))]) == {}


@pytest.mark.parametrize("flows", [1, 2, 3])
def test_least_recently_used_hello_gives_way(flows: int) -> None:
    first, rest = crypto_frame(HELLO, 0, 99), crypto_frame(HELLO, 99, 600)
    reader = QuicReader(flows)
    read(reader, [(flow, 0, initial(first, dcid=FIRST)) for flow in range(1, 5)])
    assert reader.counters["evicted"] == 4 - flows
    found = read(reader, [(flow, 0, initial(rest, dcid=FIRST, number=1)) for flow in range(4, 4 - flows, -1)])
    assert found == {flow: HELLO for flow in range(4, 4 - flows, -1)}


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[bytes, list[list[tuple[int, int]]]]:
    """A hello, and for each datagram the (offset, length) of its CRYPTO frames."""
    stream = hello(draw(st.integers(1, 1800)), draw(st.integers(0, 99)))
    cuts = sorted(draw(st.sets(st.integers(1, len(stream) - 1), max_size=24)))
    pieces = [(a, b - a) for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    overlap = st.integers(0, len(stream) - 1).flatmap(lambda a: st.tuples(st.just(a), st.integers(0, 200)))
    pieces = draw(st.permutations(pieces + draw(st.lists(overlap, max_size=4))))
    lost = draw(st.sets(st.integers(0, len(pieces) - 1), max_size=draw(st.sampled_from([0, 0, 2]))))
    pieces = [piece for i, piece in enumerate(pieces) if i not in lost]
    datagrams: list[list[tuple[int, int]]] = [[] for _ in range(draw(st.integers(1, 6)))]
    for piece in pieces:
        datagrams[draw(st.integers(0, len(datagrams) - 1))].append(piece)
    return stream, datagrams


def twin(stream: bytes, datagrams: list[list[tuple[int, int]]]) -> bytes | None:
    """Whole when every byte came in some frame."""
    seen = set()
    for pieces in datagrams:
        for offset, length in pieces:
            seen.update(range(offset, min(offset + length, len(stream))))
    return stream if len(seen) == len(stream) else None


@settings(max_examples=60, deadline=None)
@given(shuffled(), st.booleans())
def test_any_order_of_frames_yields_the_twins_hello(
    case: tuple[bytes, list[list[tuple[int, int]]]], in_one_block: bool
) -> None:
    stream, datagrams = case
    sent = [
        (
            1,
            0,
            initial(
                b"\x01".join(crypto_frame(stream, *piece) for piece in pieces) or PING, dcid=FIRST, number=n
            ),
        )
        for n, pieces in enumerate(datagrams)
    ]
    reader = QuicReader(2)
    found: dict[int, bytes] = {}
    for part in [sent] if in_one_block else [[one] for one in sent]:
        found |= read(reader, part)
    expected = twin(stream, datagrams)
    assert found == ({} if expected is None else {1: expected})


_SEEDS = [
    initial(whole(), dcid=FIRST),
    initial(whole(), dcid=SECOND, version=V2, token=b"token", scid=b"s" * 20),
    long_packet(1, b"e" * 100, dcid=FIRST) + initial(whole(), dcid=FIRST),
    long_packet(3, b"retry", dcid=FIRST),
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(_SEEDS),
            st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4),
            st.integers(0, 1400),
            st.integers(0, 1),
            st.integers(1, 4),
        ),
        max_size=8,
    )
)
def test_mutated_datagrams_never_raise_and_invent_nothing(
    cases: list[tuple[bytes, list[tuple[int, int]], int, int, int]],
) -> None:
    datagrams = []
    for seed, edits, length, direction, flow in cases:
        data = bytearray(seed[:length])
        for at, value in edits:
            if at < len(data):
                data[at] = value
        datagrams.append((flow, direction, bytes(data)))
    reader = QuicReader(2)
    for found in read(reader, datagrams).values():
        assert found == HELLO
    reader.forget(np.arange(5))


def test_refs_that_point_outside_the_buffer_are_left_alone() -> None:
    buffer, refs = block([(1, 0, _SEEDS[0]), (2, 0, _SEEDS[0]), (3, 0, _SEEDS[0])])
    refs["offset"] = [-5, len(buffer) - 10, 2**62]
    assert len(QuicReader(2).read(buffer, refs).rows) == 0
