"""Executions that once paid twice, lost a task, or told an untruth; each is one interleaving."""

import json
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Busy, NotSent, ResultGone, Throttled, Unclear
from darkroom.domain.limits import Limits
from darkroom.domain.provider_jobs import JobFailed
from darkroom.pipeline.intake import take_arrival
from tests.fakes.routes import JOB_KEY, SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Died, Studio, spec_of

LATER = Throttled("provider-busy", "Come back later.", retry_after_s=1)


def test_a_throttled_task_whose_spec_was_replaced_meanwhile_does_not_pay(studio: Studio) -> None:
    """It was submitting when the newer spec came, so it could not be cancelled then."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.providers.say("submit", LATER)
    studio.door("submit", studio.task.task_id)
    studio.ask(SYNC_NONE, metadata={"version": 2})
    studio.run()

    assert sorted(task.state for task in studio.tasks.all) == ["cancelled", "succeeded"]
    assert len(studio.providers.charged) == 1


def test_an_intake_that_died_before_it_cancelled_the_older_task_costs_nothing(
    studio: Studio,
) -> None:
    """The photo releases both; the older one looks at its spec before it pays."""
    studio.ask(SYNC_NONE)
    newer = studio.upload(SPEC, spec_of(SYNC_NONE, metadata={"version": 2}))
    create = studio.tasks.create

    def die_afterwards(*args: Any, **kwargs: Any) -> None:
        create(*args, **kwargs)
        raise Died

    studio.tasks.create = die_afterwards  # type: ignore[method-assign]
    with pytest.raises(Died):
        take_arrival(studio.ports, newer)
    studio.tasks.create = create  # type: ignore[method-assign]
    studio.drop(PHOTO)
    studio.run()
    studio.arrive(newer)
    studio.run()

    assert sorted(task.state for task in studio.tasks.all) == ["cancelled", "succeeded"]
    assert len(studio.providers.charged) == 1


def test_a_spec_deleted_before_its_task_is_submitted_is_not_paid(studio: Studio) -> None:
    """Though the event of the deletion was handled before the task was there."""
    studio.drop(PHOTO)
    spec = studio.upload(SPEC, spec_of(SYNC_NONE))
    create = studio.tasks.create

    def delete_first(*args: Any, **kwargs: Any) -> None:
        studio.remove(SPEC)
        create(*args, **kwargs)

    studio.tasks.create = delete_first  # type: ignore[method-assign]
    studio.arrive(spec)
    studio.run()

    assert studio.task.state == "cancelled"
    assert studio.providers.sent == []


def test_an_old_deletion_does_not_cancel_a_spec_that_came_back(studio: Studio) -> None:
    """The task is named before the spec is looked for."""
    find = studio.inputs.find
    studio.ask(SYNC_NONE)
    studio.inputs.delete(SPEC)

    def come_back(key: str) -> Any:
        found = find(key)
        studio.inputs.find = find  # type: ignore[method-assign]
        studio.ask(SYNC_NONE, metadata={"version": 2})
        return found

    studio.inputs.find = come_back  # type: ignore[method-assign]
    studio.remove(SPEC)
    studio.inputs.put(SPEC, b"{}")

    assert [task.ending is None for task in studio.tasks.all] == [False, True]


def test_a_waiting_task_sees_every_one_of_its_files_come(studio: Studio) -> None:
    """The photo was there, went, and comes back last; the mask alone would wake nobody."""
    studio.drop(PHOTO)
    studio.ask("remove-objects", inputs={"mask": "m.png"})
    studio.inputs.delete(PHOTO)
    studio.drop("photos/m.png")
    studio.drop(PHOTO)
    studio.run()

    assert studio.task.state == "succeeded"


def test_throttling_does_not_use_up_the_patience_with_an_unreachable_provider(
    studio: Studio,
) -> None:
    """One refused connection after a day of "later" is the first one, not the ninth."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.providers.say("submit", *[LATER] * 20, NotSent("provider-unreachable", "No route."))
    studio.run()

    assert studio.task.state == "succeeded"


def test_a_keyed_call_outlasts_an_outage_of_hours(studio: Studio) -> None:
    """The key is good for a day, and so is the patience."""
    studio.drop(PHOTO)
    studio.ask(SYNC_KEY)
    studio.providers.say("submit", Unclear("no-answer", "Nothing came."))
    studio.providers.say("repeat", *[Unclear("no-answer", "Nothing came.")] * 60)
    started = studio.clock.now()
    studio.run()

    assert studio.task.state == "succeeded"
    assert studio.clock.now() - started > timedelta(hours=3)
    assert len(studio.providers.charged) == 1


def test_a_job_that_nobody_could_ask_about_is_not_too_slow(studio: Studio) -> None:
    """The provider's status page was down past the job's deadline; the job is done and paid."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run(until=["running"])
    studio.providers.polls = 0
    studio.providers.say("poll", *[Busy("no-answer", "Nothing came.")] * 200)
    studio.run()

    assert studio.task.state == "succeeded"


def test_a_job_is_lost_only_when_its_provider_says_so_again(studio: Studio) -> None:
    """A single "not found" may be a lag of reading; three in a row are the truth."""
    lost = JobFailed("job-lost", "beta no longer knows the job.", "unknown")
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run(until=["running"])
    studio.providers.say("poll", lost)
    studio.run()

    assert studio.task.state == "succeeded"


def test_a_newer_result_is_not_overwritten_by_an_older_one_on_its_way(studio: Studio) -> None:
    """The name is asked for after the download, which may take minutes."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run(until=["delivering"])
    older = studio.task
    fetch = studio.providers.fetch

    def newer_comes_first(url: str, max_bytes: int) -> Any:
        studio.providers.fetch = fetch  # type: ignore[method-assign]
        studio.ask(JOB_KEY, metadata={"version": 2})
        studio.run()
        return fetch(url, max_bytes)

    studio.providers.fetch = newer_comes_first  # type: ignore[method-assign]
    studio.door("deliver", older.task_id)

    old, new = (studio.tasks.get(task.task_id) for task in studio.tasks.all)
    assert old
    assert new
    assert new.results[0].key == f"{new.output}.png"
    assert len(studio.outputs.versions(new.results[0].key)) == 1
    assert old.results[0].key != new.results[0].key


def test_results_that_were_copied_before_a_crash_are_not_called_gone(studio: Studio) -> None:
    """The manifest says what was delivered, though the state was not written any more."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run(until=["delivering"])
    replace = studio.tasks.replace

    def die(*_args: Any) -> Any:
        raise Died

    studio.tasks.replace = die  # type: ignore[method-assign, assignment]
    with pytest.raises(Died):
        studio.door("deliver", studio.task.task_id)
    studio.tasks.replace = replace  # type: ignore[method-assign]
    studio.providers.say("fetch", *[ResultGone("result-gone", "It is gone.")] * 9)
    studio.run()

    assert studio.task.state == "succeeded"
    assert studio.manifest()["status"] == "succeeded"


def test_whoever_loses_the_race_to_the_end_leaves_the_winner_s_manifest() -> None:
    """FAIL wrote a failed manifest over the one of DELIVER, and lost the write of the state."""
    studio = Studio(limits=Limits(runs=1))
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run(until=["delivering"])
    task_id = studio.task.task_id
    put = studio.outputs.put_over

    def deliver_first(key: str, body: Any, content_type: str, etag: str | None) -> None:
        studio.outputs.put_over = put  # type: ignore[method-assign]
        studio.door("deliver", task_id)
        put(key, body, content_type, etag)

    studio.outputs.put_over = deliver_first  # type: ignore[method-assign]
    studio.door("fail", task_id)

    assert studio.task.state == "succeeded"
    assert json.loads(studio.outputs.get(studio.task.manifest_key) or b"")["status"] == "succeeded"


def test_one_task_that_cannot_be_looked_after_does_not_stop_the_others(studio: Studio) -> None:
    """Every task that waits for the file is tried, and the trouble is told afterwards."""
    studio.ask(SYNC_NONE)
    studio.ask(JOB_KEY, key="photos/cat.jpg.colour.json")
    first = studio.tasks.all[0].task_id
    get = studio.tasks.get

    def unreadable(task_id: str) -> Any:
        if task_id == first:
            raise ValueError("unreadable")
        return get(task_id)

    photo = studio.upload(PHOTO)
    studio.tasks.get = unreadable  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="unreadable"):
        take_arrival(studio.ports, photo)
    studio.tasks.get = get  # type: ignore[method-assign]

    assert [task.state for task in studio.tasks.all] == ["waiting", "queued"]


def test_a_free_call_that_is_refused_while_another_door_pays_changes_nothing(
    studio: Studio,
) -> None:
    """Whoever wrote the intent goes on; the other comes back later."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    task_id, submit = studio.task.task_id, studio.providers.submit

    def refused_late(*_: Any) -> Any:
        studio.providers.submit = submit  # type: ignore[method-assign]
        studio.door("submit", task_id)
        raise NotSent("unreachable", "The upload did not go through.")

    studio.providers.submit = refused_late  # type: ignore[method-assign, assignment]
    assert studio.door("submit", task_id).next == "submit"
    studio.run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1
