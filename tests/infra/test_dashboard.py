"""The dashboard shows metrics that exist, and an alarm looks at no other."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from darkroom.domain.errors import Unclear
from infra.aws.environments import PROVIDERS, Environment
from infra.cli.dashboard.definition import Widget, read_dashboard
from infra.local.metrics.alarms import read_alarms
from infra.local.metrics.recorder import Recorder
from infra.local.metrics.samples import Metric, read_folder
from tests.fakes.routes import JOB_NONE
from tests.infra.alarm_world import AlarmWorld
from tests.infra.template import Template

Kind = tuple[str, str, tuple[str, ...]]
"""A metric without the values of its dimensions."""


@pytest.fixture
def existing(templates: Mapping[str, Template], bank: Environment, tmp_path: Path) -> set[Kind]:
    """What an environment measures: by its functions, and by AWS."""
    recorder = Recorder(tmp_path)
    recorder.invoked("submit", failed=True)
    recorder.throttled("submit")
    recorder.looked_at("intake", visible=1, oldest_s=1)
    alarm = next(read_alarms(templates["bank"].body))
    world = AlarmWorld(bank, alarm, tmp_path / "world")
    world.harness.providers.script("submit", Unclear("no-answer", "It did not answer."))
    world.order(PROVIDERS[0], 3)
    world.pass_minutes(1)
    world.order(PROVIDERS[1], 1, JOB_NONE)
    world.lift_budget()
    world.measure_a_line(PROVIDERS[0])
    return {_kind(sample.metric) for sample in [*read_folder(tmp_path), *world.metrics.samples]}


@pytest.mark.parametrize("name", ["prod", "bank"])
def test_dashboard_shows_metrics_that_exist(
    name: str, templates: Mapping[str, Template], existing: set[Kind]
) -> None:
    """A line that never has a value looks like one that is well."""
    shown = {_kind(line.metric) for widget in _widgets(templates[name]) for line in widget.lines}
    assert shown <= existing


def test_alarms_look_at_metrics_that_exist(
    templates: Mapping[str, Template], existing: set[Kind]
) -> None:
    """With the right dimensions: CloudWatch accepts any."""
    for alarm in read_alarms(templates["bank"].body):
        assert {_kind(each.metric) for each in alarm.metrics.values()} <= existing, alarm.name


def test_dashboard_answers_four_questions(prod: Template) -> None:
    """Each is a row of graphs that fills the width."""
    rows: dict[int, int] = {}
    for widget in _widgets(prod):
        rows[widget.top] = rows.get(widget.top, 0) + widget.width
    assert len(rows) == 8
    assert set(rows.values()) == {24}
    assert [widget.title for widget in _widgets(prod) if not widget.lines] == [
        "Is it working?",
        "What does it cost?",
        "Which provider is ill?",
        "What waits, and why?",
    ]


def _widgets(template: Template) -> Iterator[Widget]:
    body = template.one("CloudWatch::Dashboard")["DashboardBody"]
    joined = "".join(part if isinstance(part, str) else "eu-x-1" for part in body["Fn::Join"][1])
    assert json.loads(joined)
    yield from read_dashboard(joined)


def _kind(metric: Metric) -> Kind:
    return metric.namespace, metric.name, tuple(name for name, _ in metric.dimensions)
