"""Finds an environment's dashboard and its values, and draws it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from botocore.exceptions import ClientError
from PIL import Image

from infra.cli.dashboard.definition import Widget, read_dashboard
from infra.cli.dashboard.draw import draw_dashboard
from infra.cli.dashboard.values import (
    Span,
    shorten_periods,
    values_of_cloudwatch,
    values_of_samples,
)
from infra.local.metrics.samples import read_folder

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

HOUR_S: Final = 3600
HOURS: Final = 12
"""How far a deployed environment's dashboard looks back."""


def draw(
    name: str, client: "CloudWatchClient", logs: Path | None, now: float, hours: float | None
) -> Image.Image:
    """The picture of the dashboard `name`.

    Args:
        name: of the dashboard; the stack has the same.
        client: CloudWatch's.
        logs: the folder of the local environment's logs, which has its metrics; None on AWS.
        now: seconds since 1970.
        hours: how far to look back; None for the usual.

    Raises:
        click.ClickException: there is no such dashboard.
    """
    try:
        body = client.get_dashboard(DashboardName=name)["DashboardBody"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ("ResourceNotFound", "ResourceNotFoundException"):
            raise
        raise click.ClickException(
            f"there is no dashboard {name}: the environment was deployed by an older version; "
            "deploy it again"
        ) from error
    samples = read_folder(logs) if logs else []
    begun = min((sample.at for sample in samples), default=now - HOUR_S)
    start = now - hours * HOUR_S if hours else begun if logs else now - HOURS * HOUR_S
    span = Span(start, now)
    source = values_of_samples(samples) if logs else values_of_cloudwatch(client)
    widgets = [_fitting(widget, span) for widget in read_dashboard(body)]
    values = source((line for widget in widgets for line in widget.lines), span)
    return draw_dashboard(name, widgets, values, span)


def _fitting(widget: Widget, span: Span) -> Widget:
    lines = [shorten_periods(line, span) for line in widget.lines]
    return Widget(
        widget.left, widget.top, widget.width, widget.height, widget.title, lines, widget.stacked
    )
