"""The dashboard of an environment. Its rows are the questions of somebody who is woken at night."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from darkroom.pipeline.endings.publish import EVENT_OF
from darkroom.pipeline.sweep_measurements import OWN_DELIVERY
from infra.aws.alarms import budget_names, function_metrics, own_metric, queue_metric
from infra.aws.environments import PROVIDERS, Environment

WIDTH = 24
"""Of a row, in CloudWatch's columns."""


@dataclass(frozen=True)
class Graph:
    """One graph: its title says the unit. CloudWatch says how long the periods are."""

    title: str
    metrics: Sequence[cloudwatch.IMetric]
    stacked: bool = False


class Dashboard(Construct):
    """The dashboard, named like the stack."""

    def __init__(self, scope: Construct, construct_id: str, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        rows = {
            "Is it working?": _working(environment),
            "What does it cost?": _cost(environment),
            "Which provider is ill?": _providers(environment),
            "What waits, and why?": _waiting(environment),
        }
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=environment.stack_name,
            default_interval=Duration.hours(12),
            widgets=[row for question, graphs in rows.items() for row in _row(question, graphs)],
        )


def _row(question: str, graphs: Sequence[Graph]) -> list[list[cloudwatch.IWidget]]:
    text = cloudwatch.TextWidget(markdown=f"## {question}", width=WIDTH, height=1)
    narrow, wider = divmod(WIDTH, len(graphs))
    widgets = [
        cloudwatch.GraphWidget(
            title=graph.title,
            left=list(graph.metrics),
            left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
            stacked=graph.stacked,
            width=narrow + (number < wider),
            height=6,
        )
        for number, graph in enumerate(graphs)
    ]
    return [[text], [*widgets]]


def _working(environment: Environment) -> list[Graph]:
    ended = [
        _labelled(own_metric(environment, "TasksEnded", "Sum", minutes=5, outcome=outcome), outcome)
        for outcome in EVENT_OF
    ]
    seconds = [
        _labelled(own_metric(environment, name, "Average", minutes=5), label)
        for name, label in (("TaskSeconds", "in all"), ("OverheadSeconds", "our part"))
    ]
    errors = [_labelled(m, verb) for verb, m in function_metrics(environment, "Errors").items()]
    throttles = [
        _labelled(m, f"{verb} throttled")
        for verb, m in function_metrics(environment, "Throttles").items()
    ]
    return [
        Graph("Tasks that ended", ended, stacked=True),
        Graph("A task, seconds", seconds),
        Graph("Errors and throttles of functions", errors + throttles),
    ]


def _cost(environment: Environment) -> list[Graph]:
    budgets = [
        _labelled(own_metric(environment, "BudgetUsed", "Maximum", minutes=5, budget=name), name)
        for name in budget_names(environment)
    ]
    graphs = [
        Graph("Credits", _by_provider(environment, "Credits", "Sum", 60), stacked=True),
        Graph("US dollars", _by_provider(environment, "Usd", "Sum", 60), stacked=True),
    ]
    return graphs + ([Graph("Budgets, % used", budgets)] if budgets else [])


def _providers(environment: Environment) -> list[Graph]:
    paused = own_metric(environment, "Paused", "Maximum", minutes=5, provider=OWN_DELIVERY)
    return [
        Graph("Paid calls", _by_provider(environment, "Attempts", "Sum")),
        Graph("Paid calls that failed", _by_provider(environment, "AttemptsFailed", "Sum")),
        Graph("A call, seconds", _by_provider(environment, "ProviderSeconds", "Average")),
        Graph(
            "Paused (1)",
            [*_by_provider(environment, "Paused", "Maximum"), _labelled(paused, "our delivery")],
        ),
        Graph("Polls", _by_provider(environment, "Polls", "Sum")),
    ]


def _waiting(environment: Environment) -> list[Graph]:
    age = queue_metric(environment, "intake", "ApproximateAgeOfOldestMessage")
    visible = "ApproximateNumberOfMessagesVisible"
    messages = [
        _labelled(queue_metric(environment, "intake", visible), "intake"),
        _labelled(queue_metric(environment, "dead-letters", visible), "dead letters"),
    ]
    held = own_metric(environment, "HeldLines", "Maximum", minutes=5)
    return [
        Graph("Tasks in line", _by_provider(environment, "InLine", "Maximum"), stacked=True),
        Graph(
            "The first in line waits, seconds",
            _by_provider(environment, "FirstInLineSeconds", "Maximum"),
        ),
        Graph("Messages", messages),
        Graph("The oldest message, seconds", [_labelled(age, "intake")]),
        Graph("Budgets that hold tasks", [_labelled(held, "budgets")]),
    ]


def _by_provider(
    environment: Environment, name: str, statistic: str, minutes: int = 5
) -> list[cloudwatch.IMetric]:
    return [
        _labelled(
            own_metric(environment, name, statistic, minutes=minutes, provider=provider), provider
        )
        for provider in PROVIDERS
    ]


def _labelled(metric: cloudwatch.IMetric, label: str) -> cloudwatch.Metric:
    if not isinstance(metric, cloudwatch.Metric):  # pragma: no cover - this module makes no other
        msg = "only plain metrics are drawn"
        raise TypeError(msg)
    return metric.with_(label=label)
