"""A user's own part of a stack, which an environment names."""

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets

from infra.aws.darkroom import Darkroom


def add_rule(darkroom: Darkroom) -> None:
    """Send every failed task to the dead letters, where somebody looks."""
    events.Rule(
        Stack.of(darkroom),
        "FailedTasks",
        event_bus=darkroom.bus,
        event_pattern=events.EventPattern(detail_type=["Task Failed"]),
        targets=[targets.SqsQueue(darkroom.dead_letters)],
    )
