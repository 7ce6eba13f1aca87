"""A photo and its spec find each other in any order, and each pair is one task and one payment."""

from typing import Any

from darkroom.domain.arrivals import Uploaded
from darkroom.pipeline.intake import take_arrival
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Studio, spec_of

MASK = "photos/cat.mask.png"


def _paid_once(studio: Studio) -> None:
    studio.run()
    assert studio.task.state == "succeeded"
    assert len(studio.providers.sent) == 1
    assert studio.manifest()["status"] == "succeeded"
    assert studio.tasks.wanted == []


def test_the_photo_may_come_first(studio: Studio) -> None:
    """A spec whose photo is already there starts at once."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)

    assert studio.task.state == "queued"
    _paid_once(studio)


def test_the_spec_may_come_first(studio: Studio) -> None:
    """A spec waits for its photo and starts with it."""
    studio.ask(SYNC_NONE)
    assert studio.task.state == "waiting"
    assert studio.task.wants == (PHOTO,)
    assert studio.workflows.started == []

    studio.drop(PHOTO)

    assert studio.task.resolved_order.inputs["image"][0].key == PHOTO
    _paid_once(studio)


def test_both_may_be_there_before_either_event(studio: Studio) -> None:
    """Events that come after both uploads, in either order, make one task and one run."""
    photo = studio.upload(PHOTO)
    spec = studio.upload(SPEC, spec_of(SYNC_NONE))

    studio.arrive(photo, spec, photo)

    assert len(studio.workflows.started) == 1
    _paid_once(studio)


def test_a_photo_that_lands_while_its_spec_is_taken_in_is_not_missed(studio: Studio) -> None:
    """Between looking for the photo and noting the want, the photo and its event may pass."""
    spec = studio.upload(SPEC, spec_of(SYNC_NONE))
    create = studio.tasks.create

    def photo_first(*args: Any, **kwargs: Any) -> None:
        studio.drop(PHOTO)
        create(*args, **kwargs)

    studio.tasks.create = photo_first  # type: ignore[method-assign]
    studio.arrive(spec)

    _paid_once(studio)


def test_every_event_may_be_repeated_at_any_time(studio: Studio) -> None:
    """Repeated events change nothing, before, during and after the run."""
    photo, spec = studio.upload(PHOTO), studio.upload(SPEC, spec_of(JOB_KEY))
    for state in ("running", "delivering", "succeeded"):
        studio.arrive(spec, photo, spec)
        studio.run(until=[state])
    studio.arrive(spec, photo)

    assert len(studio.workflows.started) == 1
    _paid_once(studio)


def test_a_spec_named_by_key_is_the_same_task_as_its_upload(studio: Studio) -> None:
    """A message that names the spec, without a version, repeats the upload's event."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)

    studio.arrive(Uploaded(SPEC))

    _paid_once(studio)


def test_a_replaced_spec_cancels_the_task_that_is_not_yet_submitted(studio: Studio) -> None:
    """The newer version of a spec takes the place of one that has not been paid for."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.ask(SYNC_NONE, metadata={"version": 2})
    studio.run()

    old, new = studio.tasks.all
    assert (old.state, new.state) == ("cancelled", "succeeded")
    assert old.ending
    assert old.ending.failure.code == "superseded"
    assert len(studio.providers.sent) == 1
    assert studio.endings(old.task_id) == {"Task Cancelled"}


def test_a_replaced_spec_lets_a_submitted_task_run_on(studio: Studio) -> None:
    """What is paid for is finished; the older task, ending late, writes beside the newer."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run(until=["running"])
    studio.ask(JOB_KEY, params={"scale": 4})
    old, new = studio.tasks.all
    while not studio.tasks.all[1].finished:
        studio.run(until=["succeeded"])
    studio.run()

    old, new = studio.tasks.all
    assert (old.state, new.state) == ("succeeded", "succeeded")
    assert {old.results[0].key, new.results[0].key} == {
        f"{PHOTO}/upscale.png",
        f"{PHOTO}/upscale@{old.task_id[:8]}.png",
    }
    assert new.results[0].key == f"{PHOTO}/upscale.png"
    assert old.manifest_key == f"{PHOTO}/upscale@{old.task_id[:8]}.manifest.json"
    assert studio.manifest(old)["status"] == "succeeded"


def test_a_deleted_spec_cancels_what_is_not_yet_submitted(studio: Studio) -> None:
    """A spec deleted before its photo came leaves a manifest that says so."""
    studio.ask(SYNC_NONE)
    studio.remove(SPEC)
    studio.drop(PHOTO)
    studio.run()

    assert studio.task.state == "cancelled"
    assert studio.manifest()["failure"]["code"] == "spec-deleted"
    assert studio.providers.sent == []
    assert studio.tasks.wanted == []


def test_a_deleted_spec_lets_a_submitted_task_run_on(studio: Studio) -> None:
    """What is paid for is finished."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run(until=["running"])
    studio.remove(SPEC)

    _paid_once(studio)


def test_a_deleted_input_changes_nothing(studio: Studio) -> None:
    """The version that was pinned is the one that is sent."""
    pinned = studio.drop(PHOTO).version_id
    studio.ask(SYNC_NONE)
    studio.remove(PHOTO)

    assert studio.task.resolved_order.inputs["image"][0].version_id == pinned
    _paid_once(studio)


def test_a_new_version_of_an_input_runs_nothing_again(studio: Studio) -> None:
    """Only a spec asks for work."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run()
    studio.drop(PHOTO)

    _paid_once(studio)


def test_a_late_event_of_an_old_version_leaves_the_newer_task_alone(studio: Studio) -> None:
    """Events are unordered: the old version's comes last, and is the one that is cancelled."""
    studio.drop(PHOTO)
    old = studio.upload(SPEC, spec_of(SYNC_NONE))
    new = studio.upload(SPEC, spec_of(SYNC_NONE, metadata={"version": 2}))
    studio.arrive(new, old)
    studio.run()

    newer, older = studio.tasks.all
    assert (newer.state, older.state) == ("succeeded", "cancelled")
    assert newer.results[0].key == f"{PHOTO}/{SYNC_NONE}.png"
    assert studio.manifest(older)["failure"]["code"] == "superseded"
    assert older.manifest_key != newer.manifest_key
    assert len(studio.providers.sent) == 1


def test_a_spec_replaced_while_its_task_is_made_does_not_cancel_the_newer(studio: Studio) -> None:
    """The newer version and its event may pass between reading the older and writing its task."""
    studio.drop(PHOTO)
    old = studio.upload(SPEC, spec_of(SYNC_NONE))
    create = studio.tasks.create
    meddled: list[bool] = []

    def newer_first(*args: Any, **kwargs: Any) -> None:
        if not meddled:
            meddled.append(True)
            studio.ask(SYNC_NONE, metadata={"version": 2})
        create(*args, **kwargs)

    studio.tasks.create = newer_first  # type: ignore[method-assign]
    studio.arrive(old)
    studio.run()

    newer, older = studio.tasks.all
    assert newer.resolved_order.metadata == {"version": 2}
    assert (newer.state, older.state) == ("succeeded", "cancelled")


def test_after_a_late_event_the_newer_task_is_still_the_specs_own(studio: Studio) -> None:
    """Deleting the spec cancels the task of its newest version, whichever event came last."""
    old = studio.upload(SPEC, spec_of(SYNC_NONE))
    new = studio.upload(SPEC, spec_of(SYNC_NONE, metadata={"version": 2}))
    studio.arrive(new, old)
    studio.remove(SPEC)

    assert [task.state for task in studio.tasks.all] == ["cancelled", "cancelled"]


def test_an_event_of_a_spec_that_is_already_deleted_ends_cancelled(studio: Studio) -> None:
    """The deletion may overtake the upload."""
    spec = studio.upload(SPEC, spec_of(SYNC_NONE))
    studio.drop(PHOTO)
    studio.remove(SPEC)
    studio.arrive(spec)
    studio.run()

    assert studio.task.state == "cancelled"
    assert studio.manifest()["failure"]["code"] == "spec-deleted"
    assert studio.providers.sent == []


def test_the_mask_may_come_last(studio: Studio) -> None:
    """A spec with two inputs waits for the second."""
    studio.ask("remove-objects", inputs={"mask": "cat.mask.png"})
    studio.drop(PHOTO)
    assert studio.task.state == "waiting"

    studio.drop(MASK)

    _paid_once(studio)


def test_two_inputs_may_arrive_at_the_same_time(studio: Studio) -> None:
    """Both releases see both files; only one starts the run."""
    studio.ask("remove-objects", inputs={"mask": "cat.mask.png"})
    photo, mask = studio.upload(PHOTO), studio.upload(MASK)
    replace = studio.tasks.replace
    meddled: list[bool] = []

    def other_first(*args: object) -> object:
        if not meddled:
            meddled.append(True)
            take_arrival(studio.ports, mask)
        return replace(*args)  # type: ignore[arg-type]

    studio.tasks.replace = other_first  # type: ignore[method-assign, assignment]
    studio.arrive(photo)

    assert len(studio.workflows.started) == 1
    _paid_once(studio)


def test_one_photo_releases_every_spec_that_waits_for_it(studio: Studio) -> None:
    """Several specs of one photo are several tasks."""
    studio.ask(SYNC_NONE)
    studio.ask(JOB_KEY, key="photos/cat.jpg.big.json")
    studio.drop(PHOTO)
    studio.run()

    assert [task.state for task in studio.tasks.all] == ["succeeded", "succeeded"]
    assert len(studio.providers.sent) == 2


def test_markers_dotfiles_and_folder_defaults_are_nothing_to_us(studio: Studio) -> None:
    """Uploads that are no file of ours make no task."""
    for key in ("photos/", "photos/.DS_Store", ".hidden.json", "photos/_darkroom.json"):
        studio.drop(key, b'{"operation": "upscale"}')

    assert studio.tasks.all == []
    assert studio.dead_letters.letters == []
