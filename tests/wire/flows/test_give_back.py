"""What a flood took of the flow table's memory goes back, and nothing that the table says changes by it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wire.flows.give_back
from tests.bench.measure import ROOT
from tests.wire.flows.frames import (
    ACK,
    RST,
    SECOND,
    START,
    SYN,
    Frame,
    Result,
    block_of,
    carry_blocks,
    tcp,
    udp,
)
from tests.wire.flows.plain_table import Packet
from tests.wire.flows.test_table_twin import frame_of, packet_lists, settings_drawn
from wire.flows.records import FIRST_PACKETS
from wire.flows.slots import FREE_HEAD, FRESH_SLOT, HALF, NO_SLOT, SLOT, TableArrays
from wire.flows.table import FlowSettings, FlowTable

_FLOOD = 40_000

_OF_A_FLOW = SLOT.itemsize + 2 * HALF.itemsize + 6 * FIRST_PACKETS

_IN_A_PROCESS = f"""
from tests.wire.flows.test_give_back import flood, resident_bytes
from wire.flows.table import FlowTable

table = FlowTable()
for block in flood():
    for _ in table.advance(block):
        pass
assert table.active_flows == 2, table.active_flows
taken = resident_bytes()
table.give_back()
given = taken - resident_bytes()
assert given > 0.9 * {_FLOOD * _OF_A_FLOW}, given
"""


def resident_bytes() -> int:
    """Anonymous memory of this process."""
    with open("/proc/self/smaps_rollup") as file:
        return 1024 * int(next(line for line in file if line.startswith("Anonymous:")).split()[1])


def flood() -> list[object]:
    """Two lasting flows, one opened within the flood, and then silence but for them."""
    lasting = ("10.0.0.1", 50_000, "10.0.0.2", 443), ("10.0.0.3", 50_000, "10.0.0.2", 443)
    frames = []
    for at in range(_FLOOD):
        address = f"10.{1 + (at >> 16)}.{at >> 8 & 255}.{at & 255}"
        frames.append(Frame(udp(address, 40_000, "192.0.2.1", 53, b"\0" * 4, 64), START + at * 1_000, 46))
        if at in (0, _FLOOD // 2):
            frames.append(Frame(tcp(*lasting[at > 0], ACK, 1), START + at * 1_000, 60))
    for second in range(1, 200):
        frames += [Frame(tcp(*ends, ACK, 1), START + second * SECOND, 60) for ends in lasting]
    return [block_of(frames[at : at + 65_536]) for at in range(0, len(frames), 65_536)]


def zeroed(table: TableArrays, start: int, stop: int) -> None:
    """In place of whole pages: all of each slot."""
    for array in (table.slots, table.halves, table.first_sizes, table.first_gaps_us):
        of_slot = len(array) // len(table.slots)
        array[start * of_slot : stop * of_slot] = np.zeros(1, array.dtype)


def with_give_back(packets: list[Packet], settings: FlowSettings, block_frames: int) -> Result:
    """The table is asked for what it does not need after every block."""
    plain = FlowTable.advance

    def advance(table: FlowTable, block: object) -> object:
        yield from plain(table, block)  # type: ignore[arg-type]
        table.give_back()

    frames = [frame_of(packet) for packet in packets]
    blocks = [block_of(frames[at : at + block_frames]) for at in range(0, len(frames), block_frames)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire.flows.give_back, "_LEAST_RUN", 1)
        patch.setattr(wire.flows.give_back, "_discard", zeroed)
        patch.setattr(FlowTable, "advance", advance)
        return carry_blocks(blocks, settings)


@given(packet_lists(late=True), settings_drawn, st.integers(1, 100), st.integers(1, 7))
def test_records_are_the_same(
    packets: list[Packet], settings: FlowSettings, max_flows: int, block_frames: int
) -> None:
    settings = replace(settings, max_flows=max_flows)
    whole = carry_blocks([block_of([frame_of(packet) for packet in packets])], settings)
    ours = with_give_back(packets, settings, block_frames)
    assert ours.rows.tobytes() == whole.rows.tobytes()
    assert np.array_equal(ours.deltas, whole.deltas)
    assert ours.payloads == whole.payloads
    assert ours.counters == whole.counters
    ours.check_accounting()


def test_the_lowest_free_slots_are_taken_first() -> None:
    table = FlowTable()
    for block in flood():
        for _ in table.advance(block):  # type: ignore[arg-type]
            pass
    table.give_back()
    numbers = table._table.numbers  # type: ignore[attr-defined]
    assert numbers[FRESH_SLOT] == _FLOOD // 2 + 3  # behind the lasting flow amid the flood
    free, slot = [], int(numbers[FREE_HEAD])
    while slot != NO_SLOT:
        free.append(slot)
        slot = int(table._table.following[slot])  # type: ignore[attr-defined]
    assert free == [0, *range(2, _FLOOD // 2 + 2)]


def test_what_ended_within_the_open_minute_is_free_as_well() -> None:
    """Its slots keep their pages, and flows to come have them."""
    table = FlowTable(FlowSettings(max_flows=4_000))
    idle = [(f"10.0.{at >> 8}.{at & 255}", 40_000, "192.0.2.1", 53) for at in range(3_000)]
    frames = [Frame(udp(*ends, b"\0" * 4, 64), START, 46) for ends in idle]
    for at in range(1_500):
        ends = ("10.9.0.1", 10_000 + at, "192.0.2.1", 443)
        frames.append(Frame(tcp(*ends, SYN, 1), START + 125 * SECOND, 60))
        frames.append(Frame(tcp(*ends, RST, 2), START + 126 * SECOND, 60))
    frames.sort(key=lambda frame: frame.timestamp_ns)
    frames.append(Frame(udp("10.9.9.9", 1, "192.0.2.1", 53, b"", 64), START + 170 * SECOND, 46))
    for _ in table.advance(block_of(frames)):
        pass
    assert table.active_flows == 1
    table.give_back()
    later = [Frame(udp(*ends, b"\0" * 4, 64), START + 171 * SECOND, 46) for ends in idle]
    later += [
        Frame(tcp("10.9.0.1", 10_000 + at, "192.0.2.1", 80, SYN, 1), START + 171 * SECOND, 60)
        for at in range(999)
    ]
    for _ in table.advance(block_of(later)):
        pass
    assert table.active_flows == 4_000
    assert table.counters()["flows_evicted"] == 0


def test_memory_goes_back() -> None:
    subprocess.run([sys.executable, "-c", _IN_A_PROCESS], check=True, cwd=ROOT)
