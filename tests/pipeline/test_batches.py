"""A batch ends once, is announced with what its tasks add up to, and again when that changes."""

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message
from darkroom.domain.batch import Batch, BatchId, BatchRule, Tally, describe_progress
from darkroom.domain.budgets import ENVIRONMENT, Budget
from darkroom.domain.errors import Busy, Conflict
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.vendor_history import HistoryPage, HistoryRow
from darkroom.pipeline import retry as retry_verb
from darkroom.pipeline.batches.look import CHECK_AFTER_S, look_at_batch
from darkroom.pipeline.batches.opening import declare_folder_batch
from darkroom.pipeline.intake import receive
from darkroom.pipeline.money.reconcile import reconcile
from darkroom.pipeline.settle_charges import settle_charges
from tests.fakes.clock import START
from tests.fakes.routes import JOB_NONE, SYNC_NONE
from tests.pipeline.harness import Died, PipelineHarness, refusal

FOLDER = "night/"
DEFAULT = f"{FOLDER}_darkroom.json"
REFUSALS = 2
"""So that no provider is left."""
MANIFEST = f"{FOLDER}_darkroom.batch.manifest.json"


def start(harness: PipelineHarness, **rule: Any) -> None:
    """Upload a folder default with a rule."""
    spec = {"operation": SYNC_NONE, "settle_s": 0, "metadata": {"shop": "A"}, **rule}
    harness.upload(DEFAULT, json.dumps(spec).encode())


def photo(harness: PipelineHarness, name: str) -> None:
    """Upload a photo, and run its tasks."""
    harness.upload(f"{FOLDER}{name}.jpg")
    harness.run()


def complete(harness: PipelineHarness) -> None:
    """A batch of one photo, which the next look finds to have ended."""
    start(harness, expect=1)
    photo(harness, "a")
    harness.clock.advance(120)


def wait(harness: PipelineHarness, minutes: int = 3) -> None:
    """Let time pass, with SWEEP every minute."""
    for _ in range(minutes):
        harness.clock.advance(60)
        harness.sweep()
        harness.run()


def ends(harness: PipelineHarness) -> list[dict[str, Any]]:
    """The announcements."""
    return [dict(e.detail) for e in harness.events.published if e.kind == "Batch Finished"]


def manifest(harness: PipelineHarness, key: str = MANIFEST) -> dict[str, Any]:
    """The batch's manifest."""
    document: dict[str, Any] = json.loads(harness.outputs.get(key) or b"{}")
    return document


def batch(harness: PipelineHarness) -> Batch:
    """The only batch."""
    (one,) = harness.batches.all
    return one


def test_batch_ends_when_the_expected_photos_are_done(harness: PipelineHarness) -> None:
    """Not while one is missing; once, a minute after the last one at the earliest."""
    start(harness, expect=2)
    photo(harness, "a")
    wait(harness, 30)
    assert ends(harness) == []
    photo(harness, "b")
    harness.sweep()
    assert ends(harness) == []
    wait(harness, 12)
    wait(harness, 60)

    (event,) = ends(harness)
    assert event["event_id"].endswith("-1")
    assert (event["revision"], event["ended_by"], event["rule"]) == (1, "expect", {"expect": 2})
    assert event["batch"] == {"kind": "folder", "name": FOLDER}
    assert event["counts"] == {"tasks": 2, "sources": 2, "succeeded": 2}
    assert event["failures"] == {}
    assert event["manifest"] == MANIFEST
    assert batch(harness).look_at is None


def test_manifest_has_sums_and_the_hash_of_every_manifest(harness: PipelineHarness) -> None:
    """Keys and ETags as the bucket lists them; cost by provider and by metadata field."""
    start(harness, expect=2)
    harness.providers.script("submit", *[refusal()] * REFUSALS)
    photo(harness, "a")
    photo(harness, "b")
    wait(harness)

    document = manifest(harness)
    assert document["counts"] == {"tasks": 2, "sources": 2, "failed": 1, "succeeded": 1}
    assert document["failures"] == {"bad-request": 1}
    assert document["hash"] == "etag"
    for entry in document["tasks"]:
        assert entry["manifest"] == f"{entry['source']}/{SYNC_NONE}.manifest.json"
        assert entry["etag"] == harness.outputs.find(entry["manifest"])
    spent = [a.credits or 0 for t in harness.tasks.all for a in t.attempts if a.charged != "no"]
    (provider,) = document["cost"]["by_provider"]
    assert document["cost"]["by_provider"][provider]["credits"] == sum(spent) > 0
    by_shop = document["cost"]["by_metadata"]["shop"]
    assert (by_shop["values"], by_shop["by_value"]["A"]["tasks"]) == (1, 2)
    assert by_shop["by_value"]["A"]["by_provider"] == document["cost"]["by_provider"]


def test_end_says_what_is_left_of_the_budgets() -> None:
    """Of the environment and of the folder, in each provider's credits and in dollars."""
    rules = MoneyRules(budgets=(Budget(ENVIRONMENT, credits=50.0),))
    harness = PipelineHarness(money=rules)
    start(harness, expect=2, budget={"usd": 3, "credits": 10, "per": "ever"})
    photo(harness, "a")
    photo(harness, "b")
    wait(harness)
    (event,) = ends(harness)
    ((provider, cost),) = event["cost"]["by_provider"].items()
    spent = cost["credits"]
    assert spent > 0
    found = {(one["owner"], one["unit"]): one for one in event["budgets"]}
    assert found[(ENVIRONMENT, "credits")] == {
        "owner": ENVIRONMENT,
        "unit": "credits",
        "provider": provider,
        "per": "day",
        "limit": 50,
        "held": spent,
        "left": 50 - spent,
    }
    folder = found[(f"{FOLDER}_darkroom.json", "credits")]
    assert (folder["per"], folder["limit"], folder["left"]) == ("ever", 10, 10 - spent)
    dollars = found[(f"{FOLDER}_darkroom.json", "usd")]
    assert (dollars["provider"], dollars["limit"], dollars["held"]) == (None, 3, cost["usd"])
    assert manifest(harness)["budgets"] == event["budgets"]


def test_object_ends_the_batch_once_every_photo_has_a_task(harness: PipelineHarness) -> None:
    """Files that the folder default leaves alone do not count, whatever else lies there."""
    start(harness, until="_END")
    for name in ("a.mask.png", "_b.jpg", "notes.txt"):
        harness.upload(f"{FOLDER}{name}")
    photo(harness, "a")
    harness.put_file(f"{FOLDER}late.jpg")
    wait(harness, 20)
    assert ends(harness) == []
    harness.upload(f"{FOLDER}_END")
    wait(harness, 20)
    assert ends(harness) == []
    photo(harness, "late")
    wait(harness, 20)

    (event,) = ends(harness)
    assert (event["ended_by"], event["counts"]["tasks"]) == ("until", 2)


def test_spec_without_a_task_keeps_the_batch_open(harness: PipelineHarness) -> None:
    """Its event is on its way; a spec needs no folder default."""
    start(harness, until="_END")
    harness.upload(f"{FOLDER}_END")
    event = harness.put_file(f"{FOLDER}x.jpg.json", json.dumps({"operation": SYNC_NONE}).encode())
    wait(harness, 5)
    assert ends(harness) == []
    harness.receive(event)
    harness.upload(f"{FOLDER}x.jpg")
    harness.run()
    wait(harness, 15)
    assert len(ends(harness)) == 1


def test_quiet_time_ends_the_batch(harness: PipelineHarness) -> None:
    """Counted from the newest task; not before there is one."""
    start(harness, quiet_s=600)
    wait(harness, 30)
    photo(harness, "a")
    wait(harness, 9)
    assert ends(harness) == []
    wait(harness, 13)
    assert [one["ended_by"] for one in ends(harness)] == ["quiet_s"]


def test_of_several_rules_the_first_that_holds_decides(harness: PipelineHarness) -> None:
    """So a batch whose last photo never comes has an end, too."""
    start(harness, expect=200, quiet_s=600)
    photo(harness, "a")
    wait(harness, 25)
    assert [one["ended_by"] for one in ends(harness)] == ["quiet_s"]


def test_unfinished_task_keeps_the_batch_open(harness: PipelineHarness) -> None:
    """One waits for a mask that never comes, until its deadline."""
    start(harness, expect=1)
    spec = {"operation": "remove-objects", "inputs": {"image": "x.jpg", "mask": "none.png"}}
    harness.upload(f"{FOLDER}x.jpg")
    harness.run()
    harness.upload(f"{FOLDER}x.jpg.other.json", json.dumps(spec).encode())
    wait(harness, 60)
    assert ends(harness) == []
    harness.clock.advance(24 * 3600)
    wait(harness, 15)
    (event,) = ends(harness)
    assert event["failures"] == {"inputs-missing": 1}


def test_retry_and_new_photo_each_make_a_revision(harness: PipelineHarness) -> None:
    """Announced again with the new figures, and only then."""
    start(harness, expect=2)
    harness.providers.script("submit", *[refusal()] * REFUSALS)
    photo(harness, "a")
    photo(harness, "b")
    wait(harness)
    assert len(ends(harness)) == 1
    failed = next(task for task in harness.tasks.all if task.state == "failed")
    retry_verb.retry(harness.ports, failed.task_id)
    harness.run()
    wait(harness)
    photo(harness, "c")
    wait(harness, 20)

    assert [(one["revision"], one["counts"]) for one in ends(harness)] == [
        (1, {"tasks": 2, "sources": 2, "failed": 1, "succeeded": 1}),
        (2, {"tasks": 2, "sources": 2, "succeeded": 2}),
        (3, {"tasks": 3, "sources": 3, "succeeded": 3}),
    ]
    assert len({one["event_id"] for one in ends(harness)}) == 3
    assert manifest(harness)["revision"] == 3


def test_repeated_event_of_a_photo_announces_nothing(harness: PipelineHarness) -> None:
    """It opens the batch again, whose tasks are as they were."""
    start(harness, expect=1)
    event = harness.put_file(f"{FOLDER}a.jpg")
    harness.receive(event)
    harness.run()
    wait(harness)
    harness.receive(event)
    assert not batch(harness).closed
    wait(harness, 20)

    assert len(ends(harness)) == 1
    assert batch(harness).closed
    assert batch(harness).look_at is None


def test_no_task_writes_the_item_of_its_batch(harness: PipelineHarness) -> None:
    """While it is open: neither the first nor the hundredth."""
    start(harness, expect=100)
    writes = harness.batches.writes
    for number in range(40):
        photo(harness, str(number))
    assert harness.batches.writes == writes == 1


def test_looks_come_in_growing_steps(harness: PipelineHarness) -> None:
    """At most every minute, at least every ten."""
    start(harness, expect=100)
    photo(harness, "a")
    looks: set[Any] = set()
    for _ in range(600):
        wait(harness, 1)
        looks.add(batch(harness).look_at)
    steps = sorted(looks)
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(steps)]
    assert min(gaps) >= 60
    assert max(gaps) <= 660
    assert gaps[-1] > gaps[0]


def test_batch_that_never_ends_is_given_up_and_taken_up_again(harness: PipelineHarness) -> None:
    """After a month nobody looks; the next photo opens it."""
    start(harness, expect=2)
    photo(harness, "a")
    wait(harness)
    harness.clock.advance(harness.limits.batch_idle_s)
    wait(harness)
    assert (batch(harness).look_at, ends(harness)) == (None, [])
    photo(harness, "b")
    wait(harness)
    assert len(ends(harness)) == 1


@pytest.mark.parametrize("body", [b'{"operation": "upscale"}', None], ids=["changed", "deleted"])
def test_folder_without_a_rule_any_more_has_no_batch(
    harness: PipelineHarness, body: bytes | None
) -> None:
    """Nobody looks at it."""
    start(harness, expect=1)
    if body is None:
        harness.delete(DEFAULT)
    else:
        harness.upload(DEFAULT, body)
    photo(harness, "a")
    wait(harness, 5)
    assert (batch(harness).look_at, ends(harness)) == (None, [])


def test_changed_rule_counts_at_once(harness: PipelineHarness) -> None:
    """Two were expected, and one came."""
    start(harness, expect=2)
    photo(harness, "a")
    wait(harness, 30)
    start(harness, expect=1)
    wait(harness, 2)
    assert [one["rule"] for one in ends(harness)] == [{"expect": 1}]


def test_broken_default_does_not_end_its_batch(harness: PipelineHarness) -> None:
    """The rule stays as it was until the file is corrected; its photos wait, too."""
    start(harness, expect=1)
    harness.upload(DEFAULT, b"{")
    photo(harness, "a")
    wait(harness, 20)
    assert ends(harness) == []
    start(harness, expect=1)
    harness.run()
    wait(harness, 15)
    assert len(ends(harness)) == 1


def test_photos_below_count_for_the_folder(harness: PipelineHarness) -> None:
    """At any depth."""
    start(harness, expect=2)
    photo(harness, "a")
    photo(harness, "x/y/b")
    wait(harness)
    assert ends(harness)[0]["counts"]["sources"] == 2


def test_command_may_say_the_rule_of_a_folder(harness: PipelineHarness) -> None:
    """A file there without a rule leaves it; one with a rule replaces it; the larger counts."""
    declare_folder_batch(harness.ports, FOLDER, BatchRule(expect=1))
    declare_folder_batch(harness.ports, FOLDER, BatchRule(expect=3))
    declare_folder_batch(harness.ports, FOLDER, BatchRule(expect=2))
    assert harness.batches.writes == 2
    start(harness)
    assert batch(harness).rule == BatchRule(expect=3)
    start(harness, expect=1)
    assert batch(harness).rule == BatchRule(expect=1)
    photo(harness, "a")
    wait(harness)
    assert len(ends(harness)) == 1


# --- crashes and races --------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["outputs.put_over", "events.publish", "batches.write"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_crash_announces_the_same_again(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch, port: str, when: str
) -> None:
    """Whatever was written, the id and the content are the same."""
    complete(harness)
    where, name = port.split(".")
    target = getattr(harness, where)
    real: Callable[..., Any] = getattr(target, name)
    died: list[bool] = []

    def die(*args: Any, **kwargs: Any) -> Any:
        if not died:
            died.append(True)
            if when == "after":
                real(*args, **kwargs)
            raise Died
        return real(*args, **kwargs)

    monkeypatch.setattr(target, name, die)
    with pytest.raises(Died):
        harness.sweep()
    wait(harness, 15)

    events = ends(harness)
    assert {one["event_id"] for one in events} == {events[0]["event_id"]}
    assert events[0]["revision"] == 1
    assert all(one == events[0] for one in events)
    assert len(harness.outputs.versions(MANIFEST)) == 1
    assert batch(harness).closed


def test_change_between_a_crash_and_the_repetition_is_another_revision(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one may have been published, so its number is used up."""
    complete(harness)
    with monkeypatch.context() as patch:
        patch.setattr(harness.batches, "write", _die)
        with pytest.raises(Died):
            harness.sweep()
    photo(harness, "b")
    wait(harness, 15)

    assert [(one["revision"], one["counts"]["tasks"]) for one in ends(harness)] == [(1, 1), (2, 2)]


def _die(*_: Any) -> Any:
    raise Died


def test_two_sweeps_at_once_announce_one_thing(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who loses the manifest gives up."""
    complete(harness)
    real, nested = harness.outputs.put_over, list[bool]()

    def other_first(*args: Any, **kwargs: Any) -> None:
        if not nested:
            nested.append(True)
            look_at_batch(harness.ports, BatchId("folder", FOLDER))
        real(*args, **kwargs)

    monkeypatch.setattr(harness.outputs, "put_over", other_first)
    harness.sweep()

    assert nested
    assert len(ends(harness)) == 1
    assert batch(harness).closed


def test_task_that_passes_a_closing_batch_is_found_by_the_last_look(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It saw the batch open, and the look did not see the task."""
    complete(harness)
    real = harness.events.publish

    def publish(kind: str, detail: Any) -> None:
        real(kind, detail)
        if kind == "Batch Finished" and len(harness.tasks.all) == 1:
            harness.upload(f"{FOLDER}b.jpg")

    monkeypatch.setattr(harness.events, "publish", publish)
    harness.sweep()
    harness.run()
    assert batch(harness).closed
    wait(harness, CHECK_AFTER_S // 60 + 3)

    assert [one["counts"]["tasks"] for one in ends(harness)] == [1, 2]


def test_error_of_one_batch_does_not_stop_the_others(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised at the end."""
    start(harness, expect=1)
    send(harness, "1", batch="other", expect=1)
    harness.upload("orders/1.jpg")
    photo(harness, "a")
    harness.clock.advance(180)
    real = harness.tasks.below

    def below(prefix: str) -> Any:
        if prefix == FOLDER:
            raise Busy("b", "Later.")
        return real(prefix)

    monkeypatch.setattr(harness.tasks, "below", below)
    with pytest.raises(Busy):
        harness.sweep()
    assert [one["batch"]["name"] for one in ends(harness)] == ["other"]


# --- batches of messages ------------------------------------------------------------------------


def send(harness: PipelineHarness, number: str, **more: Any) -> None:
    """Send an order."""
    body = {
        "request_id": f"order-{number}",
        "source": f"orders/{number}.jpg",
        "spec": {"operation": SYNC_NONE},
        **more,
    }
    receive(harness.ports, Message(json.dumps(body), "m", 1, START), read_message)
    harness.run()


@pytest.mark.parametrize(
    "parts",
    [
        [{"batch": "n-7"}, {"batch": "n-7", "expect": 2}],
        [{"batch": {"name": "n-7", "expect": 2}}, {"batch": "n-7"}],
        [{"batch": "n-7", "expect": 2}, {"batch": {"name": "n-7", "expect": 1}}],
        [{"batch": "n-7", "expect": 2}, {"batch": "n-7", "expect": 2}],
    ],
)
def test_messages_name_their_batch(harness: PipelineHarness, parts: list[dict[str, Any]]) -> None:
    """Any of them says how many there will be; of two numbers the larger one counts."""
    for number, part in enumerate(parts):
        harness.upload(f"orders/{number}.jpg")
        send(harness, str(number), **part)
        if number == 0:
            wait(harness, 1)
            assert ends(harness) == []
    harness.upload("orders/other.jpg")
    send(harness, "other")
    wait(harness, 15)

    (event,) = ends(harness)
    assert event["batch"] == {"kind": "message", "name": "n-7"}
    assert event["counts"]["tasks"] == 2
    assert event["manifest"] == "batches/n-7/_darkroom.batch.manifest.json"
    entries = manifest(harness, event["manifest"])["tasks"]
    assert all(entry["etag"] for entry in entries)
    tasks = [one for one in harness.events.published if one.kind == "Task Succeeded"]
    assert [one.detail["batch"] for one in tasks] == ["n-7", "n-7", None]


def test_batch_of_messages_can_end_by_quiet(harness: PipelineHarness) -> None:
    """As a folder's."""
    harness.upload("orders/1.jpg")
    send(harness, "1", batch={"name": "n-7", "quiet_s": 300})
    wait(harness, 12)
    assert [one["ended_by"] for one in ends(harness)] == ["quiet_s"]


def test_batch_is_shown_as_what_it_waits_for(harness: PipelineHarness) -> None:
    """And as ended."""
    start(harness, expect=2, quiet_s=900)
    photo(harness, "a")

    def shown() -> str:
        tally = Tally.of(harness.tasks.below(FOLDER))
        return describe_progress(batch(harness), tally, harness.clock.now())

    harness.clock.advance(30)
    assert shown() == "1 of 2 expected or no new task for 30 of 900 s"
    photo(harness, "b")
    wait(harness)
    assert shown() == "has ended"
    harness.upload(f"{FOLDER}c.jpg")
    assert shown() == "3 of 2 expected or no new task for 0 of 900 s; 1 not finished"


def test_conflict_of_the_item_is_not_an_error(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new rule came at the same moment; the next look counts by it."""
    complete(harness)
    with monkeypatch.context() as patch:
        patch.setattr(harness.batches, "write", _conflict)
        harness.sweep()
    assert not batch(harness).closed
    wait(harness)
    assert {one["revision"] for one in ends(harness)} == {1}
    assert harness.clock.now() - START < timedelta(hours=1)


def _conflict(*_: Any) -> Any:
    raise Conflict("Another one wrote.")


def test_batch_is_announced_again_when_its_cost_is_settled(harness: PipelineHarness) -> None:
    """A provider's history says that a failed job was charged after all; nothing else changes."""
    start(harness, expect=1, operation=JOB_NONE)
    harness.providers.script("poll", JobFailed("job-failed", "It could not be done.", "unknown"))
    photo(harness, "a")
    wait(harness)
    row = HistoryRow("job-1", "job-1", START.timestamp() + 1, 7.0, "failed")
    harness.providers.histories["gamma"] = [HistoryPage((row,))]
    harness.clock.advance(3600)
    [found] = reconcile(harness.ports, START - timedelta(days=1), {"gamma": "Gamma"})
    assert found.comparison is not None
    [settled] = settle_charges(harness.ports, found.comparison)
    assert settled.failure is None
    wait(harness, 12)
    first, second = ends(harness)
    assert (first["revision"], second["revision"]) == (1, 2)
    assert second["counts"] == first["counts"]
    assert second["cost"]["by_provider"]["gamma"]["credits"] == 7.0
