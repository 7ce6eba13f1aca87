"""What a task says of itself, for every state and outcome that it may be in."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import get_args

import pytest

from darkroom.domain.attempt import Outcome
from darkroom.domain.errors import Failure
from darkroom.domain.order import Input, Order, Trigger
from darkroom.domain.task import (
    FINISHED,
    RESUMABLE,
    STUCK_AFTER,
    Ending,
    EndStatus,
    State,
    Task,
)
from darkroom.domain.turns import Place
from tests.fakes.clock import START
from tests.fakes.task_factory import full_task, sample_task

STATES: tuple[State, ...] = get_args(State)
NOW = START + timedelta(hours=5)
WHY = Failure("why", "Because.")


def _attempted(state: State, outcome: Outcome) -> Task:
    attempt = replace(full_task().attempts[-1], outcome=outcome)
    return sample_task(1, state, attempts=(attempt,))


@pytest.mark.parametrize("outcome", get_args(Outcome))
@pytest.mark.parametrize("state", [s for s in STATES if s not in ("waiting", "queued")])
def test_call_is_in_doubt_only_while_submitting_and_open(state: State, outcome: Outcome) -> None:
    """Afterwards its outcome is known; while a result is expected, `at_work` is true."""
    task = _attempted(state, outcome)
    assert task.in_doubt == (state == "submitting" and outcome == "open")
    assert task.at_work == (outcome in ("open", "accepted"))
    assert not sample_task(1, "queued").at_work


@pytest.mark.parametrize("state", STATES)
def test_only_a_waiting_task_without_an_ending_awaits_inputs(state: State) -> None:
    """It is due at its deadline, as a held one; all others `STUCK_AFTER` their last write."""
    task = sample_task(1, state, deadline=NOW)
    assert task.awaits_inputs == (state == "waiting")
    assert task.due == (NOW if state in ("waiting", "held") else START + STUCK_AFTER)
    assert task.finished == (state in FINISHED)

    given_up = replace(task, ending=Ending("failed", WHY))
    assert not given_up.awaits_inputs
    assert given_up.due == START + STUCK_AFTER


def test_task_in_line_is_due_at_its_deadline() -> None:
    """Until then SWEEP checks its line as a whole."""
    task = sample_task(1, place=Place("beta", START))
    assert task.due == task.deadline


def test_task_leaves_its_line_with_its_state() -> None:
    """It may stay queued in it, or go to another one."""
    there, elsewhere = Place("beta", START), Place("gamma", START)
    task = sample_task(1, state="queued", place=there)
    assert task.with_state("queued", NOW).place == there
    assert task.with_state("queued", NOW, place=elsewhere).place == elsewhere
    assert task.with_state("submitting", NOW).place is None


@pytest.mark.parametrize(
    ("kind", "ending", "replaces"),
    [
        ("upload", None, True),
        ("upload", "failed", True),
        ("upload", "cancelled", False),
        ("message", None, False),
        ("message", "failed", False),
    ],
)
def test_only_an_uploaded_current_spec_replaces_an_older_task(
    kind: str, ending: EndStatus | None, replaces: object
) -> None:
    """An upload, unless it is an old version's late event; never a message."""
    task = sample_task()
    trigger = replace(task.trigger, kind=kind)  # type: ignore[arg-type]
    ends = Ending(ending, WHY) if ending else None
    assert replace(task, trigger=trigger, ending=ends).replaces is replaces


@pytest.mark.parametrize("old", STATES)
@pytest.mark.parametrize("new", STATES)
def test_new_run_begins_only_after_a_bad_end(old: State, new: State) -> None:
    """And only in a state where something is left to do."""
    task = replace(full_task(), state=old)
    if new in RESUMABLE.get(old, frozenset()):
        assert old in ("failed", "cancelled", "unknown")
        assert new in ("queued", "submitting", "running", "delivering")
        assert task.with_new_run(new, NOW).state == new
    else:
        with pytest.raises(ValueError, match=f"from {old} as {new}"):
            task.with_new_run(new, NOW)


def test_with_new_run_resets_the_counters() -> None:
    """No waits are left; order and attempts stay."""
    before = replace(
        full_task(),
        state="failed",
        place=Place("beta", NOW),
        queued_at=NOW,
        parked=2,
        unreached=7,
        waits=3,
        gone=2,
        run=4,
        since_run=2,
    )
    after = before.with_new_run("queued", NOW, results=())
    changed = {
        field.name
        for field in fields(Task)
        if getattr(before, field.name) != getattr(after, field.name)
    }

    assert changed == {
        *("state", "updated_at", "run", "since_run", "ending", "wait_reason"),
        *("waits", "unreached", "gone", "results", "place", "queued_at", "parked"),
    }
    assert (after.run, after.since_run, after.updated_at) == (5, 5, NOW)
    assert (after.waits, after.unreached, after.gone) == (0, 0, 0)
    assert (after.ending, after.wait_reason) == (None, None)
    assert (after.place, after.queued_at, after.parked) == (None, None, 0)


def test_with_attempt_replaces_by_number_first() -> None:
    """A throttled attempt that is written again stays throttled."""
    last = replace(full_task().attempts[-1], number=2, outcome="throttled")
    first = replace(last, number=1, outcome="failed")
    task = sample_task(1, attempts=(first, last))
    assert task.with_attempt(replace(last, replays=1)) == (first, replace(last, replays=1))
    assert task.with_attempt(replace(last, number=3)) == (first, replace(last, number=3))


def test_task_id_covers_every_part_of_the_trigger() -> None:
    """No two triggers have the same id."""
    one = Trigger("upload", "b", "k", "v")
    others = [
        Trigger("message", "b", "k", "v"),
        Trigger("upload", "c", "k", "v"),
        Trigger("upload", "b", "l", "v"),
        Trigger("upload", "b", "k", "w"),
        Trigger("upload", "bk", "", "v"),
        Trigger("upload", "b", "kv", ""),
    ]
    assert one.task_id == Trigger("upload", "b", "k", "v").task_id
    assert len({one.task_id, *(other.task_id for other in others)}) == 1 + len(others)
    assert len(one.task_id) == 32
    assert set(one.task_id) <= set("0123456789abcdef")


def test_with_digests_changes_only_the_files_that_were_read() -> None:
    """The rest of the order stays."""
    known, new = Input("a", "1", "e", 1, "f" * 64), Input("b", "1", "e", 1)
    order = Order("upscale", (), {"image": ("a", "b")}, {"image": (known, new), "mask": (new,)})
    digested = order.with_digests({"b": "0" * 64})

    assert digested.inputs["image"] == (known, replace(new, sha256="0" * 64))
    assert digested.inputs["mask"] == (replace(new, sha256="0" * 64),)
    assert replace(digested, inputs=order.inputs) == order
