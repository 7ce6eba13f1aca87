"""A dashboard is read as CloudWatch keeps it."""

import json

from infra.cli.dashboard.definition import Line, Widget, read_dashboard
from infra.local.metrics.samples import Metric

PLACE = {"x": 0, "y": 1, "width": 12, "height": 6}


def test_graph_has_its_lines() -> None:
    """Each with its own label, statistic and period, or the graph's or CloudWatch's."""
    metrics = [
        ["Darkroom", "InLine", "environment", "dev", {"label": "goapi", "stat": "Maximum"}],
        ["Darkroom", "Sweeps", {"period": 60}],
    ]
    properties = {"title": "Lines", "metrics": metrics, "period": 120, "stacked": True}
    body = json.dumps({"widgets": [{"type": "metric", **PLACE, "properties": properties}]})
    in_line = Metric.of("Darkroom", "InLine", {"environment": "dev"})
    lines = [
        Line(in_line, "goapi", "Maximum", 120),
        Line(Metric.of("Darkroom", "Sweeps", {}), "Sweeps", "Average", 60),
    ]
    assert read_dashboard(body) == [Widget(0, 1, 12, 6, "Lines", lines, stacked=True)]


def test_text_is_a_title_without_lines() -> None:
    """Its mark of a heading is left out."""
    text = {"type": "text", **PLACE, "properties": {"markdown": "## Is it working?"}}
    [widget] = read_dashboard(json.dumps({"widgets": [text]}))
    assert (widget.title, list(widget.lines)) == ("Is it working?", [])
