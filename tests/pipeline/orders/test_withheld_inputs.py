"""What S3 shows and does not give is waited for, with the reason on the task; nothing is paid."""

import json
from typing import Any

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Uploaded
from darkroom.domain.errors import InputWithheld, Refused
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.pipeline.intake import MAX_TRIES, receive
from darkroom.pipeline.retry import retry
from darkroom.pipeline.sweep import sweep
from tests.fakes.clock import START
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness, spec_of

HELD = InputWithheld("input-archived", f"{PHOTO} lies in an archive.", "Restore it.")


def _restored(harness: PipelineHarness, key: str = PHOTO) -> None:
    """S3 gives it again, and says so."""
    del harness.inputs.archived[key]
    found = harness.inputs.find(key)
    assert found
    harness.receive(Uploaded(key, found.version_id))


def _succeeds(harness: PipelineHarness) -> None:
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1
    assert harness.tasks.wanted == []


@pytest.mark.parametrize("first", ["photo", "spec"])
def test_a_task_waits_for_a_photo_in_an_archive_and_goes_on_when_it_is_there(
    harness: PipelineHarness, first: str
) -> None:
    """In either order of photo and spec."""
    harness.inputs.archived[PHOTO] = False
    if first == "photo":
        harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.upload(PHOTO)

    assert harness.task.state == "waiting"
    assert harness.task.wait_reason == f"{PHOTO} lies in an archive."
    harness.run()
    assert harness.providers.sent == []
    _restored(harness)
    assert harness.task.wait_reason is None
    _succeeds(harness)


def test_what_is_missing_and_what_is_held_back_are_both_told(harness: PipelineHarness) -> None:
    """A person has to do two things."""
    harness.inputs.archived["photos/m.png"] = False
    harness.upload("photos/m.png")
    harness.upload_spec("remove-objects", inputs={"mask": "m.png"})
    assert harness.task.wait_reason == f"waits for {PHOTO}; photos/m.png lies in an archive."

    harness.upload(PHOTO)
    assert harness.task.wait_reason == "photos/m.png lies in an archive."
    _restored(harness, "photos/m.png")
    _succeeds(harness)


@pytest.mark.parametrize("first", ["photo", "spec"])
def test_a_task_waits_for_a_right_and_goes_on_by_itself_when_it_is_given(
    harness: PipelineHarness, first: str
) -> None:
    """No event tells of rights, so the file is looked at now and then."""
    harness.inputs.forbidden.add(PHOTO)
    if first == "photo":
        harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.upload(PHOTO)
    assert harness.task.wait_reason == f"{PHOTO} may not be read. Give the right."
    harness.clock.advance(harness.limits.recheck_s)
    assert sweep(harness.ports) == {"alive": 1}
    assert sweep(harness.ports) == {}

    harness.inputs.forbidden.clear()
    harness.clock.advance(harness.limits.recheck_s)
    assert sweep(harness.ports) == {"started": 1}
    _succeeds(harness)


def test_a_file_whose_restoration_nobody_told_of_is_found(harness: PipelineHarness) -> None:
    """The event was lost."""
    harness.upload(PHOTO)
    harness.inputs.archived[PHOTO] = True
    harness.upload_spec(SYNC_NONE)
    del harness.inputs.archived[PHOTO]
    harness.clock.advance(harness.limits.recheck_s)

    assert sweep(harness.ports) == {"started": 1}
    _succeeds(harness)


def test_what_is_on_its_way_out_of_an_archive_is_waited_for_longer_than_a_day(
    harness: PipelineHarness,
) -> None:
    """The slowest restoration takes two days; what nobody restores is given up with the reason."""
    harness.upload(PHOTO)
    harness.inputs.archived[PHOTO] = True
    harness.upload_spec(SYNC_NONE)
    for _ in range(2 * 24 * 4):
        harness.clock.advance(harness.limits.recheck_s)
        sweep(harness.ports)
    assert harness.task.state == "waiting"
    assert harness.task.ending is None

    _restored(harness)
    _succeeds(harness)


@pytest.mark.parametrize("coming", [False, True])
def test_what_is_held_back_for_too_long_ends_with_the_reason(
    harness: PipelineHarness, *, coming: bool
) -> None:
    """It is not called missing: the file is there, and can be retried once it is given."""
    harness.upload(PHOTO)
    harness.inputs.archived[PHOTO] = coming
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(harness.limits.queue_s if coming else harness.limits.inputs_s)
    assert sweep(harness.ports) == {"given-up": 1}
    harness.run()

    failure = harness.manifest()["failure"]
    assert failure["code"] == "inputs-withheld"
    assert f"{PHOTO} lies in an archive." in failure["sentence"]
    with pytest.raises(Refused) as refusal:
        retry(harness.ports, harness.task.task_id)
    assert refusal.value.failure.code == "inputs-withheld"
    del harness.inputs.archived[PHOTO]
    retry(harness.ports, harness.task.task_id)
    _succeeds(harness)


def test_a_photo_that_is_held_back_when_it_is_opened_waits_in_its_run(
    harness: PipelineHarness,
) -> None:
    """Rights to a key show when a file is opened; the provider is not to blame, and goes on."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    task_id = harness.task.task_id
    harness.providers.script("prepare", HELD)
    first = harness.step("submit", task_id)
    harness.providers.script("check", HELD)
    second = harness.step("submit", task_id)

    assert (first.next, second.next) == ("submit", "submit")
    assert first.wait_s < second.wait_s
    task = harness.task
    assert (task.state, task.attempts) == ("queued", ())
    assert task.wait_reason == f"{PHOTO} lies in an archive. Restore it."
    assert harness.limiter.circuit("beta").refusals == 0
    assert harness.limiter.circuit("beta").until == 0
    _succeeds(harness)
    assert harness.task.look_at is None


def test_what_is_held_back_uses_up_no_place_in_the_pace(harness: PipelineHarness) -> None:
    """Thousands that ask every five minutes would else stand before all others."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.providers.script("prepare", HELD)
    harness.step("submit", harness.task.task_id)
    asked: list[str] = []
    reserve = harness.limiter.reserve

    def noted(provider: str, *args: Any, **more: Any) -> float:
        asked.append(provider)
        return reserve(provider, *args, **more)

    harness.limiter.reserve = noted  # type: ignore[method-assign]
    harness.providers.rules_of["beta"] = Rules(Rate(60, 60))
    harness.providers.script("check", HELD)
    harness.step("submit", harness.task.task_id)

    assert asked == []
    harness.step("submit", harness.task.task_id)
    assert asked == ["beta"]


def test_a_wait_in_a_run_ends_with_the_task_s_time(harness: PipelineHarness) -> None:
    """Nobody waits for ever."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.providers.script("prepare", HELD)
    harness.providers.script("check", *[HELD] * 5000)
    harness.run()

    assert harness.task.state == "failed"
    assert harness.task.attempts == ()


def test_a_spec_in_an_archive_is_told_at_once_and_taken_in_when_it_is_there(
    harness: PipelineHarness,
) -> None:
    """Nothing is known of it that a task could be made of: its letter says what to do."""
    harness.upload(PHOTO)
    harness.inputs.archived[SPEC] = False
    event = harness.put_file(SPEC, spec_of(SYNC_NONE))
    why = receive(harness.ports, Message("m", "m-1"), lambda *_: [event])

    assert why
    assert harness.tasks.all == []
    (letter,) = harness.dead_letters.letters
    assert letter.reason == f"{SPEC} lies in an archive. Restore it."
    _restored(harness, SPEC)
    _succeeds(harness)


def test_a_spec_that_may_not_be_read_is_tried_again(harness: PipelineHarness) -> None:
    """A right may be given any minute; in the end its letter says which one is lacking."""
    harness.upload(PHOTO)
    event = harness.put_file(SPEC, spec_of(SYNC_NONE))
    harness.inputs.forbidden.add(SPEC)
    with pytest.raises(InputWithheld):
        receive(harness.ports, Message("m", "m-1"), lambda *_: [event])
    receive(harness.ports, Message("m", "m-1", MAX_TRIES), lambda *_: [event])
    assert "may not be read" in harness.dead_letters.letters[0].reason

    harness.inputs.forbidden.clear()
    harness.receive(event)
    _succeeds(harness)


def test_a_spec_that_is_held_back_once_its_task_is_made_does_not_end_it(
    harness: PipelineHarness,
) -> None:
    """What was read is what counts; a deleted or replaced one would be found out."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.inputs.forbidden.add(SPEC)
    _succeeds(harness)


def test_the_event_of_a_restored_file_is_an_arrival(harness: PipelineHarness) -> None:
    """From the rule to the task."""
    harness.upload(PHOTO)
    harness.inputs.archived[PHOTO] = True
    harness.upload_spec(SYNC_NONE)
    del harness.inputs.archived[PHOTO]
    detail = {"bucket": {"name": "input"}, "object": {"key": PHOTO, "version-id": "v1"}}
    body = json.dumps({"detail-type": "Object Restore Completed", "detail": detail})
    assert receive(harness.ports, Message(body, "m", 1, START), read_message) is None

    _succeeds(harness)
