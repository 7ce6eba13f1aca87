"""An account without credits: its tasks wait in line, and SWEEP asks for its balance.

    a call is refused for lack of credits ──▶ the circuit opens; nobody gets a turn
      ──▶ SWEEP: one event; the tasks whose specs agree to any provider go elsewhere
      ──▶ SWEEP, every `ASK_BALANCE_S`: the balance? ──enough for the first in line──▶ it tries
      ──▶ its call is accepted: the circuit closes, and all go on in the line's order

Where a provider has no call for its balance, or that fails, the first in line tries now and then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from darkroom.domain.circuit_state import ASK_BALANCE_S, Blocked, CircuitState
from darkroom.domain.errors import DarkroomError
from darkroom.domain.prices import Balance, Price
from darkroom.domain.retries import for_each_then_raise
from darkroom.domain.task import Task
from darkroom.domain.turns import Place, Waiter
from darkroom.pipeline.admission.turns import reserve_call
from darkroom.pipeline.orders.price import price_for
from darkroom.pipeline.paid_call.plan import choice_elsewhere, next_choice, route_for
from darkroom.ports import Ports

ACCOUNT_EMPTY: Final = "Account Empty"
"""The event that says that tasks wait for credits."""
MAX_READ: Final = 200
"""Of so many tasks at the head of a line the prices are read; the others count like them."""
_BEHIND_ALL: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Waiting:
    """Who waits at a provider for credits.

    Attributes:
        tasks: how many are in its line.
        credits: about how many credits they need, as far as prices are known; None if none is.
    """

    provider: str
    tasks: int
    credits: float | None

    @property
    def sentence(self) -> str:
        """As in "no credits at apiframe: 152 tasks wait, about 456 credits needed"."""
        tasks = f"{self.tasks:,} tasks wait" if self.tasks else "no task waits"
        tasks = "1 task waits" if self.tasks == 1 else tasks
        needed = "" if not self.credits else f", about {self.credits:,.6g} credits needed"
        return f"no credits at {self.provider}: {tasks}{needed}"


def count_waiting(ports: Ports, provider: str) -> Waiting:
    """Who waits in the provider's line, and about how many credits they need."""
    tasks = ports.lines.ahead("", Place(provider, _BEHIND_ALL))
    read = _read_tasks(ports, ports.lines.first(provider, MAX_READ))
    prices = [price.credits for task in read if (price := _price(ports, task)) is not None]
    known = [amount for amount in prices if amount is not None]
    needed = sum(known) * max(1.0, tasks / len(read)) if known else None
    return Waiting(provider, tasks, needed)


def look_at_account(ports: Ports, provider: str) -> None:
    """If the provider's account is empty: announce it, and ask whether it has credits again.

    Safe at any time: the event has the same id each time, and a balance is asked for by one sweep.

    Raises:
        Busy: a store or the event bus did not answer.
    """
    circuit = ports.limiter.circuit(provider)
    blocked = circuit.blocked
    if blocked is None or circuit.empty_since is None:
        return
    if not blocked.announced:
        _announce(ports, provider, circuit)
        circuit = _note(ports, provider, circuit, replace(blocked, announced=True))
    now = ports.clock.now().timestamp()
    if circuit.blocked is None or now - circuit.blocked.asked_at < ASK_BALANCE_S:
        return
    circuit = _note(ports, provider, circuit, replace(circuit.blocked, asked_at=now))
    if circuit.blocked is None:
        return  # another sweep asks, or it is not empty any more
    line = ports.lines.first(provider, MAX_READ)
    tasks = _read_tasks(ports, line)
    _send_elsewhere(ports, provider, line, tasks)
    balance = _ask(ports, provider)
    if balance is None or (balance.credits is None and balance.usd is None):
        return
    enough = _covers(ports, balance, next(iter(tasks), None))
    if enough and not line:
        # Nobody waits who could try, and nobody can be overtaken.
        ports.limiter.compare_and_set(provider, circuit, CircuitState())
        return
    ports.limiter.compare_and_set(provider, circuit, circuit.after_balance(now, enough=enough))


def _note(ports: Ports, provider: str, circuit: CircuitState, blocked: Blocked) -> CircuitState:
    """The circuit with this; one that is not blocked if another process has changed it."""
    noted = replace(circuit, blocked=blocked)
    return noted if ports.limiter.compare_and_set(provider, circuit, noted) else CircuitState()


def _announce(ports: Ports, provider: str, circuit: CircuitState) -> None:
    since = circuit.empty_since or 0.0
    waiting = count_waiting(ports, provider)
    detail = {
        "event_id": f"account-empty-{provider}-{round(since)}",
        "provider": provider,
        "since": datetime.fromtimestamp(since, UTC).isoformat(timespec="milliseconds"),
        "tasks": waiting.tasks,
        "credits_needed": waiting.credits,
        "sentence": f"{waiting.sentence[:1].upper()}{waiting.sentence[1:]}.",
        "next_step": f"Add credits at {provider}; the tasks go on by themselves, in order.",
    }
    ports.events.publish(ACCOUNT_EMPTY, detail)


def _read_tasks(ports: Ports, line: Sequence[Waiter]) -> Sequence[Task]:
    """The tasks of these waiters that still wait, in the line's order."""
    found = ports.tasks.get_many(waiter.task_id for waiter in line)
    return [task for task in found if task.place is not None and task.ending is None]


def _send_elsewhere(
    ports: Ports, provider: str, line: Sequence[Waiter], tasks: Sequence[Task]
) -> None:
    """Start the runs of those that do not wait for this account: SUBMIT finds their next choice."""
    going = {task.task_id for task in tasks if choice_elsewhere(task, provider)}
    for_each_then_raise(
        [waiter for waiter in line if waiter.task_id in going],
        lambda one: ports.workflows.start(one.task_id, one.run),
    )


def _ask(ports: Ports, provider: str) -> Balance | None:
    """What is in the account; None where nobody says."""
    try:
        if reserve_call(ports, provider) is not None:
            return None  # no call of the rate is left for it
        return ports.providers.balance(provider)
    except DarkroomError:
        return None  # the first in line tries instead


def _covers(ports: Ports, balance: Balance, task: Task | None) -> bool:
    """Whether the balance covers the task's next call; any does whose price is not known."""
    price = None if task is None else _price(ports, task)
    for amount, cost in (
        (balance.credits, price.credits if price else None),
        (balance.usd, price.usd if price else None),
    ):
        if amount is not None:
            return amount > 0 and amount >= (cost or 0)
    return False


def _price(ports: Ports, task: Task) -> Price | None:
    """What the task's next call is expected to cost; None if it has none."""
    choice = next_choice(task)
    if choice is None:
        return None
    try:
        return price_for(ports, route_for(ports, task, choice), task.resolved_order.params)
    except (LookupError, DarkroomError):
        return None  # a deployment removed or changed its route: its next run reports that
