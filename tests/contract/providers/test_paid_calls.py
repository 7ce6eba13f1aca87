"""What becomes of a paid call that goes wrong: the error's class says whether money may be gone."""

import contextlib
from typing import Any

import pytest

from darkroom.domain.errors import (
    AccountBlocked,
    Busy,
    Conflict,
    DarkroomError,
    NotSent,
    ProviderRefused,
    Throttled,
    Unclear,
)
from darkroom.domain.provider_jobs import Accepted, Prepared
from darkroom.providers.adapter import Request
from tests.contract.providers.harness import ProviderHarness, build_harness

STATUSES: dict[int, tuple[type[DarkroomError], str]] = {
    400: (ProviderRefused, "provider-refused"),
    401: (AccountBlocked, "bad-credentials"),
    402: (AccountBlocked, "no-credits"),
    403: (AccountBlocked, "bad-credentials"),
    404: (ProviderRefused, "not-offered"),
    405: (ProviderRefused, "not-offered"),
    413: (ProviderRefused, "input-too-large"),
    415: (ProviderRefused, "wrong-format"),
    422: (ProviderRefused, "provider-refused"),
    301: (ProviderRefused, "not-offered"),
    303: (Unclear, "provider-error"),
    307: (ProviderRefused, "not-offered"),
    408: (Unclear, "provider-error"),
    410: (ProviderRefused, "not-offered"),
    418: (ProviderRefused, "provider-refused"),
    425: (Throttled, "provider-busy"),
    451: (ProviderRefused, "provider-refused"),
    499: (Unclear, "provider-error"),
    500: (Unclear, "provider-error"),
    502: (Unclear, "provider-error"),
    504: (Unclear, "provider-error"),
}


def charged(harness: ProviderHarness) -> int:
    """How many charges the sandbox has written."""
    return sum(entry["kind"] == "charge" for entry in harness.sandbox.ledger())


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_has_one_meaning(harness: ProviderHarness, status: int) -> None:
    """Each status ends in its error, with a code, a sentence, and nothing charged by a refusal."""
    kind, code = STATUSES[status]
    fault = {"status": status, "body": harness.case.complaint}
    harness.sandbox.faults({"match": harness.case.paid, "do": fault, "times": harness.renewals})
    before = charged(harness)

    with pytest.raises(kind) as caught:
        harness.submit(harness.work(harness.default_operation))

    assert caught.value.failure.code == code
    assert caught.value.failure.sentence.endswith(".")
    assert charged(harness) == before


def test_an_unavailable_queue_is_a_reason_to_wait(apiframe: ProviderHarness) -> None:
    """Apiframe's 503 is documented as not accepted; the task comes back later."""
    apiframe.sandbox.faults(
        {"match": apiframe.case.paid, "do": {"status": 503, "body": {"error": "down"}}}
    )
    with pytest.raises(Throttled) as caught:
        apiframe.submit(apiframe.work(apiframe.default_operation))
    assert caught.value.failure.code == "provider-unavailable"


def test_an_undocumented_503_is_unclear(snapapi: ProviderHarness) -> None:
    """SnapAPI documents no 503, so nobody knows whether the call was accepted."""
    snapapi.sandbox.faults({"match": snapapi.case.paid, "do": {"status": 503}})
    with pytest.raises(Unclear):
        snapapi.submit(snapapi.work(snapapi.default_operation))


def test_a_rate_limit_says_when_to_come_back(harness: ProviderHarness) -> None:
    """The seconds of `Retry-After` are passed on."""
    harness.sandbox.faults(
        {
            "match": harness.case.paid,
            "do": {"status": 429, "headers": {"Retry-After": "7"}, "body": {}},
        }
    )
    with pytest.raises(Throttled) as caught:
        harness.submit(harness.work(harness.default_operation))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s == 7


def test_a_rate_limit_may_say_nothing(apiframe: ProviderHarness) -> None:
    """Without `Retry-After` Apiframe's 429 is still only its pace."""
    apiframe.sandbox.faults(
        {"match": apiframe.case.paid, "do": {"status": 429, "body": {"error": "slow"}}}
    )
    with pytest.raises(Throttled) as caught:
        apiframe.submit(apiframe.work(apiframe.default_operation))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s is None


def test_the_real_rate_limit_is_understood(snapapi: ProviderHarness) -> None:
    """The sandbox's own 429, with its headers, is a rate limit and not a lack of credits."""
    snapapi.sandbox.account(rate_per_min=1)
    with pytest.raises(Throttled) as caught:  # noqa: PT012 - which of the two is refused is its own
        for _ in range(3):
            snapapi.submit(snapapi.work(snapapi.default_operation))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s is not None


def test_an_empty_purse_blocks_the_account_and_not_the_task(harness: ProviderHarness) -> None:
    """However the sandbox says it: nothing was made, and someone has to add credits."""
    work = harness.work(harness.default_operation)
    before = charged(harness)
    harness.sandbox.account(credits=0)
    with pytest.raises(AccountBlocked) as caught:
        harness.submit(work)
    assert caught.value.failure.code == "no-credits"
    assert caught.value.failure.next_step.startswith("Add ")
    assert caught.value.retry_after_s is None
    assert charged(harness) == before

    harness.sandbox.account(credits=100_000)
    assert harness.submit(work)


@pytest.mark.parametrize(
    ("fault", "pays"),
    [
        ({"malformed": True}, 1),
        ({"truncate": 9}, 1),
        ({"drop": "before"}, 0),
        ({"drop": "after"}, 1),
        ({"delay_s": 2.0, "then": "before"}, 0),
        ({"delay_s": 2.0, "then": "after"}, 1),
    ],
    ids=["malformed", "truncated", "drop-before", "drop-after", "late-before", "late-after"],
)
def test_an_answer_that_never_came_whole_is_unclear(
    harness: ProviderHarness, fault: dict[str, Any], pays: int
) -> None:
    """From here all of these look alike, and they are not: nobody may pay again blindly."""
    harness.sandbox.faults({"match": harness.case.paid, "do": fault})
    before = charged(harness)
    with pytest.raises(Unclear) as caught:
        harness.submit(harness.work(harness.default_operation, call_s=1))
    assert caught.value.money_moved == "maybe"
    # The sandbox may still be stalling; and Perfect charges only for what it has made.
    if "delay_s" not in fault and harness.sandbox.name != "perfect":
        assert charged(harness) - before == pays


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"malformed": True}, {"drop": "before"}])
def test_repeating_under_a_key_pays_once(keyed: ProviderHarness, fault: dict[str, Any]) -> None:
    """Whatever happened the first time, the same request again names one job, charged once."""
    keyed.sandbox.faults({"match": keyed.case.paid, "do": fault})
    work = keyed.work(keyed.default_operation)
    before = charged(keyed)
    with pytest.raises(Unclear):
        keyed.submit(work)

    first = keyed.driver.repeat(work, keyed.intended[0])
    second = keyed.driver.repeat(work, keyed.intended[0])

    assert isinstance(first, Accepted)
    assert first == second
    keyed.finish(keyed.default_operation, first)
    assert charged(keyed) == before + 1


def test_a_key_with_another_body_is_unclear(apiframe: ProviderHarness) -> None:
    """Something was asked under this key before, and it may have been paid."""
    work = apiframe.work(apiframe.default_operation)
    apiframe.submit(work)
    request = Request.from_text(apiframe.intended[0])
    assert request.json is not None
    group = {**request.json["topazUpscaleParams"], "upscale_factor": 4}
    other = Request(
        request.method,
        request.path,
        json={**request.json, "topazUpscaleParams": group},
        headers=request.headers,
    )
    with pytest.raises(Unclear) as caught:
        apiframe.driver.repeat(work, other.to_text())
    assert caught.value.failure.code == "key-conflict"


def test_what_has_no_key_is_never_repeated(keyless: ProviderHarness) -> None:
    """The driver itself refuses to send such a request twice."""
    work = keyless.work(keyless.default_operation)
    keyless.submit(work)
    before = charged(keyless)
    with pytest.raises(ValueError, match="must not be repeated"):
        keyless.driver.repeat(work, keyless.intended[0])
    assert charged(keyless) == before


def test_nothing_is_paid_when_the_intent_cannot_be_kept(harness: ProviderHarness) -> None:
    """The error of `intend` passes through, before the call."""
    before = charged(harness)

    def lose(_prepared: Prepared) -> None:
        raise Conflict("someone else was first")

    with pytest.raises(Conflict):
        harness.driver.submit(harness.work(harness.default_operation), lose)
    assert charged(harness) == before


def test_a_provider_out_of_reach_was_not_paid(harness: ProviderHarness) -> None:
    """Nobody listens there: the error says that nothing was sent."""
    away = build_harness(harness.sandbox, harness.transport, base_url="http://127.0.0.1:9")
    with pytest.raises(NotSent) as caught:
        away.submit(away.work(away.default_operation))
    assert caught.value.failure.code == "provider-unreachable"


def test_a_wrong_key_is_named_with_its_remedy_and_never_shown(harness: ProviderHarness) -> None:
    """The command that sets the key is the next step; the key itself is in no text."""
    held = dict.fromkeys(harness.sandbox.credentials, "sk-wrong-key-0123456789")
    wrong = build_harness(harness.sandbox, harness.transport, **held)
    with pytest.raises((AccountBlocked, ProviderRefused)) as caught:
        wrong.submit(wrong.work(wrong.default_operation))
    failure = caught.value.failure
    assert failure.code == "bad-credentials"
    assert f"darkroom/local/{harness.sandbox.name}" in failure.next_step
    assert "sk-wrong-key" not in f"{failure} {caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 502, "body": {"error": "cdn"}}, Busy),
        ({"malformed": True}, Busy),
        ({"drop": "before"}, Busy),
        ({"status": 429, "headers": {"Retry-After": "2"}, "body": {"error": "slow"}}, Throttled),
    ],
    ids=["502", "malformed", "drop", "429"],
)
def test_an_upload_that_fails_leaves_nothing_to_pay(
    uploading: ProviderHarness, fault: dict[str, Any], kind: type[DarkroomError]
) -> None:
    """Preparing is free: no intent is written, and none of its errors is unclear."""
    assert uploading.case.upload is not None
    uploading.sandbox.faults({"match": uploading.case.upload, "do": fault})
    before = charged(uploading)
    with pytest.raises(kind):
        uploading.submit(uploading.work(uploading.default_operation))
    assert uploading.intended == []
    assert charged(uploading) == before


def test_an_upload_that_is_refused_leaves_nothing_to_pay(keyed: ProviderHarness) -> None:
    """Where a file goes no other way, its refusal is the attempt's."""
    assert keyed.case.upload is not None
    fault = {"status": 400, "body": keyed.case.complaint}
    keyed.sandbox.faults({"match": keyed.case.upload, "do": fault})
    with pytest.raises(ProviderRefused):
        keyed.submit(keyed.work(keyed.default_operation))
    assert keyed.intended == []


def test_the_sandbox_is_quiet_again_after_its_faults(harness: ProviderHarness) -> None:
    """A rule fires as often as it says; then the same call works."""
    harness.sandbox.faults(
        {"match": harness.case.paid, "do": {"status": 400, "body": {"error": "no"}}}
    )
    with contextlib.suppress(ProviderRefused):
        harness.submit(harness.work(harness.default_operation))
    assert harness.submit(harness.work(harness.default_operation))
