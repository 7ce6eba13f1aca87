"""Perfect's tokens, jobs and money, through the real driver against its sandbox."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import AccountBlocked, Busy, ProviderRefused, Throttled, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.engine.transport import DeadlineTransport
from tests.contract.providers.bench import Bench, Sandbox
from tests.contract.providers.perfect_bench import (
    ASK,
    JOB_S,
    RUN,
    STORE,
    bench_of,
    charges,
    finished,
    log,
    served,
    submitted,
    work_on,
)

CODES = (
    *("exceed_max_filesize", "invalid_parameter", "error_download_image", "error_download_mask"),
    *("error_decode_image", "error_decode_mask", "error_nsfw_content_detected", "error_no_face"),
    *("error_pose", "error_face_parsing", "error_inference", "exceed_nsfw_retry_limits"),
    *("error_upload", "error_multiple_people", "error_no_shoulder", "error_large_face_angle"),
    "unknown_internal_error",
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, whose clock no other test moves."""
    with served() as sandbox:
        yield sandbox


@pytest.fixture
def bench(sandbox: Sandbox, wire: DeadlineTransport) -> Iterator[Bench]:
    """Perfect on the bench."""
    sandbox.clear()
    yield bench_of(sandbox, wire)
    sandbox.clear()


def sign_ins(requests: Sequence[Mapping[str, Any]]) -> int:
    """How many of them asked for a token."""
    return sum(str(one["path"]).endswith("/client/auth") for one in requests)


def test_a_job_says_when_it_wants_to_be_asked_again(bench: Bench) -> None:
    """Its milliseconds become seconds, well below the ten after which it is lost."""
    out = bench.driver.poll(route := bench.route("colorize"), submitted(bench, route).job_id)
    assert isinstance(out, Pending)
    assert out.ask_again_s is not None
    assert 0 < out.ask_again_s < 10


def test_a_token_is_asked_for_once(bench: Bench) -> None:
    """Two tasks, one sign-in."""
    before = len(log(bench))
    for _ in range(2):
        submitted(bench, bench.route("remove-background"))
    assert sign_ins(log(bench)[before:]) == 1


def test_a_refused_token_is_replaced_and_the_call_made_again(bench: Bench) -> None:
    """A 401 in the midst of a job costs one sign-in and nothing else."""
    route = bench.route("remove-background")
    job = submitted(bench, route)
    before = len(log(bench))
    body = {"status": 401, "error": "Unauthorized", "error_code": "InvalidAccessToken"}
    bench.sandbox.faults({"match": ASK, "do": {"status": 401, "body": body}})
    assert isinstance(bench.driver.poll(route, job.job_id), Pending)
    assert sign_ins(log(bench)[before:]) == 1


def test_a_refused_token_of_a_paid_call_pays_once(bench: Bench) -> None:
    """The refused call was not accepted; the same request follows under a new token."""
    body = {"status": 401, "error": "Unauthorized", "error_code": "InvalidAccessToken"}
    bench.sandbox.faults({"match": RUN, "do": {"status": 401, "body": body}})
    route = bench.route("remove-background")
    before = len(charges(bench))
    assert isinstance(finished(bench, route, submitted(bench, route)), Finished)
    assert len(charges(bench)) == before + 1


def test_a_token_that_has_run_out_is_replaced(bench: Bench) -> None:
    """The sandbox refuses it after two hours; nobody else notices."""
    route = bench.route("remove-background")
    submitted(bench, route)
    bench.sandbox.advance(7201)
    before = len(log(bench))
    submitted(bench, route)
    seen = log(bench)[before:]
    assert sign_ins(seen) == 1
    assert [one["status"] for one in seen].count(401) == 1


def test_a_token_is_renewed_before_it_runs_out(sandbox: Sandbox, wire: DeadlineTransport) -> None:
    """After nine tenths of its life, so that no call meets a refusal."""
    elapsed = [0.0]
    bench = bench_of(sandbox, wire, sessions=TokenCache(monotonic=lambda: elapsed[0]))
    route = bench.route("remove-background")
    submitted(bench, route)
    before = len(log(bench))
    elapsed[0] = 0.9 * 7200 - 1
    submitted(bench, route)
    assert sign_ins(log(bench)[before:]) == 0
    elapsed[0] += 2
    submitted(bench, route)
    assert sign_ins(log(bench)[before:]) == 1
    assert all(one["status"] == 200 for one in log(bench)[before:])


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
def test_wrong_credentials_are_named_with_their_remedy(
    sandbox: Sandbox, wire: DeadlineTransport, wrong: Mapping[str, str]
) -> None:
    """The command that sets them is the next step; they themselves are in no text."""
    bench = bench_of(sandbox, wire, instead=wrong)
    with pytest.raises((AccountBlocked, ProviderRefused)) as caught:
        submitted(bench, bench.route("colorize"))
    failure = caught.value.failure
    assert failure.code == "bad-credentials"
    assert "darkroom/local/perfect" in failure.next_step
    assert all(value not in f"{failure} {caught.value!r}" for value in wrong.values())


@pytest.mark.parametrize(
    "fault", [{"drop": "after"}, {"drop": "before"}, {"malformed": True}, {"truncate": 9}]
)
def test_the_same_request_again_names_one_job_and_is_charged_once(
    bench: Bench, fault: Mapping[str, Any]
) -> None:
    """Whatever became of the first answer."""
    bench.sandbox.faults({"match": RUN, "do": fault})
    route = bench.route("remove-background")
    work = work_on(bench, route)
    before = len(charges(bench))
    with pytest.raises(Unclear):
        bench.submit(work)

    first = bench.driver.repeat(work, bench.intended[0])
    second = bench.driver.repeat(work, bench.intended[0])

    assert isinstance(first, Accepted)
    assert first == second
    assert isinstance(finished(bench, route, first), Finished)
    assert len(charges(bench)) == before + 1


def test_another_attempt_is_another_job(bench: Bench) -> None:
    """A new number, a new upload: the vendor does the work anew."""
    route = bench.route("remove-background")
    work = work_on(bench, route)
    first = bench.submit(work)
    second = bench.submit(JobRequest(work.task_id, 2, route, work.params, work.inputs))
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.job_id != second.job_id


def test_a_job_that_was_left_alone_is_lost_and_costs_nothing(bench: Bench) -> None:
    """Ten seconds without a question."""
    route = bench.route("remove-background")
    before = len(charges(bench))
    job = submitted(bench, route)
    bench.sandbox.advance(11)
    end = bench.driver.poll(route, job.job_id)
    assert end == JobFailed("job-lost", "Perfect Corp no longer knows the job.", "no")
    bench.sandbox.advance(JOB_S)
    assert len(charges(bench)) == before


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_engine_ends_the_job_uncharged(bench: Bench, code: str) -> None:
    """Ours instead of the vendor's, a sentence, and nothing paid."""
    bench.sandbox.faults({"match": RUN, "do": {"job": "fail", "body": code}})
    route = bench.route("remove-background")
    before = len(charges(bench))
    end = finished(bench, route, submitted(bench, route))
    assert isinstance(end, JobFailed)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", end.code)
    assert code not in end.sentence
    assert end.charged == "no"
    assert len(charges(bench)) == before


@pytest.mark.parametrize(
    "fault", [{"status": 403}, {"status": 503}, {"drop": "before"}, {"drop": "after"}]
)
def test_a_file_that_is_not_stored_leaves_nothing_to_pay(
    bench: Bench, fault: Mapping[str, Any]
) -> None:
    """Busy: the whole of it is begun anew, and then it works."""
    bench.sandbox.faults({"match": STORE, "do": fault})
    route = bench.route("colorize")
    work = work_on(bench, route)
    with pytest.raises(Busy):
        bench.submit(work)
    assert bench.intended == []
    assert isinstance(bench.submit(work), Accepted)


def test_an_empty_purse_blocks_the_account(bench: Bench) -> None:
    """Nothing was made, and it is no fault of the task's."""
    bench.sandbox.account(credits=0)
    with pytest.raises(AccountBlocked) as caught:
        submitted(bench, bench.route("upscale"))
    assert caught.value.failure.code == "no-credits"


def test_the_real_rate_limit_is_a_reason_to_wait(bench: Bench) -> None:
    """It names no time, so the product's own pace decides."""
    bench.sandbox.account(rate_per_min=1)
    with pytest.raises(Throttled) as caught:
        bench.driver.styles(bench.route("generate"))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s is None
