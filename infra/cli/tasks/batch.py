"""Does one thing to many, tasks or others, and tells of each what was done or why not.

The trouble of one does not keep the command from the others.
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

AT_ONCE: Final = 8
FEW: Final = 20
"""So many are done one after the other: it takes less than the threads' own ports do."""
SETTLED: Final = frozenset(
    {"already-succeeded", "ended-already", "not-ended", "superseded", "spec-deleted"}
)
"""What a task that was found among others is left alone for, without a word."""


@dataclass(frozen=True)
class Outcome:
    """What became of one thing: something was done, or there is a failure.

    Attributes:
        about: what people know it by.
        facts: what a program is told of it, name -> value.
        note: what people are told of it besides.
        done: what was done.
        failure: why nothing was done.
        silent: whether it was left alone, and is counted only.
    """

    about: str
    facts: Mapping[str, str | None]
    note: str = ""
    done: str = ""
    failure: Failure | None = None
    silent: bool = False

    @property
    def line(self) -> str:
        """As people read it."""
        said = f"{self.failure.sentence} {self.failure.next_step}" if self.failure else self.done
        return "  ".join(part for part in (self.about, said.strip(), self.note) if part)

    def as_dict(self) -> dict[str, str | None]:
        """As `--json` prints it."""
        return {
            **self.facts,
            "done": self.done or None,
            "code": self.failure.code if self.failure else None,
            "sentence": self.failure.sentence if self.failure else None,
            "next_step": self.failure.next_step if self.failure else None,
        }


def act_on(
    target: "Target", meant: "Sequence[Selected]", act: "Callable[[Ports, str], str]"
) -> Iterator[Outcome]:
    """Act on every task, in the order in which they are given; many at once where there are many.

    Args:
        target: where.
        meant: the tasks.
        act: does it to one task, by its id, and says what it did. May raise anything.
    """
    if len(meant) <= FEW:
        yield from (_act(target.ports, one, act) for one in meant)
        return
    own = threading.local()
    making = threading.Lock()

    def in_thread(one: "Selected") -> Outcome:
        if not hasattr(own, "ports"):
            with making:
                own.ports = target.open_ports()
        return _act(own.ports, one, act)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(in_thread, meant)


def tell(outcomes: Iterable[Outcome], begun: str, nothing: str, *, as_json: bool) -> None:
    """Print every outcome, and the sum of them on stderr.

    Args:
        outcomes: told as they come, but in JSON all at the end.
        begun: what became of those where something was done, as in "3 retried".
        nothing: what to say when there are none.
        as_json: print one JSON array.

    Raises:
        click.exceptions.Exit: with 1, when something was refused or failed.
    """
    count: Counter[str] = Counter()
    told: list[dict[str, str | None]] = []
    for outcome in outcomes:
        kind = "left" if outcome.silent else "refused" if outcome.failure else "done"
        count[kind] += 1
        if kind != "left" and as_json:
            told.append(outcome.as_dict())
        elif kind != "left":
            say(outcome.line)
    if as_json:
        say_json(told)
    words = {"done": begun, "refused": "refused", "left": "left alone"}
    parts = [f"{count[kind]} {word}" for kind, word in words.items() if count[kind]]
    say(", ".join(parts) or nothing, err=True)
    if count["refused"]:
        raise click.exceptions.Exit(1)


def carry_out(act: Callable[[], str]) -> tuple[str, Failure | None]:
    """What `act` says it did, or why it could not."""
    try:
        with as_click_errors():
            return act(), None
    except click.ClickException as error:
        cause = error.__cause__
        if isinstance(cause, DarkroomError):
            return "", cause.failure
        return "", Failure("fault", error.message, "Try it again.")
    except ValueError as error:
        return "", Failure("fault", f"{error}.")


def _act(ports: "Ports", one: "Selected", act: "Callable[[Ports, str], str]") -> Outcome:
    done, failure = carry_out(lambda: act(ports, one.task_id))
    return Outcome(
        about="  ".join(part for part in (one.task_id, one.key) if part),
        facts={"task_id": one.task_id, "key": one.key},
        done=done,
        failure=failure,
        silent=failure is not None and failure.code in SETTLED and not one.by_itself,
    )
