"""`darkroom status`: what it finds and prints, paused providers, and dead letters."""

import json
import time
from datetime import UTC, datetime, timedelta

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, Blocked, CircuitState
from darkroom.domain.order import Choice, Order
from darkroom.domain.turns import Place
from darkroom.pipeline.admission.payment_pause import DELIVERY
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import START, make_attempt


def test_status_shows_one_task_in_detail(env: MotoEnvironment) -> None:
    """A name without a task is an error that repeats the name."""
    task = env.add_task("photos/cat.jpg.json")
    result = env.run("status", "cat.jpg", "--json")
    assert result.exit_code == 0
    assert [row["task_id"] for row in json.loads(result.stdout)] == [task.task_id]
    detail = env.run("status", task.task_id).stdout
    assert "because    SnapAPI has no credits left. (no-credits)" in detail
    assert "because" not in env.run("status", "photos/").stdout

    result = env.run("status", "photos/none.jpg")
    assert result.exit_code == 1
    assert "no task found for 'photos/none.jpg'" in result.stderr


def test_status_without_argument_shows_failed_and_waiting_tasks(env: MotoEnvironment) -> None:
    """Of every folder, with the wait reasons; succeeded tasks are not shown."""
    assert "no task needs attention" in env.run("status").stderr
    now = datetime.now(UTC)
    for key, at in {"dog.jpg.json": now, "late/cat.jpg.json": now, "old.jpg.json": START}.items():
        env.add_task(key, "waiting", wait_reason="waits for m.png", created_at=at)
    env.add_task("photos/bad.jpg.json", "failed")
    env.add_task("photos/good.jpg.json", "succeeded")
    rows = json.loads(env.run("status", "--json").stdout)
    assert {row["key"]: row["wait_reason"] for row in rows} == {
        "dog.jpg.json": "waits for m.png",
        "late/cat.jpg.json": "waits for m.png",
        "old.jpg.json": "waits for m.png",
        "photos/bad.jpg.json": None,
    }
    assert "photos/bad.jpg" in env.run("status").stdout


def test_status_shows_the_place_in_line(env: MotoEnvironment) -> None:
    """Of a task and of a list, in words and in JSON; a paused provider is the reason instead."""
    tasks = [
        env.add_task(
            f"photos/{name}.jpg.json",
            "queued",
            place=Place("apiframe", START + timedelta(seconds=number), opens_job=True),
            order=Order("upscale", (Choice("apiframe", "topaz-image-upscale"),)),
        )
        for number, name in enumerate(("one", "two", "three"))
    ]
    last = tasks[-1].task_id
    # Twenty jobs may be open, and one of this route usually takes ten seconds.
    assert "waiting    3rd in line at apiframe, about 10 s" in env.run("status", last).stdout
    assert "2nd in line at apiframe, about 10 s" in env.run("status").stdout
    rows = json.loads(env.run("status", "photos/", "--json").stdout)
    assert {row["key"]: (row["place_in_line"], row["expected_wait_s"]) for row in rows} == {
        "photos/one.jpg.json": (1, 10),
        "photos/two.jpg.json": (2, 10),
        "photos/three.jpg.json": (3, 10),
    }

    pause = CircuitState(1, time.time() + 60, "Too few credits.")
    env.target.limiter.compare_and_set("apiframe", CircuitState(), pause)
    detail = env.run("status", last).stdout
    assert "waiting    apiframe is paused: Too few credits." in detail
    (row,) = json.loads(env.run("status", last, "--json").stdout)
    assert row["wait_reason"] == "apiframe is paused: Too few credits."
    assert (row["place_in_line"], row["expected_wait_s"]) == (3, None)


def test_status_reports_pauses_and_dead_letters(env: MotoEnvironment) -> None:
    """With reasons and the next command; what works is not mentioned."""
    usual = env.run("status").stderr
    assert "paused" not in usual
    assert "dead letter" not in usual
    now = time.time()
    limiter = env.target.limiter
    limiter.compare_and_set(
        "goapi",
        CircuitState(),
        CircuitState(FAILURES_TO_OPEN, now + 60, "Too few credits. Add some."),
    )
    limiter.compare_and_set("perfect", CircuitState(), CircuitState(1, now + 60))
    limiter.compare_and_set("snapapi", CircuitState(), CircuitState(1, now - 60, "It was busy."))
    limiter.compare_and_set(
        DELIVERY, CircuitState(), CircuitState(FAILURES_TO_OPEN, now - 1, "PermissionError.")
    )
    env.add_dead_letter("{}")
    result = env.run("status")

    assert result.exit_code == 0
    assert result.stderr.splitlines()[-4:] == [
        "no new paid calls while results cannot be delivered: PermissionError.",
        "goapi is paused: Too few credits. Add some.",
        "perfect is paused: it did not accept calls recently",
        "1 dead letter: `darkroom redrive --dry-run` shows why",
    ]


def test_status_says_who_waits_for_credits(env: MotoEnvironment) -> None:
    """How many, and about how many credits they need."""
    for number in range(3):
        env.add_task(
            f"photos/{number}.jpg.json",
            "queued",
            place=Place("apiframe", START + timedelta(seconds=number), opens_job=True),
            order=Order("upscale", (Choice("apiframe", "clarity-upscale"),)),
        )
    now = time.time()
    empty = CircuitState(FAILURES_TO_OPEN, now + 60, "Too few.", Blocked(now, "no-credits"))
    env.target.limiter.compare_and_set("apiframe", CircuitState(), empty)
    lines = env.run("status").stderr.splitlines()
    assert "no credits at apiframe: 3 tasks wait, about 9 credits needed" in lines


def test_status_of_a_folder_counts_what_it_does_not_list(env: MotoEnvironment) -> None:
    """At any depth, with the sum of the cost, page by page."""
    for number in range(7):
        env.add_task(
            f"a/{number}/cat.jpg.json",
            "failed" if number == 6 else "succeeded",
            attempts=(make_attempt(),),
            created_at=START + timedelta(seconds=number),
        )
    result = env.run("status", "a/", "--limit", "3", "--json")
    keys = [row["key"] for row in json.loads(result.stdout)]
    assert keys == [f"a/{number}/cat.jpg.json" for number in (6, 5, 4)]
    assert "7 tasks: 6 done, 1 failed; cost: 42 snapapi credits" in result.stderr
    assert "listed: 1 to 3 of 7, newest first; the next with --page 2" in result.stderr
    (row,) = json.loads(env.run("status", "a/", "--limit", "3", "--page", "3", "--json").stdout)
    assert row["key"] == "a/0/cat.jpg.json"
    assert row["cost"]["credits"] == 6
    assert row["ended_at"] == "2025-05-01T12:00:02+00:00"
    assert len(json.loads(env.run("status", "a/", "--all", "--json").stdout)) == 7
    result = env.run("status", "a", "--state", "failed", "--json")
    assert [row["key"] for row in json.loads(result.stdout)] == ["a/6/cat.jpg.json"]
    assert "1 tasks that match: 1 failed" in result.stderr


def test_status_finds_a_photo_however_many_there_are(env: MotoEnvironment) -> None:
    """Also one that is older than all others, and each of its specs."""
    env.add_task("photos/old.jpg.json", "succeeded")
    env.add_task("photos/old.jpg.thumb.json", "queued", output="photos/old.jpg/thumb")
    for number in range(60):
        env.add_task(f"photos/{number}.jpg.json", "queued", created_at=datetime.now(UTC))
    rows = json.loads(env.run("status", "photos/old.jpg", "--json").stdout)
    assert sorted(row["key"] for row in rows) == [
        "photos/old.jpg.json",
        "photos/old.jpg.thumb.json",
    ]


def test_status_says_that_a_spec_was_not_read_yet(env: MotoEnvironment) -> None:
    """By its own name, by its photo's and by its folder's."""
    key = "photos/cat.jpg.up.json"
    env.target.s3.put_object(Bucket=env.target.input_bucket, Key=key, Body=b"{}")
    for name in (key, "photos/cat.jpg", "cat.jpg", "photos/"):
        result = env.run("status", name)
        assert result.exit_code == 0, result.output
        assert f"{key}: uploaded, not read yet" in result.stderr
    assert env.run("status", "photos/ca.jpg").exit_code == 1
