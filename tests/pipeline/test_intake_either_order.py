"""A photo and its spec find each other in any order, and each pair is one task and one payment."""

from typing import Any

from darkroom.domain.arrivals import Uploaded
from darkroom.pipeline.intake import take_arrival
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness, spec_of

MASK = "photos/cat.mask.png"


def _paid_once(harness: PipelineHarness) -> None:
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1
    assert harness.manifest()["status"] == "succeeded"
    assert harness.tasks.wanted == []


def test_photo_may_come_first(harness: PipelineHarness) -> None:
    """A spec whose photo exists starts at once."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)

    assert harness.task.state == "queued"
    _paid_once(harness)


def test_spec_may_come_first(harness: PipelineHarness) -> None:
    """A spec waits for its photo and starts with it."""
    harness.upload_spec(SYNC_NONE)
    assert harness.task.state == "waiting"
    assert harness.task.wants == (PHOTO,)
    assert harness.workflows.started == []

    harness.upload(PHOTO)

    assert harness.task.resolved_order.inputs["image"][0].key == PHOTO
    _paid_once(harness)


def test_both_may_exist_before_either_event(harness: PipelineHarness) -> None:
    """Events that come after both uploads, in either order, make one task and one run."""
    photo = harness.put_file(PHOTO)
    spec = harness.put_file(SPEC, spec_of(SYNC_NONE))

    harness.receive(photo, spec, photo)

    assert len(harness.workflows.started) == 1
    _paid_once(harness)


def test_photo_that_arrives_during_intake_of_its_spec_is_found(
    harness: PipelineHarness,
) -> None:
    """Between looking for the photo and noting the want, the photo and its event may pass."""
    spec = harness.put_file(SPEC, spec_of(SYNC_NONE))
    create = harness.tasks.create

    def photo_first(*args: Any, **kwargs: Any) -> None:
        harness.upload(PHOTO)
        create(*args, **kwargs)

    harness.tasks.create = photo_first  # type: ignore[method-assign]
    harness.receive(spec)

    _paid_once(harness)


def test_every_event_may_be_repeated_at_any_time(harness: PipelineHarness) -> None:
    """Before, during and after the run."""
    photo, spec = harness.put_file(PHOTO), harness.put_file(SPEC, spec_of(JOB_KEY))
    for state in ("running", "delivering", "succeeded"):
        harness.receive(spec, photo, spec)
        harness.run(until=[state])
    harness.receive(spec, photo)

    assert len(harness.workflows.started) == 1
    _paid_once(harness)


def test_spec_named_by_key_is_the_same_task_as_its_upload(harness: PipelineHarness) -> None:
    """A message that names the spec, without a version, repeats the upload's event."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)

    harness.receive(Uploaded(SPEC))

    _paid_once(harness)


def test_replaced_spec_cancels_its_unsubmitted_task(
    harness: PipelineHarness,
) -> None:
    """The newer version of a spec takes the place of one that has not been paid for."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.upload_spec(SYNC_NONE, metadata={"version": 2})
    harness.run()

    old, new = harness.tasks.all
    assert (old.state, new.state) == ("cancelled", "succeeded")
    assert old.ending
    assert old.ending.failure.code == "superseded"
    assert len(harness.providers.sent) == 1
    assert harness.event_kinds(old.task_id) == {"Task Cancelled"}


def test_replaced_spec_lets_a_submitted_task_run_on(harness: PipelineHarness) -> None:
    """What is paid for is finished; the older task, ending late, moves aside."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["running"])
    harness.upload_spec(JOB_KEY, params={"scale": 4})
    old, new = harness.tasks.all
    while not harness.tasks.all[1].finished:
        harness.run(until=["succeeded"])
    harness.run()

    old, new = harness.tasks.all
    assert (old.state, new.state) == ("succeeded", "succeeded")
    assert {old.results[0].key, new.results[0].key} == {
        f"{PHOTO}/upscale.png",
        f"{PHOTO}/upscale@{old.task_id[:8]}.png",
    }
    assert new.results[0].key == f"{PHOTO}/upscale.png"
    assert old.manifest_key == f"{PHOTO}/upscale@{old.task_id[:8]}.manifest.json"
    assert harness.manifest(old)["status"] == "succeeded"


def test_deleted_spec_cancels_its_unsubmitted_task(harness: PipelineHarness) -> None:
    """Its manifest says so."""
    harness.upload_spec(SYNC_NONE)
    harness.delete(SPEC)
    harness.upload(PHOTO)
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.manifest()["failure"]["code"] == "spec-deleted"
    assert harness.providers.sent == []
    assert harness.tasks.wanted == []


def test_deleted_spec_lets_a_submitted_task_run_on(harness: PipelineHarness) -> None:
    """What is paid for is finished."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["running"])
    harness.delete(SPEC)

    _paid_once(harness)


def test_deleted_input_changes_nothing(harness: PipelineHarness) -> None:
    """The pinned version is sent."""
    pinned = harness.upload(PHOTO).version_id
    harness.upload_spec(SYNC_NONE)
    harness.delete(PHOTO)

    assert harness.task.resolved_order.inputs["image"][0].version_id == pinned
    _paid_once(harness)


def test_new_version_of_an_input_starts_nothing(harness: PipelineHarness) -> None:
    """Only a spec starts a task."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run()
    harness.upload(PHOTO)

    _paid_once(harness)


def test_late_event_of_an_old_version_does_not_replace_the_newer_task(
    harness: PipelineHarness,
) -> None:
    """Events are unordered: the old version's comes last, and is the one that is cancelled."""
    harness.upload(PHOTO)
    old = harness.put_file(SPEC, spec_of(SYNC_NONE))
    new = harness.put_file(SPEC, spec_of(SYNC_NONE, metadata={"version": 2}))
    harness.receive(new, old)
    harness.run()

    newer, older = harness.tasks.all
    assert (newer.state, older.state) == ("succeeded", "cancelled")
    assert newer.results[0].key == f"{PHOTO}/{SYNC_NONE}.png"
    assert harness.manifest(older)["failure"]["code"] == "superseded"
    assert older.manifest_key != newer.manifest_key
    assert len(harness.providers.sent) == 1


def test_spec_replaced_during_intake_does_not_cancel_the_newer_task(
    harness: PipelineHarness,
) -> None:
    """The newer version and its event may pass between reading the older and writing its task."""
    harness.upload(PHOTO)
    old = harness.put_file(SPEC, spec_of(SYNC_NONE))
    create = harness.tasks.create
    meddled: list[bool] = []

    def newer_first(*args: Any, **kwargs: Any) -> None:
        if not meddled:
            meddled.append(True)
            harness.upload_spec(SYNC_NONE, metadata={"version": 2})
        create(*args, **kwargs)

    harness.tasks.create = newer_first  # type: ignore[method-assign]
    harness.receive(old)
    harness.run()

    newer, older = harness.tasks.all
    assert newer.resolved_order.metadata == {"version": 2}
    assert (newer.state, older.state) == ("succeeded", "cancelled")


def test_newer_task_stays_the_specs_latest_after_a_late_event(harness: PipelineHarness) -> None:
    """Deleting the spec cancels the task of its newest version, whichever event came last."""
    old = harness.put_file(SPEC, spec_of(SYNC_NONE))
    new = harness.put_file(SPEC, spec_of(SYNC_NONE, metadata={"version": 2}))
    harness.receive(new, old)
    harness.delete(SPEC)

    assert [task.state for task in harness.tasks.all] == ["cancelled", "cancelled"]


def test_event_of_a_deleted_spec_ends_cancelled(
    harness: PipelineHarness,
) -> None:
    """The deletion may overtake the upload."""
    spec = harness.put_file(SPEC, spec_of(SYNC_NONE))
    harness.upload(PHOTO)
    harness.delete(SPEC)
    harness.receive(spec)
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.manifest()["failure"]["code"] == "spec-deleted"
    assert harness.providers.sent == []


def test_mask_may_come_last(harness: PipelineHarness) -> None:
    """A spec with two inputs waits for the second."""
    harness.upload_spec("remove-objects", inputs={"mask": "cat.mask.png"})
    harness.upload(PHOTO)
    assert harness.task.state == "waiting"

    harness.upload(MASK)

    _paid_once(harness)


def test_two_inputs_may_arrive_at_the_same_time(harness: PipelineHarness) -> None:
    """Both releases see both files; only one starts the run."""
    harness.upload_spec("remove-objects", inputs={"mask": "cat.mask.png"})
    photo, mask = harness.put_file(PHOTO), harness.put_file(MASK)
    replace = harness.tasks.replace
    meddled: list[bool] = []

    def other_first(*args: object) -> object:
        if not meddled:
            meddled.append(True)
            take_arrival(harness.ports, mask)
        return replace(*args)  # type: ignore[arg-type]

    harness.tasks.replace = other_first  # type: ignore[method-assign, assignment]
    harness.receive(photo)

    assert len(harness.workflows.started) == 1
    _paid_once(harness)


def test_photo_releases_every_spec_that_waits_for_it(harness: PipelineHarness) -> None:
    """Several specs of one photo are several tasks."""
    harness.upload_spec(SYNC_NONE)
    harness.upload_spec(JOB_KEY, key="photos/cat.jpg.big.json")
    harness.upload(PHOTO)
    harness.run()

    assert [task.state for task in harness.tasks.all] == ["succeeded", "succeeded"]
    assert len(harness.providers.sent) == 2


def test_folder_markers_dotfiles_and_folder_defaults_are_ignored(harness: PipelineHarness) -> None:
    """Uploads that are no file of ours make no task."""
    for key in ("photos/", "photos/.DS_Store", ".hidden.json", "photos/_darkroom.json"):
        harness.upload(key, b'{"operation": "upscale"}')

    assert harness.tasks.all == []
    assert harness.dead_letters.letters == []


def test_photo_is_taken_in_while_a_deployment_lacks_the_route(harness: PipelineHarness) -> None:
    """Its task goes on once the route is back; INTAKE does not fail again and again."""
    harness.upload_spec(SYNC_NONE)
    routes, harness.providers.offered = harness.providers.offered, ()
    harness.upload(PHOTO)
    assert [task.state for task in harness.tasks.all] == ["queued"]

    harness.providers.offered = routes
    harness.run()
    assert [task.state for task in harness.tasks.all] == ["succeeded"]
