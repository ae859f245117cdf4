"""The values of all metrics, and their exposition for Prometheus.

One registry of the project's own: no process, platform, gc or `_created` series, so that the
text depends on the packets alone. Every series stands at zero from the start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from sinks.metrics.definitions import COUNTER, HISTOGRAM, METRICS, SCORE_BUCKETS, Metric

_Key = tuple[str, ...]


class Exposition(Collector):
    """Holds a number per series; a pipeline sets them, a scrape reads them.

    services: ids of the catalogue. version: for campuswatch_build_info.
    """

    def __init__(self, services: Sequence[str], version: str) -> None:
        self._version = version
        self._values: dict[str, dict[_Key, float]] = {}
        self._buckets = [0] * (len(SCORE_BUCKETS) + 1)
        self._bucket_sum = 0.0
        self.learn_services(services)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def learn_services(self, services: Sequence[str]) -> None:
        """Series at zero for services that are new."""
        for metric in METRICS:
            if metric.kind != HISTOGRAM:
                values = (services if allowed is None else allowed for _, allowed in metric.labels)
                known = self._values.setdefault(metric.name, {})
                self._values[metric.name] = dict.fromkeys(product(*values), 0.0) | known

    def follow(self, earlier: Exposition) -> None:
        """Stand where an earlier exposition stands, as far as the services are the same."""
        for name, known in self._values.items():
            known.update({key: value for key, value in earlier._values[name].items() if key in known})

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set one series; counters are handed up as totals. Raises KeyError outside the closed sets."""
        series = self._values[f"campuswatch_{name}"]
        if labels not in series:
            raise KeyError(f"{name}{labels}")
        series[labels] = value

    def set_each(self, name: str, values: Mapping[str, float] | Iterable[tuple[str, float]]) -> None:
        """Set the series of a metric with one label."""
        for label, value in values.items() if isinstance(values, Mapping) else values:
            self.set(name, value, label)

    def observe_scores(self, scores: Iterable[float]) -> None:
        """Count scores into the histogram."""
        for score in scores:
            self._buckets[bisect_left(SCORE_BUCKETS, score)] += 1
            self._bucket_sum += score

    @property
    def scores(self) -> list[float]:
        """The histogram of scores, for a state: a count a bucket, and their sum."""
        return [*self._buckets, self._bucket_sum]

    @scores.setter
    def scores(self, kept: Sequence[float]) -> None:
        if len(kept) == len(self._buckets) + 1:  # else the buckets are those of another version
            self._buckets = [int(count) for count in kept[:-1]]
            self._bucket_sum = float(kept[-1])

    def series(self) -> int:
        """How many series the exposition has."""
        return sum(len(family.samples) for family in self.collect())

    def text(self) -> bytes:
        """The exposition in Prometheus's text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Family]:
        """All families, for the registry."""
        info = GaugeMetricFamily("campuswatch_build_info", "The program.", labels=("version",))
        info.add_metric((self._version,), 1)
        yield info
        for metric in METRICS:
            if metric.kind == HISTOGRAM:
                yield self._histogram(metric)
                continue
            family = self._family(metric)
            for labels, value in self._values[metric.name].items():
                family.add_metric(labels, value)
            yield family

    def _family(self, metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
        names = [label for label, _ in metric.labels]
        if metric.kind == COUNTER:
            return CounterMetricFamily(metric.name, metric.help, labels=names)
        return GaugeMetricFamily(metric.name, metric.help, labels=names)

    def _histogram(self, metric: Metric) -> HistogramMetricFamily:
        bounds = [*(f"{bound:g}" for bound in SCORE_BUCKETS), "+Inf"]
        counts, total = [], 0
        for bound, count in zip(bounds, self._buckets, strict=True):
            total += count
            counts.append((bound, total))
        return HistogramMetricFamily(metric.name, metric.help, buckets=counts, sum_value=self._bucket_sum)
