"""What the running daemon says of itself: control socket, health and metrics, put together."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from monitor import places
from monitor.config.config import Config
from monitor.daemon.control import ask
from monitor.errors import CUT_OFF, CommandEnd

_WAIT_SECONDS = 5.0
_ANYWHERE = ("", "0.0.0.0", "::")
_PREFIX = "campuswatch_"
#: (metric's name without prefix, label values) -> value
Series = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Inspection:
    """daemon: what the parent says. health: as /readyz tells it. series: of /metrics."""

    daemon: dict[str, Any]
    health: dict[str, Any]
    series: Series

    def total(self, name: str) -> float:
        """All series of a metric, added up."""
        return sum(value for key, value in self.series.items() if key[0] == name)

    def by_label(self, name: str) -> dict[str, float]:
        """A metric with one label."""
        return {key[1]: value for key, value in self.series.items() if key[0] == name}

    def told(self) -> dict[str, Any]:
        """As JSON, without the series, which Prometheus has."""
        return {"daemon": self.daemon, "health": self.health}


def inspect(config: Config) -> Inspection:
    """Ask. Raises CommandEnd where no daemon runs, or it does not answer."""
    folder = places.runtime_directory(config.state)
    daemon = ask(folder / places.CONTROL, "status", _WAIT_SECONDS)
    try:
        port = int((folder / places.METRICS_PORT).read_text(encoding="ascii"))
        address = "127.0.0.1" if config.metrics.address in _ANYWHERE else config.metrics.address
        health = json.loads(_get(address, port, "/readyz"))
        families = list(text_string_to_metric_families(_get(address, port, "/metrics").decode()))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CommandEnd(CUT_OFF, f"分析进程没有应答 analysis does not answer: {error}") from error
    series = {
        (sample.name.removeprefix(_PREFIX), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    return Inspection(daemon, health, series)


def _get(address: str, port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection(address, port, timeout=_WAIT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
