"""Providers are asked no faster than they bear, and no task is lost by waiting for its turn."""

from collections import Counter

import pytest

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.domain.errors import (
    Busy,
    DarkroomError,
    InputRefused,
    NotSent,
    OutOfTime,
    ProviderRefused,
    Throttled,
)
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.pipeline.admission.circuit import record_success
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_NONE, SYNC_NONE
from tests.pipeline.harness import PHOTO, Studio

SLOW = Rules(Rate(60, 600))
"""A call every 26 s on each lane, after two at once."""


def _many(studio: Studio, operation: str, count: int, **fields: str) -> list[str]:
    for number in range(count):
        studio.drop(f"photos/{number}.jpg")
        studio.ask(operation, f"photos/{number}.jpg.json", **fields)
    return [task.task_id for task in studio.tasks.all]


def _states(studio: Studio) -> Counter[str]:
    return Counter(task.state for task in studio.tasks.all)


def test_calls_keep_the_rate_and_every_task_gets_its_turn(studio: Studio) -> None:
    """They wait in the workflow, and say why."""
    studio.providers.rules_of["alpha"] = SLOW
    ids = _many(studio, SYNC_NONE, 12, provider="alpha")
    steps = {task_id: studio.door("submit", task_id) for task_id in ids}

    at_once = [task_id for task_id, step in steps.items() if step.next == "deliver"]
    waiting = [studio.tasks.get(task_id) for task_id in ids if task_id not in at_once]
    assert 2 <= len(at_once) < 8
    assert all(task and task.wait_reason == "waits for its turn at alpha" for task in waiting)

    studio.run()
    assert _states(studio) == {"succeeded": 12}
    assert len(studio.providers.charged) == 12


def test_who_is_late_keeps_the_slot_and_who_missed_it_asks_again(studio: Studio) -> None:
    """For a tenth of the limit's window; beyond that it would call at somebody else's time."""
    studio.providers.rules_of["alpha"] = SLOW
    ids = _many(studio, SYNC_NONE, 8, provider="alpha")
    late, missed = ids[-2:]
    waits = {task_id: studio.door("submit", task_id).wait_s for task_id in ids}
    granted = len(studio.limiter.granted)
    studio.clock.advance(waits[late] + SLOW.slot_ttl_s - 1)
    assert studio.door("submit", late).next == "deliver"
    assert len(studio.limiter.granted) == granted

    studio.clock.advance(waits[missed] - waits[late] + 3)
    studio.door("submit", missed)
    assert len(studio.limiter.granted) == granted + 1


def test_a_task_comes_back_to_its_own_slot(studio: Studio) -> None:
    """Being asked early does not make it queue again."""
    studio.providers.rules_of["alpha"] = SLOW
    last = _many(studio, SYNC_NONE, 8, provider="alpha")[-1]
    for task in studio.tasks.all:
        studio.door("submit", task.task_id)
    granted = len(studio.limiter.granted)
    first = studio.door("submit", last)
    studio.clock.advance(first.wait_s - 2)
    second = studio.door("submit", last)
    studio.clock.advance(second.wait_s)

    assert studio.door("submit", last).next == "deliver"
    assert len(studio.limiter.granted) == granted


def test_no_more_jobs_are_open_than_the_provider_bears(studio: Studio) -> None:
    """The others wait for room; all of them end."""
    studio.providers.rules_of["beta"] = Rules(open_jobs=2)
    ids = _many(studio, JOB_KEY, 5, provider="beta")
    steps = [studio.door("submit", task_id).next for task_id in ids]
    assert Counter(steps) == {"poll": 2, "submit": 3}

    studio.run()
    assert _states(studio) == {"succeeded": 5}
    assert studio.limiter.leases["beta"] == {}


def test_a_lease_of_a_task_that_died_ends_with_its_time(studio: Studio) -> None:
    """The pipeline does not stand still for a run that is gone."""
    studio.providers.rules_of["beta"] = Rules(open_jobs=1)
    dead, alive = _many(studio, JOB_KEY, 2, provider="beta")
    studio.door("submit", dead)
    assert studio.door("submit", alive).next == "submit"
    studio.clock.advance(2 * 3600)

    assert studio.door("submit", alive).next == "poll"


@pytest.mark.parametrize("polls", [1, 10**6])
def test_a_lease_is_given_back_however_the_job_ends(studio: Studio, polls: int) -> None:
    """Done, or given up for being too slow."""
    studio.providers.rules_of["gamma"] = Rules(open_jobs=3)
    studio.providers.polls = polls
    _many(studio, JOB_NONE, 1)
    studio.run()

    assert studio.limiter.leases["gamma"] == {}


def test_a_lease_is_given_back_when_the_job_fails_or_is_refused(studio: Studio) -> None:
    """The next provider has its own."""
    studio.providers.rules_of |= {"beta": Rules(open_jobs=1), "gamma": Rules(open_jobs=1)}
    studio.providers.say("submit", Throttled("busy", "Later.", retry_after_s=1))
    studio.providers.say("poll", JobFailed("bad-image", "It has no face.", "no"))
    _many(studio, JOB_KEY, 1)
    studio.run()

    assert _states(studio) == {"succeeded": 1}
    assert (studio.limiter.leases["beta"], studio.limiter.leases["gamma"]) == ({}, {})


def test_a_provider_that_asks_to_wait_is_left_alone_by_all(studio: Studio) -> None:
    """The second task does not even try."""
    first, second = _many(studio, SYNC_NONE, 2, provider="alpha")
    studio.providers.say("submit", Throttled("busy", "Later.", retry_after_s=40))
    studio.door("submit", first)
    step = studio.door("submit", second)

    assert step.next == "submit"
    assert step.wait_s >= 40
    assert len(studio.providers.sent) == 1


def test_a_provider_in_trouble_is_paused_and_then_tried_by_one(studio: Studio) -> None:
    """Open, half-open, closed; and nothing is lost."""
    ids = _many(studio, SYNC_NONE, FAILURES_TO_OPEN + 3, provider="alpha")
    away = NotSent("provider-unreachable", "The provider could not be reached.")
    studio.providers.say("prepare", *[away] * FAILURES_TO_OPEN)
    for task_id in ids[:FAILURES_TO_OPEN]:
        studio.door("submit", task_id)
    assert studio.limiter.circuit("alpha").probing
    paused = studio.door("submit", ids[-1])
    assert (paused.next, paused.wait_s >= 30) == ("submit", True)

    studio.clock.advance(31)
    studio.providers.say("prepare", Busy("provider-error", "The provider has trouble."))
    studio.door("submit", ids[0])
    assert studio.door("submit", ids[1]).next == "submit"
    assert len(studio.providers.sent) == 0

    studio.clock.advance(90)
    assert studio.door("submit", ids[2]).next == "deliver"
    assert studio.limiter.circuit("alpha") == CircuitState()
    studio.run()
    assert _states(studio) == {"succeeded": FAILURES_TO_OPEN + 3}


def test_polls_keep_their_own_lane(studio: Studio) -> None:
    """A flood of new jobs does not keep the old ones from being asked about."""
    studio.providers.rules_of["beta"] = SLOW
    _many(studio, JOB_KEY, 6, provider="beta")
    studio.run()

    lanes = Counter(lane for _, lane, _, _ in studio.limiter.granted)
    assert _states(studio) == {"succeeded": 6}
    assert min(lanes["submit"], lanes["poll"]) >= 6


def test_a_job_that_must_not_be_left_alone_never_waits_for_a_lane(studio: Studio) -> None:
    """There are no more of them than can be asked in time."""
    studio.providers.rules_of["zeta"] = Rules(Rate(60, 600), open_jobs=1, calls_per_file=1)
    studio.drop(PHOTO)
    studio.ask(JOB_ALONE)
    studio.run()

    assert studio.task.state == "succeeded"
    assert [(lane, calls) for _, lane, _, calls in studio.limiter.granted] == [("submit", 2)]


@pytest.mark.parametrize(
    "error",
    [
        InputRefused("not-an-image", "It is no image."),
        ProviderRefused("provider-refused", "No."),
        OutOfTime("out-of-time", "No time was left."),
    ],
)
def test_what_is_not_the_providers_trouble_pauses_nobody(
    studio: Studio, error: DarkroomError
) -> None:
    """A bad file, a clear no, and our own want of time say nothing against it."""
    ids = _many(studio, SYNC_NONE, FAILURES_TO_OPEN + 1, provider="alpha")
    studio.providers.say("prepare", *[error] * FAILURES_TO_OPEN)
    for task_id in ids[:FAILURES_TO_OPEN]:
        studio.door("submit", task_id)

    assert studio.limiter.circuit("alpha").refusals == 0
    assert studio.door("submit", ids[-1]).next == "deliver"


def test_a_clear_no_shows_that_a_paused_provider_works_again(studio: Studio) -> None:
    """The one that tries it out need not be lucky."""
    first, second = _many(studio, SYNC_NONE, 2, provider="alpha")
    now = studio.clock.now().timestamp()
    studio.limiter.compare_and_set("alpha", CircuitState(), CircuitState(FAILURES_TO_OPEN, now))
    studio.providers.say("prepare", ProviderRefused("provider-refused", "No."))
    studio.door("submit", first)

    assert studio.door("submit", second).next == "deliver"


def test_who_cannot_call_does_not_use_up_the_one_try(studio: Studio) -> None:
    """A task without a lease does not keep one that has a lease from trying."""
    studio.providers.rules_of["beta"] = Rules(open_jobs=1)
    outside, inside = _many(studio, JOB_KEY, 2, provider="beta")
    now = studio.clock.now().timestamp()
    studio.limiter.lease("beta", inside, now + 600, 1, now)
    studio.limiter.compare_and_set("beta", CircuitState(), CircuitState(FAILURES_TO_OPEN, now))

    assert studio.door("submit", outside).next == "submit"
    assert studio.door("submit", inside).next == "poll"


def test_a_task_that_is_ended_while_it_waits_gives_its_lease_back(studio: Studio) -> None:
    """Its job was never made."""
    studio.providers.rules_of["beta"] = Rules(Rate(60, 600), open_jobs=5)
    _many(studio, JOB_KEY, 5, provider="beta")
    for task in studio.tasks.all:
        studio.door("submit", task.task_id)
    waiting = [task for task in studio.tasks.all if task.slot is not None]
    assert waiting
    for task in waiting:
        studio.remove(task.trigger.key)

    assert _states(studio)["cancelled"] == len(waiting)
    assert len(studio.limiter.leases["beta"]) == 5 - len(waiting)


def test_a_success_does_not_cut_short_what_a_provider_asked_for(studio: Studio) -> None:
    """A call that began before may end well after it."""
    now = studio.clock.now().timestamp()
    asked = CircuitState().after_failure(now, 90)
    studio.limiter.compare_and_set("alpha", CircuitState(), asked)
    record_success(studio.ports, "alpha")

    assert studio.limiter.circuit("alpha") == CircuitState(0, now + 90)


def test_a_wrong_file_is_told_at_once_and_not_after_the_wait_for_its_turn(studio: Studio) -> None:
    """Looking at it takes no call."""
    studio.providers.rules_of["alpha"] = SLOW
    ids = _many(studio, SYNC_NONE, 9, provider="alpha")
    for task_id in ids[:-1]:
        studio.door("submit", task_id)
    studio.providers.say("check", InputRefused("picture-too-large", "It is too large."))

    assert studio.door("submit", ids[-1]).next == "fail"


def test_a_single_lane_keeps_the_whole_rate_for_itself(studio: Studio) -> None:
    """Where questions are reserved with the job, no second lane is lent: there is none."""
    limit = Rate(100, 300)
    studio.providers.rules_of["zeta"] = Rules(limit, calls_per_file=1, calls_per_job=4)
    _many(studio, JOB_ALONE, 40, provider="zeta")
    studio.run()

    assert _states(studio) == {"succeeded": 40}
    granted = [(at, calls) for _, _, at, calls in studio.limiter.granted]
    assert {calls for _, calls in granted} == {6}
    for start, _ in granted:
        within = sum(calls for at, calls in granted if start <= at < start + limit.per_s)
        assert within <= limit.calls


def test_who_waits_for_room_uses_up_nobody_s_turn(studio: Studio) -> None:
    """A slot is taken only by a task that could use it."""
    studio.providers.rules_of["beta"] = Rules(Rate(60, 60), open_jobs=1)
    first, second = _many(studio, JOB_KEY, 2, provider="beta")
    studio.door("submit", first)
    granted = len(studio.limiter.granted)
    for _ in range(3):
        studio.clock.advance(studio.door("submit", second).wait_s)

    assert len(studio.limiter.granted) == granted
