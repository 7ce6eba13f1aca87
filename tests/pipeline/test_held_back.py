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
from tests.pipeline.harness import PHOTO, SPEC, Studio, spec_of

HELD = InputWithheld("input-archived", f"{PHOTO} lies in an archive.", "Restore it.")


def _restored(studio: Studio, key: str = PHOTO) -> None:
    """S3 gives it again, and says so."""
    del studio.inputs.archived[key]
    found = studio.inputs.find(key)
    assert found
    studio.arrive(Uploaded(key, found.version_id))


def _succeeds(studio: Studio) -> None:
    studio.run()
    assert studio.task.state == "succeeded"
    assert len(studio.providers.sent) == 1
    assert studio.tasks.wanted == []


@pytest.mark.parametrize("first", ["photo", "spec"])
def test_a_task_waits_for_a_photo_in_an_archive_and_goes_on_when_it_is_there(
    studio: Studio, first: str
) -> None:
    """In either order of photo and spec."""
    studio.inputs.archived[PHOTO] = False
    if first == "photo":
        studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.drop(PHOTO)

    assert studio.task.state == "waiting"
    assert studio.task.wait_reason == f"{PHOTO} lies in an archive."
    studio.run()
    assert studio.providers.sent == []
    _restored(studio)
    assert studio.task.wait_reason is None
    _succeeds(studio)


def test_what_is_missing_and_what_is_held_back_are_both_told(studio: Studio) -> None:
    """A person has to do two things."""
    studio.inputs.archived["photos/m.png"] = False
    studio.drop("photos/m.png")
    studio.ask("remove-objects", inputs={"mask": "m.png"})
    assert studio.task.wait_reason == f"waits for {PHOTO}; photos/m.png lies in an archive."

    studio.drop(PHOTO)
    assert studio.task.wait_reason == "photos/m.png lies in an archive."
    _restored(studio, "photos/m.png")
    _succeeds(studio)


@pytest.mark.parametrize("first", ["photo", "spec"])
def test_a_task_waits_for_a_right_and_goes_on_by_itself_when_it_is_given(
    studio: Studio, first: str
) -> None:
    """No event tells of rights, so the file is looked at now and then."""
    studio.inputs.forbidden.add(PHOTO)
    if first == "photo":
        studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.drop(PHOTO)
    assert studio.task.wait_reason == f"{PHOTO} may not be read. Give the right."
    studio.clock.advance(studio.limits.recheck_s)
    assert sweep(studio.ports) == {"alive": 1}
    assert sweep(studio.ports) == {}

    studio.inputs.forbidden.clear()
    studio.clock.advance(studio.limits.recheck_s)
    assert sweep(studio.ports) == {"started": 1}
    _succeeds(studio)


def test_a_file_whose_restoration_nobody_told_of_is_found(studio: Studio) -> None:
    """The event was lost."""
    studio.drop(PHOTO)
    studio.inputs.archived[PHOTO] = True
    studio.ask(SYNC_NONE)
    del studio.inputs.archived[PHOTO]
    studio.clock.advance(studio.limits.recheck_s)

    assert sweep(studio.ports) == {"started": 1}
    _succeeds(studio)


def test_what_is_on_its_way_out_of_an_archive_is_waited_for_longer_than_a_day(
    studio: Studio,
) -> None:
    """The slowest restoration takes two days; what nobody restores is given up with the reason."""
    studio.drop(PHOTO)
    studio.inputs.archived[PHOTO] = True
    studio.ask(SYNC_NONE)
    for _ in range(2 * 24 * 4):
        studio.clock.advance(studio.limits.recheck_s)
        sweep(studio.ports)
    assert studio.task.state == "waiting"
    assert studio.task.ending is None

    _restored(studio)
    _succeeds(studio)


@pytest.mark.parametrize("coming", [False, True])
def test_what_is_held_back_for_too_long_ends_with_the_reason(
    studio: Studio, *, coming: bool
) -> None:
    """It is not called missing: the file is there, and can be retried once it is given."""
    studio.drop(PHOTO)
    studio.inputs.archived[PHOTO] = coming
    studio.ask(SYNC_NONE)
    studio.clock.advance(studio.limits.queue_s if coming else studio.limits.inputs_s)
    assert sweep(studio.ports) == {"given-up": 1}
    studio.run()

    failure = studio.manifest()["failure"]
    assert failure["code"] == "inputs-withheld"
    assert f"{PHOTO} lies in an archive." in failure["sentence"]
    with pytest.raises(Refused) as refusal:
        retry(studio.ports, studio.task.task_id)
    assert refusal.value.failure.code == "inputs-withheld"
    del studio.inputs.archived[PHOTO]
    retry(studio.ports, studio.task.task_id)
    _succeeds(studio)


def test_a_photo_that_is_held_back_when_it_is_opened_waits_in_its_run(studio: Studio) -> None:
    """Rights to a key show when a file is opened; the provider is not to blame, and goes on."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    task_id = studio.task.task_id
    studio.providers.say("prepare", HELD)
    first = studio.door("submit", task_id)
    studio.providers.say("check", HELD)
    second = studio.door("submit", task_id)

    assert (first.next, second.next) == ("submit", "submit")
    assert first.wait_s < second.wait_s
    task = studio.task
    assert (task.state, task.attempts) == ("queued", ())
    assert task.wait_reason == f"{PHOTO} lies in an archive. Restore it."
    assert studio.limiter.circuit("beta").refusals == 0
    assert studio.limiter.circuit("beta").until == 0
    _succeeds(studio)
    assert studio.task.look_at is None


def test_what_is_held_back_uses_up_no_place_in_the_pace(studio: Studio) -> None:
    """Thousands that ask every five minutes would else stand before all others."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.providers.say("prepare", HELD)
    studio.door("submit", studio.task.task_id)
    asked: list[str] = []
    reserve = studio.limiter.reserve

    def noted(provider: str, *args: Any, **more: Any) -> float:
        asked.append(provider)
        return reserve(provider, *args, **more)

    studio.limiter.reserve = noted  # type: ignore[method-assign]
    studio.providers.rules_of["beta"] = Rules(Rate(60, 60))
    studio.providers.say("check", HELD)
    studio.door("submit", studio.task.task_id)

    assert asked == []
    studio.door("submit", studio.task.task_id)
    assert asked == ["beta"]


def test_a_wait_in_a_run_ends_with_the_task_s_time(studio: Studio) -> None:
    """Nobody waits for ever."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.providers.say("prepare", HELD)
    studio.providers.say("check", *[HELD] * 5000)
    studio.run()

    assert studio.task.state == "failed"
    assert studio.task.attempts == ()


def test_a_spec_in_an_archive_is_told_at_once_and_taken_in_when_it_is_there(
    studio: Studio,
) -> None:
    """Nothing is known of it that a task could be made of: its letter says what to do."""
    studio.drop(PHOTO)
    studio.inputs.archived[SPEC] = False
    event = studio.upload(SPEC, spec_of(SYNC_NONE))
    why = receive(studio.ports, Message("m", "m-1"), lambda *_: [event])

    assert why
    assert studio.tasks.all == []
    (letter,) = studio.dead_letters.letters
    assert letter.reason == f"{SPEC} lies in an archive. Restore it."
    _restored(studio, SPEC)
    _succeeds(studio)


def test_a_spec_that_may_not_be_read_is_tried_again(studio: Studio) -> None:
    """A right may be given any minute; in the end its letter says which one is lacking."""
    studio.drop(PHOTO)
    event = studio.upload(SPEC, spec_of(SYNC_NONE))
    studio.inputs.forbidden.add(SPEC)
    with pytest.raises(InputWithheld):
        receive(studio.ports, Message("m", "m-1"), lambda *_: [event])
    receive(studio.ports, Message("m", "m-1", MAX_TRIES), lambda *_: [event])
    assert "may not be read" in studio.dead_letters.letters[0].reason

    studio.inputs.forbidden.clear()
    studio.arrive(event)
    _succeeds(studio)


def test_a_spec_that_is_held_back_once_its_task_is_made_does_not_end_it(studio: Studio) -> None:
    """What was read is what counts; a deleted or replaced one would be found out."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.inputs.forbidden.add(SPEC)
    _succeeds(studio)


def test_the_event_of_a_restored_file_is_an_arrival(studio: Studio) -> None:
    """From the rule to the task."""
    studio.drop(PHOTO)
    studio.inputs.archived[PHOTO] = True
    studio.ask(SYNC_NONE)
    del studio.inputs.archived[PHOTO]
    detail = {"bucket": {"name": "input"}, "object": {"key": PHOTO, "version-id": "v1"}}
    body = json.dumps({"detail-type": "Object Restore Completed", "detail": detail})
    assert receive(studio.ports, Message(body, "m", 1, START), read_message) is None

    _succeeds(studio)
