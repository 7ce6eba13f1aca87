"""SUBMIT: at most one paid call, written down before it is made.

    queued ──intent──▶ submitting ──one paid call──▶ running | delivering
             (write)                 (answer)   (one write)

Entered again with an open intent: before `call_until` the first caller may still be at work, so
it only waits; afterwards the attempt is settled as its route allows.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import (
    Conflict,
    DarkroomError,
    Failure,
    InputRefused,
    InputWithheld,
    OutOfTime,
    OwnTrouble,
)
from darkroom.domain.provider_jobs import Prepared
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.admit import (
    Deferred,
    admit,
    give_up_leases,
    leave,
    note_refusal,
    note_success,
    step_back,
)
from darkroom.pipeline.admission.entry import find_mine
from darkroom.pipeline.attend import attend
from darkroom.pipeline.endings.decide import end
from darkroom.pipeline.endings.next_steps import after
from darkroom.pipeline.orders.superseded import stale
from darkroom.pipeline.orders.withheld_inputs import hold
from darkroom.pipeline.paid_call.own_side import wait_unpaid
from darkroom.pipeline.paid_call.plan import (
    call_until,
    next_choice,
    next_number,
    route_for,
    work_for,
)
from darkroom.pipeline.paid_call.record import accepted, refused, with_account
from darkroom.pipeline.paid_call.settle import settle, unclear
from darkroom.ports import Ports, Step


def submit(
    ports: Ports, task_id: str, run: int, time_left_s: Callable[[], float] = lambda: math.inf
) -> Step:
    """Take the task one step towards an accepted job; safe to call again at any time.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that asks.
        time_left_s: how long this process may still live, seconds; a paid call that would
            outlive it is not begun.
    """
    task = find_mine(ports, task_id, run, "queued", "submitting")
    if isinstance(task, Step):
        return task
    try:
        if task.state == "submitting":
            route, step = route_for(ports, task, task.paying), settle(ports, task, time_left_s)
            return attend(ports, task_id, run, route, step, time_left_s)
        return _attempt_unless_held_up(ports, task, time_left_s)
    except Conflict:
        fresh = ports.tasks.get(task_id)
        if fresh is not None and fresh.finished:
            give_up_leases(ports, fresh)  # whoever ended it may have done so before one was taken
        return Step("submit", 1)


def _attempt_unless_held_up(ports: Ports, task: Task, time_left_s: Callable[[], float]) -> Step:
    """An attempt; where something of our own is in its way, nothing is paid and the task waits."""
    try:
        return _attempt(ports, task, time_left_s)
    except Conflict:
        raise
    except Exception as error:  # noqa: BLE001 - it is judged there, and raised again
        return wait_unpaid(ports, task, error)


def _attempt(ports: Ports, task: Task, time_left_s: Callable[[], float]) -> Step:
    now = ports.clock.now()
    if now >= task.deadline:
        return _end_failed(ports, task, "gave-up", "The task waited too long to be submitted.")
    too_late = stale(ports, task.trigger)
    if too_late:
        end(ports, task, Ending("cancelled", too_late))
        return Step("fail")
    choice = next_choice(task)
    if choice is None:
        return _end_failed(
            ports, task, "no-provider-left", "Every provider that could do it failed."
        )
    route = route_for(ports, task, choice)
    if task.look_at is not None:
        # S3 held a file back: before it gives it, no place in the pace is used up.
        held = _still_held(ports, task, route)
        if held is not None:
            return held
    turned = admit(ports, task, route, sum(len(task.asked.inputs.get(r, ())) for r in route.roles))
    if turned is not None:
        return _wait(ports, task, route, turned)
    return _pay(ports, task, route, time_left_s)


def _pay(ports: Ports, task: Task, route: Route, time_left_s: Callable[[], float]) -> Step:
    """Make the attempt: prepare it, write the intent down, call once, write down what came."""
    work = work_for(task, route, next_number(task))
    now = ports.clock.now()
    attempt = Attempt(
        work.attempt,
        route.provider,
        route.model,
        now,
        call_until(ports, route),
        run=task.run,
        account=ports.providers.account(route.provider),
    )
    paying: list[Task] = []
    untouched = True

    def intend(prepared: Prepared) -> None:
        if time_left_s() < route.call_s + ports.limits.margin_s:
            raise _out_of_time()
        intended = _intended(ports, task, route, attempt, prepared)
        nonlocal untouched
        untouched = False  # even where the write fails: it may have been made all the same
        paying.append(ports.tasks.replace(task, intended))
        # A write may take minutes; a call that begins then would outlast `call_until`.
        lost_s = (ports.clock.now() - intended.paying.started_at).total_seconds()
        if lost_s > ports.limits.margin_s / 2 or time_left_s() < route.call_s:
            raise OwnTrouble("table-slow", "Writing down the intent to pay took too long.")

    try:
        said = ports.providers.submit(work, intend)
    except Conflict:
        raise
    except Exception as error:
        ours = isinstance(error, OwnTrouble) and not paying
        if isinstance(error, DarkroomError) and not ours:
            return _not_accepted(ports, task, route, paying, attempt, error, time_left_s)
        if untouched:
            step_back(ports, task, route)
        raise
    step = accepted(ports, paying[0], route, said, time_left_s)
    note_success(ports, route.provider)
    return attend(ports, task.task_id, task.run, route, step, time_left_s)


def _not_accepted(
    ports: Ports,
    task: Task,
    route: Route,
    paying: list[Task],
    attempt: Attempt,
    error: DarkroomError,
    time_left_s: Callable[[], float],
) -> Step:
    """The call brought no answer that can be used: it is in doubt, or was clearly not accepted."""
    if not paying and isinstance(error, InputWithheld):
        return hold(ports, task, route, error)
    if paying and error.money_moved == "maybe":
        step = unclear(ports, with_account(ports, paying[0]), route, error.failure)
    else:
        circuit = paying[0] if paying else task
        closing = circuit.attempts[-1] if paying else attempt
        step = refused(ports, circuit, closing, error, time_left_s)
        step_back(ports, task, route)
    note_refusal(ports, route.provider, error)
    return step


def _intended(ports: Ports, task: Task, route: Route, attempt: Attempt, prepared: Prepared) -> Task:
    """The task with the intent to make this very request."""
    now = ports.clock.now()
    intent = replace(
        attempt, started_at=now, call_until=call_until(ports, route), request=prepared.request
    )
    return task.moved(
        "submitting",
        now,
        attempts=task.with_attempt(intent),
        order=task.asked.digested(prepared.sha256),
        wait_reason=None,
        slot=None,
        look_at=None,
    )


def _wait(ports: Ports, task: Task, route: Route, turned: Deferred) -> Step:
    """Come back later, with the reason on the task; a wrong file need not wait to be told so."""
    if task.wait_reason is None:
        work = work_for(task, route, next_number(task))
        try:
            ports.providers.check(work)
        except InputWithheld as error:
            return hold(ports, task, route, error)
        except InputRefused as error:
            now = ports.clock.now()
            attempt = Attempt(work.attempt, route.provider, route.model, now, now, run=task.run)
            step = refused(ports, task, attempt, error)
            leave(ports, task, route)
            return step
    if (task.wait_reason, task.slot) != (turned.reason, turned.slot):
        now = ports.clock.now()
        waiting = task.moved(
            "queued", now, wait_reason=turned.reason, slot=turned.slot, look_at=None
        )
        ports.tasks.replace(task, waiting)
    return Step("submit", turned.wait_s)


def _still_held(ports: Ports, task: Task, route: Route) -> Step | None:
    try:
        ports.providers.check(work_for(task, route, next_number(task)))
    except InputWithheld as error:
        return hold(ports, task, route, error)
    except InputRefused:
        return None  # whoever submits it says so
    return None


def _out_of_time() -> OutOfTime:
    return OutOfTime("out-of-time", "Preparing took so long that no time was left for the call.")


def _end_failed(ports: Ports, task: Task, code: str, sentence: str) -> Step:
    end(ports, task, Ending("failed", Failure(code, sentence, after(task, "no"))))
    return Step("fail")
