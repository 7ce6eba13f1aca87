"""The progress table on a terminal, and its lines without one."""

import io
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console

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


def test_a_terminal_gets_a_table() -> None:
    """On a terminal the rows are redrawn in place."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    with ProgressTable(console, "title") as table:
        table.show([build_row(make_task(), START)])
    assert "photos/cat.jpg/upscale.png" in written.getvalue()


def test_a_row_says_why_a_task_waits_and_how_it_ended() -> None:
    """The note is the wait reason, the failure or the results."""
    later = START + timedelta(seconds=9)
    waiting = build_row(make_task(state="waiting", wait_reason="waits for photos/m.png"), later)
    assert waiting.note == "waits for photos/m.png"
    assert waiting.elapsed_s == 9
    assert waiting.provider == "snapapi, apiframe"
    failed = build_row(make_task(state="failed"), later)
    assert (failed.note, failed.elapsed_s) == ("SnapAPI has no credits left.", 2)
    assert build_row(make_task(order=None, attempts=()), later).operation == "-"
