"""`darkroom status`: what it finds and prints, paused providers, and dead letters."""

import json
import time
from datetime import UTC, datetime

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.pipeline.admission.payment_pause import DELIVERY
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import START


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
