"""What every task store promises: conditional writes, all or nothing, and its questions."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Conflict, Failure
from darkroom.domain.order import Trigger
from darkroom.domain.quality import Quality
from darkroom.domain.task import STUCK_AFTER, Ending, EndStatus, Result, State, Task
from darkroom.domain.task_summary import summarize
from darkroom.ports import Tasks
from tests.fakes.clock import START
from tests.fakes.task_factory import full_task, sample_task


def test_get_returns_the_written_task(tasks: Tasks) -> None:
    """Every field, every kind of number, empty texts and unusual characters."""
    task = full_task()
    tasks.create(task, previous=None, owner=None)

    assert tasks.get(task.task_id) == task


def test_task_can_be_written_as_it_was_read(tasks: Tasks) -> None:
    """Numbers do not gain digits."""
    task = full_task()
    tasks.create(task, previous=None, owner=None)
    for _ in range(3):
        read = tasks.get(task.task_id)
        assert read
        tasks.replace(read, read)

    assert tasks.get(task.task_id) == replace(task, revision=3)


def test_unknown_task_is_none(tasks: Tasks) -> None:
    """`get` does not raise."""
    assert tasks.get("0" * 32) is None
    assert tasks.latest("a.json") is None
    assert tasks.owner("a") is None
    assert list(tasks.wanting("a")) == []


def test_task_is_created_once(tasks: Tasks) -> None:
    """The second of two equal creations fails, whatever claims it makes."""
    task = sample_task()
    tasks.create(task, previous=None, owner=None)

    for previous in (None, task.task_id):
        with pytest.raises(Conflict):
            tasks.create(task, previous=previous, owner=previous)


def test_request_id_has_one_task(tasks: Tasks) -> None:
    """A second task with the id of another one is not created, whatever else it is about."""
    first = sample_task(1, trigger=Trigger("message", "darkroom-input", "a.jpg.json", "order-17"))
    second = sample_task(2, trigger=Trigger("message", "darkroom-input", "b.jpg.json", "order-17"))
    assert tasks.of_request("order-17") is None
    tasks.create(first, previous=None, owner=None)

    with pytest.raises(Conflict):
        tasks.create(second, previous=None, owner=None)
    assert tasks.of_request("order-17") == first.task_id
    assert tasks.get(second.task_id) is None


def test_message_without_a_request_id_has_no_note_of_one(tasks: Tasks) -> None:
    """It is identified by its content and the day."""
    task = sample_task(
        1, trigger=Trigger("message", "darkroom-input", "a.jpg.json", "abc@2026-03-01", START)
    )
    tasks.create(task, previous=None, owner=None)
    assert tasks.of_request("abc@2026-03-01") is None


def test_create_claims_the_spec_and_the_output_name(tasks: Tasks) -> None:
    """Both name the task."""
    task = sample_task()
    tasks.create(task, previous=None, owner=None)

    assert tasks.latest(task.trigger.key) == task.task_id
    assert tasks.owner(task.output) == task.task_id


def test_newer_task_takes_the_names_from_the_named_owner(tasks: Tasks) -> None:
    """It must name the previous owner."""
    old, new = sample_task(1), _again(2)
    tasks.create(old, previous=None, owner=None)
    tasks.create(new, previous=old.task_id, owner=old.task_id)

    assert tasks.latest(old.trigger.key) == new.task_id
    assert tasks.owner(old.output) == new.task_id


@pytest.mark.parametrize("wrong", ["previous", "owner"])
@pytest.mark.parametrize("said", [None, "f" * 32])
def test_create_with_an_outdated_claim_writes_nothing(
    tasks: Tasks, wrong: str, said: str | None
) -> None:
    """All or nothing: neither the task nor its wants exist."""
    old = sample_task(1)
    new = _again(2, wants=("photos/1.jpg",))
    tasks.create(old, previous=None, owner=None)
    claims: dict[str, str | None] = {"previous": old.task_id, "owner": old.task_id, wrong: said}

    with pytest.raises(Conflict):
        tasks.create(new, previous=claims["previous"], owner=claims["owner"])
    assert tasks.get(new.task_id) is None
    assert list(tasks.wanting("photos/1.jpg")) == []
    assert tasks.latest(old.trigger.key) == old.task_id
    assert tasks.owner(old.output) == old.task_id


def test_create_with_an_unknown_owner_writes_nothing(tasks: Tasks) -> None:
    """The named owner does not exist."""
    with pytest.raises(Conflict):
        tasks.create(sample_task(), previous="f" * 32, owner=None)


def test_cancelled_new_task_is_not_the_newest_of_its_spec(tasks: Tasks) -> None:
    """It is the late event of an old version; the newer version's task keeps the name."""
    newer = sample_task(1)
    stale = _again(2, output="photos/1.jpg/upscale@0002", ending=_ending("cancelled"))
    tasks.create(newer, previous=None, owner=None)
    tasks.create(stale, previous=newer.task_id, owner=None)

    assert tasks.latest(newer.trigger.key) == newer.task_id
    assert tasks.owner(stale.output) == stale.task_id


def test_message_claims_only_its_output_name(tasks: Tasks) -> None:
    """A message has no versions, so there is no newest."""
    task = sample_task(1)
    task = replace(task, trigger=replace(task.trigger, kind="message"))
    tasks.create(task, previous=None, owner=None)

    assert tasks.latest(task.trigger.key) is None
    assert tasks.owner(task.output) == task.task_id


def test_claim_output_names_the_current_owner(tasks: Tasks) -> None:
    """Claimed again it stays; a claim with the wrong owner, or none, fails."""
    first, second = sample_task(1), sample_task(2)
    name = f"{first.output}-1"
    assert tasks.claim_output(name, first, None) is True
    assert tasks.claim_output(name, first, None) is True
    assert tasks.owner(name) == first.task_id
    assert tasks.claim_output(name, second, None) is False
    assert tasks.claim_output(name, second, "f" * 32) is False
    assert tasks.owner(name) == first.task_id

    assert tasks.claim_output(name, second, first.task_id) is True
    assert tasks.owner(name) == second.task_id


def test_claim_output_accepts_an_owner_that_is_gone(tasks: Tasks) -> None:
    """A name without an owner is free."""
    assert tasks.claim_output("photos/1-1", sample_task(1), "f" * 32) is True


def test_create_cannot_take_a_claimed_name(tasks: Tasks) -> None:
    """A spec of that name must name the current owner."""
    first = sample_task(1)
    later = replace(sample_task(2), output=f"{first.output}-1")
    tasks.claim_output(later.output, first, None)

    with pytest.raises(Conflict):
        tasks.create(later, previous=None, owner=None)
    tasks.create(later, previous=None, owner=first.task_id)
    assert tasks.owner(later.output) == later.task_id


def test_replace_increments_the_revision(tasks: Tasks) -> None:
    """It returns what is stored."""
    task = sample_task()
    tasks.create(task, previous=None, owner=None)
    written = tasks.replace(task, task.with_state("submitting", START + timedelta(seconds=1)))

    assert written.revision == 1
    assert tasks.get(task.task_id) == written


def test_second_of_two_writers_conflicts(tasks: Tasks) -> None:
    """Both read the same revision; the first write stays."""
    task = sample_task()
    tasks.create(task, previous=None, owner=None)
    first = tasks.replace(task, task.with_state("submitting", START))

    with pytest.raises(Conflict):
        tasks.replace(task, task.with_state("cancelled", START))
    assert tasks.get(task.task_id) == first


def test_missing_task_cannot_be_replaced(tasks: Tasks) -> None:
    """Only `create` makes a task."""
    with pytest.raises(Conflict):
        tasks.replace(sample_task(), sample_task())
    assert tasks.get(sample_task().task_id) is None


def test_wanting_names_every_waiting_task(tasks: Tasks) -> None:
    """A key that one task wants twice counts once; `forget_wants` affects only its own task."""
    one = sample_task(1, "waiting", wants=("a b+%😀.jpg", "mask.png", "mask.png"))
    two = sample_task(2, "waiting", wants=("mask.png",))
    for task in (one, two):
        tasks.create(task, previous=None, owner=None)
    assert list(tasks.wanting("a b+%😀.jpg")) == [one.task_id]
    assert sorted(tasks.wanting("mask.png")) == sorted([one.task_id, two.task_id])

    assert list(tasks.wanting("mask.png", one.task_id[:4])) == [one.task_id]
    assert list(tasks.wanting("mask.png", "ffff")) == []
    (first, *rest) = sorted([one.task_id, two.task_id])
    assert (list(tasks.wanting("mask.png", most=1)), len(rest)) == ([first], 1)

    tasks.forget_wants(one)
    tasks.forget_wants(one)
    assert list(tasks.wanting("a b+%😀.jpg")) == []
    assert list(tasks.wanting("mask.png")) == [two.task_id]


def test_replaced_task_may_want_more_keys(tasks: Tasks) -> None:
    """Every key it names is noted, also those it named before; none is noted twice."""
    task = sample_task(1, "waiting", order=None, wants=("_darkroom.json",))
    tasks.create(task, previous=None, owner=None)
    more = tasks.replace(task, replace(task, wants=("_darkroom.json", "a.jpg", "a.jpg")))
    tasks.replace(more, replace(more, wait_reason="waits"))

    assert list(tasks.wanting("_darkroom.json")) == [task.task_id]
    assert list(tasks.wanting("a.jpg")) == [task.task_id]
    tasks.forget_wants(more)
    assert not list(tasks.wanting("_darkroom.json")) + list(tasks.wanting("a.jpg"))


def test_write_that_loses_its_race_wants_nothing(tasks: Tasks) -> None:
    """The task and its notes are written together or not at all."""
    task = sample_task(1, "waiting", order=None)
    tasks.create(task, previous=None, owner=None)
    tasks.replace(task, replace(task, wait_reason="waits"))
    with pytest.raises(Conflict):
        tasks.replace(task, replace(task, wants=("a.jpg",)))

    assert not list(tasks.wanting("a.jpg"))


def test_create_claims_the_name_of_the_results_too(tasks: Tasks) -> None:
    """The first of numbered names stands for all; a name with another owner is not taken."""
    first = sample_task(1, results_name=("done/", ""))
    tasks.create(first, previous=None, owner=None)
    second = sample_task(2, results_name=("done/1",))

    assert tasks.owner("done/1") == first.task_id
    with pytest.raises(Conflict):
        tasks.create(second, previous=None, owner=None)
    assert tasks.get(second.task_id) is None
    tasks.create(second, previous=None, owner=None, results_owner=first.task_id)
    assert tasks.owner("done/1") == second.task_id


def test_task_is_due_after_its_last_write(tasks: Tasks) -> None:
    """To the microsecond, finished or not; a task that waits for inputs is due at its deadline."""
    states: tuple[State, ...] = ("queued", "running", "succeeded", "failed")
    for number, state in enumerate(states, 1):
        tasks.create(sample_task(number, state), previous=None, owner=None)
    later = sample_task(9, "waiting", deadline=START + timedelta(hours=2))
    tasks.create(later, previous=None, owner=None)

    assert list(tasks.due(START + STUCK_AFTER - timedelta(microseconds=1))) == []
    assert set(tasks.due(START + STUCK_AFTER)) == {
        sample_task(number).task_id for number in (1, 2, 3, 4)
    }
    assert later.task_id in set(tasks.due(START + timedelta(hours=2)))


def test_postponed_task_is_due_later(tasks: Tasks) -> None:
    """The task is unchanged; its next write resets the time."""
    task = sample_task()
    tasks.create(task, previous=None, owner=None)
    until = START + timedelta(hours=5)
    tasks.postpone(task, until)

    assert list(tasks.due(until - timedelta(microseconds=1))) == []
    assert list(tasks.due(until)) == [task.task_id]
    assert tasks.get(task.task_id) == task
    tasks.replace(task, task.with_state("submitting", START))
    assert list(tasks.due(START + STUCK_AFTER)) == [task.task_id]


def test_unreadable_task_can_be_postponed(tasks: Tasks) -> None:
    """By its id, as it may not even be readable. It is never due sooner."""
    task = sample_task()
    tasks.create(task, previous=None, owner=None)
    due, later = START + STUCK_AFTER, START + STUCK_AFTER + timedelta(minutes=5)
    tasks.put_off(task.task_id, later)
    tasks.put_off(task.task_id, due)
    tasks.put_off("0" * 32, later)

    assert list(tasks.due(due)) == []
    assert list(tasks.due(later)) == [task.task_id]
    assert tasks.get(task.task_id) == task
    tasks.dismiss(task)
    tasks.put_off(task.task_id, later)
    assert list(tasks.due(START + timedelta(days=9))) == []


def test_dismissed_task_is_not_due(tasks: Tasks) -> None:
    """Until it is written again, as a retry does."""
    task = sample_task(1, "failed")
    tasks.create(task, previous=None, owner=None)
    tasks.dismiss(task)
    tasks.dismiss(task)

    assert list(tasks.due(START + timedelta(days=9))) == []
    assert tasks.get(task.task_id) == task
    tasks.replace(task, task.with_new_run("queued", START))
    assert list(tasks.due(START + STUCK_AFTER)) == [task.task_id]


def test_changed_task_is_neither_postponed_nor_dismissed(tasks: Tasks) -> None:
    """The caller has read an older state."""
    task = sample_task()
    tasks.create(task, previous=None, owner=None)
    tasks.replace(task, task.with_state("failed", START, ending=_ending("failed")))
    tasks.postpone(task, START + timedelta(hours=5))
    tasks.dismiss(task)

    assert list(tasks.due(START + STUCK_AFTER)) == [task.task_id]


def test_below_finds_every_task_of_a_folder_at_any_depth(tasks: Tasks) -> None:
    """And every task of one photo; the bucket's root is a folder too."""
    keys = ("cat.jpg.json", "photos/a.jpg.json", "photos/a.jpg.thumb.json", "photos/x/y/b.jpg.json")
    for number, key in enumerate(keys):
        task = sample_task(number)
        task = replace(task, trigger=replace(task.trigger, key=key))
        tasks.create(task, previous=None, owner=None)

    def found(prefix: str) -> list[str]:
        return sorted(summary.key for summary in tasks.below(prefix))

    assert found("") == sorted(keys)
    assert found("photos/") == list(keys[1:])
    assert found("photos/a.jpg") == list(keys[1:3])
    assert found("photos/x/") == list(keys[3:])
    assert found("other/") == []


@pytest.mark.parametrize("key", ["", "é" * 600 + ".jpg.json", "x" * 1024, "x" * 1040 + ".json"])
def test_below_finds_unusual_keys(tasks: Tasks, key: str) -> None:
    """A message's spec may have none, or one that is longer than any object's."""
    task = sample_task()
    task = replace(task, trigger=replace(task.trigger, key=key))
    tasks.create(task, previous=None, owner=None)

    for prefix in ("", key[:1], key):
        assert [summary.key for summary in tasks.below(prefix)] == [key]
    assert list(tasks.below(f"{key}+")) == []


def test_summary_says_what_a_list_shows(tasks: Tasks) -> None:
    """Cost, time, provider, reason, metadata; and it follows the task."""
    task = replace(full_task(), order=replace(full_task().resolved_order, keys={}))
    tasks.create(task, previous=None, owner=None)

    assert list(tasks.below(task.trigger.key)) == [summarize(task)]
    summary = summarize(task)
    assert (summary.source, summary.operation, summary.provider) == (
        "photos/7.jpg",
        "upscale",
        "beta",
    )
    assert summary.spent == {"beta": 3.0}
    assert summary.cost_known
    assert summary.metadata == {"sku": "A-113", "whole": 2.0}
    ended = tasks.replace(task, task.with_state("failed", START + timedelta(seconds=5)))
    (after,) = tasks.below(task.trigger.key)
    assert after == summarize(ended)
    assert after.finished
    assert after.ended_at == START + timedelta(seconds=5)
    assert (after.code, after.reason) == ("a", "B.")


def test_many_tasks_are_read_at_once(tasks: Tasks) -> None:
    """In the order that was asked for; an unknown one is left out, a repeated one comes once."""
    made = [sample_task(number) for number in range(230)]
    for task in made:
        tasks.create(task, previous=None, owner=None)
    wanted = [task.task_id for task in reversed(made)]

    found = tasks.get_many(["0" * 31 + "f", *wanted, wanted[0]])
    assert [task.task_id for task in found] == wanted
    assert found[0] == made[-1]
    assert list(tasks.get_many([])) == []


def test_failed_and_unknown_tasks_need_attention(tasks: Tasks) -> None:
    """Newest first, over both statuses."""
    states: tuple[State, ...] = ("failed", "unknown", "succeeded", "cancelled", "queued")
    for number in range(1, 21):
        at = START + timedelta(seconds=number)
        task = sample_task(number, states[number % 5], updated_at=at)
        tasks.create(task, previous=None, owner=None)

    found = tasks.needing_attention(5)
    assert [task.trigger.version for task in found] == ["v20", "v16", "v15", "v11", "v10"]


def _again(number: int, **changes: Any) -> Task:
    """Another task of the first sample's spec."""
    return replace(sample_task(1, **changes), task_id=sample_task(number).task_id)


def _ending(status: EndStatus) -> Ending:
    return Ending(status, Failure("why", "Because."))


def test_job_belongs_to_the_first_attempt_that_claims_it(tasks: Tasks) -> None:
    """The same attempt may claim it again; another provider's job is another job."""
    one, two = sample_task(1).task_id, sample_task(2).task_id

    assert tasks.claim_job("alpha", "job-1", one, 1)
    assert tasks.claim_job("alpha", "job-1", one, 1)
    assert not tasks.claim_job("alpha", "job-1", two, 1)
    assert not tasks.claim_job("alpha", "job-1", one, 2)
    assert tasks.claim_job("beta", "job-1", two, 1)


def test_tasks_of_a_batch_are_found_wherever_they_lie(tasks: Tasks) -> None:
    """And no others; the name of one batch may begin with that of another."""
    for number, batch in enumerate(("n", "n", "n-7", None, "n#7")):
        trigger = Trigger("message", "darkroom-input", f"{number}/a.jpg.json", str(number))
        tasks.create(
            sample_task(number, trigger=trigger, batch=batch, output=f"{number}/a"),
            previous=None,
            owner=None,
        )
    assert {one.key for one in tasks.in_batch("n")} == {"0/a.jpg.json", "1/a.jpg.json"}
    assert {one.key for one in tasks.in_batch("n-7")} == {"2/a.jpg.json"}


def test_summary_counts_the_warnings_of_all_results(tasks: Tasks) -> None:
    """And says the first; nothing of a task without one."""
    qualities = (Quality(warnings=("flat-result", "unexpected-size")), None, Quality())
    results = tuple(
        Result(f"photos/1.jpg/{n}.png", "image", "image/png", 1, "ab", quality)
        for n, quality in enumerate((*qualities, Quality(warnings=("nothing-changed",))))
    )
    for task in (
        sample_task(1, "succeeded", results=results),
        sample_task(2, "succeeded", results=results[1:3]),
    ):
        tasks.create(task, previous=None, owner=None)
    found = {each.key: (each.warnings, each.warning) for each in tasks.below("photos/")}
    assert found == {
        "photos/1.jpg.json": (3, "flat-result"),
        "photos/2.jpg.json": (0, None),
    }


def test_summary_knows_the_manifest(tasks: Tasks) -> None:
    """Where it usually lies, and where the task has moved it."""
    usual = sample_task(1)
    aside = sample_task(2, manifest_key="photos/2.jpg/upscale@00020002.manifest.json")
    for task in (usual, aside):
        tasks.create(task, previous=None, owner=None)
    found = {one.task_id: one.manifest_key for one in tasks.below("photos/")}
    assert found == {task.task_id: task.manifest_key for task in (usual, aside)}


def test_last_task_that_did_some_work_is_found(tasks: Tasks) -> None:
    """Nobody has done it before it is noted."""
    assert tasks.done_by("a" * 32) is None
    tasks.note_done("a" * 32, "1" * 32)
    tasks.note_done("a" * 32, "2" * 32)
    assert (tasks.done_by("a" * 32), tasks.done_by("b" * 32)) == ("2" * 32, None)
