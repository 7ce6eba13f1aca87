"""What a paid call means for money, however it ends: the error's class says what may be paid.

Tests with `harness` are about HTTP and run on the driver over every sandbox; those with another
fixture run on the fake too, so that it keeps the same promises.
"""

import re
from dataclasses import replace
from datetime import date
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
from darkroom.domain.provider_jobs import Accepted, JobRequest, Prepared
from tests.contract.providers.conftest import AnyHarness
from tests.contract.providers.harness import (
    RETRY_AFTER_S,
    ProviderHarness,
    Trouble,
    build_harness,
)
from tests.contract.providers.provider_cases import KEYED, KEYLESS, MUST_UPLOAD, UPLOADING

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


keyed = pytest.mark.parametrize("provider", ["fake keyed job", *KEYED], indirect=True)
keyless = pytest.mark.parametrize("provider", ["fake at once", "fake job", *KEYLESS], indirect=True)
preparing = pytest.mark.parametrize("provider", ["fake keyed job", *UPLOADING], indirect=True)
uploading = pytest.mark.parametrize("harness", UPLOADING, indirect=True)


def default_work(provider: AnyHarness) -> JobRequest:
    """The smallest request for the route that represents the implementation."""
    return provider.work(provider.default_route)


# --- what a provider declares --------------------------------------------------------------------


def test_every_provider_declares_routes_and_a_tariff(provider: AnyHarness) -> None:
    """No route is there twice, in a stable order; a tariff has a date and a source."""
    routes = provider.providers.routes()
    names = [(route.provider, route.operation, route.model) for route in routes]
    assert len(set(names)) == len(names) > 0
    assert list(provider.providers.routes()) == list(routes)

    for name in {route.provider for route in routes}:
        tariff = provider.providers.tariff(name)
        assert date.fromisoformat(tariff.as_of)
        assert tariff.source
        assert tariff.usd_per_credit is None or tariff.usd_per_credit > 0


def test_provider_without_a_key_is_not_set_up_and_not_paid(provider: AnyHarness) -> None:
    """It is refused before there is an intent, with the hint; other providers are unaffected."""
    ready = {route.provider for route in provider.providers.routes()}
    ready = {name for name in ready if provider.providers.set_up(name)}
    work, before = default_work(provider), provider.charges()
    name = work.route.provider
    provider.forget_key()
    assert {other for other in ready if provider.providers.set_up(other)} == ready - {name}

    with pytest.raises(AccountBlocked) as caught:
        provider.submit(work)
    assert caught.value.failure.code == "not-set-up"
    assert caught.value.failure.next_step == provider.providers.set_up_hint(name)
    assert name in caught.value.failure.next_step
    assert (provider.intended, provider.charges()) == ([], before)


# --- the intent ----------------------------------------------------------------------------------


def test_intent_comes_once_and_before_the_charge(provider: AnyHarness) -> None:
    """It has the exact request, and a digest of every input."""
    work = default_work(provider)
    before = provider.charges()
    intents: list[tuple[Prepared, int]] = []
    provider.providers.submit(work, lambda prepared: intents.append((prepared, provider.charges())))
    ((prepared, charges),) = intents
    assert charges == before
    assert prepared.request
    assert set(prepared.sha256) == {file.key for files in work.inputs.values() for file in files}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in prepared.sha256.values())


def test_error_of_the_intent_passes_through_unpaid(provider: AnyHarness) -> None:
    """An intent that was not written does not allow a payment."""
    before = provider.charges()
    conflict = Conflict("Someone else was first.")

    def intend(_prepared: Prepared) -> None:
        raise conflict

    with pytest.raises(Conflict) as caught:
        provider.providers.submit(default_work(provider), intend)
    assert caught.value is conflict
    assert provider.charges() == before


@preparing
def test_failed_preparation_leaves_no_intent(provider: AnyHarness) -> None:
    """Its calls are free, so even a lost response is only a reason to retry."""
    before = provider.charges()
    provider.fail_upload()
    with pytest.raises(Busy):
        provider.submit(default_work(provider))
    assert (provider.intended, provider.charges()) == ([], before)


@uploading
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 502, "body": {"error": "cdn"}}, Busy),
        ({"malformed": True}, Busy),
        ({"status": 429, "headers": {"Retry-After": "2"}, "body": {"error": "slow"}}, Throttled),
    ],
    ids=["502", "malformed", "429"],
)
def test_failed_upload_leaves_nothing_to_pay(
    harness: ProviderHarness, fault: dict[str, Any], kind: type[DarkroomError]
) -> None:
    """No intent is written, and none of its errors is unclear."""
    harness.sandbox.faults({"match": harness.case.upload, "do": fault})
    before = harness.charges()
    with pytest.raises(kind):
        harness.submit(default_work(harness))
    assert (harness.intended, harness.charges()) == ([], before)


# --- the same request again ----------------------------------------------------------------------


def test_two_tasks_are_two_charges(provider: AnyHarness) -> None:
    """A new task is never taken for a repetition."""
    before = provider.charges()
    one, other = (provider.complete(default_work(provider)) for _ in range(2))
    assert one.results != other.results
    assert provider.charges() == before + 2


@keyed
@pytest.mark.parametrize("trouble", [None, "lost", "malformed", "never arrived"])
def test_request_repeated_under_its_key_is_one_job_and_one_charge(
    provider: AnyHarness, trouble: Trouble | None
) -> None:
    """Whatever happened to the first call, and however often it is repeated."""
    work, before = default_work(provider), provider.charges()
    jobs: list[object] = []
    if trouble is None:
        jobs.append(provider.submit(work))
    else:
        provider.fault(trouble)
        with pytest.raises(Unclear):
            provider.submit(work)

    jobs += [provider.providers.repeat(work, provider.intended[0]) for _ in range(2)]
    assert jobs == [jobs[0]] * len(jobs)
    assert isinstance(jobs[0], Accepted)
    provider.finish(work.route, jobs[0])
    assert provider.charges() == before + 1


@pytest.mark.parametrize("provider", ["fake keyed job", "apiframe"], indirect=True)
def test_another_request_under_the_same_key_is_unclear(provider: AnyHarness) -> None:
    """The key was used for a different request, which may be paid; Perfect documents no refusal."""
    work = default_work(provider)
    other = replace(work, params=work.route.params.model_validate({"scale": 4}))
    provider.submit(work)
    before = provider.charges()

    with pytest.raises(Unclear) as caught:
        provider.submit(other)
    assert caught.value.failure.code == "key-conflict"
    assert len(provider.intended) == 2
    assert provider.charges() == before


@keyless
def test_call_without_a_key_is_never_repeated(provider: AnyHarness) -> None:
    """It would be paid twice."""
    work = default_work(provider)
    provider.submit(work)
    before = provider.charges()
    with pytest.raises(ValueError, match="must not be repeated"):
        provider.providers.repeat(work, provider.intended[0])
    assert provider.charges() == before


# --- a paid call that goes wrong -----------------------------------------------------------------


def test_refused_call_is_not_charged(provider: AnyHarness) -> None:
    """Nothing was accepted; the next call may succeed."""
    provider.fault("refused")
    before = provider.charges()
    with pytest.raises(ProviderRefused) as caught:
        provider.submit(default_work(provider))
    assert caught.value.failure.code == "provider-refused"
    assert provider.charges() == before
    provider.complete(default_work(provider))
    assert provider.charges() == before + 1


def test_throttled_call_says_when_to_retry(provider: AnyHarness) -> None:
    """The seconds of `Retry-After` are passed on; nothing was charged."""
    provider.fault("throttled")
    before = provider.charges()
    with pytest.raises(Throttled) as caught:
        provider.submit(default_work(provider))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s == RETRY_AFTER_S
    assert provider.charges() == before


@pytest.mark.parametrize(
    ("trouble", "charges"),
    [("malformed", 1), ("truncated", 1), ("lost", 1), ("never arrived", 0)],
)
def test_call_without_a_complete_response_is_unclear(
    provider: AnyHarness, trouble: Trouble, charges: int
) -> None:
    """These look alike to the client; the intent is there, and no call is repeated by itself."""
    provider.fault(trouble)
    before = provider.charges()
    with pytest.raises(Unclear) as caught:
        provider.submit(default_work(provider))
    assert caught.value.money_moved == "maybe"
    assert len(provider.intended) == 1
    if provider.charges_at_submit:
        assert provider.charges() == before + charges


@pytest.mark.parametrize("then", ["before", "after"])
def test_late_response_is_unclear(harness: ProviderHarness, then: str) -> None:
    """Whether the request arrived before the deadline or not."""
    harness.sandbox.faults({"match": harness.case.paid, "do": {"delay_s": 2.0, "then": then}})
    with pytest.raises(Unclear) as caught:
        harness.submit(harness.work(harness.default_route, call_s=1))
    assert caught.value.money_moved == "maybe"


@pytest.mark.parametrize("status", STATUSES)
def test_status_has_one_meaning(harness: ProviderHarness, status: int) -> None:
    """Each status gives its error, with a code and a sentence, and an error is not charged."""
    kind, code = STATUSES[status]
    fault = {"status": status, "body": harness.case.complaint}
    harness.sandbox.faults({"match": harness.case.paid, "do": fault, "times": harness.renewals})
    before = harness.charges()
    with pytest.raises(kind) as caught:
        harness.submit(default_work(harness))
    assert caught.value.failure.code == code
    assert caught.value.failure.sentence.endswith(".")
    assert harness.charges() == before


def test_unavailable_queue_throttles(apiframe: ProviderHarness) -> None:
    """Apiframe's 503 is documented as not accepted; the task is retried later."""
    fault = {"status": 503, "body": {"error": "down"}}
    apiframe.sandbox.faults({"match": apiframe.case.paid, "do": fault})
    with pytest.raises(Throttled) as caught:
        apiframe.submit(default_work(apiframe))
    assert caught.value.failure.code == "provider-unavailable"


def test_undocumented_503_is_unclear(snapapi: ProviderHarness) -> None:
    """SnapAPI documents no 503, so the call may have been accepted."""
    snapapi.sandbox.faults({"match": snapapi.case.paid, "do": {"status": 503}})
    with pytest.raises(Unclear):
        snapapi.submit(default_work(snapapi))


def test_rate_limit_without_retry_after_throttles(apiframe: ProviderHarness) -> None:
    """At Apiframe it is still only the rate limit."""
    fault = {"status": 429, "body": {"error": "slow"}}
    apiframe.sandbox.faults({"match": apiframe.case.paid, "do": fault})
    with pytest.raises(Throttled) as caught:
        apiframe.submit(default_work(apiframe))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s is None


def test_rate_limit_of_the_sandbox_throttles(snapapi: ProviderHarness) -> None:
    """The sandbox's own 429, with its headers, is a rate limit and not a lack of credits."""
    snapapi.sandbox.account(rate_per_min=1)
    with pytest.raises(Throttled) as caught:  # noqa: PT012 - it is open which call is refused
        for _ in range(3):
            snapapi.submit(default_work(snapapi))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s is not None


def test_lack_of_credits_blocks_the_account_and_not_the_task(harness: ProviderHarness) -> None:
    """However the sandbox says it: nothing was accepted, and credits have to be added."""
    work = default_work(harness)
    before = harness.charges()
    harness.sandbox.account(credits=0)
    with pytest.raises(AccountBlocked) as caught:
        harness.submit(work)
    assert caught.value.failure.code == "no-credits"
    assert caught.value.failure.next_step.startswith("Add ")
    assert caught.value.retry_after_s is None
    assert harness.charges() == before

    harness.sandbox.account(credits=100_000)
    assert harness.submit(work)


def test_unreachable_provider_is_not_paid(harness: ProviderHarness) -> None:
    """The error says that nothing was sent."""
    away = build_harness(
        harness.sandbox, harness.transport, instead={"base_url": "http://127.0.0.1:9"}
    )
    with pytest.raises(NotSent) as caught:
        away.submit(default_work(away))
    assert caught.value.failure.code == "provider-unreachable"


def test_wrong_key_is_reported_with_the_command_that_sets_it(harness: ProviderHarness) -> None:
    """The key itself is in no text."""
    secret = dict.fromkeys(harness.sandbox.credentials, "sk-wrong-key-0123456789")
    wrong = build_harness(harness.sandbox, harness.transport, instead=secret)
    with pytest.raises((AccountBlocked, ProviderRefused)) as caught:
        wrong.submit(default_work(wrong))
    failure = caught.value.failure
    assert failure.code == "bad-credentials"
    assert f"darkroom keys set {harness.sandbox.name} --env local" in failure.next_step
    assert "sk-wrong-key" not in f"{failure} {caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("harness", MUST_UPLOAD, indirect=True)
def test_refused_upload_is_the_attempts_refusal(harness: ProviderHarness) -> None:
    """These providers take a file in no other way; no intent is written."""
    fault = {"status": 400, "body": harness.case.complaint}
    harness.sandbox.faults({"match": harness.case.upload, "do": fault})
    with pytest.raises(ProviderRefused):
        harness.submit(default_work(harness))
    assert harness.intended == []
