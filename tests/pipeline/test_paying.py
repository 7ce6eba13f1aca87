"""What a provider says to the paid call decides what is paid, repeated, and told.

Paid once: an unclear call is repeated only under a key that the provider knows.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Busy, NotSent, ProviderRefused, Throttled, Unclear
from darkroom.pipeline.submit import submit
from darkroom.ports import Step
from tests.fakes.providers import Lost
from tests.fakes.routes import JOB_KEY, JOB_NONE, SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Died, Studio, refusal

TIMED_OUT = Unclear("no-answer", "The provider did not answer in time.")
UNREACHED = NotSent("not-reached", "The provider could not be reached.")


def _later(after_s: int | None = None) -> Throttled:
    return Throttled("come-back", "The provider is busy.", retry_after_s=after_s)


def _asked(studio: Studio, operation: str, **fields: Any) -> Studio:
    studio.drop(PHOTO)
    studio.ask(operation, **fields)
    return studio


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_KEY])
def test_a_throttled_call_waits_and_goes_on(studio: Studio, operation: str) -> None:
    """Three times "later" is three waits, one attempt in the manifest, one payment."""
    studio.providers.say("submit", _later(7), _later(7), _later())
    _asked(studio, operation).run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1
    assert [a["outcome"] for a in studio.manifest()["attempts"]] == ["succeeded"]
    waits = [step.wait_s for step in studio.steps if step.next == "submit"]
    assert len(waits) == 3
    assert min(waits) >= 7


def test_a_throttled_task_says_why_it_stands_still(studio: Studio) -> None:
    """The reason is in the task while it waits, and gone when it goes on."""
    studio.providers.say("submit", _later(7))
    _asked(studio, SYNC_NONE)
    step = studio.door("submit", studio.task.task_id)

    assert step.next == "submit"
    assert studio.task.state == "queued"
    assert studio.task.wait_reason == "The provider is busy."
    studio.run()
    assert studio.task.wait_reason is None


def test_waiting_has_an_end(studio: Studio) -> None:
    """A provider that says "later" for days fails the task, unpaid."""
    studio.providers.say("submit", *[_later(300)] * 4000)
    _asked(studio, SYNC_NONE).run(most=20_000)

    assert studio.manifest()["failure"]["code"] == "gave-up"
    assert studio.providers.charged == []
    assert len(studio.task.attempts) == 1


def test_an_unreached_provider_is_tried_again(studio: Studio) -> None:
    """Nothing was sent, so nothing can be paid twice."""
    studio.providers.say("submit", UNREACHED, UNREACHED)
    _asked(studio, SYNC_NONE).run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1


def test_a_provider_that_stays_out_of_reach_is_left(studio: Studio) -> None:
    """After a while the next provider is asked; where there is none, the task fails."""
    studio.providers.say("submit", *[UNREACHED] * 9)
    _asked(studio, SYNC_NONE).run()
    assert studio.task.last_attempt.provider == "beta"

    other = Studio()
    other.providers.say("submit", *[UNREACHED] * 9)
    _asked(other, JOB_NONE).run()
    assert other.manifest()["failure"]["code"] == "not-reached"


def test_preparing_that_fails_for_the_moment_is_tried_again(studio: Studio) -> None:
    """An upload to the provider costs nothing, so a 500 there is only a wait."""
    busy = Busy("provider-error", "The provider has trouble.")
    studio.providers.say("prepare", *[busy] * 6)
    _asked(studio, SYNC_NONE).run()

    assert studio.task.state == "succeeded"
    assert studio.providers.sent == ["alpha"]


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_without_a_key_an_unclear_call_ends_unknown(studio: Studio, operation: str) -> None:
    """Nobody knows whether it was paid, so it is never sent again: a person decides."""
    studio.providers.say("submit", Lost(TIMED_OUT))
    _asked(studio, operation).run()

    manifest = studio.manifest()
    assert manifest["status"] == "unknown"
    assert manifest["failure"]["code"] == "unknown-outcome"
    assert manifest["cost"]["settled"] is False
    assert manifest["attempts"][0]["charged"] == "unknown"
    assert studio.endings(studio.task.task_id) == {"Task Unknown"}
    assert len(studio.providers.sent) == 1
    assert studio.task.last_attempt.request is None


@pytest.mark.parametrize("operation", [SYNC_KEY, JOB_KEY])
@pytest.mark.parametrize("first", [Lost(TIMED_OUT), TIMED_OUT], ids=["accepted", "not accepted"])
def test_with_a_key_an_unclear_call_is_repeated_and_charged_once(
    studio: Studio, operation: str, first: Lost | Unclear
) -> None:
    """Whether or not the first sending was accepted, the same key is charged once."""
    studio.providers.say("submit", first)
    studio.providers.say("repeat", TIMED_OUT)
    _asked(studio, operation).run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.sent) == 3
    assert len(studio.providers.charged) == 1
    assert studio.task.last_attempt.replays == 2


def test_a_key_is_not_repeated_for_ever(studio: Studio) -> None:
    """A provider that never answers leaves the task unknown."""
    studio.providers.say("submit", TIMED_OUT)
    studio.providers.say("repeat", *[TIMED_OUT] * 2000)
    started = studio.clock.now()
    _asked(studio, SYNC_KEY).run()

    assert studio.task.state == "unknown"
    assert studio.clock.now() - started < timedelta(hours=24)
    assert len(studio.providers.sent) < 300


def test_a_key_is_not_repeated_after_the_provider_forgot_it(studio: Studio) -> None:
    """Keys are kept for a day; a run that slept longer does not send again."""
    studio.providers.say("submit", Died())
    _asked(studio, SYNC_KEY)
    with pytest.raises(Died):
        studio.door("submit", studio.task.task_id)
    studio.clock.advance(24 * 3600)
    studio.run()

    assert studio.task.state == "unknown"
    assert len(studio.providers.sent) == 1


def test_a_refusal_of_the_repetition_proves_nothing(studio: Studio) -> None:
    """The first sending may have been accepted all the same; what it is about may be mended."""
    studio.providers.say("submit", Lost(TIMED_OUT))
    studio.providers.say("repeat", *[refusal()] * 20)
    _asked(studio, SYNC_KEY).run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1


def test_a_repetition_that_is_refused_for_a_day_leaves_it_unknown(studio: Studio) -> None:
    """The provider would not know the key any more."""
    studio.providers.say("submit", Lost(TIMED_OUT))
    studio.providers.say("repeat", *[refusal()] * 1000)
    _asked(studio, SYNC_KEY).run()

    assert studio.task.state == "unknown"
    assert len(studio.providers.charged) == 1


@pytest.mark.parametrize(
    ("choice", "state", "paid"), [("fail", "failed", 1), ("hold", "unknown", 1)]
)
def test_the_spec_may_settle_the_unknown(
    studio: Studio, choice: str, state: str, paid: int
) -> None:
    """`fail` ends it as failed, `hold` leaves it to a person; neither pays again."""
    studio.providers.say("submit", Lost(TIMED_OUT))
    _asked(studio, JOB_NONE, on_unknown=choice).run()

    assert studio.task.state == state
    assert studio.manifest()["attempts"][0]["outcome"] == "unknown"
    assert len(studio.providers.charged) == paid


def test_the_spec_may_ask_to_pay_again(studio: Studio) -> None:
    """`retry` makes a new attempt; the manifest holds both and says that one is doubtful."""
    studio.providers.say("submit", Lost(TIMED_OUT))
    _asked(studio, JOB_NONE, on_unknown="retry").run()

    manifest = studio.manifest()
    assert manifest["status"] == "succeeded"
    assert [a["outcome"] for a in manifest["attempts"]] == ["unknown", "succeeded"]
    assert manifest["cost"]["settled"] is False


def test_paying_again_has_an_end(studio: Studio) -> None:
    """Even with `retry` a task stops after a few doubtful payments."""
    studio.providers.say("submit", *[TIMED_OUT] * 50)
    _asked(studio, JOB_NONE, on_unknown="retry").run()

    assert studio.task.state == "unknown"
    assert len(studio.providers.sent) == 5


def test_an_interrupted_call_is_waited_for_before_it_is_settled(studio: Studio) -> None:
    """Until the call's deadline its first caller may still be at work."""
    studio.providers.say("submit", Died())
    _asked(studio, SYNC_NONE)
    task_id = studio.task.task_id
    with pytest.raises(Died):
        studio.door("submit", task_id)

    step = studio.door("submit", task_id)
    assert step == Step("submit", 90 + studio.limits.margin_s)
    studio.clock.advance(step.wait_s)
    assert studio.door("submit", task_id) == Step("fail")
    assert studio.providers.sent == ["alpha"]


def test_a_task_cancelled_while_it_prepares_is_not_paid_for(studio: Studio) -> None:
    """The intent is conditional: a deletion that came first wins."""
    _asked(studio, SYNC_NONE)
    make = studio.providers.submit

    def deleted_meanwhile(work: Any, intend: Any) -> Any:
        studio.remove(SPEC)
        return make(work, intend)

    studio.providers.submit = deleted_meanwhile  # type: ignore[method-assign]
    studio.run()

    assert studio.task.state == "cancelled"
    assert studio.providers.sent == []


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_what_was_paid_for_is_written_over_other_changes(studio: Studio, operation: str) -> None:
    """Someone may write to the task during the call; the answer is not lost over it."""
    make = studio.providers.submit

    def meddled_with(work: Any, intend: Any) -> Any:
        said = make(work, intend)
        task = studio.task
        studio.tasks.replace(task, replace(task, wait_reason="a person looked at it"))
        return said

    studio.providers.submit = meddled_with  # type: ignore[method-assign]
    _asked(studio, operation).run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1


def test_a_call_that_would_outlive_its_process_is_not_begun(studio: Studio) -> None:
    """Preparing took too long; the next entry has a whole life before it."""
    _asked(studio, SYNC_NONE)
    task_id = studio.task.task_id
    step = submit(studio.ports, task_id, 1, lambda: 90 + studio.limits.margin_s - 1)

    assert step.next == "submit"
    assert studio.task.state == "queued"
    assert studio.providers.sent == []
    assert submit(studio.ports, task_id, 1, lambda: 180).next == "deliver"


# --- the next provider ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["bad-request", "no-credits", "forbidden"])
def test_a_clear_refusal_goes_to_the_next_provider(studio: Studio, code: str) -> None:
    """Nothing was paid at the first; the manifest holds both attempts."""
    studio.providers.say("submit", ProviderRefused(code, "No."))
    _asked(studio, SYNC_NONE).run()

    manifest = studio.manifest()
    assert [(a["provider"], a["outcome"]) for a in manifest["attempts"]] == [
        ("alpha", "refused"),
        ("beta", "succeeded"),
    ]
    assert manifest["provider"] == "beta"
    assert manifest["cost"]["credits"] == 3.0


def test_the_next_provider_gets_only_the_files_that_it_takes(studio: Studio) -> None:
    """Of two that can paint, one also looks at the photo; the other is not sent it."""
    studio.drop(PHOTO)
    studio.ask("generate", params={"prompt": "a dog"})
    assert studio.task.resolved_order.providers == ("alpha", "gamma")
    studio.providers.say("submit", refusal())
    studio.run()

    assert studio.task.state == "succeeded"
    assert studio.providers.roles == [("alpha", ()), ("gamma", ("image",))]


def test_a_single_named_provider_has_no_stand_in(studio: Studio) -> None:
    """The spec said who; its refusal is the task's."""
    studio.providers.say("submit", ProviderRefused("no-credits", "There are no credits left."))
    _asked(studio, SYNC_NONE, provider="alpha").run()

    assert studio.manifest()["failure"]["code"] == "no-credits"
    assert studio.providers.charged == []


def test_the_last_refusal_is_the_one_that_is_told(studio: Studio) -> None:
    """When nobody takes it, the manifest says what the last one said."""
    studio.providers.say("submit", ProviderRefused("one", "One."), ProviderRefused("two", "Two."))
    _asked(studio, SYNC_NONE).run()

    assert studio.manifest()["failure"]["code"] == "two"
    assert [a["failure"]["code"] for a in studio.manifest()["attempts"]] == ["one", "two"]


def test_an_unclear_call_never_goes_to_the_next_provider(studio: Studio) -> None:
    """It may have been paid already."""
    studio.providers.say("submit", TIMED_OUT)
    _asked(studio, SYNC_NONE).run()

    assert studio.task.state == "unknown"
    assert studio.providers.sent == ["alpha"]
