"""Perfect's charges: once per task, on a success that a poll has returned; lost tasks are free."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.sandbox.images import disc, photo
from tests.sandbox.perfect.client import API, JOB_S, TASKS, PerfectClient, task_of

PRICES = {
    "hair-style": 1,
    "wig": 1,
    "hair-ext": 1,
    "hair-bang": 1,
    "hair-vol": 2,
    "aging": 2,
    "mu-trans-rec": 2,
    "obj-rem": 1,
    "colorize": 2,
    "sod": 1,
    "enhance": 2,
    "text-to-image": 2,
}


@pytest.fixture
def src(perfect: PerfectClient) -> str:
    """Give the id of an uploaded photo."""
    return perfect.upload("sod", photo())


def test_repeated_request_is_the_same_task(perfect: PerfectClient, src: str) -> None:
    """Same request id and files: the first task's id, also after its end and without credits."""
    first = perfect.run("sod", src=src, request_id=1)
    again = perfect.run("sod", src=src, request_id=1)
    perfect.finished("sod", first)
    perfect.account(credits=0)
    late = perfect.run("sod", src=src, request_id=1, output_ext="webp")

    assert task_of(first) == task_of(again) == task_of(late)
    (entry,) = perfect.entries()
    assert (entry["credits"], entry["key"], entry["job_id"]) == (1, "1", task_of(first))


def test_other_request_id_file_or_feature_is_another_task(perfect: PerfectClient, src: str) -> None:
    """The request id alone does not decide."""
    other = perfect.upload("sod", photo(40, 40))
    tasks = {
        task_of(perfect.run("sod", src=src, request_id=2)),
        task_of(perfect.run("sod", src=src, request_id=3)),
        task_of(perfect.run("sod", src=other, request_id=2)),
        task_of(perfect.run("colorize", src=src, request_id=2)),
    }

    assert len(tasks) == 4


def test_both_slugs_of_a_feature_are_one_feature(perfect: PerfectClient, src: str) -> None:
    """A task is found, and repeated, under either."""
    mask = perfect.upload("obj-rem", disc())
    first = perfect.run("obj-rem", src=src, mask=mask, request_id=4)
    again = perfect.run("obj-removal", src=src, mask=mask, request_id=4)

    assert task_of(first) == task_of(again)
    assert perfect.finished("obj-removal", first)["status"] == "success"


def test_concurrent_repeats_create_one_task(perfect: PerfectClient, src: str) -> None:
    """All get the same id."""
    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(lambda _: perfect.run("sod", src=src, request_id=5), range(6)))
    perfect.finished("sod", responses[0])

    assert len({task_of(response) for response in responses}) == 1
    assert perfect.spent() == 1


def test_refused_request_does_not_use_its_request_id(perfect: PerfectClient, src: str) -> None:
    """After insufficient credits the same id works."""
    perfect.account(credits=0)
    assert perfect.run("sod", src=src, request_id=6).status_code == 400
    perfect.account(credits=10)

    assert perfect.run("sod", src=src, request_id=6).status_code == 200


def test_task_without_a_poll_for_ten_seconds_is_lost(perfect: PerfectClient, src: str) -> None:
    """The time starts at the creation; the id is invalid from then on, and nothing is charged."""
    perfect.set_job_s(60)
    task_id = task_of(perfect.run("sod", src=src))
    for _ in range(3):
        perfect.advance(10)
        assert perfect.poll("sod", task_id).json()["result"]["status"] == "running"
    perfect.advance(10.5)
    lost = perfect.poll("sod", task_id)
    perfect.advance(60)

    assert lost.status_code == 400
    assert lost.json() == {
        "status": 400,
        "error": "Invalid task ID",
        "error_code": "InvalidTaskId",
    }
    assert perfect.poll("sod", task_id).status_code == 400
    assert perfect.entries() == []


def test_task_with_finished_work_can_be_lost(perfect: PerfectClient, src: str) -> None:
    """Unseen work is not charged, and a repeat of the request does not restore it."""
    accepted = perfect.run("sod", src=src, request_id=8)
    perfect.advance(JOB_S + 4.5)
    repeat = perfect.run("sod", src=src, request_id=8)

    assert task_of(repeat) == task_of(accepted)
    assert perfect.poll("sod", task_of(accepted)).json()["error_code"] == "InvalidTaskId"
    assert perfect.entries() == []


def test_polled_success_is_kept(perfect: PerfectClient, src: str) -> None:
    """It is charged once, at the time of the poll."""
    accepted = perfect.run("sod", src=src)
    before = _now(perfect)
    perfect.finished("sod", accepted)
    perfect.advance(3600)
    again = perfect.poll("sod", task_of(accepted)).json()["result"]

    assert again["status"] == "success"
    (entry,) = perfect.entries()
    assert entry["at"] == before + JOB_S


@pytest.mark.parametrize(("feature", "price"), PRICES.items())
def test_each_feature_has_its_price_on_success(
    perfect: PerfectClient, src: str, feature: str, price: int
) -> None:
    """Nothing while it runs, then the units of one success."""
    options: dict[str, Any] = {"src": src}
    if feature == "text-to-image":
        options = {"params": {"prompt": "a kite", **perfect.style(feature)}}
    elif feature.startswith("hair") or feature == "wig":
        options["params"] = perfect.style(feature)
    elif feature == "enhance":
        options["params"] = {"scale": 1}
    elif feature == "mu-trans-rec":
        options["ref"] = src
    elif feature == "obj-rem":
        options["mask"] = perfect.upload(feature, disc())
    accepted = perfect.run(feature, **options)
    perfect.poll(feature, task_of(accepted))
    assert perfect.entries() == []
    ended = perfect.finished(feature, accepted)

    assert ended["status"] == "success"
    (entry,) = perfect.entries()
    assert (entry["kind"], entry["credits"]) == ("charge", price)
    assert entry["route"] == f"POST {API}/task/{feature}"


def test_task_needs_credits_beyond_those_of_open_tasks(perfect: PerfectClient, src: str) -> None:
    """The price of open tasks is reserved, and free again when they are lost."""
    perfect.account(credits=3)
    responses = [perfect.run("enhance", src=src, params={"scale": 1}) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 400]
    assert responses[1].json()["error_code"] == "CreditInsufficiency"
    perfect.advance(11)
    assert perfect.run("enhance", src=src, params={"scale": 1}).status_code == 200


def test_credits_spent_before_the_end_fail_the_task(perfect: PerfectClient, src: str) -> None:
    """An unpaid task has no result and stays failed."""
    accepted = perfect.run("sod", src=src)
    perfect.account(credits=0)
    assert perfect.error("sod", accepted) == "unknown_internal_error"
    perfect.account(credits=5)

    assert perfect.error("sod", accepted) == "unknown_internal_error"
    assert perfect.entries() == []


def test_repeat_after_a_dropped_response_finds_the_task(perfect: PerfectClient, src: str) -> None:
    """The first request was accepted, and the repeat costs nothing."""
    perfect.fault({"drop": "after"}, TASKS)
    with pytest.raises(httpx.RemoteProtocolError):
        perfect.run("sod", src=src, request_id=9)
    repeated = perfect.run("sod", src=src, request_id=9)
    again = perfect.run("sod", src=src, request_id=9)

    assert task_of(repeated) == task_of(again)
    assert perfect.finished("sod", repeated)["status"] == "success"
    assert perfect.spent() == 1


def _now(perfect: PerfectClient) -> float:
    now: float = perfect.http.get("/_sandbox/clock").json()["now"]
    return now
