"""SUBMIT: at most one paid call; its intent is stored before it is made.

    queued ──intent──▶ submitting ──one paid call──▶ running | delivering
             (write)                 (answer)   (one write)

Entered again with an open intent: before `call_until` the first call may still be in flight, so it
only waits; after that the attempt is settled as its route allows.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from darkroom.domain.attempt import Attempt
from darkroom.domain.budgets import Reservation, Shortage
from darkroom.domain.errors import (
    Conflict,
    DarkroomError,
    Failure,
    InputRefused,
    InputWithheld,
    OutOfTime,
    OverBudget,
    OwnTrouble,
)
from darkroom.domain.provider_jobs import Prepared
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.domain.turns import Place
from darkroom.pipeline.admission.admit import admit, undo_admission
from darkroom.pipeline.admission.circuit import record_failure, record_success
from darkroom.pipeline.admission.load_for_step import load_for_step
from darkroom.pipeline.admission.turns import Deferred, pass_turns, release_turn
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.endings.next_steps import next_step_after
from darkroom.pipeline.endings.publish import release_all
from darkroom.pipeline.endings.reuse import copy_earlier
from darkroom.pipeline.money.check import check_money
from darkroom.pipeline.money.held import hold_for_budget
from darkroom.pipeline.orders.line import park, place_at
from darkroom.pipeline.orders.superseded import superseded_failure
from darkroom.pipeline.orders.withheld_inputs import wait_for_withheld
from darkroom.pipeline.paid_call.own_trouble import delay_payment
from darkroom.pipeline.paid_call.plan import (
    build_job_request,
    call_deadline,
    next_attempt_number,
    next_choice,
    route_for,
    with_every_reason,
)
from darkroom.pipeline.paid_call.record_accepted import record_accepted, with_called_account
from darkroom.pipeline.paid_call.record_refused import leave_empty_account, record_refused
from darkroom.pipeline.paid_call.settle_unclear import record_unclear, settle
from darkroom.ports import Ports, Step


def submit(
    ports: Ports, task_id: str, run: int, time_left_s: Callable[[], float] = lambda: math.inf
) -> Step:
    """Take the task one step towards an accepted job; safe to call again at any time.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that calls.
        time_left_s: how long this process may still run, seconds; a paid call that would outlast
            it is not made.
    """
    task = load_for_step(ports, task_id, run, "queued", "submitting")
    if isinstance(task, Step):
        return task
    try:
        if task.state == "submitting":
            return settle(ports, task, time_left_s)
        return _attempt_or_delay(ports, task, time_left_s)
    except Conflict:
        fresh = ports.tasks.get(task_id)
        if fresh is not None and fresh.finished:
            # Its open jobs may have been released before this call took a turn.
            release_all(ports, fresh)
        return Step("submit", 1)


def _attempt_or_delay(ports: Ports, task: Task, time_left_s: Callable[[], float]) -> Step:
    """Make an attempt; if trouble of our own prevents it, nothing is paid and the task waits."""
    try:
        return _attempt(ports, task, time_left_s)
    except Conflict:
        raise
    except Exception as error:  # noqa: BLE001 - `delay_payment` judges it, and raises it again
        return delay_payment(ports, task, error)


def _attempt(ports: Ports, task: Task, time_left_s: Callable[[], float]) -> Step:
    now = ports.clock.now()
    if now >= task.deadline:
        return _end_failed(ports, task, "gave-up", "The task waited too long to be submitted.")
    superseded = superseded_failure(ports, task.trigger)
    if superseded:
        decide_ending(ports, task, Ending("cancelled", superseded))
        return Step("fail")
    if copy_earlier(ports, task):
        return Step("done")
    choice = next_choice(task)
    if choice is None:
        return _end_without_provider(ports, task)
    route = route_for(ports, task, choice)
    # While S3 withholds a file, the task takes no turn.
    step = _still_withheld(ports, task, route) if task.look_at is not None else None
    return step or _admit_and_pay(ports, task, route, time_left_s)


def _admit_and_pay(
    ports: Ports, task: Task, route: Route, time_left_s: Callable[[], float]
) -> Step:
    since = task.queued_at or task.created_at
    place = place_at(ports, task.resolved_order, route, since)
    reserved = check_money(ports, task, route, place)
    if isinstance(reserved, Step):
        release_turn(ports, task, route.provider)
        return reserved
    deferred = admit(ports, task, route, place)
    if deferred is not None:
        left = leave_empty_account(ports, task, route)
        return left or _defer(ports, task, place, deferred)
    try:
        return _pay(ports, task, route, reserved, time_left_s)
    except OverBudget as full:
        # Others have reserved what was left since it was read.
        undo_admission(ports, task, route)
        return hold_for_budget(ports, task, Shortage(full.account, full.limit), place)


def _pay(
    ports: Ports,
    task: Task,
    route: Route,
    reserved: tuple[Reservation, ...],
    time_left_s: Callable[[], float],
) -> Step:
    """Make the attempt: prepare it, store the intent, call once, store the answer."""
    job_request = build_job_request(task, route, next_attempt_number(task))
    now = ports.clock.now()
    attempt = Attempt(
        job_request.attempt,
        route.provider,
        route.model,
        now,
        call_deadline(ports, route),
        run=task.run,
        account=ports.providers.account(route.provider),
        reserved=reserved,
    )
    stored: Task | None = None
    intent_tried = False

    def store_intent(prepared: Prepared) -> None:
        nonlocal stored, intent_tried
        if time_left_s() < route.call_s + ports.limits.margin_s:
            raise _out_of_time()
        submitting = _with_intent(ports, task, route, attempt, prepared)
        intent_tried = True  # a write that fails may have been made in spite of it
        stored = ports.tasks.replace(task, submitting)
        # A write may take minutes; a call that begins after it would outlast `call_until`.
        lost_s = (ports.clock.now() - submitting.last_attempt.started_at).total_seconds()
        if lost_s > ports.limits.margin_s / 2 or time_left_s() < route.call_s:
            raise OwnTrouble("table-slow", "Storing the intent to pay took too long.")

    try:
        answer = ports.providers.submit(job_request, store_intent)
    except (Conflict, OverBudget):
        raise
    except Exception as error:
        before_intent = isinstance(error, OwnTrouble) and stored is None
        if isinstance(error, DarkroomError) and not before_intent:
            return _not_accepted(ports, task, route, stored, attempt, error, time_left_s)
        if not intent_tried:
            undo_admission(ports, task, route)
        raise
    if stored is None:
        raise AssertionError(f"{route.provider} was called before the intent was stored")
    step = record_accepted(ports, stored, route, answer, time_left_s)
    if record_success(ports, route.provider, stored.last_attempt.started_at):
        pass_turns(ports, route.provider)
    return step


def _not_accepted(
    ports: Ports,
    task: Task,
    route: Route,
    stored: Task | None,
    attempt: Attempt,
    error: DarkroomError,
    time_left_s: Callable[[], float],
) -> Step:
    """The call brought no usable answer: it is in doubt, or was clearly not accepted.

    `stored` is the task with its intent, None when the call failed before that was stored.
    """
    if stored is None and isinstance(error, InputWithheld):
        return wait_for_withheld(ports, task, route, error)
    if stored is not None and error.money_moved == "maybe":
        step = record_unclear(ports, with_called_account(ports, stored), route, error.failure)
    else:
        refused = attempt if stored is None else stored.last_attempt
        step = record_refused(ports, stored or task, refused, error, time_left_s)
        # First, so that nobody gets the turn at an account that was just found to be blocked.
        record_failure(ports, route.provider, error)
        undo_admission(ports, task, route)
        return step
    record_failure(ports, route.provider, error)
    return step


def _with_intent(
    ports: Ports, task: Task, route: Route, attempt: Attempt, prepared: Prepared
) -> Task:
    """The task with the intent to make exactly this request."""
    now = ports.clock.now()
    intent = replace(
        attempt, started_at=now, call_until=call_deadline(ports, route), request=prepared.request
    )
    return task.with_state(
        "submitting",
        now,
        attempts=task.with_attempt(intent),
        order=task.resolved_order.with_digests(prepared.sha256),
        wait_reason=None,
        look_at=None,
    )


def _defer(ports: Ports, task: Task, place: Place, deferred: Deferred) -> Step:
    """End the run, or let it wait, with the reason stored; a turn that is near needs none."""
    if deferred.wait_s is None:
        return park(ports, task, place, deferred.reason)
    if task.place is None and task.wait_reason != deferred.reason:
        now = ports.clock.now()
        waiting = task.with_state("queued", now, wait_reason=deferred.reason, look_at=None)
        ports.tasks.replace(task, waiting)
    return Step("submit", deferred.wait_s)


def _still_withheld(ports: Ports, task: Task, route: Route) -> Step | None:
    try:
        ports.providers.check(build_job_request(task, route, next_attempt_number(task)))
    except InputWithheld as error:
        return wait_for_withheld(ports, task, route, error)
    except InputRefused:
        return None  # submitting it will report that
    return None


def _out_of_time() -> OutOfTime:
    return OutOfTime("out-of-time", "Preparing took so long that no time was left for the call.")


def _end_without_provider(ports: Ports, task: Task) -> Step:
    sentence = "Every provider that could do it failed."
    why = Failure("no-provider-left", sentence, next_step_after(task, "no"))
    decide_ending(ports, task, Ending("failed", with_every_reason(task, task.attempts, why)))
    return Step("fail")


def _end_failed(ports: Ports, task: Task, code: str, sentence: str) -> Step:
    failure = Failure(code, sentence, next_step_after(task, "no"))
    decide_ending(ports, task, Ending("failed", failure))
    return Step("fail")
