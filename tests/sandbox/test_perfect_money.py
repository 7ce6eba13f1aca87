"""Perfect's tasks and money: charged once, on success that was seen; lost ones are free."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.sandbox.images import disc, photo
from tests.sandbox.perfect_client import (
    API,
    JOB_S,
    TASKS,
    PerfectClient,
    task_of,
)

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


def test_a_repeat_is_the_same_task_and_one_charge(perfect: PerfectClient, src: str) -> None:
    """Same request id and files: the first task's id, also after its end and without credits."""
    first = perfect.run("sod", src=src, request_id=1)
    again = perfect.run("sod", src=src, request_id=1)
    perfect.finished("sod", first)
    perfect.account(credits=0)
    late = perfect.run("sod", src=src, request_id=1, output_ext="webp")

    assert task_of(first) == task_of(again) == task_of(late)
    (entry,) = perfect.entries()
    assert (entry["credits"], entry["key"], entry["job_id"]) == (1, "1", task_of(first))


def test_another_number_file_or_feature_is_another_task(perfect: PerfectClient, src: str) -> None:
    """The request id alone does not decide."""
    other = perfect.upload("sod", photo(40, 40))
    tasks = {
        task_of(perfect.run("sod", src=src, request_id=2)),
        task_of(perfect.run("sod", src=src, request_id=3)),
        task_of(perfect.run("sod", src=other, request_id=2)),
        task_of(perfect.run("colorize", src=src, request_id=2)),
    }

    assert len(tasks) == 4


def test_both_names_of_a_feature_are_one_feature(perfect: PerfectClient, src: str) -> None:
    """A task is found, and repeated, under either."""
    mask = perfect.upload("obj-rem", disc())
    first = perfect.run("obj-rem", src=src, mask=mask, request_id=4)
    again = perfect.run("obj-removal", src=src, mask=mask, request_id=4)

    assert task_of(first) == task_of(again)
    assert perfect.finished("obj-removal", first)["status"] == "success"


def test_repeats_at_the_same_moment_make_one_task(perfect: PerfectClient, src: str) -> None:
    """However many arrive at once."""
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: perfect.run("sod", src=src, request_id=5), range(6)))
    perfect.finished("sod", answers[0])

    assert len({task_of(answer) for answer in answers}) == 1
    assert perfect.spent() == 1


def test_a_refused_request_does_not_use_up_its_number(perfect: PerfectClient, src: str) -> None:
    """After too few credits the same number goes through."""
    perfect.account(credits=0)
    assert perfect.run("sod", src=src, request_id=6).status_code == 400
    perfect.account(credits=10)

    assert perfect.run("sod", src=src, request_id=6).status_code == 200


def test_a_task_that_nobody_asks_about_for_ten_seconds_is_lost(
    perfect: PerfectClient, src: str
) -> None:
    """It counts from the creation, the id is invalid from then on, and nothing is charged."""
    perfect.set_job_s(60)
    task_id = task_of(perfect.run("sod", src=src))
    for _ in range(3):
        perfect.advance(10)
        assert perfect.ask("sod", task_id).json()["result"]["status"] == "running"
    perfect.advance(10.5)
    lost = perfect.ask("sod", task_id)
    perfect.advance(60)

    assert lost.status_code == 400
    assert lost.json() == {
        "status": 400,
        "error": "Invalid task ID",
        "error_code": "InvalidTaskId",
    }
    assert perfect.ask("sod", task_id).status_code == 400
    assert perfect.entries() == []


def test_a_task_is_lost_though_its_work_is_done(perfect: PerfectClient, src: str) -> None:
    """Work that nobody saw is not charged, and a repeat of the request does not bring it back."""
    accepted = perfect.run("sod", src=src, request_id=8)
    perfect.advance(JOB_S + 4.5)
    repeat = perfect.run("sod", src=src, request_id=8)

    assert task_of(repeat) == task_of(accepted)
    assert perfect.ask("sod", task_of(accepted)).json()["error_code"] == "InvalidTaskId"
    assert perfect.entries() == []


def test_a_success_that_was_seen_stays(perfect: PerfectClient, src: str) -> None:
    """It is charged once, at the time when it was seen."""
    accepted = perfect.run("sod", src=src)
    before = _now(perfect)
    perfect.finished("sod", accepted)
    perfect.advance(3600)
    again = perfect.ask("sod", task_of(accepted)).json()["result"]

    assert again["status"] == "success"
    (entry,) = perfect.entries()
    assert entry["at"] == before + JOB_S


@pytest.mark.parametrize(("feature", "price"), PRICES.items())
def test_each_feature_has_its_price_on_success(
    perfect: PerfectClient, src: str, feature: str, price: int
) -> None:
    """Nothing while it runs, then the units of one success."""
    asked: dict[str, Any] = {"src": src}
    if feature == "text-to-image":
        asked = {"params": {"prompt": "a kite", **perfect.style(feature)}}
    elif feature.startswith("hair") or feature == "wig":
        asked["params"] = perfect.style(feature)
    elif feature == "enhance":
        asked["params"] = {"scale": 1}
    elif feature == "mu-trans-rec":
        asked["ref"] = src
    elif feature == "obj-rem":
        asked["mask"] = perfect.upload(feature, disc())
    accepted = perfect.run(feature, **asked)
    perfect.ask(feature, task_of(accepted))
    assert perfect.entries() == []
    ended = perfect.finished(feature, accepted)

    assert ended["status"] == "success"
    (entry,) = perfect.entries()
    assert (entry["kind"], entry["credits"]) == ("charge", price)
    assert entry["route"] == f"POST {API}/task/{feature}"


def test_too_few_credits_refuse_the_task(perfect: PerfectClient, src: str) -> None:
    """What other tasks will cost is set aside, and free again when they are lost."""
    perfect.account(credits=3)
    answers = [perfect.run("enhance", src=src, params={"scale": 1}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].json()["error_code"] == "CreditInsufficiency"
    perfect.advance(11)
    assert perfect.run("enhance", src=src, params={"scale": 1}).status_code == 200


def test_credits_that_are_gone_at_the_end_fail_the_task(perfect: PerfectClient, src: str) -> None:
    """Nobody gets a result for nothing, and it stays that way."""
    accepted = perfect.run("sod", src=src)
    perfect.account(credits=0)
    assert perfect.error("sod", accepted) == "unknown_internal_error"
    perfect.account(credits=5)

    assert perfect.error("sod", accepted) == "unknown_internal_error"
    assert perfect.entries() == []


def test_a_dropped_answer_is_repeated_free_of_charge(perfect: PerfectClient, src: str) -> None:
    """The first request was accepted though nobody heard of it; its repeat finds the task."""
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
