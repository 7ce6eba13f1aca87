"""A paid call of which nobody can tell what became: its attempt, and what people are told."""

from dataclasses import replace

from darkroom.attempt import Attempt
from darkroom.errors import Failure
from darkroom.pipeline.advice import pay_again_for_it
from darkroom.pipeline.attempts import price_of, route_for
from darkroom.ports import Ports
from darkroom.task import Task


def given_up(ports: Ports, task: Task, why: Failure) -> Attempt:
    """The task's open attempt, closed: it may have cost its price."""
    try:
        price = price_of(task, route_for(ports, task, task.paying))
    except LookupError:
        price = None  # a deployment took the route away
    return replace(
        task.paying,
        outcome="unknown",
        charged="unknown",
        request=None,
        ended_at=ports.clock.now(),
        failure=why,
        credits=price,
    )


def unknown_outcome(task: Task, why: Failure) -> Failure:
    """What the manifest says of it, and what to do."""
    provider = task.paying.provider
    return Failure(
        "unknown-outcome",
        f"It is not known whether {provider} accepted and charged this. {why.sentence}",
        f"Check the {provider} dashboard; if it was not done, {pay_again_for_it(task)} makes a new "
        "paid call.",
    )
