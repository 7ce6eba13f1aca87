"""GoAPI's adapter by hand: the envelope, states of a task, what went wrong, what it cost."""

from collections.abc import Mapping
from typing import Any

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import (
    AccountBlocked,
    DarkroomError,
    ProviderRefused,
    Throttled,
    Unclear,
)
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from darkroom.providers.adapter import Answer
from darkroom.providers.goapi.envelope import WORDS
from tests.fakes.run_adapter import answer_of, run, work_of
from tests.providers.goapi_bits import ADAPTER, route_of, work_on

JOB_ID = "11111111-2222-4333-8444-555555555555"


def task(**told: Any) -> Mapping[str, Any]:
    """A task in its envelope."""
    return {"code": 200, "message": "success", "data": {"task_id": JOB_ID, **told}}


def polled(body: object, operation: str = "upscale") -> Pending | Finished | JobFailed:
    """What an answer means to a poll."""
    _, out = run(ADAPTER.poll(route_of(operation), JOB_ID), answer_of(200, body))
    return out


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        (400, ProviderRefused, "provider-refused"),
        ("400", ProviderRefused, "provider-refused"),
        (" 402 ", AccountBlocked, "no-credits"),
        (402.0, AccountBlocked, "no-credits"),
        (301, ProviderRefused, "not-offered"),
        (401, AccountBlocked, "bad-credentials"),
        (402, AccountBlocked, "no-credits"),
        (403, AccountBlocked, "bad-credentials"),
        (429, Throttled, "provider-busy"),
        (500, Unclear, "provider-error"),
        (0, Unclear, "provider-error"),
        (-1, Unclear, "provider-error"),
        ("0", Unclear, "provider-error"),
        (10001, Unclear, "provider-error"),
    ],
)
def test_a_code_that_says_no_is_a_refusal_though_http_says_yes(
    code: object, kind: type[DarkroomError], told: str
) -> None:
    """The code stands for the status; one that is no status leaves the money in doubt."""
    work = work_on("a.jpg")
    with pytest.raises(kind) as caught:
        ADAPTER.read_submit(work, answer_of(200, {"code": code, "message": "no", "data": None}))
    assert caught.value.failure.code == told


@pytest.mark.parametrize("code", [None, "200", "ok", "", {}, True, 200, 201, 0, "0", 10001])
def test_a_code_that_says_nothing_else_leaves_http_its_word(code: object) -> None:
    """A task is there, and its name is what counts, though the code is no status at all."""
    body = {**task(status="pending"), "code": code}
    assert ADAPTER.read_submit(work_on("a.jpg"), answer_of(200, body)) == Accepted(JOB_ID)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        {"code": 200},
        {"code": 200, "data": []},
        task(task_id=""),
        task(task_id={}),
        task(task_id=True),
    ],
)
@pytest.mark.parametrize("model", ["image-toolkit", "image-toolkit-v2"])
def test_a_task_without_a_name_is_unclear(model: str, body: object) -> None:
    """Something may have been paid, and nobody can ask for it."""
    work = work_of(route_of("upscale", model), {}, {"image": ["a.jpg"]})
    with pytest.raises(Unclear):
        ADAPTER.read_submit(work, answer_of(200, body))


@pytest.mark.parametrize(
    ("usage", "at_start", "at_end"),
    [
        ({"type": "llm", "frozen": 0, "consume": 40000}, 2.0, 2.0),
        ({"type": "point", "frozen": 9600000, "consume": 0}, 480.0, 0.0),
        ({"type": "mj", "frozen": 14, "consume": 8}, None, None),
        ({"type": "quota", "frozen": 1, "consume": 1}, None, None),
        ({"type": "llm", "frozen": "0", "consume": -1}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_amounts_are_read_where_their_unit_is_known(
    usage: object, at_start: float | None, at_end: float | None
) -> None:
    """Twenty thousand units are a credit; Midjourney counts in another unit."""
    told = {
        "meta": {"usage": usage},
        "status": "completed",
        "output": {"image_url": "https://a.test"},
    }
    accepted = ADAPTER.read_submit(work_on("a.jpg"), answer_of(200, task(**told)))
    assert accepted == Accepted(JOB_ID, at_start)
    end = polled(task(**told))
    assert isinstance(end, Finished)
    assert end.credits == at_end
    assert ADAPTER.tariff.usd_per_credit == pytest.approx(20_000 / 10_000_000)


@pytest.mark.parametrize(
    ("said", "word"),
    [*WORDS.items(), (" Completed\t\n", "finished"), ("DREAMING", "pending"), ("", "pending")],
)
def test_a_word_is_understood_however_it_is_written(said: str, word: str) -> None:
    """Trimmed and in lower case; one that nobody knows is work going on, and is told."""
    out = polled(task(status=said, output={"image_url": "https://a.test/1.png"}))
    kinds = {"pending": Pending, "finished": Finished, "failed": JobFailed, "cancelled": JobFailed}
    assert isinstance(out, kinds[word])
    assert not isinstance(out, JobFailed) or out.code == f"job-{word}"


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"code": 200, "data": None}, task(), task(status=None), task(status=7)],
)
def test_a_task_that_says_nothing_is_asked_again(body: object) -> None:
    """An answer that cannot be read ends no job."""
    with pytest.raises(Unclear):
        polled(body)


def test_progress_is_shown_where_there_is_any() -> None:
    """Midjourney says how far it is."""
    assert polled(task(status="processing", output={"progress": 40})) == Pending(40)
    assert polled(task(status="processing", output={"progress": "most"})) == Pending(None)


@pytest.mark.parametrize(
    ("told", "quoted"),
    [
        ({"error": {"message": "", "raw_message": "raw"}, "logs": ["log"]}, "raw"),
        ({"error": {"message": "told", "raw_message": "raw"}, "logs": ["log"]}, "told"),
        ({"error": None, "logs": ["", "log"]}, "log"),
        ({"error": {"message": 7}, "logs": [{"message": "in an object"}]}, "in an object"),
        ({"error": "x", "logs": None}, "x"),
        ({"error": None, "logs": "a line"}, "a line"),
        ({"error": {"message": {"detail": "deep"}}}, "deep"),
        ({}, None),
    ],
)
def test_a_failed_task_says_why_where_it_can(told: Mapping[str, Any], quoted: str | None) -> None:
    """The error first, then the log; whether it was charged is not known."""
    out = polled(task(status="failed", **told))
    sentence = f"GoAPI could not do it: {quoted}." if quoted else "GoAPI could not do it."
    assert out == JobFailed("job-failed", sentence, "unknown")


@pytest.mark.parametrize(
    "told",
    [
        {"message": "failed to freeze credit"},
        {"message": "Failed To Freeze Credit: balance 0"},
        {"message": "no", "data": {"logs": ["failed to freeze credit"]}},
        {"message": "no", "data": {"logs": ["a", {"message": "failed to freeze credit"}]}},
        {"message": "no", "data": {"error": {"raw_message": "failed to freeze credit"}}},
        {"message": "no", "data": {"error": "failed to freeze credit"}},
    ],
)
@pytest.mark.parametrize("status", [400, 402, 500])
def test_a_task_that_cannot_be_paid_for_blocks_the_account(
    status: int, told: Mapping[str, Any]
) -> None:
    """Which status comes with these words is not documented; the advice is to add credits."""
    for answer in (answer_of(status, told), answer_of(200, {**told, "code": status})):
        with pytest.raises(AccountBlocked) as caught:
            raise ADAPTER.refuse(answer) if not answer.ok else _refused(answer)
        assert caught.value.failure.code == "no-credits"
        assert "Add credits at GoAPI" in caught.value.failure.next_step


def test_a_task_that_fails_at_once_for_its_price_was_not_accepted() -> None:
    """Made and failed in one answer."""
    made = task(status="failed", error={"message": "failed to freeze credit"})
    with pytest.raises(AccountBlocked):
        ADAPTER.read_submit(work_on("a.jpg"), answer_of(200, made))


def test_other_words_of_a_refusal_decide_nothing() -> None:
    """Only those of the table do; the words of a task that was taken do not either."""
    said = {"message": "the credit of this photo is unknown"}
    assert ADAPTER.refuse(answer_of(400, said)).failure.code == "provider-refused"
    assert ADAPTER.refuse(answer_of(402, said)).failure.code == "no-credits"
    pending = task(status="pending", logs=["failed to freeze credit", "froze it"])
    assert ADAPTER.read_submit(work_on("a.jpg"), answer_of(200, pending)) == Accepted(JOB_ID)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": 7, "message": 7}', b"\xff"])
def test_a_refusal_needs_no_words(body: bytes) -> None:
    """A gateway's page is not quoted."""
    error = ADAPTER.refuse(Answer(400, {}, body))
    assert error.failure.sentence == "GoAPI refused the request."


def test_a_task_is_cancelled_by_its_name() -> None:
    """Whatever it is called, it stays one segment; the older toolkit cannot cancel."""
    request = ADAPTER.cancel(route_of("upscale"), "../x?y")
    assert request is not None
    assert (request.method, request.path) == ("DELETE", "/api/v1/task/..%2Fx%3Fy")
    assert ADAPTER.cancel(route_of("upscale", "image-toolkit-v2"), JOB_ID) is None


def test_the_key_has_its_own_header() -> None:
    """And no round trip is made for it."""
    assert run(ADAPTER.authorize({"api_key": "k"}, 0)) == ([], {"x-api-key": "k"})


def test_only_the_older_toolkit_cannot_be_looked_up() -> None:
    """A doubtful call of its is for a person to settle, so it is chosen only by name."""
    for route in ADAPTER.routes:
        older = route.model == "image-toolkit-v2"
        assert route.idempotency == ("none" if older else "look-up")
        assert route.pinned_only == (older or route.operation == "task")
        assert route.asynchronous
        assert route.charged_on_failure == "unknown"
    work = work_of(route_of("upscale", "image-toolkit-v2"), {}, {"image": ["a.jpg"]})
    with pytest.raises(LookupError):
        run(ADAPTER.look_up(work, 0))


def _refused(answer: Answer) -> DarkroomError:
    try:
        ADAPTER.read_submit(work_on("a.jpg"), answer)
    except DarkroomError as error:
        return error
    raise AssertionError("it was taken")
