"""`darkroom reconcile`: our books beside the vendors' histories, on moto and a sandbox."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.domain.errors import Failure
from darkroom.domain.order import Choice, Order
from darkroom.domain.reconciliation import Comparison, Difference, OurCall
from darkroom.domain.task import Task
from darkroom.domain.vendor_history import VendorJob
from darkroom.pipeline.money.reconcile import Reconciled
from darkroom.pipeline.settle_charges import Settled
from darkroom.providers.engine import network
from darkroom.providers.engine.transport import DeadlineTransport
from infra.cli.money.reconciliation import (
    WIDTH,
    as_csv,
    difference_lines,
    settled_lines,
    summary_lines,
    unsettled,
)
from infra.sandbox.http_server import RunningSandbox, start
from infra.sandbox.ledger import Purchase
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_attempt
from tests.fakes.moto_aws import client

ROUTE = "POST /s2s/v1.0/task/sod"
HOUR_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def one_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command keeps its connections until its process ends, which a test does not."""
    shared = DeadlineTransport()
    monkeypatch.setattr(network, "DeadlineTransport", lambda: shared)
    yield
    shared.close()


@pytest.fixture
def perfect(env: MotoEnvironment) -> Iterator[RunningSandbox]:
    """The only vendor that is set up."""
    assert env
    for name in ("apiframe", "goapi"):
        _put_secret(name, {})
    with start(["perfect"]) as running:
        one = running["perfect"]
        _put_secret("perfect", {**one.credentials, "base_url": one.base_url})
        yield one


def _put_secret(provider: str, secret: Mapping[str, str]) -> None:
    name, value = f"darkroom/dev/{provider}", json.dumps(secret)
    try:
        client("secretsmanager").create_secret(Name=name, SecretString=value)
    except ClientError:
        client("secretsmanager").put_secret_value(SecretId=name, SecretString=value)


def _charge(sandbox: RunningSandbox, job: str, *, refund: bool = False) -> None:
    ledger = sandbox.state.ledger
    ledger.charge(Purchase(job, ROUTE, 2, "digest"), at=HOUR_AGO.timestamp())
    if refund:
        ledger.refund(Purchase(job, ROUTE, 2, "digest"), at=HOUR_AGO.timestamp())


def _add(env: MotoEnvironment, name: str, state: str, **attempt: Any) -> Task:
    call = {
        "provider": "perfect",
        "model": "sod",
        "started_at": HOUR_AGO,
        "call_until": HOUR_AGO + timedelta(seconds=90),
        "ended_at": HOUR_AGO + timedelta(seconds=20),
        "credits": 2.0,
        **attempt,
    }
    return env.add_task(
        f"photos/{name}.jpg.json",
        state,
        attempts=(make_attempt(**call),),
        order=Order("remove-background", (Choice("perfect", "sod"),)),
        created_at=HOUR_AGO,
        updated_at=HOUR_AGO + timedelta(minutes=1),
    )


def test_differences_are_shown_settled_and_written_for_the_support(
    env: MotoEnvironment, perfect: RunningSandbox, tmp_path: Path
) -> None:
    """Nothing is changed without --apply."""
    _charge(perfect, "job-same")
    _charge(perfect, "job-theirs")
    _charge(perfect, "job-back", refund=True)
    _add(env, "same", "succeeded", job_id="job-same")
    _add(env, "ours", "succeeded", job_id="job-ours")
    unknown = _add(env, "back", "failed", job_id="job-back", outcome="failed", charged="unknown")

    file = tmp_path / "perfect.csv"
    shown = env.run("reconcile", "--provider", "perfect")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[:2] == [
        "perfect: 1 agree, 3 differ",
        "  1 ours only, 1 theirs only, 1 unknown to us",
    ]
    assert max(map(len, lines)) <= WIDTH
    assert shown.stderr == ("perfect: 1 charge can be settled by its history; do it with --apply\n")
    assert env.tasks.get(unknown.task_id).attempts[0].charged == "unknown"

    applied = env.run("reconcile", "--provider", "perfect", "--apply", "--csv", str(file))
    assert applied.exit_code == 0, applied.output
    assert applied.stdout.splitlines()[-2:] == [
        f"  settled: task {unknown.task_id}",
        "    not charged; the task is failed",
    ]
    assert applied.stderr.splitlines() == [
        "perfect: settling 1 charge by its history",
        f"2 differences in {file}",
    ]
    assert env.tasks.get(unknown.task_id).attempts[0].charged == "no"
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert [(row["difference"], row["job_id"]) for row in rows] == [
        ("ours-only", "job-ours"),
        ("theirs-only", "job-theirs"),
    ]
    assert rows[1]["vendor_credits"] == "2.0"
    assert not any(word in file.read_text() for word in ("photos/", "://", *perfect.credentials))


def test_json_has_every_provider_and_what_was_settled(
    env: MotoEnvironment, perfect: RunningSandbox
) -> None:
    """Also those that cannot be compared, which is no failure unless one was named."""
    _charge(perfect, "job-theirs")
    result = env.run("reconcile", "--since", "2d", "--json", "--apply")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    by_name = {one["provider"]: one for one in document["providers"]}
    assert by_name["snapapi"]["sentence"] == ("SnapAPI documents no call that lists past charges.")
    assert by_name["snapapi"]["code"] == "no-history"
    assert by_name["apiframe"]["code"] == "not-set-up"
    [difference] = by_name["perfect"]["differences"]
    assert (difference["job_id"], difference["our_task"]) == ("job-theirs", None)
    assert document["settled"] == []
    assert env.run("reconcile", "--provider", "apiframe").exit_code == 1
    snapapi = env.run("reconcile", "--provider", "snapapi")
    assert (snapapi.exit_code, snapapi.stdout) == (
        0,
        "snapapi: SnapAPI documents no call that lists past charges.\n",
    )


def test_wrong_usage_is_said(env: MotoEnvironment) -> None:
    """Before anything is asked."""
    assert "use one of: apiframe" in env.run("reconcile", "--provider", "snap").stderr
    assert "neither 8h" in env.run("reconcile", "--since", "soon").stderr


# --- the text alone -------------------------------------------------------------------------------

CALL = OurCall("a" * 32, "failed", make_attempt(charged="unknown", credits=None), True, False)
JOB = VendorJob("=cmd|' /C calc'!A0", None, 1234567.25, "failed", "a model")


def test_lines_fit_into_80_columns_whatever_a_vendor_writes() -> None:
    """Long names are cut, and nothing is interpreted."""
    job = replace(JOB, job_id="j" * 300)
    found = [
        Difference("failed-and-charged", "perfect", CALL, job),
        Difference("theirs-only", "perfect", None, job, note="n" * 99),
        Difference("ours-only", "perfect", CALL, None),
    ]
    partial = datetime(2026, 1, 2, tzinfo=UTC)
    result = Reconciled(
        "perfect", Comparison("perfect", 12345, 12345, 12345, found), None, partial, 12345
    )
    lines = [*summary_lines(result), *(line for one in found for line in difference_lines(one))]
    assert max(map(len, lines)) <= WIDTH
    assert "    we:   perhaps credits unknown, task " + "a" * 32 in lines
    assert "    they: 1,234,567.25 credits, failed, at an unknown time" in lines
    assert "  ours only        (no job id)" in lines
    left = Settled(found[2], failure=Failure("job-not-found", "Its job was not found."))
    assert list(settled_lines(left)) == [
        "  not settled: task " + "a" * 32,
        "    Its job was not found.",
    ]


def test_address_in_place_of_an_id_is_not_passed_on() -> None:
    """It may be signed."""
    signed = replace(JOB, job_id="https://vendor.example/task?signature=secret")
    found = Difference("theirs-only", "perfect", None, signed)
    assert "secret" not in as_csv([found]) + "".join(difference_lines(found))


def test_csv_runs_no_formula() -> None:
    """A vendor's text is text."""
    text = as_csv([Difference("theirs-only", "perfect", None, JOB)])
    [row] = csv.DictReader(io.StringIO(text))
    assert row["job_id"] == "'=cmd|' /C calc'!A0"


def test_job_that_was_kept_in_spite_of_its_failure_stays_for_the_support() -> None:
    """Its charge is known now; the vendor may give it back. Two calls are never one."""
    kept = Difference("failed-and-charged", "perfect", CALL, JOB, settles=True)
    other = Difference(
        "unknown", "perfect", replace(CALL, task_id="b" * 32), replace(JOB, job_id="b")
    )
    theirs = Difference("theirs-only", "perfect", None, replace(JOB, job_id="c"))
    result = Reconciled("perfect", Comparison("perfect", differences=[kept, other, theirs]))
    settled = [Settled(kept, "done"), Settled(other, "done")]
    assert unsettled([result, Reconciled("snapapi")], settled) == [kept, theirs]
