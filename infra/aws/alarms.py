"""The alarms of an environment: each says what it means, and what to type.

They exist with and without a receiver; one (`alarm_email`, `alarm_topic_arn`) is written to when an
alarm begins and when it is over. The metrics are those of `darkroom.domain.measurements`, and AWS's
own of queues and functions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from darkroom.domain.budgets import Budget, accounts_of
from darkroom.domain.money_settings import read_money_settings
from darkroom.pipeline.sweep_measurements import OWN_DELIVERY
from infra.aws.environments import PROVIDERS, Environment
from infra.aws.sizes import SIZES

NAMESPACE: Final = "Darkroom"

FAILURE_PERCENT: Final = 20
FEW_CALLS: Final = 10
"""The failure rate of fewer calls within `RATE_MINUTES` says nothing."""
RATE_MINUTES: Final = 15
OLD_MESSAGE_S: Final = 900
BUDGET_PERCENTS: Final = (80, 100)
PAUSE_MINUTES: Final = 60
SWEEP_MINUTES: Final = 5
"""SWEEP runs every minute."""


@dataclass(frozen=True)
class AlarmSpec:
    """One alarm: at or above `at_least` in each of its last `periods`, it begins.

    Attributes:
        name: within the environment; never rename it, people refer to it.
        meaning: what has happened, a sentence.
        command: what to type, with its verb.
        gaps_alarm: whether a period without data is one at which it begins.
    """

    name: str
    metric: cloudwatch.IMetric
    at_least: float
    meaning: str
    command: str
    periods: int = 1
    gaps_alarm: bool = False


class Alarms(Construct):
    """All alarms of an environment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: Environment,
        topic: sns.ITopic | None,
    ) -> None:
        super().__init__(scope, construct_id)
        treatments = cloudwatch.TreatMissingData
        for spec in build_alarms(environment):
            alarm = cloudwatch.Alarm(
                self,
                spec.name.title().replace("-", ""),
                alarm_name=f"{environment.stack_name}-{spec.name}",
                alarm_description=f"{spec.meaning} {spec.command}",
                metric=spec.metric,
                threshold=spec.at_least,
                comparison_operator=(
                    cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
                ),
                evaluation_periods=spec.periods,
                datapoints_to_alarm=spec.periods,
                treat_missing_data=treatments.BREACHING
                if spec.gaps_alarm
                else treatments.NOT_BREACHING,
            )
            if topic is not None:
                alarm.add_alarm_action(actions.SnsAction(topic))
                alarm.add_ok_action(actions.SnsAction(topic))


def build_alarms(environment: Environment) -> Iterator[AlarmSpec]:
    """The alarms of an environment, those of its providers and budgets included."""
    env = f"--env {environment.name}"
    yield AlarmSpec(
        "dead-letters",
        queue_metric(environment, "dead-letters", "ApproximateNumberOfMessagesVisible"),
        1,
        "A message, an event or a failed run could not be processed.",
        f"Look at it with: darkroom redrive --dry-run {env}",
    )
    yield AlarmSpec(
        "intake-is-late",
        queue_metric(environment, "intake", "ApproximateAgeOfOldestMessage"),
        OLD_MESSAGE_S,
        f"An upload or a message has waited for INTAKE for {OLD_MESSAGE_S // 60} minutes.",
        f"Find out why with: darkroom doctor {env}",
    )
    yield AlarmSpec(
        "sweep-stands-still",
        cloudwatch.MathExpression(
            expression="IF(sweeps > 0, 0, 1)",
            label="Minutes without a sweep",
            period=Duration.minutes(1),
            using_metrics={"sweeps": own_metric(environment, "Sweeps", "Sum", minutes=1)},
        ),
        1,
        "SWEEP, which gives turns and resumes stuck tasks every minute, does not run.",
        f"Find out why with: darkroom doctor {env}",
        SWEEP_MINUTES,
        gaps_alarm=True,
    )
    yield AlarmSpec(
        "unknown-tasks",
        own_metric(environment, "TasksEnded", "Sum", minutes=5, outcome="unknown"),
        1,
        "It is not known whether a provider was paid for a task; nothing was paid twice.",
        f"Compare with the provider's history: darkroom reconcile {env}",
    )
    for name, said in (("Throttles", "were throttled"), ("Errors", "ended with an error")):
        yield AlarmSpec(
            f"function-{name.lower()}",
            _all_functions(environment, name),
            1,
            f"Functions {said}, for a quarter of an hour.",
            f"Find out which with: darkroom doctor {env}",
            periods=3,
        )
    yield _paused(
        environment, OWN_DELIVERY, 5, "Nothing is paid: results or the table cannot be written."
    )
    for provider in PROVIDERS:
        yield _failing(environment, provider)
        yield _paused(
            environment, provider, PAUSE_MINUTES, f"{provider} has been paused for an hour."
        )
    for name in budget_names(environment):
        for percent in BUDGET_PERCENTS:
            yield AlarmSpec(
                f"budget-{name}-{percent}",
                own_metric(environment, "BudgetUsed", "Maximum", minutes=1, budget=name),
                percent,
                f"{percent} % of the budget ({name}) is used; at 100 % tasks are held.",
                f"See what it was spent on with: darkroom costs {env}",
            )


def budget_names(environment: Environment) -> list[str]:
    """The short names of the accounts of the environment's budget; none without one."""
    if not environment.money:
        return []
    budgets: tuple[Budget, ...] = read_money_settings(environment.money).as_rules().budgets
    any_day = datetime.fromtimestamp(0, UTC)
    return [name for each in budgets for name in accounts_of(each, PROVIDERS, any_day)]


def own_metric(
    environment: Environment, name: str, statistic: str, *, minutes: int, **dimensions: str
) -> cloudwatch.Metric:
    """A metric of `darkroom.domain.measurements`."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"environment": environment.name, **dimensions},
        period=Duration.minutes(minutes),
        statistic=statistic,
    )


def queue_metric(environment: Environment, queue: str, name: str) -> cloudwatch.Metric:
    """The maximum of a queue's metric within five minutes."""
    return cloudwatch.Metric(
        namespace="AWS/SQS",
        metric_name=name,
        dimensions_map={"QueueName": f"{environment.stack_name}-{queue}"},
        period=Duration.minutes(5),
        statistic="Maximum",
    )


def function_metrics(environment: Environment, name: str) -> Mapping[str, cloudwatch.IMetric]:
    """Verb -> the sum of its function's metric within five minutes."""
    return {
        verb: cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name=name,
            dimensions_map={"FunctionName": environment.function_name(verb)},
            period=Duration.minutes(5),
            statistic="Sum",
        )
        for verb in SIZES
    }


def _all_functions(environment: Environment, name: str) -> cloudwatch.MathExpression:
    metrics = function_metrics(environment, name)
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({verb}, 0)" for verb in metrics),
        label=name,
        period=Duration.minutes(5),
        using_metrics=metrics,
    )


def _failing(environment: Environment, provider: str) -> AlarmSpec:
    def count(name: str) -> cloudwatch.Metric:
        return own_metric(environment, name, "Sum", minutes=RATE_MINUTES, provider=provider)

    return AlarmSpec(
        f"{provider}-fails",
        cloudwatch.MathExpression(
            expression=f"IF(calls >= {FEW_CALLS}, 100 * failed / calls, 0)",
            label=f"% of the calls of {provider} that failed",
            period=Duration.minutes(RATE_MINUTES),
            using_metrics={"calls": count("Attempts"), "failed": count("AttemptsFailed")},
        ),
        FAILURE_PERCENT,
        f"{FAILURE_PERCENT} % of the paid calls of {provider} came to nothing.",
        f"See which with: darkroom status --state failed --env {environment.name}",
    )


def _paused(environment: Environment, provider: str, minutes: int, meaning: str) -> AlarmSpec:
    return AlarmSpec(
        f"{provider}-paused",
        own_metric(environment, "Paused", "Minimum", minutes=5, provider=provider),
        1,
        meaning,
        f"See why with: darkroom doctor --env {environment.name}",
        periods=minutes // 5,
    )
