"""Tasks are held until a person approves them: as their uploader wants, or after an accident."""

import json

import pytest

from darkroom.domain.errors import Busy
from darkroom.domain.money_rules import MoneyRules
from darkroom.pipeline.money.held import approve
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PipelineHarness

DEFAULT = json.dumps({"operation": SYNC_NONE, "settle_s": 0}).encode()


def _drop(harness: PipelineHarness, folder: str, photos: range, wish: str = "") -> None:
    for number in photos:
        harness.upload(f"{folder}{number:03}.jpg", wish=wish)


def _states(harness: PipelineHarness) -> list[str]:
    return [task.state for task in harness.tasks.all]


def _guarded(tasks: int = 3) -> PipelineHarness:
    harness = PipelineHarness(money=MoneyRules(guard_tasks=tasks))
    harness.upload("_darkroom.json", DEFAULT)
    return harness


def test_too_many_new_tasks_below_a_folder_are_held() -> None:
    """At any depth; those before them are done, and nothing is paid for the others."""
    harness = _guarded()
    for folder in ("shop/a/", "shop/b/"):
        _drop(harness, folder, range(3))
    harness.run()
    assert _states(harness) == ["succeeded"] * 3 + ["held"] * 3
    assert len(harness.providers.charged) == 3
    reason = harness.tasks.all[-1].wait_reason or ""
    assert "darkroom approve shop/" in reason
    assert "darkroom cancel shop/" in reason


def test_other_folders_and_later_tasks_are_not_held() -> None:
    """The guard counts each folder of the first level, and ten minutes at most."""
    harness = _guarded()
    _drop(harness, "shop/", range(4))
    _drop(harness, "else/", range(3))
    harness.clock.advance(600)
    _drop(harness, "shop/", range(10, 13))
    harness.run()
    assert _states(harness).count("held") == 1


def test_one_event_says_that_tasks_are_held() -> None:
    """With the folder, and what to do."""
    harness = _guarded()
    _drop(harness, "shop/", range(9))
    events = [event for event in harness.events.published if event.kind == "Tasks Held"]
    assert [(event.detail["folder"], event.detail["limit"]) for event in events] == [("shop/", 3)]
    assert "darkroom approve shop/" in events[0].detail["next_step"]
    held = next(task for task in harness.tasks.all if task.state == "held")
    assert events[0].detail["event_id"] == f"tasks-held-{held.task_id}"


def test_event_that_was_not_published_is_published_with_the_next_delivery() -> None:
    """Each delivery of the message counts the task again; the event has the same id."""
    harness = _guarded()
    _drop(harness, "shop/", range(3))
    harness.events.refusals = 1
    _drop(harness, "shop/", range(3, 6))
    events = [event for event in harness.events.published if event.kind == "Tasks Held"]
    held = next(task for task in harness.tasks.all if task.state == "held")
    assert [event.detail["event_id"] for event in events] == [f"tasks-held-{held.task_id}"]


def test_another_task_tells_when_the_first_cannot_and_is_refused_later() -> None:
    """What the bus does not take is left to the next one."""
    harness = _guarded()
    _drop(harness, "shop/", range(3))
    harness.events.refusals = 100
    with pytest.raises(Busy):
        _drop(harness, "shop/", range(3, 4))
    harness.events.refusals = 0
    _drop(harness, "shop/", range(4, 6))
    events = [event for event in harness.events.published if event.kind == "Tasks Held"]
    named = harness.tasks.get(events[0].detail["event_id"].removeprefix("tasks-held-"))
    assert len(events) == 1
    assert named is not None
    assert named.trigger.source == "shop/004.jpg"


def test_next_task_tells_when_the_first_is_lost_before_the_event() -> None:
    """As when the table's answer to the count was lost: the first is counted, and does not tell."""
    harness = _guarded()
    _drop(harness, "shop/", range(3))
    harness.ports.new_tasks.count("shop/", harness.clock.now())
    _drop(harness, "shop/", range(3, 6))
    events = [event for event in harness.events.published if event.kind == "Tasks Held"]
    assert [(event.detail["folder"], event.detail["tasks"]) for event in events] == [("shop/", 5)]


def test_approved_tasks_are_done() -> None:
    """Each once; the guard does not hold them again."""
    harness = _guarded()
    _drop(harness, "shop/", range(5))
    for task in harness.tasks.all:
        if task.state == "held":
            approve(harness.ports, task.task_id)
    harness.run()
    assert _states(harness) == ["succeeded"] * 5
    assert len(harness.providers.charged) == 5


def test_uploader_who_knows_how_many_there_are_is_not_guarded() -> None:
    """Such as `darkroom put`, after it has asked."""
    harness = _guarded()
    _drop(harness, "shop/", range(9), wish="approved")
    harness.run()
    assert _states(harness) == ["succeeded"] * 9


def test_uploader_may_want_tasks_to_be_held() -> None:
    """For a proof sheet: the others wait until these are approved."""
    harness = _guarded(500)
    _drop(harness, "shop/", range(2))
    _drop(harness, "shop/", range(2, 5), wish="hold")
    harness.run()
    assert _states(harness) == ["succeeded"] * 2 + ["held"] * 3
    assert "as its uploader wants" in (harness.tasks.all[-1].wait_reason or "")


@pytest.mark.parametrize("wish", ["hold", ""])
def test_task_that_waits_for_its_photo_is_held_when_it_has_it(wish: str) -> None:
    """Whether its uploader wants it, or it was one of too many."""
    harness = PipelineHarness(money=MoneyRules(guard_tasks=500 if wish else 1))
    harness.upload_spec(SYNC_NONE, "shop/a.jpg.json")
    harness.upload_spec(SYNC_NONE, "shop/b.jpg.json")
    assert _states(harness) == ["waiting", "waiting"]
    harness.upload("shop/a.jpg", wish=wish)
    harness.upload("shop/b.jpg", wish=wish)
    harness.run()
    assert _states(harness) == (["held"] * 2 if wish else ["succeeded", "held"])


def test_waiting_task_that_was_approved_is_not_held_later() -> None:
    """A person need not know that its photo is not there yet."""
    harness = PipelineHarness(money=MoneyRules(guard_tasks=1))
    harness.upload_spec(SYNC_NONE, "shop/a.jpg.json")
    harness.upload_spec(SYNC_NONE, "shop/b.jpg.json")
    approve(harness.ports, harness.tasks.all[1].task_id)
    harness.upload("shop/b.jpg")
    harness.run()
    assert _states(harness) == ["waiting", "succeeded"]
