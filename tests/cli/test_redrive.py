"""`redrive`: dead letters are told with their reasons, sent before they are dropped, and end."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Requested
from darkroom.pipeline.intake import MAX_TRIES, receive
from infra.cli.dead_letters.read import NO_REASON, DeadLetters, FailedRunEvent, Letter, read_letter
from infra.cli.dead_letters.redrive import redrive
from tests.cli.conftest import Shop
from tests.cli.makes import START, make_attempt
from tests.fakes.moto_aws import INPUT, TABLE, client

SPEC = '{"key": "photos/cat.jpg.json"}'
OTHER = '{"key": "else/dog.jpg.json"}'
BARE = '{"spec": {"operation": "upscale"}, "source": "photos/cat.jpg"}'


def ended(name: str, status: str = "TIMED_OUT") -> str:
    """Step Functions' event of a run's end."""
    kind = "Step Functions Execution Status Change"
    return json.dumps({"detail-type": kind, "detail": {"name": name, "status": status}})


def uploaded(key: str, version: str) -> str:
    """S3's event on EventBridge."""
    detail = {"bucket": {"name": INPUT}, "object": {"key": key, "version-id": version}}
    return json.dumps({"detail-type": "Object Created", "detail": detail})


def letter(body: str) -> Letter:
    """A letter that says this."""
    return Letter("m-1", "receipt", body, "why", from_intake=False, sent_at=START)


def test_a_dry_run_tells_the_reasons_and_moves_nothing(shop: Shop) -> None:
    """Each letter with what it is about; all are visible again right after."""
    shop.bury(SPEC, reason="There is no spec 'photos/cat.jpg.json' in the input bucket.")
    shop.bury("{nonsense", ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="Not\nallowed.")
    shop.bury(ended("f" * 32 + "-1"), RequestID="1", ErrorCode="200", ErrorMessage="Busy: wait")
    shop.bury(OTHER)
    said = shop.run("redrive", "--dry-run", "--json")

    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert {one["reason"] for one in told} == {
        "There is no spec 'photos/cat.jpg.json' in the input bucket.",
        "NO_PERMISSIONS: Not allowed.",
        "Busy: wait",
        NO_REASON,
    }
    about = {one["about"]: one["done"] for one in told}
    assert about["photos/cat.jpg.json"] == "would be sent to intake"
    assert about[f"the end of run 1 of task {'f' * 32}"] == "its task would be looked after"
    assert said.stderr == "4 would be redriven\n"
    assert len(shop.bodies(shop.dead_url)) == 4
    assert shop.bodies(shop.intake_url) == []


def test_without_a_name_every_letter_is_sent_to_intake_and_dropped(shop: Shop) -> None:
    """As it came, and more of them than one answer holds."""
    bodies = [f'{{"key": "photos/{number}.jpg.json"}}' for number in range(12)]
    for body in bodies:
        shop.bury(body, reason="Throttled.")
    said = shop.run("redrive")

    assert said.exit_code == 0, said.output
    assert "photos/0.jpg.json  sent to intake  (was: Throttled.)" in said.stdout
    assert said.stderr == "12 redriven\n"
    assert shop.bodies(shop.dead_url) == []
    assert sorted(shop.bodies(shop.intake_url) + shop.bodies(shop.intake_url)) == sorted(bodies)
    assert shop.run("redrive").stderr == "there are no dead letters\n"


@pytest.mark.parametrize("what", ["photos/", "photos", "photos/cat.jpg", "cat.jpg.json", "TASK"])
def test_only_what_was_named_is_moved(shop: Shop, what: str) -> None:
    """By task, key, photo or folder; the others are there for the next one at once."""
    task = shop.task()
    named = uploaded(task.trigger.key, task.trigger.version)
    for body in (OTHER, named, "{nonsense"):
        shop.bury(body)
    said = shop.run("redrive", task.task_id if what == "TASK" else what)

    assert said.exit_code == 0, said.output
    assert said.stderr == "1 redriven, 2 left alone\n"
    assert shop.bodies(shop.intake_url) == [named]
    assert sorted(shop.bodies(shop.dead_url)) == sorted([OTHER, "{nonsense"])


def test_a_request_without_an_id_asks_for_the_task_that_it_asked_for(shop: Shop) -> None:
    """Its task is named after the day on which it was sent first, which only the queue knew."""
    shop.bury(BARE)
    first = client("sqs").receive_message(
        QueueUrl=shop.dead_url, VisibilityTimeout=0, MessageSystemAttributeNames=["SentTimestamp"]
    )
    sent_ms = int(first["Messages"][0]["Attributes"]["SentTimestamp"])
    sent_at = datetime.fromtimestamp(sent_ms / 1000, UTC)
    assert shop.run("redrive", "photos/cat.jpg").exit_code == 0

    (body,) = shop.bodies(shop.intake_url)
    before = read_message(Message(BARE, "one", sent_at=sent_at), INPUT)
    days_later = sent_at + timedelta(days=9)
    assert read_message(Message(body, "another", sent_at=days_later), INPUT) == before
    assert isinstance(before[0], Requested)


@pytest.mark.parametrize(
    ("body", "attributes", "known_by"),
    [
        (BARE, {"first_message_id": "m-7"}, "message m-7"),
        (BARE.replace("{", '{"request_id": "order-17", ', 1), {}, "request order-17"),
        (
            f'{{"detail-type": "Task Requested", "id": "e-7", "detail": {BARE}}}',
            {"first_message_id": ""},
            "message e-7",
        ),
        (
            json.dumps({"Type": "Notification", "MessageId": "n-7", "Message": BARE}),
            {},
            "message n-7",
        ),
    ],
    ids=["SQS", "its own", "EventBridge", "SNS"],
)
def test_an_order_is_told_by_the_id_that_its_sender_was_given(
    shop: Shop, body: str, attributes: dict[str, str], known_by: str
) -> None:
    """Also for programs, also to choose it by, and also after it was sent again."""
    given = {name: value for name, value in attributes.items() if value}
    shop.bury(body, reason="Throttled.", **given)
    name = known_by.split()[1]
    said = shop.run("redrive", "--dry-run", name)
    told = json.loads(shop.run("redrive", "--dry-run", "--json").stdout)

    assert f"photos/cat.jpg  would be sent to intake  ({known_by}; was: Throttled.)" in said.stdout
    assert name in (told[0]["message_id"], told[0]["request_id"])
    assert shop.run("redrive", name).exit_code == 0
    queue = client("sqs").receive_message(QueueUrl=shop.intake_url, MessageAttributeNames=["All"])
    (sent,) = queue["Messages"]
    passed_on = sent["MessageAttributes"]["first_message_id"]["StringValue"]
    assert passed_on == told[0]["message_id"]


def test_a_letter_about_a_task_that_cannot_be_read_is_one_among_others(shop: Shop) -> None:
    """Another version of the code wrote the task; the letters behind it have their turn."""
    task_id = "ab" * 16
    client("dynamodb").put_item(
        TableName=TABLE,
        Item={"pk": {"S": f"task#{task_id}"}, "sk": {"S": "task"}, "task": {"M": {}}},
    )
    shop.bury(ended(f"{task_id}-1"))
    shop.bury(SPEC)
    said = shop.run("redrive")

    assert said.exit_code == 1
    assert said.stderr == "1 redriven, 1 refused\n"
    assert shop.bodies(shop.intake_url) == [SPEC]


def test_the_end_of_a_run_is_known() -> None:
    """EventBridge could not send it, or FAIL could not carry it out: the event is the same."""
    read = read_letter(letter(ended("a-3", "ABORTED")), INPUT)
    assert read == FailedRunEvent("a", 3, "ABORTED")


@pytest.mark.parametrize(
    "body",
    [
        SPEC,
        BARE,
        "{nonsense",
        "[" * 100_000,
        '{"detail-type": "Task Requested", "detail": {"name": "a-3", "status": "FAILED"}}',
        ended("by-hand"),
    ],
)
def test_anything_else_is_for_intake_to_understand(body: str) -> None:
    """It may have learnt to since; nothing that lies there stops the command."""
    read = read_letter(letter(body), INPUT)
    assert not isinstance(read, FailedRunEvent)


def test_a_run_that_ended_badly_ends_its_task(shop: Shop) -> None:
    """As FAIL would have done it; the letter is dropped."""
    last = shop.target.ports.limits.runs
    task = shop.task(state="queued", run=last)
    shop.bury(ended(f"{task.task_id}-{last}"), ERROR_MESSAGE="Throttled.")
    shop.bury(ended("0" * 32 + "-1"))
    said = shop.run("redrive")

    assert said.exit_code == 0, said.output
    about = f"the end of run {last} of task {task.task_id}"
    assert f"{about}  its task is failed  (was: Throttled.)" in said.stdout
    assert "its task is not known any more" in said.stdout
    assert shop.state(task) == "failed"
    assert "TIMED_OUT" in shop.tasks.get(task.task_id).ending.failure.next_step
    assert shop.bodies(shop.dead_url) == []


def test_a_run_that_broke_while_others_are_left_is_followed_by_another(shop: Shop) -> None:
    """Nothing has decided that the task ends; the sweep begins its next run."""
    task = shop.task(state="queued")
    shop.bury(ended(f"{task.task_id}-1"), ERROR_MESSAGE="Throttled.")
    said = shop.run("redrive")

    assert "its task is queued, and goes on in a new run" in said.stdout
    assert shop.state(task) == "queued"


@pytest.mark.parametrize(
    ("prefix", "receives"), [('"a": 1, "a": 1, ', 1), ("", MAX_TRIES + 1)], ids=["refused", "vain"]
)
def test_who_may_ask_for_a_task_cannot_end_one(shop: Shop, prefix: str, receives: int) -> None:
    """What intake put there is no end of a run, even where it looks like one."""
    task = shop.task(state="waiting", wants=("photos/cat.jpg",))
    body = ended(f"{task.task_id}-1").replace("{", "{" + prefix, 1)
    assert receive(shop.target.ports, Message(body, "m-1", receives), read_message)
    said = shop.run("redrive")

    assert said.stderr == "1 redriven\n"
    assert shop.bodies(shop.intake_url) == [body]
    assert shop.state(task) == "waiting"


def test_a_letter_that_cannot_be_carried_out_yet_stays(shop: Shop) -> None:
    """A paid call may still bring its answer; the others are moved all the same."""
    until = datetime.now(UTC) + timedelta(hours=1)
    calling = make_attempt(outcome="open", charged="unknown", call_until=until)
    task = shop.task(state="submitting", attempts=(calling,), run=10)
    body = ended(f"{task.task_id}-10")
    shop.bury(body)
    shop.bury(OTHER)
    said = shop.run("redrive")

    assert said.exit_code == 1
    assert "A paid call may still bring its answer." in said.stdout
    assert said.stderr == "1 redriven, 1 refused\n"
    assert shop.bodies(shop.dead_url) == [body]
    assert shop.state(task) == "submitting"


def test_a_letter_is_dropped_only_after_it_was_sent(shop: Shop) -> None:
    """Where it cannot be sent, it is where it was."""
    client("sqs").delete_queue(QueueUrl=shop.intake_url)
    shop.bury(SPEC)
    said = shop.run("redrive")

    assert said.exit_code == 1
    assert "AWS refused SendMessage" in said.stdout
    assert shop.bodies(shop.dead_url) == [SPEC]


def test_the_command_ends_although_a_letter_comes_straight_back(shop: Shop) -> None:
    """It is sent once, and lies there again."""
    target: Any = shop.target
    target.__dict__["sqs"] = Bouncing(shop)
    shop.bury("{nonsense")
    with DeadLetters(target.sqs, shop.dead_url) as dead:
        told = list(redrive(target, dead, (), dry_run=False))

    assert [one.done for one in told if not one.silent] == ["sent to intake"]
    assert shop.bodies(shop.dead_url) == ["{nonsense"]


def test_a_letter_that_came_after_the_beginning_is_not_looked_at(shop: Shop) -> None:
    """Else whoever writes as fast as we read keeps us forever."""
    shop.bury(SPEC)
    with DeadLetters(shop.target.sqs, shop.dead_url) as dead:
        assert list(dead.read(START)) == []
    assert shop.bodies(shop.dead_url) == [SPEC]


def test_letters_are_given_back_when_the_command_is_interrupted(shop: Shop) -> None:
    """Nobody has to wait for what was only looked at."""
    shop.bury(SPEC)
    with (
        contextlib.suppress(KeyboardInterrupt),
        DeadLetters(shop.target.sqs, shop.dead_url) as dead,
    ):
        next(iter(dead.read(datetime.now(UTC) + timedelta(seconds=1))))
        assert shop.bodies(shop.dead_url) == []
        raise KeyboardInterrupt
    assert shop.bodies(shop.dead_url) == [SPEC]


def test_status_tells_how_many_dead_letters_there_are(shop: Shop) -> None:
    """And what to do; of none it says nothing."""
    assert "dead letter" not in shop.run("status").stderr
    shop.bury(SPEC)
    assert "1 dead letter: `darkroom redrive --dry-run` tells why" in shop.run("status").stderr


class Bouncing:
    """SQS where intake refuses every message at once."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def __getattr__(self, name: str) -> Any:
        return getattr(client("sqs"), name)

    def send_message(self, **message: Any) -> None:
        """Take it, and bury it."""
        assert message["QueueUrl"] == self._shop.intake_url
        self._shop.bury(message["MessageBody"], reason="The message is not valid JSON.")
