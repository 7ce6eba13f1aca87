"""Judges samples as CloudWatch's alarms do, by the definitions in a template.

A datapoint is alarming, or not, or missing; what a missing one counts as is the alarm's
`TreatMissingData` (CloudWatch guide, "Configuring how CloudWatch alarms treat missing data"). Here
the periods that are judged are the last complete ones.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from infra.local.metrics.samples import Metric, Sample
from infra.local.metrics.series import UnsupportedError, Value, aggregate, begin_of, compute

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

TYPE: Final = "AWS::CloudWatch::Alarm"
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}


@dataclass(frozen=True)
class MetricStat:
    """A metric and how its samples in a period become one value."""

    metric: Metric
    statistic: str
    period_s: int


@dataclass(frozen=True)
class Alarm:
    """An alarm as the template defines it.

    Attributes:
        metrics: id -> what it is about.
        expression: of these ids; with a single plain metric its id.
        most: of so many periods,
        least: so many must be alarming.
        missing: what CloudWatch calls the treatment of missing data.
    """

    name: str
    description: str
    metrics: Mapping[str, MetricStat]
    expression: str
    compare: Callable[[float, float], bool]
    threshold: float
    most: int
    least: int
    missing: str

    @property
    def period_s(self) -> int:
        """The length of its periods; all its metrics have the same."""
        (period_s,) = {each.period_s for each in self.metrics.values()}
        return period_s

    def judge(self, samples: Sequence[Sample], now: float) -> State:
        """The state at this time, seconds since 1970."""
        end = begin_of(now, self.period_s)
        begins = [end - self.period_s * back for back in range(self.most, 0, -1)]
        columns = {
            name: aggregate(samples, each.metric, each.statistic, begins, self.period_s)
            for name, each in self.metrics.items()
        }
        values = [
            compute(self.expression, {name: column[row] for name, column in columns.items()})
            for row in range(self.most)
        ]
        return self._judge(values)

    def _judge(self, values: Sequence[Value]) -> State:
        if self.missing == "missing" and all(value is None for value in values):
            return "INSUFFICIENT_DATA"
        alarming = sum(
            self.missing == "breaching" if value is None else self.compare(value, self.threshold)
            for value in values
        )
        return "ALARM" if alarming >= self.least else "OK"


def read_alarms(template: Mapping[str, Any]) -> Iterator[Alarm]:
    """The alarms of a template. Raises `UnsupportedError` for what is not known here."""
    for resource in template["Resources"].values():
        if resource["Type"] == TYPE:
            yield _read(resource["Properties"])


def _read(given: Mapping[str, Any]) -> Alarm:
    if "Metrics" in given:
        metrics, expression = _read_math(given["Metrics"])
    else:
        metrics = {"m": MetricStat(_metric(given), given["Statistic"], given["Period"])}
        expression = "m"
    missing = given.get("TreatMissingData", "missing")
    if missing not in ("missing", "breaching", "notBreaching"):
        raise UnsupportedError(f"TreatMissingData {missing}")
    return Alarm(
        given["AlarmName"],
        given["AlarmDescription"],
        metrics,
        expression,
        _COMPARISONS[given["ComparisonOperator"]],
        given["Threshold"],
        given["EvaluationPeriods"],
        given.get("DatapointsToAlarm", given["EvaluationPeriods"]),
        missing,
    )


def _read_math(queries: Iterable[Mapping[str, Any]]) -> tuple[dict[str, MetricStat], str]:
    metrics: dict[str, MetricStat] = {}
    expressions: list[str] = []
    for query in queries:
        if "Expression" in query:
            expressions.append(query["Expression"])
        else:
            stat = query["MetricStat"]
            metrics[query["Id"]] = MetricStat(_metric(stat["Metric"]), stat["Stat"], stat["Period"])
    (expression,) = expressions
    return metrics, expression


def _metric(given: Mapping[str, Any]) -> Metric:
    dimensions = {each["Name"]: each["Value"] for each in given.get("Dimensions", ())}
    return Metric.of(given["Namespace"], given["MetricName"], dimensions)
