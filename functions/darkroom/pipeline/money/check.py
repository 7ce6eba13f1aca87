"""May a task's next paid call be made, as far as money goes?

    dearer than its ceiling allows?   it fails
    a budget has no room?             it is held

What is found here was true a moment ago. The write that states the intent to pay checks the budgets
again, and reserves.
"""

from darkroom.domain.budgets import CallPrice, Reservation, Shortage, reserve
from darkroom.domain.errors import Failure
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.domain.turns import Place
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.money.budgets import CurrentBudgets, without_room
from darkroom.pipeline.money.held import hold_for_budget
from darkroom.pipeline.orders.price import call_price
from darkroom.ports import Ports, Step


def check_money(
    ports: Ports, task: Task, route: Route, place: Place
) -> tuple[Reservation, ...] | Step:
    """What the call will reserve; or the next step of a task that may not pay now.

    Raises:
        Conflict: another step changed the task first.
    """
    budgets = CurrentBudgets(ports).of(task)
    if not (budgets or task.resolved_order.max_price or ports.money.max_price):
        return ()
    price = call_price(ports, task, route)
    too_dear = _why_too_dear(ports, task, price)
    if too_dear is not None:
        next_step = "Raise max_price, or choose another provider or other parameters."
        failure = Failure("above-max-price", too_dear, next_step)
        decide_ending(ports, task, Ending("failed", failure))
        return Step("fail")
    reserved = reserve(budgets, price, ports.clock.now())
    if isinstance(reserved, Shortage):
        return hold_for_budget(ports, task, reserved, place)
    shortage = without_room(ports, reserved)
    if shortage is not None:
        return hold_for_budget(ports, task, shortage, place)
    return reserved


def _why_too_dear(ports: Ports, task: Task, price: CallPrice) -> str | None:
    """Why the ceilings of the spec and the environment forbid a call; None if they allow it."""
    for ceiling, whose in (
        (task.resolved_order.max_price, "its max_price"),
        (ports.money.max_price, "the max_price of this environment"),
    ):
        why = ceiling.exceeded_by(price) if ceiling is not None else None
        if why is not None:
            return f"{price.provider} was not called because of {whose}: {why}."
    return None
