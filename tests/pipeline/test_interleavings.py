"""Executions that once paid twice, lost a task, or reported a wrong end; each one interleaving."""

import json
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Busy, NotSent, ResultGone, Throttled, Unclear
from darkroom.domain.limits import Limits
from darkroom.domain.provider_jobs import JobFailed
from darkroom.pipeline.intake import take_arrival
from tests.fakes.routes import JOB_KEY, SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Died, PipelineHarness, spec_of

LATER = Throttled("provider-busy", "Come back later.", retry_after_s=1)


def test_throttled_task_with_a_replaced_spec_does_not_pay(
    harness: PipelineHarness,
) -> None:
    """It was submitting when the newer spec came, so it could not be cancelled then."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.providers.script("submit", LATER)
    harness.step("submit", harness.task.task_id)
    harness.upload_spec(SYNC_NONE, metadata={"version": 2})
    harness.run()

    assert sorted(task.state for task in harness.tasks.all) == ["cancelled", "succeeded"]
    assert len(harness.providers.charged) == 1


def test_crash_before_the_older_task_is_cancelled_pays_nothing(
    harness: PipelineHarness,
) -> None:
    """The photo releases both; the older one looks at its spec before it pays."""
    harness.upload_spec(SYNC_NONE)
    newer = harness.put_file(SPEC, spec_of(SYNC_NONE, metadata={"version": 2}))
    create = harness.tasks.create

    def die_afterwards(*args: Any, **kwargs: Any) -> None:
        create(*args, **kwargs)
        raise Died

    harness.tasks.create = die_afterwards  # type: ignore[method-assign]
    with pytest.raises(Died):
        take_arrival(harness.ports, newer)
    harness.tasks.create = create  # type: ignore[method-assign]
    harness.upload(PHOTO)
    harness.run()
    harness.receive(newer)
    harness.run()

    assert sorted(task.state for task in harness.tasks.all) == ["cancelled", "succeeded"]
    assert len(harness.providers.charged) == 1


def test_spec_deleted_before_submit_is_not_paid(harness: PipelineHarness) -> None:
    """Also when the deletion's event was handled before the task existed."""
    harness.upload(PHOTO)
    spec = harness.put_file(SPEC, spec_of(SYNC_NONE))
    create = harness.tasks.create

    def delete_first(*args: Any, **kwargs: Any) -> None:
        harness.delete(SPEC)
        create(*args, **kwargs)

    harness.tasks.create = delete_first  # type: ignore[method-assign]
    harness.receive(spec)
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.providers.sent == []


def test_old_deletion_does_not_cancel_a_spec_that_came_back(harness: PipelineHarness) -> None:
    """The task is read before the spec is looked for."""
    find = harness.inputs.find
    harness.upload_spec(SYNC_NONE)
    harness.inputs.delete(SPEC)

    def come_back(key: str) -> Any:
        found = find(key)
        harness.inputs.find = find  # type: ignore[method-assign]
        harness.upload_spec(SYNC_NONE, metadata={"version": 2})
        return found

    harness.inputs.find = come_back  # type: ignore[method-assign]
    harness.delete(SPEC)
    harness.inputs.put(SPEC, b"{}")

    assert [task.ending is None for task in harness.tasks.all] == [False, True]


def test_waiting_task_is_released_by_each_of_its_files(harness: PipelineHarness) -> None:
    """The photo existed, was deleted, and comes back last; the mask alone would release nothing."""
    harness.upload(PHOTO)
    harness.upload_spec("remove-objects", inputs={"mask": "m.png"})
    harness.inputs.delete(PHOTO)
    harness.upload("photos/m.png")
    harness.upload(PHOTO)
    harness.run()

    assert harness.task.state == "succeeded"


def test_throttling_does_not_count_as_unreached(
    harness: PipelineHarness,
) -> None:
    """One refused connection after a day of "later" is the first one, not the ninth."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.providers.script("submit", *[LATER] * 20, NotSent("provider-unreachable", "No route."))
    harness.run()

    assert harness.task.state == "succeeded"


def test_call_with_a_key_survives_an_outage_of_hours(harness: PipelineHarness) -> None:
    """The key is valid for a day, and so long it is repeated."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_KEY)
    harness.providers.script("submit", Unclear("no-answer", "Nothing came."))
    harness.providers.script("repeat", *[Unclear("no-answer", "Nothing came.")] * 60)
    started = harness.clock.now()
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.clock.now() - started > timedelta(hours=3)
    assert len(harness.providers.charged) == 1


def test_job_that_could_not_be_polled_is_not_too_slow(harness: PipelineHarness) -> None:
    """The provider's status endpoint was down past the job's deadline; the job is done and paid."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["running"])
    harness.providers.polls = 0
    harness.providers.script("poll", *[Busy("no-answer", "Nothing came.")] * 200)
    harness.run()

    assert harness.task.state == "succeeded"


def test_job_is_lost_only_after_repeated_not_found(harness: PipelineHarness) -> None:
    """A single "not found" may be replication lag."""
    lost = JobFailed("job-lost", "beta no longer knows the job.", "unknown")
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["running"])
    harness.providers.script("poll", lost)
    harness.run()

    assert harness.task.state == "succeeded"


def test_newer_result_is_not_overwritten_by_an_older_one_in_flight(
    harness: PipelineHarness,
) -> None:
    """The name is asked for after the download, which may take minutes."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["delivering"])
    older = harness.task
    fetch = harness.providers.fetch

    def newer_comes_first(url: str, max_bytes: int, max_s: float | None = None) -> Any:
        harness.providers.fetch = fetch  # type: ignore[method-assign]
        harness.upload_spec(JOB_KEY, metadata={"version": 2})
        harness.run()
        return fetch(url, max_bytes, max_s)

    harness.providers.fetch = newer_comes_first  # type: ignore[method-assign]
    harness.step("deliver", older.task_id)

    old, new = (harness.tasks.get(task.task_id) for task in harness.tasks.all)
    assert old
    assert new
    assert new.results[0].key == f"{new.output}.png"
    assert len(harness.outputs.versions(new.results[0].key)) == 1
    assert old.results[0].key != new.results[0].key


def test_results_copied_before_a_crash_are_not_gone(
    harness: PipelineHarness,
) -> None:
    """The manifest says what was delivered, though the state was not written any more."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run(until=["delivering"])
    replace = harness.tasks.replace

    def die(*_args: Any) -> Any:
        raise Died

    harness.tasks.replace = die  # type: ignore[method-assign, assignment]
    with pytest.raises(Died):
        harness.step("deliver", harness.task.task_id)
    harness.tasks.replace = replace  # type: ignore[method-assign]
    harness.providers.script("fetch", *[ResultGone("result-gone", "It is gone.")] * 9)
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.manifest()["status"] == "succeeded"


def test_loser_of_the_race_to_the_end_leaves_the_winners_manifest() -> None:
    """FAIL wrote a failed manifest over DELIVER's, and lost the write of the state."""
    harness = PipelineHarness(limits=Limits(runs=1))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run(until=["delivering"])
    task_id = harness.task.task_id
    put = harness.outputs.put_over

    def deliver_first(key: str, body: Any, *more: Any) -> None:
        harness.outputs.put_over = put  # type: ignore[method-assign]
        harness.step("deliver", task_id)
        put(key, body, *more)

    harness.outputs.put_over = deliver_first  # type: ignore[method-assign, assignment]
    harness.step("fail", task_id)

    assert harness.task.state == "succeeded"
    assert (
        json.loads(harness.outputs.get(harness.task.manifest_key) or b"")["status"] == "succeeded"
    )


def test_task_that_cannot_be_swept_does_not_stop_the_others(
    harness: PipelineHarness,
) -> None:
    """Every task that waits for the file is tried, and the error is raised at the end."""
    harness.upload_spec(SYNC_NONE)
    harness.upload_spec(JOB_KEY, key="photos/cat.jpg.colour.json")
    first = harness.tasks.all[0].task_id
    get = harness.tasks.get

    def unreadable(task_id: str) -> Any:
        if task_id == first:
            raise ValueError("unreadable")
        return get(task_id)

    photo = harness.put_file(PHOTO)
    harness.tasks.get = unreadable  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="unreadable"):
        take_arrival(harness.ports, photo)
    harness.tasks.get = get  # type: ignore[method-assign]

    assert [task.state for task in harness.tasks.all] == ["waiting", "queued"]


def test_refused_free_call_beside_a_paid_one_changes_nothing(
    harness: PipelineHarness,
) -> None:
    """The call that stored the intent continues; the other one waits."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    task_id, submit = harness.task.task_id, harness.providers.submit

    def refused_late(*_: Any) -> Any:
        harness.providers.submit = submit  # type: ignore[method-assign]
        harness.step("submit", task_id)
        raise NotSent("unreachable", "The upload did not go through.")

    harness.providers.submit = refused_late  # type: ignore[method-assign, assignment]
    assert harness.step("submit", task_id).next == "submit"
    harness.run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1
