"""Reads figures from CloudWatch, several with one call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from infra.cli.doctor.examined import Examined

PERIOD_S: Final = 60


@dataclass(frozen=True)
class Metric:
    """A metric and the statistic of it: `Sum`, `Maximum`, ..."""

    namespace: str
    name: str
    statistic: str
    dimensions: Mapping[str, str] = field(default_factory=dict)


def read_metrics(
    examined: Examined, metrics: Sequence[Metric], minutes: int
) -> list[Sequence[float]]:
    """The values of each metric in the last minutes, one for each minute that has any.

    They are some minutes late. Raises botocore's errors.
    """
    answer = examined.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": metric.namespace,
                        "MetricName": metric.name,
                        "Dimensions": [
                            {"Name": name, "Value": value}
                            for name, value in metric.dimensions.items()
                        ],
                    },
                    "Period": PERIOD_S,
                    "Stat": metric.statistic,
                },
            }
            for number, metric in enumerate(metrics)
        ],
        StartTime=examined.now - timedelta(minutes=minutes),
        EndTime=examined.now,
    )
    values = {each["Id"]: each.get("Values", []) for each in answer["MetricDataResults"]}
    return [values.get(f"m{number}", []) for number in range(len(metrics))]
