"""`campuswatch warm`: every kernel compiled and kept on disk, so that capturing starts at once."""

from __future__ import annotations

import multiprocessing
import os
import struct
import tempfile
import time
from pathlib import Path

import typer

from monitor import __version__
from monitor.errors import WHOLE
from monitor.kernels import kernel_folder


def _compile_flows_and_quic() -> None:
    """Compile the flow table's kernels and the QUIC reader's by showing them a QUIC capture, then silence."""
    from monitor.shipped import shipped
    from wire.capture.files import open_captures
    from wire.flows.table import FlowTable
    from wire.names.quic import QuicReader

    table, quic = FlowTable(), QuicReader(16)
    with open_captures([shipped("pcaps/chromium-quic.pcap")]) as reader:
        for block in reader:
            for flows in table.advance(block):
                quic.read(block.buffer, flows.refs)
    silence_ns = int(block.timestamp_ns.max()) + 1_000_000_000
    for _ in (*table.tick(silence_ns), *table.finish()):
        pass


def _compile_names() -> None:
    """Compile the kernels that read names by telling the namer of one flow."""
    import numpy as np

    from wire.flows.records import PAYLOAD_REF, REF_OPEN, TCP
    from wire.names.namer import Namer, NamerSettings

    ref = np.zeros(1, PAYLOAD_REF)
    ref["flow"], ref["kind"], ref["protocol"] = 1, REF_OPEN, TCP
    namer = Namer(NamerSettings())
    namer.read(np.zeros(1, np.uint8), ref)
    namer.facts(ref["flow"])
    namer.forget(ref["flow"])


def _compile_rooms() -> None:
    """Compile the two large groups of kernels side by side; what they share is compiled twice."""
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=room) for room in (_compile_flows_and_quic, _compile_names)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def warm() -> int:
    """Fill the cache where it is not whole; tell how many kernels there are, where, and how long it took."""
    base = kernel_folder.place()
    os.environ["CAMPUSWATCH_KERNEL_CACHE"] = str(base)  # before the first kernel is imported
    if kernel_folder.is_whole(base):
        typer.echo(f"内核已就绪 kernels are ready: {base}")
        return WHOLE
    if os.geteuid() == 0:
        os.umask(0o022)  # what root compiles serves every user
    base.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    _compile_rooms()
    _compile_formats()
    _compile_ring()
    _replay_everything()
    _compile_halves()
    kernels = kernel_folder.mark_whole(base)
    old = kernel_folder.prune(base) if kernel_folder.is_installed() else 0
    seconds = time.monotonic() - started
    typer.echo(f"{kernels} 个内核 kernels: {base} ({seconds:.1f} s)")
    if old:
        typer.echo(f"清除旧版本的 {old} 个目录 folders of other versions removed: {old}")
    return WHOLE


def _compile_formats() -> None:
    """Compile what reads pcapng, and what merges captures, by reading the smallest one beside another."""
    from monitor.shipped import shipped
    from wire.capture.files import open_captures

    with tempfile.TemporaryDirectory(prefix="campuswatch-warm-") as folder:
        smallest = Path(folder, "smallest.pcapng")
        smallest.write_bytes(_smallest_pcapng())
        with open_captures([smallest, shipped("pcaps/dig.pcap")]) as reader:
            for _ in reader:
                pass


def _smallest_pcapng() -> bytes:
    """A section, an Ethernet interface, a frame of 16 zeros."""

    def block(kind: int, body: bytes) -> bytes:
        size = 12 + len(body)
        return struct.pack("<II", kind, size) + body + struct.pack("<I", size)

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack("<HHI", 1, 0, 0))
    return section + interface + block(6, struct.pack("<5I", 0, 0, 0, 16, 16) + bytes(16))


def _compile_ring() -> None:
    """Compile the kernel that walks a live ring by showing it an empty block."""
    import numpy as np

    from wire.capture.frame_index import FrameArrays
    from wire.capture.ring_block import index_ring_block

    index_ring_block(np.zeros(64, np.uint8), 0, 0, 0, 0, 0, 0, FrameArrays.empty(1))


def _replay_everything() -> None:
    """Replay the shipped captures, which between them call all other kernels."""
    from monitor.config import config_file
    from monitor.replay.session import Session
    from monitor.shipped import shipped
    from wire.capture.errors import CaptureError
    from wire.capture.files import open_captures

    for path in sorted(shipped("pcaps").glob("*.pcap*")):
        with tempfile.TemporaryDirectory(prefix="campuswatch-warm-") as folder:
            try:
                with (
                    open_captures([path]) as reader,
                    Session(reader, config_file.load(None), Path(folder), pseudonymise=False) as session,
                ):
                    session.carry(reader, lambda clock_ns: None)
                    session.publish()
            except CaptureError:
                continue  # some captures are there to be refused


def _compile_halves() -> None:
    """Compile what joins flows whose parts came to several workers, by showing two of them the same."""
    from monitor.config import config_file
    from monitor.pipeline.pipeline import AnalysisStages, Place, WorkerStages
    from monitor.pipeline.stages import settings_from
    from monitor.shipped import shipped
    from sinks.results import Results
    from wire.capture.files import open_captures

    settings = settings_from(config_file.load(None), pseudonymise=False)
    workers = [WorkerStages(settings.flows, settings.names, Place(i, by_time=True)) for i in (0, 1)]
    analysis = AnalysisStages(settings, len(workers), halves_may_part=True)
    services = analysis.detectors.catalogue.ids
    results = Results(None, analysis.strings, services, settings.pseudonyms, __version__)
    with open_captures([shipped("pcaps/campus-day.pcap.zst")]) as reader:
        block = next(iter(reader))
        for worker in workers:
            analysis.take(worker.advance(block), results)
    for worker in workers:
        for step in worker.finish():
            analysis.take(step, results)
    analysis.enter(0)  # forgets the flows of an earlier life
