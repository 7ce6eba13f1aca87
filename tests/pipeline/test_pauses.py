"""What stops everybody: an account that is blocked, and our own side. Tasks wait and say why."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import BinaryIO

import pytest

from darkroom.domain.circuit_state import MAX_BLOCKED_S, CircuitState
from darkroom.domain.errors import AccountBlocked, NotSent, OwnTrouble
from darkroom.domain.task import Task
from darkroom.pipeline.admission.payment_pause import DELIVERY, DELIVERY_TRIAL_S
from darkroom.pipeline.poll import UNREACHABLE_FOR
from tests.fakes.outputs import InMemoryOutputs
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, Studio

EMPTY = AccountBlocked("no-credits", "The account at alpha has too few credits.", "Add credits.")
REFUSED = AccountBlocked("bad-credentials", "beta does not accept the key.", "Set another.")


class Denied(InMemoryOutputs):
    """An output bucket that takes no results for as long as it is `shut`.

    Attributes:
        refusing: called when it refuses something.
    """

    shut = True

    def __init__(self) -> None:
        super().__init__()
        self.refusing: Callable[[], None] = lambda: None

    def put_over(
        self, key: str, body: BinaryIO | bytes, content_type: str, etag: str | None
    ) -> None:
        """Refuses, as S3 does by a policy, with the key in its words."""
        if self.shut:
            self.refusing()
            raise PermissionError(f"AccessDenied: arn:aws:s3:::results/{key}")
        super().put_over(key, body, content_type, etag)


def _many(studio: Studio, count: int, operation: str = SYNC_NONE, **fields: str) -> list[str]:
    for number in range(count):
        studio.drop(f"photos/{number}.jpg")
        studio.ask(operation, f"photos/{number}.jpg.json", **fields)
    return [task.task_id for task in studio.tasks.all]


def _task(studio: Studio, task_id: str) -> Task:
    task = studio.tasks.get(task_id)
    assert task is not None
    return task


def _states(studio: Studio) -> Counter[str]:
    return Counter(task.state for task in studio.tasks.all)


# --- an account that is blocked -------------------------------------------------------------------


@pytest.mark.parametrize("call", ["prepare", "submit"])
def test_an_empty_account_pauses_its_provider_at_once(studio: Studio, call: str) -> None:
    """Whether a free call or the paid one met it; the second task does not even try, and says why.

    Nobody goes to the next provider for it.
    """
    first, second = _many(studio, 2)
    studio.providers.say("prepare" if call == "prepare" else "submit", EMPTY)
    steps = [studio.door("submit", first), studio.door("submit", second)]

    sent = len(studio.providers.sent)
    assert sent == (0 if call == "prepare" else 1)
    assert all(step.next == "submit" and 30 <= step.wait_s <= MAX_BLOCKED_S for step in steps)
    for task_id in (first, second):
        assert _task(studio, task_id).state == "queued"
        assert _task(studio, task_id).wait_reason == (
            "alpha is paused: The account at alpha has too few credits. Add credits."
        )
    assert studio.limiter.circuit("alpha").reason == f"{EMPTY.failure.sentence} Add credits."


def test_one_at_a_time_tries_a_blocked_account_out(studio: Studio) -> None:
    """However many wait."""
    ids = _many(studio, 6, provider="alpha")
    studio.providers.say("submit", *[EMPTY] * 3)
    studio.door("submit", ids[0])
    for sent in (2, 3):
        studio.clock.advance(MAX_BLOCKED_S + 1)
        for task_id in ids:
            studio.door("submit", task_id)
        assert len(studio.providers.sent) == sent


def test_tasks_go_on_by_themselves_soon_after_the_account_was_put_right(studio: Studio) -> None:
    """After hours of it, too: none has failed, and nothing was paid twice."""
    ids = _many(studio, 4)
    studio.providers.say("submit", *[EMPTY] * 500)
    waits = dict.fromkeys(ids, 0.0)
    start = studio.clock.now()

    def play(hours: float) -> None:
        nonlocal waits
        while (at := (studio.clock.now() - start).total_seconds()) < hours * 3600:
            task_id = min(waits, key=lambda one: waits[one])
            studio.clock.advance(max(0.0, waits[task_id] - at))
            step = studio.door("submit", task_id)
            waits[task_id] = (studio.clock.now() - start).total_seconds() + step.wait_s
            if step.next != "submit":
                waits[task_id] = float("inf")
            if min(waits.values()) == float("inf"):
                return

    play(3)
    assert studio.providers.charged == []
    assert _states(studio) == {"queued": 4}
    studio.providers.forget("submit")
    topped_up = studio.clock.now()
    play(4)

    assert _states(studio) == {"delivering": 4}
    assert (studio.clock.now() - topped_up).total_seconds() < 240
    assert len(studio.providers.charged) == 4
    assert studio.limiter.circuit("alpha") == CircuitState()


def test_a_job_whose_key_is_refused_is_waited_for_and_says_so(studio: Studio) -> None:
    """For days beyond its time; once the key is right it is collected."""
    studio.providers.polls = 0
    (task_id,) = _many(studio, 1, JOB_KEY)
    studio.run(until=["running"])
    studio.providers.say("poll", *[REFUSED] * 2)
    studio.door("poll", task_id)
    assert _task(studio, task_id).wait_reason == (
        "beta cannot be asked about the job: beta does not accept the key. Set another."
    )
    assert studio.limiter.circuit("beta").probing

    studio.clock.advance(UNREACHABLE_FOR.total_seconds() + 2 * 3600)
    assert studio.door("poll", task_id).next == "poll"
    studio.run()
    assert _states(studio) == {"succeeded": 1}
    assert _task(studio, task_id).wait_reason is None


def test_a_provider_that_lost_its_key_is_passed_over_where_another_can_do_it(
    studio: Studio,
) -> None:
    """It was set up when the spec came; the one that was named alone is waited for."""
    (either,) = _many(studio, 1)
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE, provider="alpha")
    alone = next(task.task_id for task in studio.tasks.all if task.task_id != either)
    studio.providers.ready = {"beta"}
    studio.door("submit", either)
    assert studio.door("submit", either).next == "poll"
    step = studio.door("submit", alone)

    assert (step.next, _task(studio, alone).state) == ("submit", "queued")
    assert "alpha has no key here" in (_task(studio, alone).wait_reason or "")
    studio.providers.ready = None
    studio.clock.advance(step.wait_s)
    assert studio.door("submit", alone).next == "deliver"


# --- our own side ---------------------------------------------------------------------------------


def _denied() -> tuple[Studio, Denied]:
    outputs = Denied()
    return Studio(outputs=outputs), outputs


def test_nothing_more_is_paid_while_results_cannot_be_delivered() -> None:
    """By no provider; whoever waits says why, without keys and addresses."""
    studio, _ = _denied()
    first, second = _many(studio, 2, provider="alpha")
    studio.drop(PHOTO)
    studio.ask(JOB_KEY, provider="beta")
    third = next(t.task_id for t in studio.tasks.all if t.task_id not in (first, second))
    assert studio.door("submit", first).next == "deliver"
    assert studio.door("deliver", first).next == "poll"

    for task_id in (second, third):
        step = studio.door("submit", task_id)
        assert (step.next, step.wait_s >= 30) == ("submit", True)
        reason = _task(studio, task_id).wait_reason or ""
        assert reason.startswith("new paid calls are paused while results cannot be delivered: ")
        assert "PermissionError (AccessDenied)" in reason
        assert "arn:" not in reason
    assert len(studio.providers.charged) == 1
    assert (_task(studio, first).wait_reason or "").startswith("the results cannot be delivered")
    assert studio.limiter.circuit(DELIVERY).reason


def test_a_delivery_that_works_again_opens_the_gate() -> None:
    """It is tried again for as long as it takes, and nothing is lost by it."""
    studio, outputs = _denied()
    first, second, third = _many(studio, 3, provider="alpha")
    studio.door("submit", first)
    waited_s = 0
    for _ in range(200):  # more than a day
        step = studio.door("deliver", first)
        assert step.next == "poll"
        studio.clock.advance(step.wait_s)
        waited_s += step.wait_s
        if waited_s < DELIVERY_TRIAL_S:
            assert studio.door("submit", second).next == "submit"
    assert waited_s > 24 * 3600
    assert studio.door("submit", second).next == "deliver"  # now and then a paid call is a try
    assert studio.door("deliver", second).next == "poll"
    assert studio.door("submit", third).next == "submit"
    studio.providers.results.clear()  # they do not live for ever over there
    outputs.shut = False
    assert studio.door("deliver", first).next == "done"

    assert studio.limiter.circuit(DELIVERY) == CircuitState()
    assert first not in studio.limiter.leases[DELIVERY]
    assert studio.door("submit", third).next == "deliver"
    assert _task(studio, first).state == "succeeded"


def test_one_task_that_can_never_be_delivered_holds_the_others_up_once() -> None:
    """When others' results are delivered its trouble is its own, however often it comes again."""
    studio, outputs = _denied()
    bad, second, third = _many(studio, 3, provider="alpha")
    studio.door("submit", bad)
    studio.door("deliver", bad)
    studio.clock.advance(DELIVERY_TRIAL_S + 1)
    studio.door("deliver", bad)
    assert studio.door("submit", second).next == "deliver"
    outputs.shut = False  # for every name but one
    assert studio.door("deliver", second).next == "done"
    outputs.shut = True
    assert studio.door("deliver", bad).next == "poll"

    assert studio.limiter.circuit(DELIVERY) == CircuitState()
    assert studio.door("submit", third).next == "deliver"


def test_a_result_that_could_not_be_kept_at_once_is_kept_by_the_next_try() -> None:
    """Its address grows old, and the bucket may be shut for longer."""
    studio, outputs = _denied()
    (task_id,) = _many(studio, 1)
    studio.door("submit", task_id)
    there = dict(studio.providers.results)
    outputs.refusing = studio.providers.results.clear  # just then its store is away
    studio.door("deliver", task_id)
    studio.providers.results.update(there)
    outputs.refusing = lambda: None
    studio.door("deliver", task_id)
    studio.providers.results.clear()
    outputs.shut = False

    assert studio.door("deliver", task_id).next == "done"


def test_without_anything_left_to_deliver_one_paid_call_tries_it_out() -> None:
    """And only one, until its result was delivered."""
    studio, outputs = _denied()
    lost, *others = _many(studio, 4, provider="alpha")
    studio.door("submit", lost)
    studio.door("deliver", lost)
    studio.clock.advance(DELIVERY_TRIAL_S + 1)  # it was never tried again
    steps = [studio.door("submit", task_id).next for task_id in others]
    assert steps == ["deliver", "submit", "submit"]
    assert len(studio.providers.charged) == 2

    outputs.shut = False
    assert studio.door("deliver", others[0]).next == "done"
    assert [studio.door("submit", task_id).next for task_id in others[1:]] == ["deliver"] * 2


def test_an_end_that_leaves_nothing_to_write_opens_no_gate() -> None:
    """The name is a newer task's by now: that its manifest stays says nothing of the bucket."""
    studio, outputs = _denied()
    outputs.shut = False
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    old = studio.task.task_id
    studio.clock.advance(studio.limits.queue_s + 1)
    for door in ("submit", "fail"):
        studio.door(door, old)
    assert _task(studio, old).state == "failed"
    studio.ask(SYNC_NONE, metadata={"version": 2})
    outputs.shut = True
    now = studio.clock.now().timestamp()
    studio.limiter.compare_and_set(DELIVERY, CircuitState(), CircuitState(5, now, "It is shut."))
    studio.door("fail", old)

    assert studio.limiter.circuit(DELIVERY).probing


def test_a_refused_try_leaves_room_for_the_next_one() -> None:
    """A provider that cannot be reached says nothing of our own side."""
    studio, _ = _denied()
    _, one, other = _many(studio, 3, provider="alpha")
    now = studio.clock.now().timestamp()
    studio.limiter.compare_and_set(DELIVERY, CircuitState(), CircuitState(5, now, "It is shut."))
    studio.providers.say("submit", NotSent("provider-unreachable", "No route."))
    studio.door("submit", one)
    assert studio.limiter.leases[DELIVERY] == {}
    assert studio.door("submit", other).next == "deliver"


def test_a_manifest_that_cannot_be_written_closes_the_gate_too() -> None:
    """The same bucket takes it."""
    studio, _ = _denied()
    one, other = _many(studio, 2, provider="alpha")
    studio.clock.advance(studio.limits.queue_s + 1)
    assert studio.door("submit", one).next == "fail"
    with pytest.raises(PermissionError):
        studio.door("fail", one)
    late = _task(studio, other)
    studio.tasks.replace(late, replace(late, deadline=late.deadline + timedelta(days=1)))

    assert studio.door("submit", other).next == "submit"
    assert studio.providers.charged == []


@pytest.mark.parametrize(
    "error",
    [
        OwnTrouble("input-forbidden", "S3 does not let Darkroom read it.", "Allow it."),
        PermissionError("AccessDenied"),
        OwnTrouble("secret-unavailable", "The secret cannot be read for the moment."),
    ],
)
def test_inputs_and_secrets_that_cannot_be_had_are_waited_for(
    studio: Studio, error: Exception
) -> None:
    """Nothing is paid, nobody is blamed, and the task says what is in the way."""
    (task_id,) = _many(studio, 1)
    studio.providers.say("prepare", *[error] * 20)
    for _ in range(20):
        step = studio.door("submit", task_id)
        assert step.next == "submit"
        assert "Darkroom itself has trouble" in (_task(studio, task_id).wait_reason or "")
        studio.clock.advance(step.wait_s)

    assert studio.limiter.circuit("alpha") == CircuitState()
    assert studio.door("submit", task_id).next == "deliver"
    assert _task(studio, task_id).wait_reason is None


def test_a_mistake_in_the_program_is_not_waited_for(studio: Studio) -> None:
    """Waiting does not mend it: the run breaks, and somebody hears of it."""
    (task_id,) = _many(studio, 1)
    studio.providers.say("prepare", KeyError("roles"))
    with pytest.raises(KeyError):
        studio.door("submit", task_id)
