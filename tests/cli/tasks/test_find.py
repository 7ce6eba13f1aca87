"""Which names a key covers, and which tasks count as unfinished or waiting."""

from datetime import timedelta

import pytest

from darkroom.domain.task import State
from infra.cli.tasks import find
from infra.cli.tasks.find import covers, unfinished_tasks, waiting_tasks
from tests.cli.factories import START, make_task
from tests.fakes.tasks import InMemoryTasks


def test_a_key_covers_itself_and_everything_below_it() -> None:
    """It covers to any depth, but no name that merely begins with the same letters."""
    cases: list[tuple[str, tuple[str | None, ...], bool]] = [
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
    ]
    for key, names, covered in cases:
        assert covers(key, names) is covered, (key, names)


def test_finished_tasks_do_not_hide_waiting_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stay in the due index for a while, but do not count against the limit."""
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
    monkeypatch.setattr(find, "MAX_EXAMINED", 2)

    assert len(list(tasks.due(now + find.DUE_HORIZON))) == len(states)
    assert [task.state for task in unfinished_tasks(tasks, now)] == ["queued", "waiting"]
    assert [task.state for task in waiting_tasks(tasks, 9, now)] == ["waiting"]


def test_a_task_is_found_by_id_spec_photo_and_folder() -> None:
    """With `photos/` or without, wherever the task is; other names find nothing."""
    for folder in ("photos/", ""):
        tasks = InMemoryTasks()
        task = make_task("a" * 32, "failed", f"{folder}cat.jpg.up.json", source=f"{folder}cat.jpg")
        tasks.create(task, previous=None, owner=None)
        for name in (
            task.task_id,
            "photos/cat.jpg.up.json",
            "photos/cat.jpg",
            "/photos/cat.jpg",
            "photos/",
            "cat.jpg",
            "cat.jpg.up.json",
        ):
            assert list(find.find_tasks(tasks, name, 9)) == [task], (folder, name)
        assert list(find.newest_tasks(tasks, 9)) == [task]
        for name in ("b" * 32, "photos/dog.jpg", "dog.jpg.json", "other/"):
            assert list(find.find_tasks(tasks, name, 9)) == [], (folder, name)
    # A folder may be named without its slash.
    tasks.create(make_task("b" * 32, key="a/b.json", source=None), previous=None, owner=None)
    assert [task.task_id for task in find.find_tasks(tasks, "a", 9)] == ["b" * 32]
