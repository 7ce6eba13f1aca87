"""Checks of the queues: how much waits to be taken in, for how long, and what could not be."""

from collections.abc import Iterator
from typing import Any, Final

from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked, ok, problem, warning
from infra.cli.doctor.metrics import Metric, read_metrics

QUEUE: Final = "intake queue"
AGE: Final = "intake age"
DEAD_LETTERS: Final = "dead letters"
WARN_AGE_S: Final = 900
"""Ten thousand files at once are taken in within six minutes."""
MAX_AGE_S: Final = 3600
AGE_MINUTES: Final = 10


def check_depth(examined: Examined) -> Iterator[Finding]:
    """How many messages wait in the intake queue; a number alone is no trouble."""
    counts = _count(examined, "IntakeQueueUrl")
    waiting = counts["ApproximateNumberOfMessages"]
    read = counts["ApproximateNumberOfMessagesNotVisible"]
    yield ok(QUEUE, f"{waiting:,} messages wait, {read:,} are being read or will be tried again")


def check_age(examined: Examined) -> Iterator[Finding]:
    """For how long the oldest message has waited, by CloudWatch."""
    name = examined.output("IntakeQueueUrl").rpartition("/")[2]
    oldest = Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", {"QueueName": name})
    [ages] = read_metrics(examined, [oldest], AGE_MINUTES)
    if not ages:
        yield not_checked(AGE, f"no figures of the last {AGE_MINUTES} minutes")
        return
    age_s = max(ages)
    function = examined.settings.function_name("intake")
    command = f"aws logs tail /aws/lambda/{function} --since 15m"
    sentence = f"the oldest message has waited {round(age_s / 60):,} minutes"
    if age_s >= MAX_AGE_S:
        yield problem(AGE, sentence, command)
    elif age_s >= WARN_AGE_S:
        yield warning(AGE, sentence, command)
    else:
        yield ok(AGE, f"no message has waited {WARN_AGE_S // 60} minutes")


def check_dead_letters(examined: Examined) -> Iterator[Finding]:
    """Whether messages could not be taken in: nothing happens to them by itself."""
    count = _count(examined, "DeadLetterQueueUrl")["ApproximateNumberOfMessages"]
    if count:
        noun = "message was" if count == 1 else "messages were"
        sentence = f"{count:,} {noun} given up; `darkroom redrive` sends them again"
        yield problem(DEAD_LETTERS, sentence, f"darkroom redrive --dry-run{examined.env}")
    else:
        yield ok(DEAD_LETTERS, "none")


def _count(examined: Examined, output: str) -> dict[str, int]:
    names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = examined.client("sqs").get_queue_attributes(
        QueueUrl=examined.output(output), AttributeNames=names
    )
    return {name: int(answer["Attributes"].get(name, 0)) for name in names}
