"""What S3 shows and does not give is waited for, with the reason on the task; nothing is paid."""

import json

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Uploaded
from darkroom.domain.errors import InputWithheld, Refused
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.turns import Turns
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
def test_task_waits_for_an_archived_photo_and_starts_when_it_is_restored(
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


def test_wait_reason_names_missing_and_withheld_files(harness: PipelineHarness) -> None:
    """The user has to do two things."""
    harness.inputs.archived["photos/m.png"] = False
    harness.upload("photos/m.png")
    harness.upload_spec("remove-objects", inputs={"mask": "m.png"})
    assert harness.task.wait_reason == f"waits for {PHOTO}; photos/m.png lies in an archive."

    harness.upload(PHOTO)
    assert harness.task.wait_reason == "photos/m.png lies in an archive."
    _restored(harness, "photos/m.png")
    _succeeds(harness)


@pytest.mark.parametrize("first", ["photo", "spec"])
def test_task_waits_for_a_permission_and_starts_once_it_is_granted(
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


def test_restored_file_is_found_without_its_event(harness: PipelineHarness) -> None:
    """The event was lost."""
    harness.upload(PHOTO)
    harness.inputs.archived[PHOTO] = True
    harness.upload_spec(SYNC_NONE)
    del harness.inputs.archived[PHOTO]
    harness.clock.advance(harness.limits.recheck_s)

    assert sweep(harness.ports) == {"started": 1}
    _succeeds(harness)


def test_file_being_restored_is_waited_for_longer_than_a_day(
    harness: PipelineHarness,
) -> None:
    """The slowest restoration takes two days; after the deadline the task ends with the reason."""
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
def test_task_with_a_withheld_file_ends_with_the_reason(
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


def test_photo_withheld_at_submit_makes_the_run_wait(
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


def test_task_with_a_withheld_file_takes_no_turn(harness: PipelineHarness) -> None:
    """Otherwise thousands that try every five minutes would delay all others."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.providers.script("prepare", HELD)
    harness.step("submit", harness.task.task_id)
    harness.providers.rules_of["beta"] = Rules(Rate(60, 60))
    harness.providers.script("check", HELD)
    harness.step("submit", harness.task.task_id)

    assert harness.lines.turns("beta") == Turns()
    harness.step("submit", harness.task.task_id)
    assert harness.lines.turns("beta").given


def test_wait_for_a_withheld_file_ends_at_the_deadline(harness: PipelineHarness) -> None:
    """No task waits without end."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.providers.script("prepare", HELD)
    harness.providers.script("check", *[HELD] * 5000)
    harness.run()

    assert harness.task.state == "failed"
    assert harness.task.attempts == ()


def test_archived_spec_is_reported_at_once_and_taken_in_when_restored(
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


def test_spec_without_permission_is_tried_again(harness: PipelineHarness) -> None:
    """It may be granted any minute; in the end the dead letter says which one is missing."""
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


def test_spec_withheld_after_its_task_was_created_does_not_end_it(
    harness: PipelineHarness,
) -> None:
    """What was read is what counts; a deleted or replaced one would be found out."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.inputs.forbidden.add(SPEC)
    _succeeds(harness)


def test_event_of_a_restored_file_is_an_arrival(harness: PipelineHarness) -> None:
    """From the event rule to the task."""
    harness.upload(PHOTO)
    harness.inputs.archived[PHOTO] = True
    harness.upload_spec(SYNC_NONE)
    del harness.inputs.archived[PHOTO]
    detail = {"bucket": {"name": "input"}, "object": {"key": PHOTO, "version-id": "v1"}}
    body = json.dumps({"detail-type": "Object Restore Completed", "detail": detail})
    assert receive(harness.ports, Message(body, "m", 1, START), read_message) is None

    _succeeds(harness)
