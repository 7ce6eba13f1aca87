"""The screen of a batch: readable on 80 x 24, and lines without a terminal."""

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rich.console import Console

from darkroom.domain.task import State
from darkroom.domain.task_summary import TaskSummary
from infra.cli.batch.screen import BatchScreen, Reading
from tests.cli.factories import START

LONG = "Its picture is 9,000 pixels wide and this model takes 4,096. " * 3


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        """The seconds."""
        return self.now


def summary(number: int, state: State = "succeeded", **changes: Any) -> TaskSummary:
    """A task of a night's folder."""
    one = TaskSummary(
        f"{number:032x}",
        f"clients/spring/2026-05-01/session-{number:05}/IMG_{number:05}.jpg.upscale.json",
        state,
        START + timedelta(seconds=number),
        operation="upscale",
        provider="snapapi",
    )
    return replace(one, **changes)


def console(*, terminal: bool = True, height: int = 24) -> Console:
    """A console of 80 columns that keeps what is written."""
    return Console(
        file=io.StringIO(), width=80, height=height, force_terminal=terminal, color_system=None
    )


def text_of(reading: Reading, height: int = 24) -> str:
    """The screen as text."""
    screen = BatchScreen(console(height=height), "clients/spring/", "dev", Clock())
    screen._advance(reading.totals)
    out = console(height=height)
    out.print(screen.render(reading))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_screen_fits_80_columns_and_24_lines() -> None:
    """With names and reasons of any length, many reasons and many tasks."""
    failed = [
        summary(n, "failed", code=f"code-{n % 9}", reason=f"Reason {n}. {LONG}") for n in range(90)
    ]
    waiting = [summary(n, "queued", reason=LONG) for n in range(100, 200)]
    lines = text_of(Reading([*failed, *waiting], unread=3, settling=1200)).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    shown = "\n".join(lines)
    assert "90/1393 ended" in shown
    assert "0 done  0 running  100 waiting  90 failed  0 held" in shown
    assert "1,200 settling, 3 uploaded, not read yet" in shown
    assert "10 x code-0, such as clients/spring/" in shown
    assert "darkroom retry clients/spring/ --code code-0 --env dev" in shown
    assert "more reasons" in shown
    assert "IMG_00100.jpg  upscale by snapapi" in shown


def test_screen_says_what_was_spent_and_what_is_left_of_budgets() -> None:
    """Within 80 columns and 24 lines, however many budgets there are."""
    budgets = [f"the budget of clients/{n}/_darkroom.json: {LONG}" for n in range(9)]
    failed = [summary(n, "failed", code=f"code-{n}", reason=LONG) for n in range(30)]
    reading = Reading([summary(99, spent={"snapapi": 12.0}), *failed], budgets=budgets)
    lines = text_of(reading).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "spent: 12 snapapi credits ($0.006)" in lines
    assert sum(line.startswith("the budget of clients/") for line in lines) == 3
    assert len(text_of(reading, height=10).splitlines()) <= 10


def test_results_with_a_warning_are_counted_by_kind() -> None:
    """The most frequent one first."""
    warned = [
        summary(n, warnings=1, warning="flat-result" if n else "nothing-changed") for n in range(4)
    ]
    reading = Reading([*warned, summary(9)])
    words = "4 with a warning (3 flat-result, 1 nothing-changed)"
    assert words in text_of(reading)
    assert reading.totals.text == f"5 done, {words}"


def test_running_tasks_are_shown_before_waiting_ones() -> None:
    """With the end of the name, which says most."""
    reading = Reading([summary(1, "queued", reason="waits for its turn"), summary(2, "running")])
    shown = text_of(reading)
    assert shown.index("IMG_00002.jpg") < shown.index("IMG_00001.jpg")
    assert "  waits for its turn" in shown


def test_control_characters_and_markup_are_escaped() -> None:
    """Names of files come from outside."""
    evil = summary(1, "failed", key="a/\x1b[2J[red]x.jpg.json", code="x", reason="\x1b[31mno")
    shown = text_of(Reading([evil]))
    assert "\x1b" not in shown
    assert "a/\\x1b[2J[red]x.jpg" in shown


def test_refused_spec_is_not_to_be_retried() -> None:
    """And an unclear call is held: it may have been paid."""
    refused = summary(1, "failed", operation=None, code="bad-params", reason="No.")
    unclear = summary(2, "unknown", code="unclear", reason="Who knows.")
    shown = text_of(Reading([refused, unclear]))
    assert "darkroom status clients/spring/ --code bad-params" in shown
    assert "darkroom status clients/spring/ --code unclear" in shown
    assert "1 failed  1 held" in shown


def test_without_a_terminal_a_line_every_ten_seconds_and_one_for_each_failure() -> None:
    """Each failure once; the last line says that it has ended."""
    clock, out = Clock(), console(terminal=False)
    running = [summary(n, "running") for n in range(4)]
    with BatchScreen(out, "a/", "local", clock) as screen:
        for second in range(21):
            clock.now = float(second)
            failed = [summary(9, "failed", code="c", reason="Because.")] if second >= 5 else []
            screen.show(Reading([*running[: 4 - second // 10], *failed]))
        clock.now = 22.0
        screen.show(Reading([summary(1), summary(9, "failed", code="c", reason="Because.")]))
    assert isinstance(out.file, io.StringIO)
    lines = out.file.getvalue().splitlines()
    assert [line for line in lines if line.startswith("failed: ")] == [
        "failed: clients/spring/2026-05-01/session-00009/IMG_00009.jpg: Because. (c)"
    ]
    assert len(lines) == 5
    assert lines[0].startswith("0 of 4 ended: 4 running")
    assert lines[-1].startswith("2 of 2 ended: 1 done, 1 failed")


def test_without_a_terminal_what_is_left_says_what_it_waits_for() -> None:
    """Once nothing else goes on; each once."""
    out = console(terminal=False)
    waiting = summary(7, "waiting", reason="a/cat.jpg is empty (0 bytes)")
    with BatchScreen(out, "a/", "local", Clock()) as screen:
        screen.show(Reading([summary(1, "running"), waiting]))
        for _ in range(2):
            screen.show(Reading([summary(1), waiting]))
    assert isinstance(out.file, io.StringIO)
    [line] = [line for line in out.file.getvalue().splitlines() if "empty" in line]
    assert line.startswith("waiting: clients/spring/")
    assert line.endswith("IMG_00007.jpg: a/cat.jpg is empty (0 bytes)")


def test_held_tasks_are_shown_with_their_reason_and_nothing_waits_for_them() -> None:
    """They have not ended; a person or a budget lets them go on."""
    held = summary(1, "held", reason="is held: the budget of a/ has no room for it")
    reading = Reading([held, summary(2)])
    shown = text_of(reading)
    assert "1/2 ended" in shown
    assert "1 done  0 running  0 waiting  0 failed  1 held" in shown
    assert "  is held: the budget of a/ has no room for it" in shown
    assert "darkroom status clients/spring/ --state held --env dev" in shown
    assert reading.ended
    assert not Reading([held, summary(2, "running")]).ended
