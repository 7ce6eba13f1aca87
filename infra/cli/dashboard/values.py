"""Where the values of a dashboard's lines are from: CloudWatch, or the local environment's logs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from infra.cli.dashboard.definition import Line
from infra.local.metrics.samples import Sample
from infra.local.metrics.series import Value, aggregate, begin_of

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

MAX_QUERIES: Final = 500
"""The most queries of one GetMetricData (CloudWatch API reference)."""
FEW_POINTS: Final = 20
"""With fewer, a graph of a short time would be a dot or two: its periods are shortened."""
SHORTEST_S: Final = 10


@dataclass(frozen=True)
class Span:
    """A time that is drawn, seconds since 1970."""

    start: float
    end: float

    def begins(self, period_s: int) -> list[float]:
        """When the periods begin that lie in it."""
        first = begin_of(self.start, period_s)
        count = int((self.end - first) // period_s) + 1
        return [first + number * period_s for number in range(count)]


Values = Mapping[Line, Sequence[Value]]
"""Line -> its values, one for each period of the span."""
Source = Callable[[Iterable[Line], Span], Values]


def shorten_periods(line: Line, span: Span) -> Line:
    """The line with periods that a short span has enough of, at least ten seconds long."""
    fitting = int((span.end - span.start) / FEW_POINTS) // SHORTEST_S * SHORTEST_S
    return replace(line, period_s=min(line.period_s, max(SHORTEST_S, fitting)))


def values_of_samples(samples: Sequence[Sample]) -> Source:
    """The values of samples that were read from logs."""

    def source(lines: Iterable[Line], span: Span) -> Values:
        return {
            line: aggregate(
                samples, line.metric, line.statistic, span.begins(line.period_s), line.period_s
            )
            for line in lines
        }

    return source


def values_of_cloudwatch(client: "CloudWatchClient") -> Source:
    """The values that CloudWatch has; one request for 500 lines, and one for each further page."""

    def source(lines: Iterable[Line], span: Span) -> Values:
        wanted = list(dict.fromkeys(lines))
        found: dict[Line, Sequence[Value]] = {}
        for start in range(0, len(wanted), MAX_QUERIES):
            found |= _ask(client, wanted[start : start + MAX_QUERIES], span)
        return found

    return source


def _ask(
    client: "CloudWatchClient", lines: Sequence[Line], span: Span
) -> Mapping[Line, Sequence[Value]]:
    ids = {f"m{number}": line for number, line in enumerate(lines)}
    at: dict[str, dict[float, float]] = {name: {} for name in ids}
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_query(name, line) for name, line in ids.items()],
        StartTime=datetime.fromtimestamp(span.start, UTC),
        EndTime=datetime.fromtimestamp(span.end, UTC),
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            pairs = zip(result["Timestamps"], result["Values"], strict=True)
            at[result["Id"]] |= {time.timestamp(): value for time, value in pairs}
    return {
        line: [at[name].get(begin) for begin in span.begins(line.period_s)]
        for name, line in ids.items()
    }


def _query(name: str, line: Line) -> "MetricDataQueryTypeDef":
    metric = line.metric
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in metric.dimensions],
            },
            "Period": line.period_s,
            "Stat": line.statistic,
        },
    }
