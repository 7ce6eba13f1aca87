"""What a name covers, and which tasks are found unfinished."""

from datetime import timedelta

import pytest

from darkroom.domain.task import State
from infra.cli.tasks import find as looking
from infra.cli.tasks.find import covers, standing_still, unfinished
from tests.cli.makes import START, make_task
from tests.fakes.tasks import InMemoryTasks


@pytest.mark.parametrize(
    ("key", "names", "covered"),
    [
        ("a/cat.jpg", ("a/cat.jpg", "a/cat.jpg.json"), True),
        ("a/cat.jpg.json", (None, "a/cat.jpg.json"), True),
        ("a", ("a/b/cat.jpg",), True),
        ("a/", ("a/b/cat.jpg",), True),
        ("", ("a/cat.jpg",), True),
        ("a", ("ab/cat.jpg",), False),
        ("a/cat", ("a/cat.jpg",), False),
        ("a/cat.jpg/", ("a/cat.jpg",), False),
        ("a", (None,), False),
        ("", (), False),
    ],
)
def test_a_name_covers_itself_and_what_is_below_it(
    key: str, names: tuple[str | None, ...], *, covered: bool
) -> None:
    """To any depth; but no name that merely begins with the same letters."""
    assert covers(key, names) is covered


def test_what_has_ended_hides_nothing_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is listed until its end was told, and takes no place among those that are looked at."""
    tasks = InMemoryTasks()
    states: tuple[State, ...] = ("failed", "succeeded", "cancelled", "queued", "waiting")
    for number, state in enumerate(states):
        at = START + timedelta(seconds=number)
        task = make_task(
            str(number) * 32,
            state,
            f"{number}.jpg.json",
            source=f"{number}.jpg",
            wait_reason=None if state == "queued" else "waits for m.png",
            created_at=at,
            updated_at=at,
        )
        tasks.create(task, previous=None, owner=None)
    now = START + timedelta(minutes=1)
    monkeypatch.setattr(looking, "MAX_LOOKED_AT", 2)

    assert len(list(tasks.due(now + looking.AHEAD))) == len(states)
    assert [task.state for task in unfinished(tasks, now)] == ["queued", "waiting"]
    assert [task.state for task in standing_still(tasks, 9, now)] == ["waiting"]
