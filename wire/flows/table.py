"""The flow table: frames in; payload references, deltas and flow rows out, in event time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.capture.frames import FrameBlock
from wire.flows.emit import OUT_DELTAS, OUT_REFS, OUT_ROWS, OutputArrays, output_arrays
from wire.flows.give_back import give_back
from wire.flows.index import VLAN_FULL, VLAN_IGNORE, VLAN_OUTER
from wire.flows.packet import REJECT_REASONS
from wire.flows.slots import ACTIVE, CLOCK_NS, COUNTERS, NEXT_SERIAL, table_arrays
from wire.flows.track import end_all, pass_time, track_block
from wire.record_arrays import owned

_VLAN_MODES = {"ignore": VLAN_IGNORE, "outer": VLAN_OUTER, "full": VLAN_FULL}
#: Each far below 4 MiB: for larger ones NumPy asks for pages of 2 MiB. More comes in several pieces.
_OUT_REFS, _OUT_DELTAS, _OUT_ROWS = 16_384, 8_192, 2_048

#: Ports at or above 1024 where servers listen by custom (IANA's registry and common practice).
_SERVICE_PORTS = (
    1080, 1194, 1433, 1521, 1723, 1812, 1813, 1883, 1900, 1935, 2049, 2152, 3128, 3306, 3389, 3478, 3544,
    4433, 4789, 5004, 5060, 5061, 5222, 5223, 5228, 5353, 5355, 5432, 5900, 6081, 6379, 6443, 6881, 8000,
    8008, 8080, 8081, 8088, 8443, 8472, 8883, 8888, 9000, 9090, 9100, 9200, 9418, 10000, 11211, 27017, 51820,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Bounds and timeouts of the table, in event time.

    `max_flows`: the table's size; `idle_seconds`: silence that ends a flow, by kind: TCP opening,
    TCP established, TCP closed (late packets of a connection that is over), UDP, other.
    """

    max_flows: int = 262_144
    active_timeout_seconds: float = 300.0
    idle_seconds: tuple[float, float, float, float, float] = (30.0, 300.0, 10.0, 60.0, 30.0)
    vlan: str = "ignore"
    max_tunnel_depth: int = 4
    duplicate_window_seconds: float = 0.0  # within it a copy of a packet is not counted; 0: all are
    elephant_bytes: int = 0  # of a direction in one row, beyond which packets are only counted; 0: never
    flow_id_key: int = 0

    @property
    def vlan_mode(self) -> int:
        """`vlan` as VLAN_*."""
        return _VLAN_MODES[self.vlan]


class _KernelSettings(NamedTuple):
    secret: NDArray[np.uint64]  # [0] of flow ids, [1] of the index
    vlan_mode: NDArray[np.int64]
    active_ns: NDArray[np.int64]
    max_tunnel_depth: NDArray[np.int64]
    duplicate_window_ns: NDArray[np.int64]
    elephant_bytes: NDArray[np.int64]
    spread: NDArray[np.int64]  # the worker's place, and how many share the flows


@dataclass(slots=True)
class FlowOutput:
    """What a stretch of frames yielded: refs into `block`, deltas, rows (dtypes in records.py).

    `block` is None after the last frame. `clock_ns` is the event clock afterwards: deltas of
    minutes that ended before it are out, but for packets that come late.
    """

    block: FrameBlock | None
    refs: NDArray[np.void]
    deltas: NDArray[np.void]
    rows: NDArray[np.void]
    clock_ns: int
    active_flows: int = 0


@dataclass(slots=True)
class FlowTable:
    """A bounded table of flows. Not thread-safe; `advance` blocks in order of time.

    mine, of: of `of` tables that are all shown the same frames, this one keeps the flows of place
    `mine`; which flows those are follows from the key alone. first_serial: of the first flow.
    """

    settings: FlowSettings = field(default_factory=FlowSettings)
    mine: int = 0
    of: int = 1
    first_serial: int = 1
    kernel_faults: int = 0
    _table: object = None
    _kernel_settings: _KernelSettings | None = None
    _idle_ns: NDArray[np.int64] | None = None
    _service_ports: NDArray[np.uint8] | None = None
    #: Where kernels write; what they wrote is copied out. Of fresh arrays the touched pages would be zeroed.
    _out: OutputArrays = field(default_factory=lambda: output_arrays(_OUT_REFS, _OUT_DELTAS, _OUT_ROWS))

    def __post_init__(self) -> None:
        settings = self.settings
        if settings.max_flows < 1 or settings.vlan not in _VLAN_MODES:
            raise ValueError(f"flow table: max_flows {settings.max_flows}, vlan {settings.vlan!r}")
        if not 0 <= self.mine < self.of:
            raise ValueError(f"flow table: place {self.mine} of {self.of}")
        key = settings.flow_id_key & 0xFFFFFFFFFFFFFFFF
        self._table = table_arrays(settings.max_flows)
        self._table.numbers[NEXT_SERIAL] = self.first_serial
        self._kernel_settings = _KernelSettings(
            secret=np.array([key ^ 0x243F6A8885A308D3, key ^ 0x13198A2E03707344], np.uint64),
            vlan_mode=np.array([settings.vlan_mode], np.int64),
            active_ns=np.array([settings.active_timeout_seconds * 1e9], np.int64),
            max_tunnel_depth=np.array([settings.max_tunnel_depth], np.int64),
            duplicate_window_ns=np.array([settings.duplicate_window_seconds * 1e9], np.int64),
            elephant_bytes=np.array([settings.elephant_bytes], np.int64),
            spread=np.array([self.mine, self.of], np.int64),
        )
        self._idle_ns = np.array([seconds * 1e9 for seconds in settings.idle_seconds], np.int64)
        self._service_ports = np.zeros(65_536, np.uint8)
        self._service_ports[:1024] = 1
        self._service_ports[list(_SERVICE_PORTS)] = 1

    def bypass_elephants(self, elephant_bytes: int) -> None:
        """From now on only count packets of directions that are so large; 0: look at every packet."""
        assert self._kernel_settings is not None
        self._kernel_settings.elephant_bytes[0] = elephant_bytes

    def advance(self, block: FrameBlock) -> Iterator[FlowOutput]:
        """Carry a block into the table; yields once, or more often when much is due at once."""
        first = 0
        resumed = False
        while True:
            self._out.used[:] = 0
            try:
                reached = self._track(block, first, resumed)
            except IndexError:
                self._recover()
                reached = len(block)
            yield self._output(block)
            if reached >= len(block):
                return
            first, resumed = reached, True

    def tick(self, clock_ns: int) -> Iterator[FlowOutput]:
        """No packet came by `clock_ns`: what is due by then. Nothing before the first packet."""
        return self._emptied(
            lambda out: pass_time(self._table, clock_ns, out, self._idle_ns, self._kernel_settings.secret[0]),  # type: ignore[union-attr]
        )

    def finish(self) -> Iterator[FlowOutput]:
        """End all open flows: the capture is over."""
        return self._emptied(
            lambda out: end_all(self._table, out, self._kernel_settings.secret[0]),  # type: ignore[union-attr]
        )

    def give_back(self) -> None:
        """Return memory that a flood took and nobody uses; now and then, between two blocks."""
        give_back(self._table)  # type: ignore[arg-type]
        self._out = output_arrays(_OUT_REFS, _OUT_DELTAS, _OUT_ROWS)

    def counters(self) -> dict[str, int]:
        """Packets, bytes, decoded, late and so on, cumulative; a closed set of names."""
        names = dict(zip(COUNTERS, self._table.counters.tolist(), strict=True))  # type: ignore[attr-defined]
        return {**names, "kernel_faults": self.kernel_faults}

    def rejects(self) -> dict[str, int]:
        """Frames rejected, by reason (REJECT_REASONS without `none`)."""
        counts = self._table.rejects.tolist()  # type: ignore[attr-defined]
        return dict(zip(REJECT_REASONS[1:], counts[1:], strict=True))

    @property
    def active_flows(self) -> int:
        """Flows in the table now."""
        return int(self._table.numbers[ACTIVE])  # type: ignore[attr-defined]

    def _emptied(self, step: Callable[[OutputArrays], bool]) -> Iterator[FlowOutput]:
        """What a step that takes no frames yields, until it says that it is done."""
        while True:
            self._out.used[:] = 0
            try:
                done = step(self._out)
            except IndexError:
                self._recover()
                done = True
            yield self._output(None)
            if done:
                return

    def _track(self, block: FrameBlock, first: int, resumed: bool) -> int:
        return int(
            track_block(
                block.buffer,
                block.offset,
                block.captured_bytes,
                block.wire_bytes,
                block.timestamp_ns,
                block.interface,
                block.vlan,
                block.link_types,
                first,
                resumed,
                self._table,
                self._kernel_settings,
                self._idle_ns,
                self._service_ports,
                self._out,
            )
        )

    def _output(self, block: FrameBlock | None) -> FlowOutput:
        out = self._out
        return FlowOutput(
            block,
            owned(out.refs[: out.used[OUT_REFS]]),
            owned(out.deltas[: out.used[OUT_DELTAS]]),
            owned(out.rows[: out.used[OUT_ROWS]]),
            int(self._table.numbers[CLOCK_NS]),  # type: ignore[attr-defined]
            self.active_flows,
        )

    def _recover(self) -> None:
        """A guard fired: count it, keep totals, clock and serials, start with an empty table."""
        self.kernel_faults += 1
        fresh = table_arrays(self.settings.max_flows)
        old = self._table
        for cell in (CLOCK_NS, NEXT_SERIAL):
            fresh.numbers[cell] = old.numbers[cell]  # type: ignore[attr-defined]
        fresh.counters[:] = old.counters  # type: ignore[attr-defined]
        fresh.rejects[:] = old.rejects  # type: ignore[attr-defined]
        self._table = fresh
