"""A paid call of which nobody can tell what became: its attempt, and what people are told."""

from dataclasses import replace

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Failure
from darkroom.domain.task import Task
from darkroom.pipeline.endings.next_steps import pay_again_for_it
from darkroom.pipeline.paid_call.plan import as_paid, price_of, route_for
from darkroom.pipeline.paid_call.saved_answer import saved_answer
from darkroom.ports import Ports


def answered(ports: Ports, task: Task) -> Attempt | None:
    """The open attempt with the answer that the bucket took and the table did not, if any."""
    said = saved_answer(ports, task, task.paying)
    if said is None:
        return None
    return as_paid(task.paying, said, ports.clock.now(), _price(ports, task))


def given_up(ports: Ports, task: Task, why: Failure) -> Attempt:
    """The task's open attempt, closed: it may have cost its price."""
    return replace(
        task.paying,
        outcome="unknown",
        charged="unknown",
        request=None,
        ended_at=ports.clock.now(),
        failure=why,
        credits=_price(ports, task),
    )


def _price(ports: Ports, task: Task) -> float | None:
    try:
        return price_of(task, route_for(ports, task, task.paying))
    except LookupError:
        return None  # a deployment took the route away


def unknown_outcome(task: Task, why: Failure) -> Failure:
    """What the manifest says of it, and what to do."""
    provider = task.paying.provider
    return Failure(
        "unknown-outcome",
        f"It is not known whether {provider} accepted and charged this. {why.sentence}",
        f"Check the {provider} dashboard; if it was not done, {pay_again_for_it(task)} makes a new "
        "paid call.",
    )
