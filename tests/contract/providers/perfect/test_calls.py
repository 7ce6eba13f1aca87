"""Perfect's tokens, jobs and charges, through the real driver against its sandbox."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import AccountBlocked, Busy, ProviderRefused, Throttled, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.perfect.adapter import Perfect
from tests.contract.providers.harness import ProviderHarness, Sandbox, build_harness
from tests.contract.providers.perfect.jobs import (
    ASK,
    JOB_S,
    RUN,
    STORE,
    charges,
    finished,
    job_request_on,
    log,
    submitted,
)

CODES = (
    *("exceed_max_filesize", "invalid_parameter", "error_download_image", "error_download_mask"),
    *("error_decode_image", "error_decode_mask", "error_nsfw_content_detected", "error_no_face"),
    *("error_pose", "error_face_parsing", "error_inference", "exceed_nsfw_retry_limits"),
    *("error_upload", "error_multiple_people", "error_no_shoulder", "error_large_face_angle"),
    "unknown_internal_error",
)


def sign_ins(requests: Sequence[Mapping[str, Any]]) -> int:
    """How many requests asked for a token."""
    return sum(str(one["path"]).endswith("/client/auth") for one in requests)


def test_pending_job_says_when_to_poll_again(harness: ProviderHarness) -> None:
    """Its milliseconds become seconds, well below the ten after which it is lost."""
    out = harness.driver.poll(route := harness.route("colorize"), submitted(harness, route).job_id)
    assert isinstance(out, Pending)
    assert out.ask_again_s is not None
    assert 0 < out.ask_again_s < 10


def test_token_is_requested_once(harness: ProviderHarness) -> None:
    """Two tasks, one sign-in."""
    before = len(log(harness))
    for _ in range(2):
        submitted(harness, harness.route("remove-background"))
    assert sign_ins(log(harness)[before:]) == 1


def test_refused_token_is_renewed_and_the_call_repeated(harness: ProviderHarness) -> None:
    """A 401 during a job costs one sign-in and nothing else."""
    route = harness.route("remove-background")
    job = submitted(harness, route)
    before = len(log(harness))
    body = {"status": 401, "error": "Unauthorized", "error_code": "InvalidAccessToken"}
    harness.sandbox.faults({"match": ASK, "do": {"status": 401, "body": body}})
    assert isinstance(harness.driver.poll(route, job.job_id), Pending)
    assert sign_ins(log(harness)[before:]) == 1


def test_paid_call_with_a_refused_token_pays_once(harness: ProviderHarness) -> None:
    """The refused call was not accepted; the same request follows under a new token."""
    body = {"status": 401, "error": "Unauthorized", "error_code": "InvalidAccessToken"}
    harness.sandbox.faults({"match": RUN, "do": {"status": 401, "body": body}})
    route = harness.route("remove-background")
    before = len(charges(harness))
    assert isinstance(finished(harness, route, submitted(harness, route)), Finished)
    assert len(charges(harness)) == before + 1


def test_expired_token_is_replaced(harness: ProviderHarness) -> None:
    """The sandbox refuses it after two hours; the caller does not notice."""
    route = harness.route("remove-background")
    submitted(harness, route)
    harness.sandbox.advance(7201)
    before = len(log(harness))
    submitted(harness, route)
    seen = log(harness)[before:]
    assert sign_ins(seen) == 1
    assert [one["status"] for one in seen].count(401) == 1


def test_token_is_renewed_before_it_expires(sandbox: Sandbox, transport: DeadlineTransport) -> None:
    """After nine tenths of its lifetime, so that no call is refused."""
    elapsed = [0.0]
    harness = build_harness(
        sandbox, transport, Perfect(), token_cache=TokenCache(monotonic=lambda: elapsed[0])
    )
    route = harness.route("remove-background")
    submitted(harness, route)
    before = len(log(harness))
    elapsed[0] = 0.9 * 7200 - 1
    submitted(harness, route)
    assert sign_ins(log(harness)[before:]) == 0
    elapsed[0] += 2
    submitted(harness, route)
    assert sign_ins(log(harness)[before:]) == 1
    assert all(one["status"] == 200 for one in log(harness)[before:])


def _another_key() -> str:
    public = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - the vendor's length
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": _another_key()},
        {"client_secret": "sk-not-a-key-0123456789"},
        {"client_id": "SomebodyElse"},
    ],
    ids=["another key", "no key", "another id"],
)
def test_wrong_credentials_are_reported_with_the_command_that_sets_them(
    sandbox: Sandbox, transport: DeadlineTransport, wrong: Mapping[str, str]
) -> None:
    """The credentials themselves are in no text."""
    harness = build_harness(sandbox, transport, Perfect(), instead=wrong)
    with pytest.raises((AccountBlocked, ProviderRefused)) as caught:
        submitted(harness, harness.route("colorize"))
    failure = caught.value.failure
    assert failure.code == "bad-credentials"
    assert "darkroom keys set perfect --env local" in failure.next_step
    assert all(value not in f"{failure} {caught.value!r}" for value in wrong.values())


@pytest.mark.parametrize(
    "fault", [{"drop": "after"}, {"drop": "before"}, {"malformed": True}, {"truncate": 9}]
)
def test_repeated_request_is_one_job_and_one_charge(
    harness: ProviderHarness, fault: Mapping[str, Any]
) -> None:
    """Whatever happened to the first response."""
    harness.sandbox.faults({"match": RUN, "do": fault})
    route = harness.route("remove-background")
    work = job_request_on(harness, route)
    before = len(charges(harness))
    with pytest.raises(Unclear):
        harness.submit(work)

    first = harness.driver.repeat(work, harness.intended[0])
    second = harness.driver.repeat(work, harness.intended[0])

    assert isinstance(first, Accepted)
    assert first == second
    assert isinstance(finished(harness, route, first), Finished)
    assert len(charges(harness)) == before + 1


def test_another_attempt_is_another_job(harness: ProviderHarness) -> None:
    """A new request id, a new upload: the vendor does the work again."""
    route = harness.route("remove-background")
    work = job_request_on(harness, route)
    first = harness.submit(work)
    second = harness.submit(JobRequest(work.task_id, 2, route, work.params, work.inputs))
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.job_id != second.job_id


def test_job_without_polls_is_lost_and_not_charged(harness: ProviderHarness) -> None:
    """After ten seconds without a poll."""
    route = harness.route("remove-background")
    before = len(charges(harness))
    job = submitted(harness, route)
    harness.sandbox.advance(11)
    end = harness.driver.poll(route, job.job_id)
    assert end == JobFailed("job-lost", "Perfect Corp no longer knows the job.", "no")
    harness.sandbox.advance(JOB_S)
    assert len(charges(harness)) == before


@pytest.mark.parametrize("code", CODES)
def test_every_engine_error_ends_the_job_without_a_charge(
    harness: ProviderHarness, code: str
) -> None:
    """Our code instead of the vendor's, and a sentence."""
    harness.sandbox.faults({"match": RUN, "do": {"job": "fail", "body": code}})
    route = harness.route("remove-background")
    before = len(charges(harness))
    end = finished(harness, route, submitted(harness, route))
    assert isinstance(end, JobFailed)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", end.code)
    assert code not in end.sentence
    assert end.charged == "no"
    assert len(charges(harness)) == before


@pytest.mark.parametrize(
    "fault", [{"status": 403}, {"status": 503}, {"drop": "before"}, {"drop": "after"}]
)
def test_failed_upload_leaves_nothing_to_pay(
    harness: ProviderHarness, fault: Mapping[str, Any]
) -> None:
    """The attempt is busy; when everything is repeated, it works."""
    harness.sandbox.faults({"match": STORE, "do": fault})
    route = harness.route("colorize")
    work = job_request_on(harness, route)
    with pytest.raises(Busy):
        harness.submit(work)
    assert harness.intended == []
    assert isinstance(harness.submit(work), Accepted)


def test_account_without_credits_is_blocked(harness: ProviderHarness) -> None:
    """No task was created, and the spec is not to blame."""
    harness.sandbox.account(credits=0)
    with pytest.raises(AccountBlocked) as caught:
        submitted(harness, harness.route("upscale"))
    assert caught.value.failure.code == "no-credits"


def test_rate_limit_of_the_sandbox_throttles(harness: ProviderHarness) -> None:
    """It names no time, so the product's own backoff decides."""
    harness.sandbox.account(rate_per_min=1)
    with pytest.raises(Throttled) as caught:
        harness.driver.styles(harness.route("generate"))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s is None
