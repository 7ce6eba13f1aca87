"""Moves dead letters: back to intake, or, where one is the end of a run, on to its task.

Whatever is sent again asks for the task that it asked for before, and that is paid for once.
"""

import functools
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from darkroom.domain.arrivals import FIRST_ID_ATTRIBUTE
from darkroom.pipeline.fail import fail
from infra.cli.dead_letters.read import (
    DeadLetters,
    FailedRunEvent,
    Incoming,
    Letter,
    names_of,
    read_letter,
)
from infra.cli.target import Target
from infra.cli.tasks.batch import Outcome, carry_out
from infra.cli.tasks.find import covers, spellings

SKEW: Final = timedelta(minutes=15)
"""So far this machine's clock may be behind that of the queue: what lies there already must not
look as if it came later. What comes back within that time is known by what it says."""


def redrive(
    target: Target, dead: DeadLetters, what: Collection[str], *, dry_run: bool
) -> Iterator[Outcome]:
    """Move the letters that are meant, or only tell of them; each is sent before it is dropped.

    Args:
        target: the environment.
        dead: its dead letters, held.
        what: names of tasks, keys and folders; none means all.
        dry_run: only tell.

    Returns:
        What became of each letter. Silent ones are left where they are.
    """
    wanted = [spelling for name in what for spelling in spellings(name)]
    sent: set[str] = set()
    for letter in dead.read(datetime.now(UTC) + SKEW):
        read = read_letter(letter, target.input_bucket)
        coming = read if isinstance(read, Incoming) else None
        about, names = _called(target, read)
        order = f"{coming.order}; " if coming and coming.order not in ("", about) else ""
        outcome = functools.partial(
            Outcome,
            about,
            _facts(letter, about, coming.request_id if coming else None),
            note=f"({order}was: {letter.reason})",
        )
        meant = not what or any(covers(key, names) for key in wanted)
        # The very same once more may be one that was sent a moment ago and is back already.
        if not meant or (coming and coming.body in sent):
            yield outcome(silent=True)
            continue
        if dry_run:
            then = "would be sent to intake" if coming else "its task would be looked after"
            yield outcome(done=then)
            continue
        if coming:
            sent.add(coming.body)
        done, failure = carry_out(functools.partial(_again, target, letter, read))
        if failure is None:
            dead.drop(letter)
        yield outcome(done=done, failure=failure)


def _called(target: Target, read: Incoming | FailedRunEvent) -> tuple[str, frozenset[str]]:
    """What a letter is called, and the names that it may be meant by."""
    if isinstance(read, Incoming):
        return read.about, read.names
    task = None
    with suppress(ValueError):  # of another version of the code: its letter is one among others
        task = target.tasks.get(read.task_id)
    about = f"the end of run {read.run} of task {read.task_id}"
    return about, frozenset({read.task_id}) | (names_of(task.trigger.key) if task else set())


def _facts(letter: Letter, about: str, request_id: str | None) -> dict[str, str | None]:
    return {
        "message_id": letter.sender_id,
        "request_id": request_id,
        "about": about,
        "reason": letter.reason,
        "sent_at": letter.sent_at.isoformat(timespec="seconds"),
    }


def _again(target: Target, letter: Letter, read: Incoming | FailedRunEvent) -> str:
    """Do what the letter asked for; whoever dies after this does it once more, which is nothing."""
    if isinstance(read, Incoming):
        target.sqs.send_message(
            QueueUrl=target.need("IntakeQueueUrl"),
            MessageBody=read.body,
            # In the queue it gets another id; its sender knows this one.
            MessageAttributes={
                FIRST_ID_ATTRIBUTE: {"DataType": "String", "StringValue": letter.sender_id},
            },
        )
        return "sent to intake"
    if target.ports.workflows.status(read.task_id, read.run) == "running":
        return "its run is alive again"
    fail(target.ports, read.task_id, read.run, broken=read.status)
    task = target.tasks.get(read.task_id)
    if task is None:
        return "its task is not known any more"
    if task.run != read.run:
        return f"its task is {task.state} in a later run"
    return f"its task is {task.state}" + ("" if task.finished else ", and goes on in a new run")
