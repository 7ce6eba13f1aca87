"""Checks of the tasks: what needs a person, what is overdue, and which runs failed."""

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, ok, problem, warning

ATTENTION: Final = "tasks"
HELD: Final = "held tasks"
OVERDUE: Final = "overdue tasks"
RUNS: Final = "failed runs"
MAX_READ: Final = 200
LATE: Final = timedelta(minutes=10)
"""SWEEP checks what is due every minute."""
LATELY: Final = timedelta(hours=24)
BAD_ENDS: Final = ("FAILED", "TIMED_OUT", "ABORTED")
MAX_RUNS: Final = 50


def check_attention(examined: Examined) -> Iterator[Finding]:
    """Tasks whose outcome is unknown: a person decides. How many failed lately is said, too."""
    found = examined.ports.tasks.needing_attention(MAX_READ)
    unknown = [task for task in found if task.state == "unknown"]
    if unknown:
        listed = f"darkroom status / --state unknown{examined.env}"
        sentence = f"{_many(len(unknown))} unknown: paid or not, nobody can say; you decide"
        yield warning(ATTENTION, sentence, listed)
    since = examined.now - LATELY
    failed = [task for task in found if task.state == "failed" and task.updated_at > since]
    codes = Counter(task.ending.failure.code for task in failed if task.ending)
    if failed:
        most = ", ".join(f"{number} {code}" for code, number in codes.most_common(3))
        said = f"{_many(len(failed))} failed in the last day ({most})"
        yield ok(ATTENTION, f"{said}; each has its reason in `darkroom status`")
    elif not unknown:
        yield ok(ATTENTION, "none is unknown, and none failed in the last day")


def check_held(examined: Examined) -> Iterator[Finding]:
    """Tasks that are held: until a person approves them, or until a budget has room."""
    from infra.cli.tasks.find import unfinished_tasks  # noqa: PLC0415 - only here

    unfinished = itertools.islice(unfinished_tasks(examined.ports.tasks, examined.now), MAX_READ)
    kinds = Counter(task.hold.kind for task in unfinished if task.held and task.hold)
    for_person = kinds["guard"] + kinds["approval"]
    if for_person:
        command = f"darkroom status / --state held{examined.env}"
        sentence = f"{_many(for_person)} held until `darkroom approve` or `darkroom cancel`"
        yield warning(HELD, sentence, command)
    if kinds["budget"]:
        yield ok(HELD, f"{_many(kinds['budget'])} held until a budget has room")
    if not kinds:
        yield ok(HELD, "none")


def check_overdue(examined: Examined) -> Iterator[Finding]:
    """Tasks that SWEEP should have checked by now."""
    due = examined.ports.tasks.due(examined.now - LATE)
    overdue = list(itertools.islice(due, MAX_READ))
    if overdue:
        number = f"{len(overdue)} or more" if len(overdue) == MAX_READ else str(len(overdue))
        minutes = round(LATE.total_seconds() / 60)
        sentence = f"{number} due for more than {minutes} minutes: SWEEP does not reach them"
        yield problem(OVERDUE, sentence, f"darkroom logs {overdue[0]}{examined.env}")
    else:
        yield ok(OVERDUE, "none")


def check_runs(examined: Examined) -> Iterator[Finding]:
    """Runs of the workflow that ended outside of it in the last day; FAIL or SWEEP goes on."""
    machine = examined.output("StateMachineArn")
    runs: list[Any] = []
    for status in BAD_ENDS:
        answer = examined.client("stepfunctions").list_executions(
            stateMachineArn=machine, statusFilter=status, maxResults=MAX_RUNS
        )
        since = examined.now - LATELY
        runs += [run for run in answer["executions"] if run.get("stopDate", since) > since]
    if runs:
        newest = max(runs, key=lambda run: run["stopDate"])
        task_id = newest["name"].rpartition("-")[0]
        noun = "run" if len(runs) == 1 else "runs"
        sentence = f"{len(runs)} {noun} failed in the last day"
        yield warning(RUNS, sentence, f"darkroom logs {task_id}{examined.env}")
    else:
        yield ok(RUNS, "none in the last day")


def _many(number: int) -> str:
    if number >= MAX_READ:
        return f"{MAX_READ} or more are"
    return "1 is" if number == 1 else f"{number} are"
