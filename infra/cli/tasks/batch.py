"""Runs one action on many tasks or messages, and reports each outcome.

A failure of one does not stop the others.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.errors import DarkroomError, Failure
from infra.cli.errors import as_click_errors
from infra.cli.printing import say, say_json

if TYPE_CHECKING:
    from darkroom.ports import Ports
    from infra.cli.target import Target
    from infra.cli.tasks.select import Selected

THREADS: Final = 8
MAX_SEQUENTIAL: Final = 20
"""Up to this many tasks run one after the other: that is faster than opening ports per thread."""
EXPECTED_CODES: Final = frozenset(
    {"already-succeeded", "ended-already", "not-ended", "superseded", "spec-deleted"}
)
"""Failure codes that are skipped silently when the task was only matched by a folder or photo."""


@dataclass(frozen=True)
class Outcome:
    """The outcome for one task or message: what was done, or the failure.

    Attributes:
        subject: what users know it by.
        facts: what `--json` prints about it, name -> value.
        note: a remark for users, printed last.
        done: what was done.
        failure: why nothing was done.
        skipped: whether it is only counted, not printed.
    """

    subject: str
    facts: Mapping[str, str | None]
    note: str = ""
    done: str = ""
    failure: Failure | None = None
    skipped: bool = False

    @property
    def line(self) -> str:
        """The outcome as one line of text."""
        message = self.done
        if self.failure:
            message = f"{self.failure.sentence} {self.failure.next_step}".strip()
        return "  ".join(part for part in (self.subject, message, self.note) if part)

    def as_dict(self) -> dict[str, str | None]:
        """The outcome as `--json` prints it."""
        return {
            **self.facts,
            "done": self.done or None,
            "code": self.failure.code if self.failure else None,
            "sentence": self.failure.sentence if self.failure else None,
            "next_step": self.failure.next_step if self.failure else None,
        }


def run_on_all(
    target: "Target", selected: "Sequence[Selected]", action: "Callable[[Ports, str], str]"
) -> Iterator[Outcome]:
    """Run an action on every task, in several threads if there are many tasks.

    Args:
        target: the environment.
        selected: the tasks; outcomes come in this order.
        action: takes a task id and returns what it did. May raise anything.
    """
    if len(selected) <= MAX_SEQUENTIAL:
        yield from (_run_on(target.ports, task, action) for task in selected)
        return
    thread = threading.local()
    opening = threading.Lock()

    def run_in_thread(task: "Selected") -> Outcome:
        if not hasattr(thread, "ports"):
            with opening:
                thread.ports = target.open_ports()
        return _run_on(thread.ports, task, action)

    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(run_in_thread, selected)


def report(outcomes: Iterable[Outcome], done: str, nothing: str, *, as_json: bool) -> None:
    """Print every outcome on stdout, and the totals on stderr.

    Args:
        outcomes: printed one by one; with `as_json` all at the end.
        done: the word for those that worked, as in "3 retried".
        nothing: what to print if there are no outcomes.
        as_json: print one JSON array.

    Raises:
        click.exceptions.Exit: with code 1, if there was a failure that was not skipped.
    """
    counts: Counter[str] = Counter()
    rows: list[dict[str, str | None]] = []
    for outcome in outcomes:
        kind = "skipped" if outcome.skipped else "refused" if outcome.failure else "done"
        counts[kind] += 1
        if kind != "skipped" and as_json:
            rows.append(outcome.as_dict())
        elif kind != "skipped":
            say(outcome.line)
    if as_json:
        say_json(rows)
    words = {"done": done, "refused": "refused", "skipped": "skipped"}
    totals = [f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind]]
    say(", ".join(totals) or nothing, err=True)
    if counts["refused"]:
        raise click.exceptions.Exit(1)


def run_action(action: Callable[[], str]) -> tuple[str, Failure | None]:
    """Run an action; what it says it did, or the failure."""
    try:
        with as_click_errors():
            return action(), None
    except click.ClickException as error:
        cause = error.__cause__
        if isinstance(cause, DarkroomError):
            return "", cause.failure
        return "", Failure("fault", error.message, "Try again.")
    except ValueError as error:
        return "", Failure("fault", f"{error}.")


def _run_on(ports: "Ports", task: "Selected", action: "Callable[[Ports, str], str]") -> Outcome:
    done, failure = run_action(lambda: action(ports, task.task_id))
    return Outcome(
        subject="  ".join(part for part in (task.task_id, task.key) if part),
        facts={"task_id": task.task_id, "key": task.key},
        done=done,
        failure=failure,
        skipped=failure is not None and failure.code in EXPECTED_CODES and not task.explicit,
    )
