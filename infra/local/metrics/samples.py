"""Samples of metrics, read from logs in CloudWatch's embedded metric format.

Functions write their own metrics so; what AWS itself measures of them, `recorder` writes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MARK = '"_aws"'


@dataclass(frozen=True)
class Metric:
    """Which metric: its name, and its dimensions in the order of their names."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> "Metric":
        """The metric with these dimensions."""
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(frozen=True)
class Sample:
    """One value; `at` is in seconds since 1970."""

    metric: Metric
    at: float
    value: float


def read_samples(lines: Iterable[str]) -> Iterator[Sample]:
    """The samples in a log; other lines are left out."""
    for line in lines:
        if _MARK not in line:
            continue
        try:
            document = json.loads(line)
        except ValueError:
            continue  # a line that was cut off, or another one that has the word in it
        if isinstance(document, dict) and isinstance(document.get("_aws"), dict):
            yield from _read_document(document)


def read_folder(logs: Path) -> list[Sample]:
    """The samples in all logs of a folder."""
    samples: list[Sample] = []
    for log in sorted(logs.glob("*.log")):
        with log.open(encoding="utf-8", errors="replace") as lines:
            samples += read_samples(lines)
    return samples


def _read_document(document: Mapping[str, Any]) -> Iterator[Sample]:
    at = document["_aws"]["Timestamp"] / 1000
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: str(document[name]) for name in names}
            for described in directive["Metrics"]:
                metric = Metric.of(directive["Namespace"], described["Name"], dimensions)
                value = document[described["Name"]]
                for one in value if isinstance(value, list) else [value]:
                    yield Sample(metric, at, float(one))
