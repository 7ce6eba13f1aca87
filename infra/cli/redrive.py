"""`darkroom redrive`: give the dead letters another chance; none is lost, none is paid for twice.

Whatever is sent again asks for the task that it asked for before, and that is paid for once.
"""

import functools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from infra.cli.target import Target, env_option, find_target

if TYPE_CHECKING:
    from darkroom.errors import Failure
    from infra.cli.letters import BadEnd, DeadLetters, Incoming, Letter

SKEW: Final = timedelta(minutes=15)
"""So far this machine's clock may be behind that of the queue: what lies there already must not
look as if it came later. What comes back within that time is known by what it says."""


@click.command(name="redrive")
@click.argument("what", metavar="[TASK_ID | KEY | FOLDER]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only tell what lies there, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print the messages as JSON.")
@env_option
def command(what: tuple[str, ...], environment: str, *, dry_run: bool, as_json: bool) -> None:
    """Give messages another chance that ended in the dead letters.

    Without an argument: all of them. Each is told with the reason that brought it there; what
    fails again comes back. The end of a run ends its task, or the task goes on in a new run. A task
    is paid for once, however often it is asked for.
    """
    if not all(what):
        raise click.UsageError("an empty name means nothing; the bucket's root is /")
    from infra.cli.acting import tell  # noqa: PLC0415 - brings the models along
    from infra.cli.letters import DeadLetters  # noqa: PLC0415 - the same

    target = find_target(environment)
    with DeadLetters(target.sqs, target.need("DeadLetterQueueUrl")) as dead:
        tell(
            redrive(target, dead, what, dry_run=dry_run),
            "would be redriven" if dry_run else "redriven",
            "there are no dead letters",
            as_json=as_json,
        )


@dataclass(frozen=True)
class Redriven:
    """What became of one letter. `silent` ones are left where they are, and not told of."""

    letter: "Letter"
    about: str
    done: str = ""
    failure: "Failure | None" = None
    silent: bool = False

    @property
    def line(self) -> str:
        """As people read it."""
        said = f"{self.failure.sentence} {self.failure.next_step}" if self.failure else self.done
        return f"{self.about}  {said.strip()}  (was: {self.letter.reason})"

    def as_dict(self) -> dict[str, str | None]:
        """As `--json` prints it."""
        return {
            "message_id": self.letter.message_id,
            "about": self.about,
            "reason": self.letter.reason,
            "sent_at": self.letter.sent_at.isoformat(timespec="seconds"),
            "done": self.done or None,
            "code": self.failure.code if self.failure else None,
            "sentence": self.failure.sentence if self.failure else None,
            "next_step": self.failure.next_step if self.failure else None,
        }


def redrive(
    target: Target, dead: "DeadLetters", what: Collection[str], *, dry_run: bool
) -> Iterator[Redriven]:
    """Move the letters that are meant, or only tell of them; each is sent before it is dropped.

    Args:
        target: the environment.
        dead: its dead letters, held.
        what: names of tasks, keys and folders; none means all.
        dry_run: only tell.
    """
    from infra.cli.acting import attempt  # noqa: PLC0415 - brings the models along
    from infra.cli.letters import Incoming, read_letter  # noqa: PLC0415 - the same

    sent: set[str] = set()
    for letter in dead.read(datetime.now(UTC) + SKEW):
        read = read_letter(letter, target.input_bucket)
        coming = read if isinstance(read, Incoming) else None
        about, names = _called(target, read)
        # The very same once more may be one that was sent a moment ago and is back already.
        if (what and not _meant(names, what)) or (coming and coming.body in sent):
            yield Redriven(letter, about, silent=True)
            continue
        if dry_run:
            then = "would be sent to intake" if coming else "its task would be looked after"
            yield Redriven(letter, about, then)
            continue
        if coming:
            sent.add(coming.body)
        done, failure = attempt(functools.partial(_again, target, read))
        if failure is None:
            dead.drop(letter)
        yield Redriven(letter, about, done, failure)


def _again(target: Target, read: "Incoming | BadEnd") -> str:
    """Do what the letter asked for; whoever dies after this does it once more, which is nothing."""
    from infra.cli.letters import Incoming  # noqa: PLC0415 - brings the models along

    if isinstance(read, Incoming):
        target.sqs.send_message(QueueUrl=target.need("IntakeQueueUrl"), MessageBody=read.body)
        return "sent to intake"
    from darkroom.pipeline.fail import fail  # noqa: PLC0415 - brings the models along

    if target.ports.workflows.status(read.task_id, read.run) == "running":
        return "its run is alive again"
    fail(target.ports, read.task_id, read.run, broken=read.status)
    task = target.tasks.get(read.task_id)
    if task is None:
        return "its task is not known any more"
    if task.run != read.run:
        return f"its task is {task.state} in a later run"
    return f"its task is {task.state}" + ("" if task.finished else ", and goes on in a new run")


def _called(target: Target, read: "Incoming | BadEnd") -> "tuple[str, frozenset[str]]":
    """What a letter is called, and the names that it may be meant by."""
    from infra.cli.letters import Incoming, names_of  # noqa: PLC0415 - brings the models along

    if isinstance(read, Incoming):
        return read.about, read.names
    task = target.tasks.get(read.task_id)
    about = f"the end of run {read.run} of task {read.task_id}"
    return about, frozenset({read.task_id}) | (names_of(task.trigger.key) if task else set())


def _meant(names: Collection[str], what: Collection[str]) -> bool:
    from infra.cli.looking import spellings  # noqa: PLC0415 - brings the models along

    wanted = [spelling for one in what for spelling in spellings(one)]
    return any(
        name == one or name.startswith(one if not one or one.endswith("/") else f"{one}/")
        for one in wanted
        for name in names
    )
