"""`follow` polls tasks until they are finished or the timeout passes."""

from collections.abc import Iterable, Mapping, Sequence

import pytest

from darkroom.domain.task import Task
from darkroom.ports import Tasks
from infra.cli.files.upload import UploadedSpec
from infra.cli.tasks.follow import follow
from infra.cli.tasks.places import PlaceInLine, Places
from infra.cli.tasks.progress import Row
from tests.cli.factories import make_task

ID = "0" * 32


class ScriptedTasks:
    """A store that returns one state of a task after the other."""

    def __init__(self, states: Sequence[Task | None]) -> None:
        self._states = list(states)

    def get(self, task_id: str) -> Task | None:
        """The next state; the last one stays."""
        assert task_id == ID
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]


class FixedPlaces(Places):
    """Every queued task is the second in line."""

    def __init__(self) -> None:
        super().__init__(pytest.fail)

    def of(self, tasks: Iterable[Task]) -> Mapping[str, PlaceInLine]:
        """Task id -> its place."""
        return {task.task_id: PlaceInLine("snapapi", 2) for task in tasks if task.state == "queued"}


def run(
    states: Sequence[Task | None], timeout_s: float | None = None
) -> tuple[dict[str, Task], list[Row], float]:
    """Follow a task on a clock that only sleeping moves; tasks, all rows shown, seconds passed."""
    rows: list[Row] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    tasks: Tasks = ScriptedTasks(states)  # type: ignore[assignment] # `follow` calls `get` only
    found = follow(
        tasks,
        [UploadedSpec("photos/cat.jpg.json", ID)],
        rows.extend,
        FixedPlaces(),
        timeout_s,
        clock=lambda: now[0],
        sleep=sleep,
    )
    return found, rows, now[0]


def test_follow_ends_when_the_task_has_ended() -> None:
    """Each poll shows a row: uploaded until the task exists, then its states."""
    states = [None, make_task(state="queued"), make_task(state="running"), make_task()]
    found, rows, _ = run(states)
    assert found[ID].state == "succeeded"
    assert [row.state for row in rows] == ["uploaded", "queued", "running", "succeeded"]
    assert [row.place for row in rows] == ["", "2nd in line at snapapi", "", ""]


def test_follow_ends_when_the_timeout_has_passed() -> None:
    """A task that is still running is returned as it is; one that never existed is left out."""
    found, _, seconds = run([make_task(state="running")], timeout_s=5)
    assert found[ID].state == "running"
    assert 5 <= seconds < 6
    assert run([None], timeout_s=1)[0] == {}
