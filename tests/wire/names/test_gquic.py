"""gQUIC's CHLO in the clear packets of Q0xx, and in the encrypted Initials of Q050."""

from __future__ import annotations

import numpy as np
import pytest
from aioquic.quic import crypto as aioquic_crypto
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.names.quic_maker import block, initial, varint
from wire.names.quic import HELLO_GQUIC, QuicReader

NAME, AGENT = b"video.school.example", b"beta Chrome/43.0 Linux"


def chlo(name: bytes | None = NAME, agent: bytes = AGENT) -> bytes:
    tags = {b"PAD\0": b"-" * 400, b"UAID": agent}
    if name is not None:
        tags[b"SNI\0"] = name
    table, values = b"", b""
    for tag, value in tags.items():
        values += value
        table += tag + len(values).to_bytes(4, "little")
    return b"CHLO" + len(tags).to_bytes(2, "little") + b"\0\0" + table + values


def stream_frame(data: bytes, number: int) -> bytes:
    order = "big" if number >= 39 else "little"
    return b"\xa0\x01" + len(data).to_bytes(2, order) + data  # type: ignore[arg-type]


def clear_packet(number: int, frames: bytes) -> bytes:
    version = b"Q0%d" % number
    if number > 43:
        return b"\xc3" + version + b"\x50" + b"clientid" + b"\0\0\0\1" + b"h" * 12 + frames
    private = b"\0" if number < 34 else b""
    return b"\x09" + b"clientid" + version + b"\x01" + b"h" * 12 + private + frames


def named(datagram: bytes) -> list[tuple[bytes, bytes, int]]:
    reader = QuicReader(4)
    found = reader.read(*block([(1, 0, datagram)]))
    assert reader.counters["gquic_hellos"] == len(found.rows)
    rows = []
    for row in found.rows:
        assert row["kind"] == HELLO_GQUIC
        name = found.arena[row["start"] : row["end"]].tobytes()
        rows.append((name, found.arena[row["agent_start"] : row["agent_end"]].tobytes(), int(row["version"])))
    return rows


@pytest.mark.parametrize("number", [24, 33, 35, 39, 43, 46])
def test_chlo_in_clear(number: int) -> None:
    version = int.from_bytes(b"Q0%d" % number, "big")
    assert named(clear_packet(number, stream_frame(chlo(), number))) == [(NAME, AGENT, version)]


def test_chlo_behind_an_ack_and_padding() -> None:
    ack = b"\x40\x01\x00\x00\x01\x00"
    assert named(clear_packet(43, ack + b"\0\0" + stream_frame(chlo(), 43)))[0][0] == NAME


def test_chlo_without_a_name() -> None:
    assert named(clear_packet(43, stream_frame(chlo(None), 43)))[0][0] == b""


def test_chlo_in_an_encrypted_q050_initial(monkeypatch: pytest.MonkeyPatch) -> None:
    salt = bytes.fromhex("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45")
    monkeypatch.setattr(aioquic_crypto, "INITIAL_SALT_VERSION_1", salt)
    message = chlo()
    frames = b"".join(
        b"\x08"
        + varint(offset)
        + varint(len(message[offset : offset + 200]))
        + message[offset : offset + 200]
        for offset in range(0, len(message), 200)
    )
    assert named(initial(frames, dcid=b"clientid", version=0x51303530)) == [(NAME, AGENT, 0x51303530)]


@pytest.mark.parametrize("cut", [30, 60, 120, 470])
def test_chlo_that_is_cut_names_nothing(cut: int) -> None:
    assert named(clear_packet(43, stream_frame(chlo(), 43))[:cut]) == []


@given(
    st.sampled_from([24, 39, 43, 46]),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=5),
    st.integers(0, 600),
)
def test_mutated_packets_never_raise(number: int, edits: list[tuple[int, int]], length: int) -> None:
    data = bytearray(clear_packet(number, stream_frame(chlo(), number))[:length])
    for at, value in edits:
        if at < len(data):
            data[at] = value
    found = QuicReader(4).read(*block([(1, 0, bytes(data))]))
    assert np.all(found.rows["end"] >= found.rows["start"])
