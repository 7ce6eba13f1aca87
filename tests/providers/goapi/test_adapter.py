"""GoAPI's adapter by hand: the envelope, a task's status, errors, credits."""

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
from darkroom.providers.adapter import Response
from darkroom.providers.goapi.envelope import WORDS
from tests.fakes.run_adapter import job_request_of, response_of, run
from tests.providers.goapi.builders import ADAPTER, job_request_on, route_of

JOB_ID = "11111111-2222-4333-8444-555555555555"


def task(**fields: Any) -> Mapping[str, Any]:
    """A task in its envelope."""
    return {"code": 200, "message": "success", "data": {"task_id": JOB_ID, **fields}}


def polled(body: object, operation: str = "upscale") -> Pending | Finished | JobFailed:
    """The outcome of a poll with this response."""
    _, out = run(ADAPTER.poll(route_of(operation), JOB_ID), response_of(200, body))
    return out


@pytest.mark.parametrize(
    ("code", "kind", "failure_code"),
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
def test_error_code_in_a_2xx_response_is_an_error(
    code: object, kind: type[DarkroomError], failure_code: str
) -> None:
    """The code stands for a status; a code that is not a status leaves the payment unclear."""
    work = job_request_on("a.jpg")
    with pytest.raises(kind) as caught:
        ADAPTER.read_submit(work, response_of(200, {"code": code, "message": "no", "data": None}))
    assert caught.value.failure.code == failure_code


@pytest.mark.parametrize("code", [None, "200", "ok", "", {}, True, 200, 201, 0, "0", 10001])
def test_other_codes_leave_a_2xx_response_valid(code: object) -> None:
    """A task id is there, and that counts, though the code is not a status."""
    body = {**task(status="pending"), "code": code}
    assert ADAPTER.read_submit(job_request_on("a.jpg"), response_of(200, body)) == Accepted(JOB_ID)


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
def test_task_without_an_id_is_unclear(model: str, body: object) -> None:
    """The call may be paid, and the task cannot be polled."""
    work = job_request_of(route_of("upscale", model), {}, {"image": ["a.jpg"]})
    with pytest.raises(Unclear):
        ADAPTER.read_submit(work, response_of(200, body))


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
def test_credits_are_read_in_known_units(
    usage: object, at_start: float | None, at_end: float | None
) -> None:
    """20,000 units are a credit; Midjourney has another unit."""
    fields = {
        "meta": {"usage": usage},
        "status": "completed",
        "output": {"image_url": "https://a.test"},
    }
    accepted = ADAPTER.read_submit(job_request_on("a.jpg"), response_of(200, task(**fields)))
    assert accepted == Accepted(JOB_ID, at_start)
    end = polled(task(**fields))
    assert isinstance(end, Finished)
    assert end.credits == at_end
    assert ADAPTER.tariff.usd_per_credit == pytest.approx(20_000 / 10_000_000)


@pytest.mark.parametrize(
    ("said", "word"),
    [*WORDS.items(), (" Completed\t\n", "finished"), ("DREAMING", "pending"), ("", "pending")],
)
def test_status_word_is_read_in_any_spelling(said: str, word: str) -> None:
    """Trimmed and in lower case; an unknown word is pending and noted."""
    out = polled(task(status=said, output={"image_url": "https://a.test/1.png"}))
    kinds = {"pending": Pending, "finished": Finished, "failed": JobFailed, "cancelled": JobFailed}
    assert isinstance(out, kinds[word])
    assert not isinstance(out, JobFailed) or out.code == f"job-{word}"


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"code": 200, "data": None}, task(), task(status=None), task(status=7)],
)
def test_unreadable_task_is_polled_again(body: object) -> None:
    """A response that cannot be read ends no job."""
    with pytest.raises(Unclear):
        polled(body)


def test_progress_is_read_if_there_is_any() -> None:
    """Midjourney reports it."""
    assert polled(task(status="processing", output={"progress": 40})) == Pending(40)
    assert polled(task(status="processing", output={"progress": "most"})) == Pending(None)


@pytest.mark.parametrize(
    ("fields", "quoted"),
    [
        ({"error": {"message": "", "raw_message": "raw"}, "logs": ["log"]}, "raw"),
        ({"error": {"message": "words", "raw_message": "raw"}, "logs": ["log"]}, "words"),
        ({"error": None, "logs": ["", "log"]}, "log"),
        ({"error": {"message": 7}, "logs": [{"message": "in an object"}]}, "in an object"),
        ({"error": "x", "logs": None}, "x"),
        ({"error": None, "logs": "a line"}, "a line"),
        ({"error": {"message": {"detail": "deep"}}}, "deep"),
        ({}, None),
    ],
)
def test_failed_task_quotes_its_cause(fields: Mapping[str, Any], quoted: str | None) -> None:
    """The error first, then the log; whether it was charged is unknown."""
    out = polled(task(status="failed", **fields))
    sentence = f"GoAPI could not do it: {quoted}." if quoted else "GoAPI could not do it."
    assert out == JobFailed("job-failed", sentence, "unknown")


@pytest.mark.parametrize(
    "body",
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
def test_lack_of_credits_blocks_the_account(status: int, body: Mapping[str, Any]) -> None:
    """The status of such a response is not documented; the next step is to add credits."""
    for response in (response_of(status, body), response_of(200, {**body, "code": status})):
        with pytest.raises(AccountBlocked) as caught:
            raise ADAPTER.read_error(response) if not response.ok else _refused(response)
        assert caught.value.failure.code == "no-credits"
        assert "Add credits at GoAPI" in caught.value.failure.next_step


def test_task_that_fails_at_once_for_lack_of_credits_is_not_accepted() -> None:
    """Created and failed in one response."""
    made = task(status="failed", error={"message": "failed to freeze credit"})
    with pytest.raises(AccountBlocked):
        ADAPTER.read_submit(job_request_on("a.jpg"), response_of(200, made))


@pytest.mark.parametrize(
    "fields",
    [
        {"error": {"message": "failed to freeze credit"}},
        {"error": {"message": "task failed", "raw_message": "Failed to freeze credit: 0"}},
        {"logs": ["failed to freeze credit"]},
    ],
)
def test_task_that_failed_for_lack_of_credits_cost_nothing(fields: Mapping[str, Any]) -> None:
    """Nothing was frozen for it; it can be made again once there are credits."""
    out = polled(task(status="failed", **fields))
    assert isinstance(out, JobFailed)
    assert (out.code, out.charged) == ("no-credits", "no")
    assert "Add credits at GoAPI" in out.sentence


@pytest.mark.parametrize(
    "fields",
    [
        {"error": {"message": "no face"}, "logs": ["failed to freeze credit", "froze it"]},
        {
            "error": {"message": "failed to freeze credit"},
            "meta": {"usage": {"type": "point", "consume": 20_000}},
        },
    ],
)
def test_task_that_may_have_cost_something_did_not_fail_for_credits(
    fields: Mapping[str, Any],
) -> None:
    """An older line of its log, or what it consumed, says that it had credits."""
    out = polled(task(status="failed", **fields))
    assert isinstance(out, JobFailed)
    assert (out.code, out.charged) == ("job-failed", "unknown")


def test_other_words_of_an_error_decide_nothing() -> None:
    """Only those of the table do, and not those of an accepted task."""
    said = {"message": "the credit of this photo is unknown"}
    assert ADAPTER.read_error(response_of(400, said)).failure.code == "provider-refused"
    assert ADAPTER.read_error(response_of(402, said)).failure.code == "no-credits"
    pending = task(status="pending", logs=["failed to freeze credit", "froze it"])
    assert ADAPTER.read_submit(job_request_on("a.jpg"), response_of(200, pending)) == Accepted(
        JOB_ID
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": 7, "message": 7}', b"\xff"])
def test_error_without_json_is_read(body: bytes) -> None:
    """A gateway's page is not quoted."""
    error = ADAPTER.read_error(Response(400, {}, body))
    assert error.failure.sentence == "GoAPI refused the request."


def test_cancel_quotes_the_task_id() -> None:
    """Any id stays one segment of the path; the toolkit v2 cannot cancel."""
    request = ADAPTER.cancel(route_of("upscale"), "../x?y")
    assert request is not None
    assert (request.method, request.path) == ("DELETE", "/api/v1/task/..%2Fx%3Fy")
    assert ADAPTER.cancel(route_of("upscale", "image-toolkit-v2"), JOB_ID) is None


def test_key_has_its_own_header() -> None:
    """Without a round trip."""
    assert run(ADAPTER.authorize({"api_key": "k"}, 0)) == ([], {"x-api-key": "k"})


def test_toolkit_v2_cannot_be_looked_up() -> None:
    """An unclear call of it needs a user's decision, so it is used only when a spec names it."""
    for route in ADAPTER.routes:
        older = route.model == "image-toolkit-v2"
        assert route.idempotency == ("none" if older else "look-up")
        assert route.pinned_only == (older or route.operation == "task")
        assert route.asynchronous
        assert route.charged_on_failure == "unknown"
    work = job_request_of(route_of("upscale", "image-toolkit-v2"), {}, {"image": ["a.jpg"]})
    with pytest.raises(LookupError):
        run(ADAPTER.look_up(work, 0))


def _refused(response: Response) -> DarkroomError:
    try:
        ADAPTER.read_submit(job_request_on("a.jpg"), response)
    except DarkroomError as error:
        return error
    raise AssertionError("it was taken")
