"""`darkroom dashboard` draws what CloudWatch has, or the logs of this machine."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import click
import pytest
from moto import mock_aws
from PIL import ImageColor

from infra.cli.dashboard.definition import Line
from infra.cli.dashboard.draw import COLOURS
from infra.cli.dashboard.picture import draw
from infra.cli.dashboard.values import Span, shorten_periods, values_of_cloudwatch
from infra.local.metrics.recorder import Recorder
from infra.local.metrics.samples import Metric

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

NAME = "darkroom-dev"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
DIMENSIONS = {"FunctionName": "submit"}
PLACE = {"x": 0, "y": 0, "width": 8, "height": 6}
ERRORS = Metric.of("AWS/Lambda", "Errors", DIMENSIONS)


@pytest.fixture
def client() -> Iterator["CloudWatchClient"]:
    """CloudWatch with a dashboard of one graph."""
    with mock_aws():
        client = boto3.client("cloudwatch", "us-east-1")
        metric = ["AWS/Lambda", "Errors", "FunctionName", "submit", {"stat": "Sum"}]
        graph = {
            **PLACE,
            "type": "metric",
            "properties": {"title": "Errors", "metrics": [metric], "period": 60},
        }
        body = json.dumps({"widgets": [graph]})
        client.put_dashboard(DashboardName=NAME, DashboardBody=body)
        yield client


def is_drawn(client: "CloudWatchClient", logs: Path | None, hours: float | None = None) -> bool:
    """Whether the picture has the line; its colour is that of its values."""
    picture = draw(NAME, client, logs, NOW, hours)
    colours = picture.getcolors(picture.width * picture.height) or []
    return any(colour == ImageColor.getrgb(COLOURS[0]) for _, colour in colours)


def put_errors(client: "CloudWatchClient", at: float) -> None:
    """Two errors, measured by AWS."""
    dimensions = [{"Name": name, "Value": value} for name, value in DIMENSIONS.items()]
    datum = {"MetricName": "Errors", "Dimensions": dimensions, "Value": 2.0}
    time = datetime.fromtimestamp(at, UTC)
    client.put_metric_data(Namespace="AWS/Lambda", MetricData=[{**datum, "Timestamp": time}])  # type: ignore[typeddict-item]


def test_values_of_cloudwatch_are_drawn(client: "CloudWatchClient") -> None:
    """Of the last twelve hours; a graph without values has no line."""
    put_errors(client, NOW - 13 * 3600)
    assert not is_drawn(client, None)
    put_errors(client, NOW - 3600)
    assert is_drawn(client, None)
    assert not is_drawn(client, None, hours=0.5)


def test_values_of_this_machine_are_drawn(client: "CloudWatchClient", tmp_path: Path) -> None:
    """From its logs, back to their first sample."""
    assert not is_drawn(client, tmp_path)
    Recorder(tmp_path, lambda: NOW - 90).invoked("submit", failed=True)
    assert is_drawn(client, tmp_path)


def test_each_period_of_the_span_has_its_value(client: "CloudWatchClient") -> None:
    """None where CloudWatch has none."""
    put_errors(client, NOW - 60)
    line = Line(ERRORS, "submit", "Sum", 60)
    span = Span(NOW - 120, NOW)
    assert values_of_cloudwatch(client)([line], span) == {line: [None, 2.0, None]}


def test_short_span_has_short_periods() -> None:
    """Otherwise a local run of two minutes would be one dot; never longer than asked for."""
    line = Line(ERRORS, "submit", "Sum", 300)
    assert shorten_periods(line, Span(0, 600)).period_s == 30
    assert shorten_periods(line, Span(0, 60)).period_s == 10
    assert shorten_periods(line, Span(0, 90_000)).period_s == 300


def test_environment_without_a_dashboard_is_told_what_to_do(client: "CloudWatchClient") -> None:
    """It was deployed before there was one."""
    client.delete_dashboards(DashboardNames=[NAME])
    with pytest.raises(click.ClickException, match="deploy it again"):
        draw(NAME, client, None, NOW, None)
