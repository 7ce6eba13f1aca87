"""Reads a dashboard as CloudWatch keeps it.

The format is that of the CloudWatch API reference, "Dashboard Body Structure and Syntax". Only what
the stack uses is read: rows of text, and graphs of plain metrics.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.local.metrics.samples import Metric

DEFAULT_PERIOD_S: Final = 300


@dataclass(frozen=True)
class Line:
    """One line of a graph."""

    metric: Metric
    label: str
    statistic: str
    period_s: int


@dataclass(frozen=True)
class Widget:
    """A text, or a graph; places and sizes in CloudWatch's grid of 24 columns.

    Attributes:
        title: of a graph, or the text.
        lines: none for a text.
    """

    left: int
    top: int
    width: int
    height: int
    title: str
    lines: Sequence[Line] = ()
    stacked: bool = False


def read_dashboard(body: str) -> list[Widget]:
    """The widgets of a dashboard, in its order."""
    return [_read_widget(widget) for widget in json.loads(body)["widgets"]]


def _read_widget(widget: Mapping[str, Any]) -> Widget:
    properties = widget["properties"]
    place = (widget["x"], widget["y"], widget["width"], widget["height"])
    if widget["type"] == "text":
        return Widget(*place, title=str(properties["markdown"]).lstrip("# "))
    period_s = int(properties.get("period", DEFAULT_PERIOD_S))
    return Widget(
        *place,
        title=properties["title"],
        lines=[_read_line(metric, period_s) for metric in properties["metrics"]],
        stacked=properties.get("stacked", False),
    )


def _read_line(given: Sequence[Any], period_s: int) -> Line:
    namespace, name, *rest = given
    options = rest.pop() if rest and isinstance(rest[-1], dict) else {}
    dimensions = dict(zip(rest[::2], rest[1::2], strict=True))
    return Line(
        Metric.of(namespace, name, dimensions),
        str(options.get("label", name)),
        str(options.get("stat", "Average")),
        int(options.get("period", period_s)),
    )
