"""Put a task into the line of the provider that it will call, and end the run of one that waits."""

from datetime import datetime

from darkroom.domain.order import Choice, Order
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.domain.turns import Place, place_in_line
from darkroom.pipeline.admission.turns import pass_turns
from darkroom.pipeline.orders.earlier import earlier_task
from darkroom.pipeline.orders.match import find_route
from darkroom.ports import Ports, Step


def place_for(ports: Ports, order: Order, choice: Choice, queued_at: datetime) -> Place | None:
    """The place of a new or released task; None where nothing limits it, or its route is gone.

    Nor has a task a place that will not be paid for.
    """
    if earlier_task(ports, order) is not None:
        return None
    route = find_route(ports.providers.routes(), order.operation, choice)
    if route is None:
        return None
    place = place_at(ports, order, route, queued_at)
    limited = ports.providers.rules(route.provider).rate is not None or place.opens_job
    return place if limited else None


def place_at(ports: Ports, order: Order, route: Route, queued_at: datetime) -> Place:
    """The place of a task that was queued then, for this route."""
    return place_in_line(
        route.provider,
        queued_at,
        order.priority,
        ports.providers.rules(route.provider),
        files=sum(len(order.inputs.get(role, ())) for role in route.roles),
        opens_job=route.asynchronous,
    )


def start_in_turn(ports: Ports, task: Task) -> None:
    """Start a queued task: with its turn, or at once if it is in no line. Safe to repeat."""
    if task.place is None:
        ports.workflows.start(task.task_id, task.run)
    else:
        pass_turns(ports, task.place.provider)


def park(ports: Ports, task: Task, place: Place, reason: str) -> Step:
    """End this run of a queued task: its next run starts with its turn.

    Raises:
        Conflict: another step changed the task first.
    """
    now = ports.clock.now()
    waiting = ports.tasks.replace(
        task,
        task.with_state(
            "queued",
            now,
            run=task.run + 1,
            parked=task.parked + 1,
            place=place,
            wait_reason=reason,
            look_at=None,
        ),
    )
    turns = pass_turns(ports, place.provider)
    if task.task_id in turns.given:
        # The turn may have been given before the new run's number was known.
        ports.workflows.start(waiting.task_id, waiting.run)
    return Step("done")
