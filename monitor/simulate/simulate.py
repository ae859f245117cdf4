"""`campuswatch simulate`: a scenario in; a capture and its truth out, the same bytes for the same seed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from detectors.catalogue.catalogue import Catalogue
from monitor.config import config_file
from monitor.errors import WHOLE
from monitor.places import state_directory
from monitor.simulate.calls import calls
from monitor.simulate.frames import FILE_HEADER, frames
from monitor.simulate.hosts import Hosts, ScenarioError
from monitor.simulate.incidents import incidents
from monitor.simulate.openings import Arena
from monitor.simulate.packets import packets
from monitor.simulate.people import people_of
from monitor.simulate.scenario import Scenario
from monitor.simulate.scenario_file import load_scenario
from monitor.simulate.service_incidents import truth_of
from monitor.simulate.streams import stream
from monitor.simulate.visits import visits_of

#: Conversations, and packets, that are worked on at a time.
_TALKS, _PACKETS = 16_384, 262_144
_PORTS_FROM, _PORTS = 20_000, 44_000


def simulate(scenario_path: Path, out: Path, truth_path: Path | None, config_path: Path | None) -> int:
    """Write the capture and the truth; the exit code. Raises ConfigError, CatalogueError, ScenarioError.

    The names that services are called by come from the configuration's catalogue.
    """
    scenario = load_scenario(scenario_path)
    config = config_file.load(config_path)
    known = Catalogue.of(config.catalogue.settings(state_directory(config.state)))
    try:
        truth, count = write_capture(scenario, known, out)
        if truth_path is not None:
            text = json.dumps(truth, ensure_ascii=False, indent=1) + "\n"
            truth_path.write_text(text, encoding="utf-8")
    except OSError as error:
        place = error.filename or out
        raise ScenarioError(f"{place}: cannot be written: {error.strerror or error}") from error
    typer.echo(f"{out}: 包 packets {count:,}; 事件 incidents {len(truth['incidents'])}")
    return WHOLE


def write_capture(scenario: Scenario, catalogue: Catalogue, out: Path) -> tuple[dict[str, Any], int]:
    """Write the packets to `out`; the truth and how many packets. Raises ScenarioError, OSError."""
    hosts, arena = Hosts(catalogue), Arena()
    people = people_of(scenario.devices, stream(scenario.seed, "people"))
    visits = visits_of(scenario, people, hosts)
    strange, told = incidents(scenario, people, arena)
    told += truth_of(scenario, people, visits)
    talks = np.concatenate([calls(scenario, visits, people, hosts, arena), strange])
    talks = talks[np.lexsort((talks["server_port"], talks["server"], talks["client"], talks["start_ns"]))]
    _give_ports(talks)
    end_ns = scenario.start_ns + int(scenario.hours * 3_600e9)
    draw = stream(scenario.seed, "bytes")
    count = 0
    payload = np.frombuffer(arena.bytes() + b"\0", np.uint8)
    unfinished = out.with_name(out.name + ".unfinished")
    with unfinished.open("wb") as file:
        file.write(FILE_HEADER)
        for part in _in_order(talks, end_ns):
            for first in range(0, len(part), _PACKETS):
                file.write(frames(part[first : first + _PACKETS], talks, payload, draw).data)
            count += len(part)
    os.replace(unfinished, out)
    return {"schema": 1, "incidents": told, "embeddings": _embeddings(scenario)}, count


def _in_order(talks: NDArray[np.void], end_ns: int) -> Iterator[NDArray[np.void]]:
    """All packets in order of time, some at a time; the capture ends at `end_ns`."""
    waiting = packets(talks[:0])
    for first in range(0, len(talks), _TALKS):
        fresh = packets(talks[first : first + _TALKS])
        fresh["talk"] += first
        waiting = np.concatenate([waiting, fresh])
        waiting = waiting[np.lexsort((waiting["place"], waiting["talk"], waiting["time_ns"]))]
        last = first + _TALKS >= len(talks)
        edge = end_ns if last else min(int(talks["start_ns"][first + _TALKS]), end_ns)
        cut = int(np.searchsorted(waiting["time_ns"], edge))
        yield waiting[:cut]
        waiting = waiting[cut:]


def _give_ports(talks: NDArray[np.void]) -> None:
    """Each client counts its ports up; an echo's identifier takes the port's place."""
    order = np.argsort(talks["client"], kind="stable")
    client = talks["client"][order]
    new = np.ones(len(order), np.bool_)
    new[1:] = client[1:] != client[:-1]
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    offset = client.astype(np.int64) * 7_919
    talks["client_port"][order] = _PORTS_FROM + (rank + offset) % _PORTS


def _embeddings(scenario: Scenario) -> list[dict[str, Any]]:
    return [
        {"app": app.service, "third_party": third, "share": share}
        for app in scenario.apps
        for third, share in app.embeds.items()
    ]
