"""POLL: ask the provider how the job stands, and come back later while it is not done."""

from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.errors import (
    AccountBlocked,
    Busy,
    Conflict,
    DarkroomError,
    Failure,
    NotSent,
    Throttled,
)
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.admit import Deferred, leave, note_refusal, take_slot
from darkroom.pipeline.admission.backoff import (
    EXPLAINED_S,
    MAX_WAIT_S,
    growing_wait_s,
    poll_wait_s,
)
from darkroom.pipeline.admission.entry import find_mine
from darkroom.pipeline.admission.trouble import told
from darkroom.pipeline.endings.decide import end
from darkroom.pipeline.endings.next_steps import after, fetch_it_again, retry_it
from darkroom.pipeline.paid_call.plan import (
    next_choice,
    other_account,
    other_account_reason,
    route_for,
    submit_until,
)
from darkroom.pipeline.paid_call.record import hold_claimed_job, owns_job
from darkroom.pipeline.paid_call.saved_answer import keep_answer, saved_answer
from darkroom.ports import Ports, Step

UNASKED_FOR = timedelta(days=1)
UNKNOWN_LIMIT = 4
"""How often in a row a provider must say that it does not know the job: over half a minute, for
some list a job only some time after they took it."""
LOST_WAITS_S = (15, 300)
"""Seconds before the second and the third attempt after a lost job. The last is longer than the
longest documented window of a rate limit, which may be what kept us from asking."""


def poll(ports: Ports, task_id: str, run: int) -> Step:
    """Take the task one step towards its job's end; free, and safe to call again."""
    task = find_mine(ports, task_id, run, "running")
    if isinstance(task, Step):
        return task
    try:
        return _ask(ports, task)
    except Conflict:
        return Step("poll", 1)


def _ask(ports: Ports, task: Task) -> Step:
    route = route_for(ports, task, task.paying)
    if route.alone_s is None:
        turned = take_slot(ports, task, route, "poll")
        if turned is not None:
            return _wait(ports, task, turned)
        if task.slot is not None:  # it is used up: the next question has a place of its own
            task = ports.tasks.replace(task, task.moved("running", ports.clock.now(), slot=None))
    try:
        said = ports.providers.poll(route, task.paying.job_id or "")
    except (Throttled, NotSent, Busy) as error:
        return _unasked(ports, task, route, error)
    step = _answered(ports, task, route, said)
    if step.next != "poll" and not isinstance(said, Pending):  # one that is too slow is open still
        leave(ports, task, route)
    return step


def _answered(ports: Ports, task: Task, route: Route, said: Pending | Finished | JobFailed) -> Step:
    match said:
        case Pending():
            return _pending(ports, _seen(ports, task, route, said), route, said)
        case JobFailed(code="job-lost"):
            return _unknown_job(ports, task, route, said)
        case Finished() | JobFailed() if not owns_job(ports, task):
            return hold_claimed_job(ports, task)
        case Finished():
            return _done(ports, task, said)
        case JobFailed():
            return _gave_up(ports, task, said)


def _wait(ports: Ports, task: Task, turned: Deferred) -> Step:
    """Come back when it is the task's turn."""
    reason = task.wait_reason
    if turned.wait_s >= EXPLAINED_S:
        reason = reason or turned.reason
    if (task.slot, task.wait_reason) != (turned.slot, reason):
        now = ports.clock.now()
        waiting = task.moved("running", now, slot=turned.slot, wait_reason=reason)
        ports.tasks.replace(task, waiting)
    return Step("poll", turned.wait_s)


def _seen(ports: Ports, task: Task, route: Route, said: Pending) -> Task:
    """The task with what it means that the provider knows its job."""
    reason = _unknown_word(route, said.note)
    now = ports.clock.now()
    attempt = replace(
        task.paying,
        # Whoever knows the job is the account that it was made with.
        account=ports.providers.account(route.provider) if task.paying.account else None,
        unknown_since=None,
        seen_at=now if route.alone_s is not None else None,
    )
    if attempt == task.paying and not task.waits and task.wait_reason == reason:
        return task
    attempts = task.with_attempt(attempt)
    seen = task.moved("running", now, attempts=attempts, waits=0, wait_reason=reason)
    return ports.tasks.replace(task, seen)


def _pending(ports: Ports, task: Task, route: Route, said: Pending) -> Step:
    """Come back later, or give the job up."""
    now = ports.clock.now()
    if now < task.deadline:
        return Step("poll", poll_wait_s(route, _elapsed_s(task, now), said.ask_again_s or 0))
    failure = Failure(
        "job-too-slow",
        f"{route.provider} did not finish job {task.paying.job_id} within {route.job_s:,} s.",
        after(task, "yes"),
    )
    end(ports, task, Ending("failed", failure))
    return Step("fail")


def _unknown_word(route: Route, word: str) -> str | None:
    """Why the task is still waited for, where the provider says something that nobody knows."""
    if not word:
        return None
    return f"{route.provider} says '{word}' of the job, which is not known here: it is asked again"


def _unasked(ports: Ports, task: Task, route: Route, error: DarkroomError) -> Step:
    """Nobody could be asked: the job is paid and may be done, so it is not given up for a day."""
    now = ports.clock.now()
    given_up_at = task.deadline + UNASKED_FOR
    if isinstance(error, AccountBlocked):
        note_refusal(ports, route.provider, error)
        given_up_at = task.deadline + timedelta(seconds=ports.limits.queue_s)
    if now < given_up_at:
        asked_s = error.retry_after_s if isinstance(error, Throttled) else None
        # A job that is lost when left alone has been lost by then; nothing hurries any more.
        patient = route if now < task.deadline else replace(route, alone_s=None)
        wait_s = poll_wait_s(patient, _elapsed_s(task, now), asked_s or 0)
        reason = f"{route.provider} cannot be asked about the job: {told(error)}"
        explained = wait_s >= EXPLAINED_S or isinstance(error, AccountBlocked)
        if explained and task.wait_reason != reason:
            ports.tasks.replace(task, task.moved("running", now, wait_reason=reason))
        return Step("poll", wait_s)
    failure = Failure(
        "job-unreachable",
        f"{task.paying.provider} took job {task.paying.job_id} but could not be asked about it "
        f"for a day: {error.failure.sentence}",
        f"It has been paid for: run {retry_it(task)} once {task.paying.provider} can be reached.",
    )
    end(ports, task, Ending("failed", failure))
    return Step("fail")


def _elapsed_s(task: Task, now: datetime) -> float:
    return (now - (task.paying.accepted_at or now)).total_seconds()


def _done(ports: Ports, task: Task, said: Finished) -> Step:
    now = ports.clock.now()
    attempt = replace(task.paying, ended_at=now, charged="yes")
    if said.credits is not None:
        attempt = replace(attempt, credits=said.credits)
    attempt = keep_answer(ports, task, attempt, said)
    ports.tasks.replace(
        task,
        task.moved(
            "delivering",
            now,
            attempts=task.with_attempt(attempt),
            waits=0,
            wait_reason=None,
        ),
    )
    return Step("deliver")


def _unknown_job(ports: Ports, task: Task, route: Route, said: JobFailed) -> Step:
    """The provider does not know the job: ask again, and in the end believe it, with care.

    Under another account's key that says nothing. And it cost nothing only where the job was left
    alone for so long that the provider drops it; else nobody knows what became of it.
    """
    now = ports.clock.now()
    attempt = replace(task.paying, unknown_since=task.paying.unknown_since or now)
    attempts = task.with_attempt(attempt)
    if other_account(ports, attempt):
        if now >= task.deadline:
            return _given_up_under_other_key(ports, task)
        reason = other_account_reason(attempt)
        if (task.wait_reason, task.paying) != (reason, attempt):
            waiting = task.moved("running", now, attempts=attempts, wait_reason=reason)
            ports.tasks.replace(task, waiting)
        return Step("poll", MAX_WAIT_S)
    if task.waits + 1 < UNKNOWN_LIMIT:
        waits = task.waits + 1
        ports.tasks.replace(task, task.moved("running", now, attempts=attempts, waits=waits))
        wait_s = growing_wait_s(waits)
        return Step("poll", wait_s if route.alone_s is None else poll_wait_s(route, 0, wait_s))
    if task.gone or task.paying.asked_since:
        return _lost_afterwards(ports, task)
    if said.charged == "no" and not _left_alone(attempt, route):
        said = replace(said, charged="unknown")
    return _gave_up(ports, task, said)


def _left_alone(attempt: Attempt, route: Route) -> bool:
    """Whether nobody had asked about the job for so long that its provider drops it."""
    if route.alone_s is None:
        return True
    seen = attempt.seen_at or attempt.accepted_at
    if seen is None or attempt.unknown_since is None:
        return False
    accepted_at = attempt.accepted_at or seen
    found_late = attempt.replays > 0 or accepted_at > _answered_by(attempt, route)
    if attempt.seen_at is None and found_late:
        seen = attempt.started_at  # the job may have been there, and alone, since then
    return (attempt.unknown_since - seen).total_seconds() > route.alone_s


def _answered_by(attempt: Attempt, route: Route) -> datetime:
    """Until when the answer of the call itself may have come."""
    return attempt.started_at + timedelta(seconds=route.call_s)


def _given_up_under_other_key(ports: Ports, task: Task) -> Step:
    provider = task.paying.provider
    failure = Failure(
        "other-account",
        f"{provider} took job {task.paying.job_id} under a key that was replaced since, and does "
        "not know it under the new one.",
        f"Put the old key back, then run {retry_it(task)} to fetch what has been paid for.",
    )
    doubtful = task.with_attempt(replace(task.paying, charged="unknown"))
    end(ports, task, Ending("unknown", failure), attempts=doubtful)
    return Step("fail")


def _gave_up(ports: Ports, task: Task, said: JobFailed) -> Step:
    """The job failed; where that cost nothing, the next provider may try.

    A job that was lost without a charge may be tried again by the same one.
    """
    if task.gone and said.charged != "no":  # it was done, and now it has expired
        return _lost_afterwards(ports, task)
    now = ports.clock.now()
    unknown = said.code == "job-lost"
    lost = unknown and said.charged == "no"
    failure = Failure(said.code, said.sentence, after(task, said.charged))
    attempt = replace(
        task.paying,
        # That it is not known is no word on whether it was done, unless that costs nothing.
        outcome="lost" if lost else "given-up" if unknown else "failed",
        charged=said.charged,
        ended_at=now,
        failure=failure,
    )
    attempts = task.with_attempt(attempt)
    following = next_choice(replace(task, attempts=attempts))
    if said.charged == "no" and following:
        # The job's deadline was its own.
        deadline = submit_until(ports, task)
        again = lost and following.provider == attempt.provider
        reason = f"the job is made again: {failure.sentence}" if again else None
        queued = task.moved(
            "queued", now, attempts=attempts, waits=0, deadline=deadline, wait_reason=reason
        )
        ports.tasks.replace(task, queued)
        times = sum(1 for one in attempts if one.outcome == "lost")
        return Step("submit", LOST_WAITS_S[min(times, len(LOST_WAITS_S)) - 1] if again else 0)
    end(ports, task, Ending("failed", failure), attempts=attempts)
    return Step("fail")


def _lost_afterwards(ports: Ports, task: Task) -> Step:
    """The job was paid for, and is not there any more: its result may be, where it was."""
    if isinstance(saved_answer(ports, task, task.paying), Finished):
        now = ports.clock.now()
        attempts = task.with_attempt(replace(task.paying, ended_at=now))
        found = task.moved("delivering", now, attempts=attempts, waits=0, results=())
        ports.tasks.replace(task, found)
        return Step("deliver")
    provider = task.paying.provider
    failure = Failure(
        "result-gone",
        f"{provider} took the job, but neither its result nor the job is to be found any more.",
        fetch_it_again(task),
    )
    end(ports, task, Ending("failed", failure))
    return Step("fail")
