"""Turns: who may call a provider next, the line that waits, and what happens to a missed turn."""

from collections import Counter
from dataclasses import replace

import pytest

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.domain.errors import Conflict, InputRefused, Throttled
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.turns import Turns
from darkroom.pipeline.admission.turns import pass_turns
from darkroom.pipeline.sweep import sweep
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_NONE, SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness
from tests.simulation.batch import Batch, rate_per_min, sometimes, worst_overtaking

SLOW = Rules(Rate(60, 600))
"""A call every 11 s, after one at once."""
SNAPAPI = Rules(Rate(60, 60))
PERFECT = Rules(Rate(100, 300), open_jobs=1, calls_per_file=1, calls_per_job=4)
ONE_JOB = Rules(open_jobs=1)


def _many(harness: PipelineHarness, operation: str, count: int, **fields: object) -> list[str]:
    for number in range(count):
        harness.upload(f"photos/{number}.jpg")
        harness.upload_spec(operation, f"photos/{number}.jpg.json", **fields)
        harness.clock.advance(0.01)
    return [task.task_id for task in harness.tasks.all]


def _one(harness: PipelineHarness, photo: str, priority: int) -> str:
    harness.upload(photo)
    harness.upload_spec(JOB_KEY, f"{photo}.json", provider="beta", priority=priority)
    return harness.tasks.all[-1].task_id


def _states(harness: PipelineHarness) -> Counter[str]:
    return Counter(task.state for task in harness.tasks.all)


def _started(harness: PipelineHarness) -> list[str]:
    return [task_id for task_id, _ in harness.workflows.started]


def _batch(batch: Batch, count: int) -> Batch:
    for number in range(count):
        batch.arrive(number * 0.05)
    return batch


# --- waiting costs nothing ------------------------------------------------------------------------


def test_task_in_line_has_no_run(harness: PipelineHarness) -> None:
    """Only the first one is started; the others wait without an execution."""
    harness.providers.rules_of["beta"] = ONE_JOB
    first, *others = _many(harness, JOB_KEY, 4, provider="beta")

    assert _started(harness) == [first]
    assert all(task.state == "queued" and task.place for task in harness.tasks.all)
    assert [waiter.task_id for waiter in harness.lines.first("beta", 9)] == [first, *others]


def test_waiting_task_is_written_twice_and_starts_one_run(harness: PipelineHarness) -> None:
    """Into the line when it is created, out of it with the intent to pay, whatever lies between."""
    harness.providers.rules_of["beta"] = ONE_JOB
    ids = _many(harness, JOB_KEY, 30, provider="beta")
    waiting = harness.tasks.get(ids[-1])
    harness.run()

    assert waiting is not None
    assert waiting.revision == 0
    assert _states(harness) == {"succeeded": 30}
    assert Counter(_started(harness)) == dict.fromkeys(ids, 1)
    assert not any(harness.tasks.lines.values())


def test_task_in_line_is_due_only_at_its_deadline(harness: PipelineHarness) -> None:
    """SWEEP does not ask about thousands of waiting tasks; the line is one."""
    harness.providers.rules_of["beta"] = ONE_JOB
    last = _many(harness, JOB_KEY, 3, provider="beta")[-1]
    task = harness.tasks.get(last)
    assert task is not None
    assert task.due == task.deadline


def test_task_that_waited_too_long_ends(harness: PipelineHarness) -> None:
    """SWEEP starts its run, and that ends it."""
    harness.providers.rules_of["beta"] = ONE_JOB
    first, last = _many(harness, JOB_KEY, 2, provider="beta")
    harness.step("submit", first)
    harness.clock.advance(harness.limits.queue_s + 1)
    sweep(harness.ports)
    assert harness.step("submit", last).next == "fail"
    harness.step("fail", last)

    assert harness.manifest(harness.tasks.get(last))["failure"]["code"] == "gave-up"
    assert not any(harness.tasks.lines.values())


# --- the rate and the open jobs are kept, and used ------------------------------------------------


@pytest.mark.parametrize("late_share", [0.0, 0.1])
def test_batch_uses_the_rate_and_keeps_it(late_share: float) -> None:
    """95 % of nine tenths of it over 200 tasks, the limit in no window, also if some are late."""
    late_s = sometimes(4.2, late_share)
    batch = _batch(Batch(SYNC_NONE, "alpha", SNAPAPI, late_s=late_s), 200)
    courses = batch.run()

    calls = sorted(batch.providers.calls)
    assert len(calls) == 200
    assert rate_per_min(courses) >= 0.95 * 0.9 * 60
    assert all(later - first >= 60 for first, later in zip(calls, calls[60:], strict=False))
    assert worst_overtaking(courses) <= 3


def test_perfects_account_is_used() -> None:
    """One job at a time, its polls reserved with it: 162 an hour."""
    courses = _batch(Batch(JOB_ALONE, "zeta", PERFECT, job_s=lambda: 12), 40).run()

    assert 60 * rate_per_min(courses) >= 162
    assert worst_overtaking(courses) == 0


def test_freed_job_goes_to_the_next_in_line_at_once() -> None:
    """Twenty open jobs of a minute: nobody waits much longer than the jobs take."""
    courses = _batch(Batch(JOB_NONE, "gamma", Rules(open_jobs=20), job_s=lambda: 60), 100).run()

    last = max(one.paid_at or 1e9 for one in courses)
    assert last <= 1.25 * 4 * 60
    assert worst_overtaking(courses) == 0
    assert all(one.submits == 1 for one in courses)


def test_new_tasks_do_not_overtake_old_ones() -> None:
    """However many come."""
    batch = Batch(JOB_NONE, "gamma", Rules(open_jobs=20), job_s=lambda: 62)
    for number in range(80):
        batch.arrive(number * 0.01)
    for number in range(200):
        batch.arrive(60 + 3 * number)

    assert worst_overtaking(batch.run()) == 0


def test_open_jobs_never_exceed_the_limit(harness: PipelineHarness) -> None:
    """All tasks end, and nothing counts as open then."""
    harness.providers.rules_of["beta"] = Rules(open_jobs=2)
    ids = _many(harness, JOB_KEY, 5, provider="beta")
    assert _started(harness) == ids[:2]

    harness.run()
    assert _states(harness) == {"succeeded": 5}
    assert harness.lines.turns("beta").open_jobs == {}


def test_every_poll_counts_as_a_call(harness: PipelineHarness) -> None:
    """It waits for no turn."""
    harness.providers.rules_of["beta"] = SLOW
    (task_id,) = _many(harness, JOB_KEY, 1, provider="beta")
    harness.run(until=["running"])
    before = harness.lines.turns("beta").empty_at
    harness.step("poll", task_id)

    assert harness.lines.turns("beta").empty_at - before == pytest.approx(600 / (54 - 1.08))


def test_poll_that_would_wait_for_long_reserves_nothing(harness: PipelineHarness) -> None:
    """The workflow comes again."""
    harness.providers.rules_of["beta"] = SLOW
    (task_id,) = _many(harness, JOB_KEY, 1, provider="beta")
    harness.run(until=["running"])
    full = Turns(empty_at=harness.clock.now().timestamp() + 100)
    harness.lines.given["beta"] = full
    step = harness.step("poll", task_id)

    assert (step.next, 80 <= step.wait_s <= 100) == ("poll", True)
    assert harness.lines.turns("beta") == full


def test_job_with_a_max_poll_gap_reserves_no_polls(harness: PipelineHarness) -> None:
    """They are reserved with the paid call, so that they are never late."""
    harness.providers.rules_of["zeta"] = PERFECT
    harness.upload(PHOTO)
    harness.upload_spec(JOB_ALONE)
    empty_at = harness.lines.turns("zeta").empty_at
    reserved_s = empty_at - harness.clock.now().timestamp()
    harness.run()

    assert harness.task.state == "succeeded"
    assert reserved_s == pytest.approx(6 * 300 / (90 - 1.8))
    assert harness.lines.turns("zeta").empty_at == empty_at


# --- priority -------------------------------------------------------------------------------------


def test_higher_priority_is_called_first(harness: PipelineHarness) -> None:
    """Among equals the first that came."""
    harness.providers.rules_of["beta"] = ONE_JOB
    first, second = _many(harness, JOB_KEY, 2, provider="beta")
    low, high = _one(harness, "photos/low.jpg", 0), _one(harness, "photos/high.jpg", 9)

    assert [one.task_id for one in harness.lines.first("beta", 9)] == [high, first, second, low]


def test_task_counts_a_step_higher_after_an_hour(harness: PipelineHarness) -> None:
    """So nobody starves."""
    harness.providers.rules_of["beta"] = ONE_JOB
    _many(harness, JOB_KEY, 1, provider="beta")
    low = _one(harness, "photos/low.jpg", 4)
    harness.clock.advance(3601)
    later = _one(harness, "photos/later.jpg", 5)

    assert [one.task_id for one in harness.lines.first("beta", 9)][-2:] == [low, later]


# --- missed turns and processes that die ----------------------------------------------------------


def test_missed_turn_goes_to_the_next_and_the_task_keeps_its_place(
    harness: PipelineHarness,
) -> None:
    """It gets the next one when its run asks."""
    harness.providers.rules_of["beta"] = ONE_JOB
    late, second, third = _many(harness, JOB_KEY, 3, provider="beta")
    harness.clock.advance(31)
    pass_turns(harness.ports, "beta")
    assert _started(harness) == [late, second]

    assert harness.step("submit", late).next == "done"  # no turn is free
    harness.step("submit", second)
    harness.clock.advance(6)
    harness.step("poll", second)
    harness.step("poll", second)
    assert _started(harness) == [late, second, late]
    assert harness.step("submit", late).next == "poll"
    assert third not in _started(harness)


@pytest.mark.parametrize("ended", [False, True])
def test_sweep_gives_the_turn_of_a_run_that_is_gone_again(
    harness: PipelineHarness, *, ended: bool
) -> None:
    """Whether it never started, or ended without a word."""
    harness.providers.rules_of["beta"] = ONE_JOB
    (task_id,) = _many(harness, JOB_KEY, 1, provider="beta")
    if ended:
        harness.workflows.ended.add((task_id, 1))
    else:
        harness.workflows.started.clear()
    harness.clock.advance(31)
    sweep(harness.ports)
    sweep(harness.ports)

    assert harness.workflows.started[-1] == (task_id, 2 if ended else 1)
    assert harness.step("submit", task_id).next == "poll"


def test_sweep_leaves_a_late_run_alone(harness: PipelineHarness) -> None:
    """It asks itself; until then the next one has its turn."""
    harness.providers.rules_of["beta"] = ONE_JOB
    late, second = _many(harness, JOB_KEY, 2, provider="beta")
    for _ in range(3):
        harness.clock.advance(31)
        sweep(harness.ports)

    assert harness.workflows.started == [(late, 1), (second, 1)]


def test_task_without_a_turn_does_not_pay(harness: PipelineHarness) -> None:
    """Its run ends; the next one starts with its turn."""
    harness.providers.rules_of["beta"] = ONE_JOB
    first, second = _many(harness, JOB_KEY, 2, provider="beta")
    harness.step("submit", first)

    assert harness.step("submit", second).next == "done"
    assert len(harness.providers.charged) == 1


def test_submit_that_died_before_its_intent_takes_its_turn_again(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job counted as open already."""
    harness.providers.rules_of["beta"] = ONE_JOB
    (task_id,) = _many(harness, JOB_KEY, 1, provider="beta")

    def run_out(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(harness.tasks, "replace", run_out)
        with pytest.raises(MemoryError):
            harness.step("submit", task_id)

    assert harness.step("submit", task_id).next == "poll"


def test_open_job_of_a_lost_run_expires(harness: PipelineHarness) -> None:
    """A run that is gone does not block the line for ever."""
    harness.providers.rules_of["beta"] = ONE_JOB
    dead, alive = _many(harness, JOB_KEY, 2, provider="beta")
    harness.step("submit", dead)
    harness.clock.advance(2 * 3600)
    pass_turns(harness.ports, "beta")

    assert _started(harness) == [dead, alive]


def test_lost_runs_cost_their_tasks_little_more_than_a_minute() -> None:
    """One run in ten is lost before it does anything."""
    lost = {(number, 1) for number in range(3, 100, 10)}
    batch = Batch(SYNC_NONE, "alpha", SNAPAPI, lost=lambda *run: run in lost)
    courses = _batch(batch, 100).run()

    paid_at = [one.paid_at or 1e9 for one in courses]
    assert max(paid_at[number] - paid_at[number - 1] for number, _ in lost) < 90


def test_race_for_the_turns_is_tried_again(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that writes second reads again."""
    harness.providers.rules_of["beta"] = Rules(open_jobs=2)
    stored, lost = harness.lines.compare_and_set, iter([False, False])
    monkeypatch.setattr(
        harness.lines, "compare_and_set", lambda *args: next(lost, True) and stored(*args)
    )
    ids = _many(harness, JOB_KEY, 2, provider="beta")

    assert _started(harness) == ids


# --- endings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("polls", [1, 10**6])
def test_job_is_not_open_when_it_has_ended(harness: PipelineHarness, polls: int) -> None:
    """Done, or given up as too slow."""
    harness.providers.rules_of["gamma"] = Rules(open_jobs=3)
    harness.providers.polls = polls
    _many(harness, JOB_NONE, 1)
    harness.run()

    assert harness.lines.turns("gamma").open_jobs == {}


def test_job_is_not_open_when_it_fails_or_is_refused(harness: PipelineHarness) -> None:
    """The next provider has a line of its own."""
    harness.providers.rules_of |= {"beta": ONE_JOB, "gamma": ONE_JOB}
    harness.providers.script("submit", Throttled("busy", "Later.", retry_after_s=1))
    harness.providers.script("poll", JobFailed("bad-image", "It has no face.", "no"))
    _many(harness, JOB_KEY, 1)
    harness.run()

    assert _states(harness) == {"succeeded": 1}
    assert [harness.lines.turns(name).open_jobs for name in ("beta", "gamma")] == [{}, {}]


def test_cancelled_task_passes_its_turn_on(harness: PipelineHarness) -> None:
    """Its job was never made."""
    harness.providers.rules_of["beta"] = ONE_JOB
    first, second = _many(harness, JOB_KEY, 2, provider="beta")
    harness.delete("photos/0.jpg.json")

    assert _states(harness) == {"cancelled": 1, "queued": 1}
    assert _started(harness) == [first, second]


def test_refused_file_passes_its_turn_on(harness: PipelineHarness) -> None:
    """Nothing was paid."""
    harness.providers.rules_of["beta"] = ONE_JOB
    first, second = _many(harness, JOB_KEY, 2, provider="beta")
    harness.providers.script("prepare", InputRefused("picture-too-large", "It is too large."))
    harness.step("submit", first)

    assert _started(harness) == [first, second]


# --- pauses ---------------------------------------------------------------------------------------


def test_nobody_gets_a_turn_while_the_provider_is_paused(harness: PipelineHarness) -> None:
    """After the pause one task at a time does."""
    harness.providers.rules_of["beta"] = Rules(open_jobs=5)
    now = harness.clock.now().timestamp()
    paused = CircuitState(FAILURES_TO_OPEN, now + 100, "It is away.")
    harness.limiter.compare_and_set("beta", CircuitState(), paused)
    ids = _many(harness, JOB_KEY, 3, provider="beta")
    sweep(harness.ports)
    assert _started(harness) == []

    harness.clock.advance(101)
    sweep(harness.ports)
    assert _started(harness) == ids[:1]
    harness.step("submit", ids[0])
    sweep(harness.ports)
    assert set(_started(harness)) == set(ids)


def test_pause_in_the_middle_changes_no_order() -> None:
    """Those under way go first, then everybody in turn."""
    batch = _batch(Batch(SYNC_NONE, "alpha", SNAPAPI), 120)
    throttled = Throttled("busy", "Later.", retry_after_s=30)
    batch.scheduler.after(20, lambda: batch.providers.script("submit", throttled))

    assert worst_overtaking(batch.run()) <= 4


def test_task_out_of_line_takes_its_place_when_it_comes_back(harness: PipelineHarness) -> None:
    """It was throttled while others came."""
    harness.providers.rules_of["beta"] = ONE_JOB
    harness.providers.script("submit", Throttled("busy", "Later.", retry_after_s=5))
    first, second, third = _many(harness, JOB_KEY, 3, provider="beta")
    harness.step("submit", first)
    harness.clock.advance(6)
    pass_turns(harness.ports, "beta")
    harness.step("submit", second)
    assert harness.step("submit", first).next == "done"

    assert [one.task_id for one in harness.lines.first("beta", 9)] == [first, third]


def test_stale_write_does_not_move_a_task_in_line(harness: PipelineHarness) -> None:
    """The place belongs to the task's revision."""
    harness.providers.rules_of["beta"] = ONE_JOB
    first, second = _many(harness, JOB_KEY, 2, provider="beta")
    waiting = harness.tasks.get(second)
    assert waiting is not None
    harness.tasks.replace(waiting, replace(waiting, wait_reason="someone wrote"))
    with pytest.raises(Conflict):
        harness.tasks.replace(waiting, replace(waiting, place=None))

    assert [one.task_id for one in harness.lines.first("beta", 9)] == [first, second]
