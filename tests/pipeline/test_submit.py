"""The provider's answer to the paid call decides what is paid, repeated, and reported.

Paid once: an unclear call is repeated only under a key that the provider knows.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Busy, NotSent, ProviderRefused, Throttled, Unclear
from darkroom.domain.limits import Limits
from darkroom.pipeline.submit import submit
from darkroom.ports import Step
from tests.fakes.providers import Lost
from tests.fakes.routes import JOB_KEY, JOB_NONE, SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Died, PipelineHarness, refusal

TIMED_OUT = Unclear("no-answer", "The provider did not answer in time.")
UNREACHED = NotSent("not-reached", "The provider could not be reached.")


def _later(after_s: int | None = None) -> Throttled:
    return Throttled("come-back", "The provider is busy.", retry_after_s=after_s)


def _asked(harness: PipelineHarness, operation: str, **fields: Any) -> PipelineHarness:
    harness.upload(PHOTO)
    harness.upload_spec(operation, **fields)
    return harness


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_KEY])
def test_throttled_task_waits_and_continues(harness: PipelineHarness, operation: str) -> None:
    """Three 429s are three waits, one attempt in the manifest, one payment."""
    harness.providers.script("submit", _later(7), _later(7), _later())
    _asked(harness, operation).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1
    assert [a["outcome"] for a in harness.manifest()["attempts"]] == ["succeeded"]
    waits = [step.wait_s for step in harness.steps if step.next == "submit"]
    assert len(waits) == 3
    assert min(waits) >= 7


def test_throttled_task_has_a_wait_reason(harness: PipelineHarness) -> None:
    """The reason is stored while it waits, and gone when it continues."""
    harness.providers.script("submit", _later(7))
    _asked(harness, SYNC_NONE)
    step = harness.step("submit", harness.task.task_id)

    assert step.next == "submit"
    assert harness.task.state == "queued"
    assert harness.task.wait_reason == "The provider is busy."
    harness.run()
    assert harness.task.wait_reason is None


def test_throttled_task_fails_at_its_deadline() -> None:
    """A provider that answers 429 for as long as a task may be queued fails the task, unpaid."""
    harness = PipelineHarness(limits=Limits(queue_s=8 * 3600))
    harness.providers.script("submit", *[_later(300)] * 4000)
    _asked(harness, SYNC_NONE).run(most=20_000)

    assert harness.manifest()["failure"]["code"] == "gave-up"
    assert harness.providers.charged == []
    assert len(harness.task.attempts) == 1


def test_unreached_provider_is_tried_again(harness: PipelineHarness) -> None:
    """Nothing was sent, so nothing can be paid twice."""
    harness.providers.script("submit", UNREACHED, UNREACHED)
    _asked(harness, SYNC_NONE).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1


def test_provider_that_stays_unreachable_is_left(harness: PipelineHarness) -> None:
    """After a while the next provider is called; without one, the task fails."""
    harness.providers.script("submit", *[UNREACHED] * 9)
    _asked(harness, SYNC_NONE).run()
    assert harness.task.last_attempt.provider == "beta"

    other = PipelineHarness()
    other.providers.script("submit", *[UNREACHED] * 9)
    _asked(other, JOB_NONE).run()
    assert other.manifest()["failure"]["code"] == "not-reached"


def test_failed_preparation_is_tried_again(harness: PipelineHarness) -> None:
    """An upload to the provider costs nothing, so a 500 there is only a wait."""
    busy = Busy("provider-error", "The provider has trouble.")
    harness.providers.script("prepare", *[busy] * 6)
    _asked(harness, SYNC_NONE).run()

    assert harness.task.state == "succeeded"
    assert harness.providers.sent == ["alpha"]


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_unclear_call_without_a_key_ends_unknown(harness: PipelineHarness, operation: str) -> None:
    """It is not known whether it was paid, so it is never sent again: a person decides."""
    harness.providers.script("submit", Lost(TIMED_OUT))
    _asked(harness, operation).run()

    manifest = harness.manifest()
    assert manifest["status"] == "unknown"
    assert manifest["failure"]["code"] == "unknown-outcome"
    assert manifest["cost"]["settled"] is False
    assert manifest["attempts"][0]["charged"] == "unknown"
    assert harness.event_kinds(harness.task.task_id) == {"Task Unknown"}
    assert len(harness.providers.sent) == 1
    assert harness.task.last_attempt.request is None


@pytest.mark.parametrize("operation", [SYNC_KEY, JOB_KEY])
@pytest.mark.parametrize("first", [Lost(TIMED_OUT), TIMED_OUT], ids=["accepted", "not accepted"])
def test_unclear_call_with_a_key_is_repeated_and_charged_once(
    harness: PipelineHarness, operation: str, first: Lost | Unclear
) -> None:
    """Whether or not the first sending was accepted, the same key is charged once."""
    harness.providers.script("submit", first)
    harness.providers.script("repeat", TIMED_OUT)
    _asked(harness, operation).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 3
    assert len(harness.providers.charged) == 1
    assert harness.task.last_attempt.replays == 2


def test_key_is_not_repeated_without_end(harness: PipelineHarness) -> None:
    """A provider that never answers leaves the task unknown."""
    harness.providers.script("submit", TIMED_OUT)
    harness.providers.script("repeat", *[TIMED_OUT] * 2000)
    started = harness.clock.now()
    _asked(harness, SYNC_KEY).run()

    assert harness.task.state == "unknown"
    assert harness.clock.now() - started < timedelta(hours=24)
    assert len(harness.providers.sent) < 300


def test_key_is_not_repeated_after_the_provider_dropped_it(harness: PipelineHarness) -> None:
    """Keys are kept for a day; a run that slept longer does not send again."""
    harness.providers.script("submit", Died())
    _asked(harness, SYNC_KEY)
    with pytest.raises(Died):
        harness.step("submit", harness.task.task_id)
    harness.clock.advance(24 * 3600)
    harness.run()

    assert harness.task.state == "unknown"
    assert len(harness.providers.sent) == 1


def test_refused_repetition_proves_nothing(harness: PipelineHarness) -> None:
    """The first request may have been accepted; the cause of the refusal may be fixed."""
    harness.providers.script("submit", Lost(TIMED_OUT))
    harness.providers.script("repeat", *[refusal()] * 20)
    _asked(harness, SYNC_KEY).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1


def test_repetition_refused_for_a_day_ends_unknown(harness: PipelineHarness) -> None:
    """The provider no longer knows the key."""
    harness.providers.script("submit", Lost(TIMED_OUT))
    harness.providers.script("repeat", *[refusal()] * 1000)
    _asked(harness, SYNC_KEY).run()

    assert harness.task.state == "unknown"
    assert len(harness.providers.charged) == 1


@pytest.mark.parametrize(
    ("choice", "state", "paid"), [("fail", "failed", 1), ("hold", "unknown", 1)]
)
def test_on_unknown_decides_how_an_unclear_call_ends(
    harness: PipelineHarness, choice: str, state: str, paid: int
) -> None:
    """`fail` ends it as failed, `hold` leaves it to a person; neither pays again."""
    harness.providers.script("submit", Lost(TIMED_OUT))
    _asked(harness, JOB_NONE, on_unknown=choice).run()

    assert harness.task.state == state
    assert harness.manifest()["attempts"][0]["outcome"] == "unknown"
    assert len(harness.providers.charged) == paid


def test_on_unknown_retry_pays_again(harness: PipelineHarness) -> None:
    """`retry` makes a new attempt; the manifest holds both, and one of them is unknown."""
    harness.providers.script("submit", Lost(TIMED_OUT))
    _asked(harness, JOB_NONE, on_unknown="retry").run()

    manifest = harness.manifest()
    assert manifest["status"] == "succeeded"
    assert [a["outcome"] for a in manifest["attempts"]] == ["unknown", "succeeded"]
    assert manifest["cost"]["settled"] is False


def test_on_unknown_retry_has_a_limit(harness: PipelineHarness) -> None:
    """Even with `retry` a task stops after a few unclear payments."""
    harness.providers.script("submit", *[TIMED_OUT] * 50)
    _asked(harness, JOB_NONE, on_unknown="retry").run()

    assert harness.task.state == "unknown"
    assert len(harness.providers.sent) == 5


def test_open_call_is_settled_only_after_call_until(harness: PipelineHarness) -> None:
    """Until then its caller may still be running."""
    harness.providers.script("submit", Died())
    _asked(harness, SYNC_NONE)
    task_id = harness.task.task_id
    with pytest.raises(Died):
        harness.step("submit", task_id)

    step = harness.step("submit", task_id)
    assert step == Step("submit", 90 + harness.limits.margin_s)
    harness.clock.advance(step.wait_s)
    assert harness.step("submit", task_id) == Step("fail")
    assert harness.providers.sent == ["alpha"]


def test_task_cancelled_during_preparation_is_not_paid(harness: PipelineHarness) -> None:
    """The intent is conditional: a deletion that came first wins."""
    _asked(harness, SYNC_NONE)
    make = harness.providers.submit

    def deleted_meanwhile(job_request: Any, intend: Any) -> Any:
        harness.delete(SPEC)
        return make(job_request, intend)

    harness.providers.submit = deleted_meanwhile  # type: ignore[method-assign]
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.providers.sent == []


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_paid_answer_is_written_over_other_changes(
    harness: PipelineHarness, operation: str
) -> None:
    """Someone may write to the task during the call; the answer is not lost over it."""
    make = harness.providers.submit

    def meddled_with(job_request: Any, intend: Any) -> Any:
        said = make(job_request, intend)
        task = harness.task
        harness.tasks.replace(task, replace(task, wait_reason="a person looked at it"))
        return said

    harness.providers.submit = meddled_with  # type: ignore[method-assign]
    _asked(harness, operation).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1


def test_submit_makes_no_call_without_time_for_it(harness: PipelineHarness) -> None:
    """The preparation took too long; the next call of SUBMIT has its full time."""
    _asked(harness, SYNC_NONE)
    task_id = harness.task.task_id
    step = submit(harness.ports, task_id, 1, lambda: 90 + harness.limits.margin_s - 1)

    assert step.next == "submit"
    assert harness.task.state == "queued"
    assert harness.providers.sent == []
    assert submit(harness.ports, task_id, 1, lambda: 180).next == "deliver"


# --- the next provider ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["bad-request", "no-credits", "forbidden"])
def test_refused_task_goes_to_the_next_provider(harness: PipelineHarness, code: str) -> None:
    """Nothing was paid at the first; the manifest holds both attempts."""
    harness.providers.script("submit", ProviderRefused(code, "No."))
    _asked(harness, SYNC_NONE).run()

    manifest = harness.manifest()
    assert [(a["provider"], a["outcome"]) for a in manifest["attempts"]] == [
        ("alpha", "refused"),
        ("beta", "succeeded"),
    ]
    assert manifest["provider"] == "beta"
    assert manifest["cost"]["credits"] == 3.0


def test_next_provider_gets_only_the_files_of_its_roles(harness: PipelineHarness) -> None:
    """Of two that can inpaint, one also takes the photo; the other does not get it."""
    harness.upload(PHOTO)
    harness.upload_spec("generate", params={"prompt": "a dog"})
    assert harness.task.resolved_order.providers == ("alpha", "gamma")
    harness.providers.script("submit", refusal())
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.providers.roles == [("alpha", ()), ("gamma", ("image",))]


def test_named_provider_has_no_fallback(harness: PipelineHarness) -> None:
    """The spec names one; its refusal is the task's."""
    harness.providers.script("submit", ProviderRefused("no-credits", "There are no credits left."))
    _asked(harness, SYNC_NONE, provider="alpha").run()

    assert harness.manifest()["failure"]["code"] == "no-credits"
    assert harness.providers.charged == []


def test_manifest_has_the_last_refusal(harness: PipelineHarness) -> None:
    """When every provider refuses, the manifest has the last refusal."""
    harness.providers.script(
        "submit", ProviderRefused("one", "One."), ProviderRefused("two", "Two.")
    )
    _asked(harness, SYNC_NONE).run()

    assert harness.manifest()["failure"]["code"] == "two"
    assert [a["failure"]["code"] for a in harness.manifest()["attempts"]] == ["one", "two"]


def test_unclear_call_never_goes_to_the_next_provider(harness: PipelineHarness) -> None:
    """It may have been paid already."""
    harness.providers.script("submit", TIMED_OUT)
    _asked(harness, SYNC_NONE).run()

    assert harness.task.state == "unknown"
    assert harness.providers.sent == ["alpha"]
