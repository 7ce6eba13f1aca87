"""Sends dead letters again: messages to INTAKE; the end of a run is handled as FAIL would.

A message that is sent again requests the same task as before, and that is paid for once.
"""

import functools
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from darkroom.domain.arrivals import FIRST_ID_ATTRIBUTE
from darkroom.pipeline.fail import fail
from infra.cli.dead_letters.parse import (
    FailedRunEvent,
    IntakeMessage,
    names_of,
    parse_dead_letter,
)
from infra.cli.dead_letters.sqs import DeadLetter, DeadLetterQueue
from infra.cli.target import Target
from infra.cli.tasks.batch import Outcome, run_action
from infra.cli.tasks.find import candidate_keys, covers

MAX_CLOCK_SKEW: Final = timedelta(minutes=15)
"""How far this machine's clock may be behind the queue's. Without it a message that is there
already could look as if it came later. What comes back within that time is known by its body."""


def redrive(
    target: Target, queue: DeadLetterQueue, names: Collection[str], *, dry_run: bool
) -> Iterator[Outcome]:
    """Send the selected dead letters again, or only list them; each is sent before it is deleted.

    Args:
        target: the environment.
        queue: its dead-letter queue.
        names: task ids, keys and folders that select dead letters; all if there are none.
        dry_run: only list them.

    Returns:
        The outcome for each dead letter. Those that were not selected are skipped.
    """
    wanted = [key for name in names for key in candidate_keys(name)]
    sent: set[str] = set()
    for letter in queue.read(datetime.now(UTC) + MAX_CLOCK_SKEW):
        parsed = parse_dead_letter(letter, target.input_bucket)
        message = parsed if isinstance(parsed, IntakeMessage) else None
        subject, own_names = _describe(target, parsed)
        origin = f"{message.origin}; " if message and message.origin not in ("", subject) else ""
        outcome = functools.partial(
            Outcome,
            subject,
            _facts(letter, subject, message.request_id if message else None),
            note=f"({origin}was: {letter.reason})",
        )
        selected = not names or any(covers(key, own_names) for key in wanted)
        # The same body may be a message that was sent a moment ago and has come back already.
        if not selected or (message and message.body in sent):
            yield outcome(skipped=True)
            continue
        if dry_run:
            plan = "would be sent to intake" if message else "its task would end or get a new run"
            yield outcome(done=plan)
            continue
        if message:
            sent.add(message.body)
        done, failure = run_action(functools.partial(_redrive_one, target, letter, parsed))
        if failure is None:
            queue.delete(letter)
        yield outcome(done=done, failure=failure)


def _describe(target: Target, parsed: IntakeMessage | FailedRunEvent) -> tuple[str, frozenset[str]]:
    """What users know a dead letter by, and the names that select it."""
    if isinstance(parsed, IntakeMessage):
        return parsed.subject, parsed.names
    task = None
    with suppress(ValueError):  # another version of the code wrote the task
        task = target.tasks.get(parsed.task_id)
    subject = f"the end of run {parsed.run} of task {parsed.task_id}"
    return subject, frozenset({parsed.task_id}) | (names_of(task.trigger.key) if task else set())


def _facts(letter: DeadLetter, subject: str, request_id: str | None) -> dict[str, str | None]:
    return {
        "message_id": letter.sender_id,
        "request_id": request_id,
        "about": subject,
        "reason": letter.reason,
        "sent_at": letter.sent_at.isoformat(timespec="seconds"),
    }


def _redrive_one(target: Target, letter: DeadLetter, parsed: IntakeMessage | FailedRunEvent) -> str:
    """Send the message, or handle the run's end. Safe to repeat after a crash."""
    if isinstance(parsed, IntakeMessage):
        target.sqs.send_message(
            QueueUrl=target.require_output("IntakeQueueUrl"),
            MessageBody=parsed.body,
            # The message gets a new id; its sender knows it by this one.
            MessageAttributes={
                FIRST_ID_ATTRIBUTE: {"DataType": "String", "StringValue": letter.sender_id},
            },
        )
        return "sent to intake"
    if target.ports.workflows.status(parsed.task_id, parsed.run) == "running":
        return "its run is running again"
    fail(target.ports, parsed.task_id, parsed.run, broken=parsed.status)
    task = target.tasks.get(parsed.task_id)
    if task is None:
        return "its task no longer exists"
    if task.run != parsed.run:
        return f"its task is {task.state} in a later run"
    return f"its task is {task.state}" + ("" if task.finished else " and continues in a new run")
