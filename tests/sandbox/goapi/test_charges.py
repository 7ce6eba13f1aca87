"""GoAPI's charges, refunds, cancellation and concurrency."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.goapi.client import JOB_S, TOOLKIT, GoApiClient
from tests.sandbox.images import as_data, png_photo

UPSCALE = (TOOLKIT, "upscale", {"image": as_data(png_photo())})
UPSCALE_CREDITS = 2


def test_price_is_frozen_first_and_consumed_at_the_end(goapi: GoApiClient) -> None:
    """It is in units, while the ledger counts whole credits."""
    created = goapi.create(*UPSCALE).json()["data"]
    goapi.advance(JOB_S)
    ended = goapi.task(created["task_id"])

    assert created["meta"]["usage"] == {"type": "point", "frozen": 40_000, "consume": 0}
    assert ended["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 40_000}
    assert goapi.spent() == UPSCALE_CREDITS


def test_proxied_models_show_their_price_as_consumed_from_the_beginning(
    goapi: GoApiClient,
) -> None:
    """Four seconds of Sora 2 are 3,200,000 units."""
    task_input = {"prompt": "x", "duration": 4}
    created = goapi.create("sora2", "sora2-video", task_input).json()["data"]

    assert created["meta"]["usage"] == {"type": "llm", "frozen": 0, "consume": 3_200_000}
    assert goapi.spent() == 160


def test_midjourney_counts_in_its_own_units(goapi: GoApiClient) -> None:
    """An imagine task freezes 14."""
    created = goapi.create("midjourney", "imagine", {"prompt": "x"}).json()["data"]

    assert created["meta"]["usage"] == {"type": "mj", "frozen": 14, "consume": 0}


def test_create_without_credits_is_refused(goapi: GoApiClient) -> None:
    """The cause is the vendor's sentence; the status is a knob."""
    goapi.account(credits=1)
    refused = goapi.create(*UPSCALE)
    assert refused.status_code == 400
    assert refused.json()["data"]["logs"] == ["failed to freeze credit"]

    goapi.set(no_credit_status=402)
    assert goapi.create(*UPSCALE).status_code == 402
    assert goapi.entries() == []


def test_concurrent_creates_cannot_overspend(goapi: GoApiClient) -> None:
    """Of eight tasks at 2 credits, a balance of 5 pays for two."""
    goapi.account(credits=5)
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: goapi.create(*UPSCALE), range(8)))

    assert sorted(a.status_code for a in responses) == [200] * 2 + [400] * 6


def test_failed_task_can_keep_its_credits(goapi: GoApiClient) -> None:
    """A fault prevents the refund; the usage shows the price as consumed."""
    goapi.fault({"job": "fail", "refund": False}, path="/api/v1/task")
    task = goapi.ended(*UPSCALE)

    assert task["status"] == "failed"
    assert task["meta"]["usage"]["consume"] == 40_000
    assert goapi.spent() == UPSCALE_CREDITS


def test_cancelled_pending_task_is_refunded(goapi: GoApiClient) -> None:
    """The message names the task; its status afterwards is a knob."""
    task_id = goapi.create(*UPSCALE).json()["data"]["task_id"]
    response = goapi.http.delete(f"/api/v1/task/{task_id}")

    assert response.status_code == 200
    assert response.json()["message"] == f"task {task_id} canceled"
    assert goapi.spent() == 0
    task = goapi.task(task_id)
    assert (task["status"], task["error"]["message"]) == ("failed", "task canceled")
    goapi.set(status_when_cancelled="cancelled")
    assert goapi.task(task_id)["status"] == "cancelled"


@pytest.mark.parametrize(("seconds", "status"), [(5, "processing"), (10, "completed")])
def test_started_task_cannot_be_cancelled(goapi: GoApiClient, seconds: float, status: str) -> None:
    """Cancelling is a 400, and the task continues."""
    task_id = goapi.create(*UPSCALE).json()["data"]["task_id"]
    goapi.advance(seconds)
    response = goapi.http.delete(f"/api/v1/task/{task_id}")

    assert (response.status_code, response.json()["code"]) == (400, 400)
    assert goapi.task(task_id)["status"] == status
    assert goapi.spent() == UPSCALE_CREDITS


def test_pending_tasks_are_cancelled_by_model_and_time(goapi: GoApiClient) -> None:
    """Other models, later tasks and started tasks are not cancelled."""
    begun = goapi.create("luma", "video_generation", {"prompt": "x"}).json()["data"]["task_id"]
    goapi.advance(5)
    now = int(goapi.http.get("/_sandbox/clock").json()["now"])
    early = goapi.create("luma", "video_generation", {"prompt": "x"}).json()["data"]["task_id"]
    other = goapi.create(*UPSCALE).json()["data"]["task_id"]
    goapi.advance(1.5)
    late = goapi.create("luma", "video_generation", {"prompt": "x"}).json()["data"]["task_id"]
    query = {"model": "luma", "created_before": str(now + 1)}
    response = goapi.http.delete("/api/v1/tasks", params=query)

    assert response.status_code == 200
    status = {name: goapi.task(name)["status"] for name in (begun, early, other, late)}
    assert status == {begun: "processing", early: "failed", other: "pending", late: "pending"}
    assert goapi.http.delete("/api/v1/tasks", params={"model": "x"}).status_code == 400


def test_task_beyond_the_concurrency_is_staged_until_another_ends(goapi: GoApiClient) -> None:
    """Its duration starts when the slot is freed, not at the next request."""
    goapi.set(max_concurrent_tasks=1)
    first, second, third = (goapi.create(*UPSCALE).json()["data"]["task_id"] for _ in range(3))
    ids = (first, second, third)
    seen = []
    for seconds in (0, 10, 5, 20):
        goapi.advance(seconds)
        seen.append([goapi.task(one)["status"] for one in ids])

    assert seen == [
        ["pending", "staged", "staged"],
        ["completed", "pending", "staged"],
        ["completed", "processing", "staged"],
        ["completed", "completed", "completed"],
    ]


def test_staged_task_takes_the_slot_of_a_cancelled_one(goapi: GoApiClient) -> None:
    """A staged task itself cannot be cancelled."""
    goapi.set(max_concurrent_tasks=1)
    first, second = (goapi.create(*UPSCALE).json()["data"]["task_id"] for _ in range(2))
    assert goapi.http.delete(f"/api/v1/task/{second}").status_code == 400
    goapi.http.delete(f"/api/v1/task/{first}")

    assert goapi.task(second)["status"] == "pending"


def test_tasks_that_need_each_other_do_not_deadlock(
    goapi: GoApiClient,
) -> None:
    """Requests for all of them, while the work is still running, all end."""
    goapi.http.post("/_sandbox/clock", json={"job_s": 0}).raise_for_status()
    first = goapi.create("midjourney", "imagine", {"prompt": "x"}).json()["data"]["task_id"]
    ids = [first]
    for _ in range(4):
        task_input = {"origin_task_id": ids[-1]}
        ids.append(goapi.create("midjourney", "reroll", task_input).json()["data"]["task_id"])
    with ThreadPoolExecutor(5) as pool:
        status = {task["status"] for task in pool.map(goapi.task, ids)}

    assert status == {"completed"}
