"""`redrive` lists dead letters with their reasons, and sends each before it deletes it."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Requested
from darkroom.pipeline.intake import MAX_TRIES, receive
from infra.cli.dead_letters.parse import FailedRunEvent, parse_dead_letter
from infra.cli.dead_letters.redrive import redrive
from infra.cli.dead_letters.sqs import NO_REASON, DeadLetter, DeadLetterQueue
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import START, make_attempt
from tests.fakes.moto_aws import INPUT, TABLE, client

SPEC = '{"key": "photos/cat.jpg.json"}'
OTHER = '{"key": "else/dog.jpg.json"}'
BARE = '{"spec": {"operation": "upscale"}, "source": "photos/cat.jpg"}'


def run_ended(name: str, status: str = "TIMED_OUT") -> str:
    """Step Functions' event about the end of a run."""
    kind = "Step Functions Execution Status Change"
    return json.dumps({"detail-type": kind, "detail": {"name": name, "status": status}})


def uploaded(key: str, version: str) -> str:
    """S3's event on EventBridge."""
    detail = {"bucket": {"name": INPUT}, "object": {"key": key, "version-id": version}}
    return json.dumps({"detail-type": "Object Created", "detail": detail})


def dead_letter(body: str) -> DeadLetter:
    """A dead letter with this body."""
    return DeadLetter("m-1", "receipt", body, "why", from_intake=False, sent_at=START)


def test_a_dry_run_lists_the_reasons_and_sends_nothing(env: MotoEnvironment) -> None:
    """Afterwards all dead letters are visible again at once."""
    env.add_dead_letter(SPEC, reason="There is no spec 'photos/cat.jpg.json' in the input bucket.")
    env.add_dead_letter("{nonsense", ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="Not\nallowed.")
    env.add_dead_letter(
        run_ended("f" * 32 + "-1"), RequestID="1", ErrorCode="200", ErrorMessage="Busy: wait"
    )
    env.add_dead_letter(OTHER)
    result = env.run("redrive", "--dry-run", "--json")

    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert {one["reason"] for one in printed} == {
        "There is no spec 'photos/cat.jpg.json' in the input bucket.",
        "NO_PERMISSIONS: Not allowed.",
        "Busy: wait",
        NO_REASON,
    }
    about = {one["about"]: one["done"] for one in printed}
    assert about["photos/cat.jpg.json"] == "would be sent to intake"
    assert about[f"the end of run 1 of task {'f' * 32}"] == "its task would end or get a new run"
    assert result.stderr == "4 would be redriven\n"
    assert len(env.visible_bodies(env.dead_url)) == 4
    assert env.visible_bodies(env.intake_url) == []


def test_without_a_name_every_dead_letter_is_sent_to_intake_and_deleted(
    env: MotoEnvironment,
) -> None:
    """Unchanged, and also more of them than one SQS response holds."""
    bodies = [f'{{"key": "photos/{number}.jpg.json"}}' for number in range(12)]
    for body in bodies:
        env.add_dead_letter(body, reason="Throttled.")
    result = env.run("redrive")

    assert result.exit_code == 0, result.output
    assert "photos/0.jpg.json  sent to intake  (was: Throttled.)" in result.stdout
    assert result.stderr == "12 redriven\n"
    assert env.visible_bodies(env.dead_url) == []
    assert sorted(
        env.visible_bodies(env.intake_url) + env.visible_bodies(env.intake_url)
    ) == sorted(bodies)
    assert env.run("redrive").stderr == "the dead-letter queue is empty\n"


def test_only_the_named_dead_letter_is_sent(env: MotoEnvironment) -> None:
    """It can be named by task, key, photo or folder; the others are visible again at once."""
    task = env.add_task()
    named = uploaded(task.trigger.key, task.trigger.version)
    for body in (OTHER, named, "{nonsense"):
        env.add_dead_letter(body)
    for name in ("photos/", "photos", "photos/cat.jpg", "cat.jpg.json", task.task_id):
        result = env.run("redrive", "--dry-run", name)
        assert result.stderr == "1 would be redriven, 2 skipped\n", name
        assert result.stdout.startswith("photos/cat.jpg.json  would be sent"), name
    result = env.run("redrive", task.task_id)

    assert result.exit_code == 0, result.output
    assert result.stderr == "1 redriven, 2 skipped\n"
    assert env.visible_bodies(env.intake_url) == [named]
    assert sorted(env.visible_bodies(env.dead_url)) == sorted([OTHER, "{nonsense"])


def test_a_request_without_an_id_makes_the_same_task_as_before(env: MotoEnvironment) -> None:
    """Its task id depends on the day when it was first sent, which only the queue knows."""
    env.add_dead_letter(BARE)
    first = client("sqs").receive_message(
        QueueUrl=env.dead_url, VisibilityTimeout=0, MessageSystemAttributeNames=["SentTimestamp"]
    )
    sent_ms = int(first["Messages"][0]["Attributes"]["SentTimestamp"])
    sent_at = datetime.fromtimestamp(sent_ms / 1000, UTC)
    assert env.run("redrive", "photos/cat.jpg").exit_code == 0

    (body,) = env.visible_bodies(env.intake_url)
    before = read_message(Message(BARE, "one", sent_at=sent_at), INPUT)
    days_later = sent_at + timedelta(days=9)
    assert read_message(Message(body, "another", sent_at=days_later), INPUT) == before
    assert isinstance(before[0], Requested)


def test_a_request_is_listed_with_the_id_that_its_sender_got(env: MotoEnvironment) -> None:
    """The id is in the JSON too, selects the request, and is kept when it is sent again."""
    sns = {"Type": "Notification", "MessageId": "n-7", "Message": BARE.replace("cat", "sns")}
    event = '{"detail-type": "Task Requested", "id": "e-7", "detail": %s}'
    cases = {
        "sqs": (BARE.replace("cat", "sqs"), {"first_message_id": "m-7"}, "message m-7"),
        "own": (
            '{"request_id": "order-17", ' + BARE.replace("cat", "own")[1:],
            {},
            "request order-17",
        ),
        "event": (event % BARE.replace("cat", "event"), {}, "message e-7"),
        "sns": (json.dumps(sns), {}, "message n-7"),
    }
    for body, attributes, _ in cases.values():
        env.add_dead_letter(body, reason="Throttled.", **attributes)
    for source, (_, _, origin) in cases.items():
        result = env.run("redrive", "--dry-run", origin.split()[1])
        line = f"photos/{source}.jpg  would be sent to intake  ({origin}; was: Throttled.)\n"
        assert result.stdout == line, source
    rows = {row["about"]: row for row in json.loads(env.run("redrive", "--json").stdout)}
    for source, (_, _, origin) in cases.items():
        row = rows[f"photos/{source}.jpg"]
        assert origin.split()[1] in (row["message_id"], row["request_id"]), source

    queue = client("sqs").receive_message(
        QueueUrl=env.intake_url, MessageAttributeNames=["All"], MaxNumberOfMessages=10
    )
    kept = {
        message["MessageAttributes"]["first_message_id"]["StringValue"]
        for message in queue["Messages"]
    }
    assert len(queue["Messages"]) == len(cases)
    assert kept == {row["message_id"] for row in rows.values()}


def test_a_task_that_cannot_be_read_does_not_stop_the_other_dead_letters(
    env: MotoEnvironment,
) -> None:
    """Another version of the code wrote the task; its dead letter alone is refused."""
    task_id = "ab" * 16
    client("dynamodb").put_item(
        TableName=TABLE,
        Item={"pk": {"S": f"task#{task_id}"}, "sk": {"S": "task"}, "task": {"M": {}}},
    )
    env.add_dead_letter(run_ended(f"{task_id}-1"))
    env.add_dead_letter(SPEC)
    result = env.run("redrive")

    assert result.exit_code == 1
    assert result.stderr == "1 redriven, 1 refused\n"
    assert env.visible_bodies(env.intake_url) == [SPEC]


def test_the_end_of_a_run_is_parsed() -> None:
    """The event is the same whether EventBridge or FAIL failed."""
    parsed = parse_dead_letter(dead_letter(run_ended("a-3", "ABORTED")), INPUT)
    assert parsed == FailedRunEvent("a", 3, "ABORTED")


def test_anything_else_is_a_message_for_intake() -> None:
    """No body stops the command; a newer INTAKE may be able to read it."""
    for body in (
        SPEC,
        BARE,
        "{nonsense",
        "[" * 100_000,
        '{"detail-type": "Task Requested", "detail": {"name": "a-3", "status": "FAILED"}}',
        run_ended("by-hand"),
    ):
        parsed = parse_dead_letter(dead_letter(body), INPUT)
        assert not isinstance(parsed, FailedRunEvent), body[:100]


def test_the_end_of_the_last_run_ends_its_task(env: MotoEnvironment) -> None:
    """As FAIL would have done; the dead letter is deleted."""
    last = env.target.ports.limits.runs
    task = env.add_task(state="queued", run=last)
    env.add_dead_letter(run_ended(f"{task.task_id}-{last}"), ERROR_MESSAGE="Throttled.")
    env.add_dead_letter(run_ended("0" * 32 + "-1"))
    result = env.run("redrive")

    assert result.exit_code == 0, result.output
    about = f"the end of run {last} of task {task.task_id}"
    assert f"{about}  its task is failed  (was: Throttled.)" in result.stdout
    assert "its task no longer exists" in result.stdout
    assert env.state(task) == "failed"
    assert "TIMED_OUT" in env.tasks.get(task.task_id).ending.failure.next_step
    assert env.visible_bodies(env.dead_url) == []


def test_a_broken_run_is_followed_by_another_while_runs_are_left(
    env: MotoEnvironment,
) -> None:
    """The task does not end; SWEEP starts its next run."""
    task = env.add_task(state="queued")
    env.add_dead_letter(run_ended(f"{task.task_id}-1"), ERROR_MESSAGE="Throttled.")
    result = env.run("redrive")

    assert "its task is queued and continues in a new run" in result.stdout
    assert env.state(task) == "queued"


def test_a_request_cannot_end_a_task(env: MotoEnvironment) -> None:
    """A message that INTAKE put there is not the end of a run, even if it looks like one."""
    task = env.add_task(state="waiting", wants=("photos/cat.jpg",))
    body = run_ended(f"{task.task_id}-1")
    refused = body.replace("{", '{"a": 1, "a": 1, ', 1)
    for message in (Message(refused, "m-1", 1), Message(body, "m-2", MAX_TRIES + 1)):
        assert receive(env.target.ports, message, read_message)
    result = env.run("redrive")

    assert result.stderr == "2 redriven\n"
    assert sorted(env.visible_bodies(env.intake_url)) == sorted([refused, body])
    assert env.state(task) == "waiting"


def test_a_dead_letter_that_fails_stays(env: MotoEnvironment) -> None:
    """Here a paid call is still open; the other dead letter is sent."""
    until = datetime.now(UTC) + timedelta(hours=1)
    calling = make_attempt(outcome="open", charged="unknown", call_until=until)
    task = env.add_task(state="submitting", attempts=(calling,), run=10)
    body = run_ended(f"{task.task_id}-10")
    env.add_dead_letter(body)
    env.add_dead_letter(OTHER)
    result = env.run("redrive")

    assert result.exit_code == 1
    assert "A paid call may still bring its answer." in result.stdout
    assert result.stderr == "1 redriven, 1 refused\n"
    assert env.visible_bodies(env.dead_url) == [body]
    assert env.state(task) == "submitting"


def test_a_dead_letter_is_deleted_only_after_it_was_sent(env: MotoEnvironment) -> None:
    """If sending fails, it stays in the queue."""
    client("sqs").delete_queue(QueueUrl=env.intake_url)
    env.add_dead_letter(SPEC)
    result = env.run("redrive")

    assert result.exit_code == 1
    assert "AWS refused SendMessage" in result.stdout
    assert env.visible_bodies(env.dead_url) == [SPEC]


def test_the_command_ends_if_a_message_comes_back_at_once(env: MotoEnvironment) -> None:
    """It is sent once, and is in the queue again."""
    target: Any = env.target
    target.__dict__["sqs"] = BouncingSqs(env)
    env.add_dead_letter("{nonsense")
    with DeadLetterQueue(target.sqs, env.dead_url) as queue:
        outcomes = list(redrive(target, queue, (), dry_run=False))

    assert [one.done for one in outcomes if not one.skipped] == ["sent to intake"]
    assert env.visible_bodies(env.dead_url) == ["{nonsense"]


def test_a_dead_letter_that_came_after_the_start_is_left_out(env: MotoEnvironment) -> None:
    """Otherwise a fast sender would keep the command running forever."""
    env.add_dead_letter(SPEC)
    with DeadLetterQueue(env.target.sqs, env.dead_url) as queue:
        assert list(queue.read(START)) == []
    assert env.visible_bodies(env.dead_url) == [SPEC]


def test_dead_letters_are_visible_again_after_ctrl_c(env: MotoEnvironment) -> None:
    """They are released at once, not after the visibility time-out."""
    env.add_dead_letter(SPEC)
    with (
        contextlib.suppress(KeyboardInterrupt),
        DeadLetterQueue(env.target.sqs, env.dead_url) as queue,
    ):
        next(iter(queue.read(datetime.now(UTC) + timedelta(seconds=1))))
        assert env.visible_bodies(env.dead_url) == []
        raise KeyboardInterrupt
    assert env.visible_bodies(env.dead_url) == [SPEC]


class BouncingSqs:
    """SQS with an intake that refuses every message at once."""

    def __init__(self, env: MotoEnvironment) -> None:
        self._env = env

    def __getattr__(self, name: str) -> Any:
        return getattr(client("sqs"), name)

    def send_message(self, **message: Any) -> None:
        """Put it into the dead-letter queue."""
        assert message["QueueUrl"] == self._env.intake_url
        self._env.add_dead_letter(message["MessageBody"], reason="The message is not valid JSON.")
