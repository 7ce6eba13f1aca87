"""The progress table on a terminal, and its lines without one."""

import io
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console

from darkroom.domain.turns import Place
from infra.cli.tasks.places import PlaceInLine
from infra.cli.tasks.progress import ProgressTable, Row, build_row
from tests.cli.factories import START, make_task


def lines_of(shown: Sequence[Sequence[Row]]) -> list[str]:
    """The lines that a table writes without a terminal."""
    written = io.StringIO()
    with ProgressTable(Console(file=written, width=40), "title") as table:
        for rows in shown:
            table.show(rows)
    return written.getvalue().splitlines()


def test_without_a_terminal_each_change_is_one_line() -> None:
    """A log gets a line for each change, unwrapped, and none for elapsed time alone."""
    rows = [Row("1", "photos/a-very-long-name-indeed.jpg", "upscale", "snapapi", "queued", 1.0)]
    later = [Row("1", rows[0].source, "upscale", "snapapi", "queued", 2.0)]
    done = [Row("1", rows[0].source, "upscale", "snapapi", "succeeded", 3.0, "a.png")]
    lines = lines_of([rows, later, done])
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


def test_without_a_terminal_a_new_place_in_line_is_no_change() -> None:
    """A log would get a line for each task that went before; the first one shows the place."""
    task = make_task(state="queued", place=Place("snapapi", START))
    rows = [build_row(task, START, PlaceInLine("snapapi", n, 10.0 * n)) for n in (3, 2, 1)]
    paused = build_row(task, START, PlaceInLine("snapapi", 1, pause="snapapi is paused: busy."))
    lines = lines_of([[row] for row in [*rows, paused]])
    assert [line.partition("queued  ")[2] for line in lines] == [
        "3rd in line at snapapi, about 30 s",
        "snapapi is paused: busy.",
    ]


def test_a_terminal_gets_a_table() -> None:
    """On a terminal the rows are redrawn in place."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    queued = make_task("1" * 32, "queued", place=Place("snapapi", START))
    with ProgressTable(console, "title") as table:
        table.show(
            [build_row(make_task(), START), build_row(queued, START, PlaceInLine("snapapi", 2))]
        )
    assert "photos/cat.jpg/upscale.png" in written.getvalue()
    assert "2nd in line at snapapi" in written.getvalue()


def test_a_row_says_why_a_task_waits_and_how_it_ended() -> None:
    """The note is the wait reason, the failure or the results."""
    later = START + timedelta(seconds=9)
    waiting = build_row(make_task(state="waiting", wait_reason="waits for photos/m.png"), later)
    assert waiting.note == "waits for photos/m.png"
    assert waiting.elapsed_s == 9
    assert waiting.provider == "snapapi, apiframe"
    failed = build_row(make_task(state="failed"), later)
    assert (failed.note, failed.elapsed_s) == ("SnapAPI has no credits left.", 2)
    queued = build_row(make_task(state="queued", place=Place("apiframe", START)), later)
    assert (queued.note, queued.place) == ("waits for its turn at apiframe", "")
    assert build_row(make_task(order=None, attempts=()), later).operation == "-"
