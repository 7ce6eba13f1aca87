"""Following tasks, and showing them."""

import io
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console

from darkroom.domain.task import Task
from darkroom.ports import Tasks
from infra.cli.files.upload import Placed
from infra.cli.tasks.describe import task_as_dict, task_lines
from infra.cli.tasks.follow import follow
from infra.cli.tasks.progress import ProgressTable, Row, row_of, table_of
from tests.cli.makes import START, make_attempt, make_task

ID = "0" * 32


class Story:
    """A store in which a task is in one state after the other, as often as it is asked for."""

    def __init__(self, tasks: Sequence[Task | None]) -> None:
        self._tasks = list(tasks)
        self.asked = 0

    def get(self, task_id: str) -> Task | None:
        """The next state; the last one stays."""
        assert task_id == ID
        self.asked += 1
        return self._tasks.pop(0) if len(self._tasks) > 1 else self._tasks[0]


def run(story: Story, within_s: float | None = None) -> tuple[dict[str, Task], list[Row], float]:
    """Follow the task on a clock that only pausing moves; tasks, all rows shown, time passed."""
    rows: list[Row] = []
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    tasks: Tasks = story  # type: ignore[assignment] # following only ever asks for one task
    found = follow(
        tasks,
        [Placed("photos/cat.jpg.json", ID)],
        rows.extend,
        within_s,
        clock=lambda: now[0],
        pause=pause,
    )
    return found, rows, now[0]


def test_following_ends_when_the_task_has_ended() -> None:
    """Each look shows a row: uploaded until the task exists, then its states."""
    story = Story([None, make_task(state="queued"), make_task(state="running"), make_task()])
    found, rows, _ = run(story)
    assert found[ID].state == "succeeded"
    assert [row.state for row in rows] == ["uploaded", "queued", "running", "succeeded"]


def test_following_ends_when_time_is_up() -> None:
    """A task that stands still is handed back as it is, and one that never came is not there."""
    found, _, seconds = run(Story([make_task(state="running")]), within_s=5)
    assert found[ID].state == "running"
    assert 5 <= seconds < 6
    assert run(Story([None]), within_s=1)[0] == {}


def board_lines(shown: Sequence[Sequence[Row]]) -> list[str]:
    """What a board writes where nobody watches."""
    written = io.StringIO()
    with ProgressTable(Console(file=written, width=40), "title") as board:
        for rows in shown:
            board.show(rows)
    return written.getvalue().splitlines()


def test_without_a_terminal_each_change_is_one_line() -> None:
    """Logs get a line per change, unwrapped, and none for elapsed time."""
    rows = [Row("1", "photos/a-very-long-name-indeed.jpg", "upscale", "snapapi", "queued", 1.0)]
    later = [Row("1", rows[0].source, "upscale", "snapapi", "queued", 2.0)]
    done = [Row("1", rows[0].source, "upscale", "snapapi", "succeeded", 3.0, "a.png")]
    lines = board_lines([rows, later, done])
    assert len(lines) == 2
    assert lines[1].split() == [
        "3.0",
        "s",
        rows[0].source,
        "upscale",
        "snapapi",
        "succeeded",
        "a.png",
    ]


def test_a_name_is_never_read_as_markup() -> None:
    """A file called `[red]` is shown as it is called."""
    row = Row("1", "[red]x[/red].jpg", "upscale", "snapapi", "queued")
    assert "[red]x[/red].jpg" in board_lines([[row]])[0]
    written = io.StringIO()
    Console(file=written, width=120).print(table_of([row], "t"))
    assert "[red]x[/red].jpg" in written.getvalue()


def test_a_terminal_gets_a_table() -> None:
    """Where somebody watches, the rows are drawn in place."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    with ProgressTable(console, "title") as board:
        board.show([row_of(make_task(), START)])
    assert "photos/cat.jpg/upscale.png" in written.getvalue()


def test_a_row_says_why_a_task_stands_still_and_how_it_ended() -> None:
    """The note is the reason, the failure or the results."""
    later = START + timedelta(seconds=9)
    waiting = make_task(state="waiting", wait_reason="waits for photos/m.png")
    assert row_of(waiting, later).note == "waits for photos/m.png"
    assert row_of(waiting, later).elapsed_s == 9
    assert row_of(waiting, later).provider == "snapapi, apiframe"
    failed = row_of(make_task(state="failed"), later)
    assert (failed.note, failed.elapsed_s) == ("SnapAPI has no credits left.", 2)
    assert row_of(make_task(order=None, attempts=()), later).operation == "-"


def test_what_is_told_of_a_task_holds_no_request_and_no_address() -> None:
    """An open intent stays in the store; people and programs get the rest."""
    secret = make_attempt(outcome="open", request='{"url": "https://signed"}', job_id="job-7")
    task = make_task(state="submitting", attempts=(secret,))
    told = f"{task_as_dict(task)} {task_lines(task)}"
    assert "signed" not in told
    assert "job-7" in told


def test_a_failed_task_is_told_with_reason_and_next_step() -> None:
    """The detail ends with what to do."""
    lines = task_lines(make_task(state="failed"))
    assert lines[-2].endswith("SnapAPI has no credits left. (no-credits)")
    assert lines[-1] == "next       Buy some."
