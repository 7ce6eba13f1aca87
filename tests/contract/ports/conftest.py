"""Each port twice: the fake in memory, and the real one on AWS in moto."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from darkroom.aws.dynamodb_batches import DynamoBatches
from darkroom.aws.dynamodb_budgets import DynamoBudgets
from darkroom.aws.dynamodb_charges import DynamoCharges
from darkroom.aws.dynamodb_durations import DynamoDurations
from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.aws.dynamodb_lines import DynamoLines
from darkroom.aws.dynamodb_new_tasks import DynamoNewTasks
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.aws.s3 import S3Inputs, S3Outputs
from darkroom.ports import (
    Batches,
    Budgets,
    Charges,
    Durations,
    Inputs,
    Limiter,
    Lines,
    NewTasks,
    Outputs,
    Tasks,
)
from tests.fakes.batches import InMemoryBatches
from tests.fakes.budgets import InMemoryBudgets
from tests.fakes.charges import InMemoryCharges
from tests.fakes.durations import InMemoryDurations
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.limiter import InMemoryLimiter
from tests.fakes.lines import InMemoryLines
from tests.fakes.moto_aws import INPUT, OUTPUT, client, cloud_buckets, cloud_table, table
from tests.fakes.new_tasks import InMemoryNewTasks
from tests.fakes.outputs import InMemoryOutputs
from tests.fakes.tasks import InMemoryTasks


@dataclass(frozen=True)
class InputHarness:
    """An input bucket and what users do to it. `put` returns the version's id."""

    inputs: Inputs
    put: Callable[[str, bytes], str]
    delete: Callable[[str], None]


@dataclass(frozen=True)
class OutputHarness:
    """An output bucket, and its versions: content type and body, oldest first."""

    outputs: Outputs
    versions: Callable[[str], list[tuple[str, bytes]]]


@dataclass(frozen=True)
class LineHarness:
    """The lines, and the task store that puts tasks into them."""

    lines: Lines
    tasks: Tasks


@dataclass(frozen=True)
class BudgetHarness:
    """The budgets, and the task store that changes them."""

    budgets: Budgets
    tasks: Tasks


@pytest.fixture(params=["in memory", "DynamoDB"])
def tasks(request: pytest.FixtureRequest) -> Iterator[Tasks]:
    """An empty task store."""
    if request.param == "in memory":
        yield InMemoryTasks()
        return
    with cloud_table():
        yield DynamoTasks(table())


@pytest.fixture(params=["in memory", "DynamoDB"])
def line_harness(request: pytest.FixtureRequest) -> Iterator[LineHarness]:
    """Lines without anybody in them."""
    if request.param == "in memory":
        tasks = InMemoryTasks()
        yield LineHarness(InMemoryLines(tasks), tasks)
        return
    with cloud_table():
        yield LineHarness(DynamoLines(table()), DynamoTasks(table()))


@pytest.fixture(params=["in memory", "DynamoDB"])
def budget_harness(request: pytest.FixtureRequest) -> Iterator[BudgetHarness]:
    """Budgets of which nothing is held."""
    if request.param == "in memory":
        tasks = InMemoryTasks()
        yield BudgetHarness(InMemoryBudgets(tasks), tasks)
        return
    with cloud_table():
        yield BudgetHarness(DynamoBudgets(table()), DynamoTasks(table()))


@pytest.fixture(params=["in memory", "DynamoDB"])
def new_tasks(request: pytest.FixtureRequest) -> Iterator[NewTasks]:
    """No new tasks."""
    if request.param == "in memory":
        yield InMemoryNewTasks()
        return
    with cloud_table():
        yield DynamoNewTasks(table())


@pytest.fixture(params=["in memory", "DynamoDB"])
def limiter(request: pytest.FixtureRequest) -> Iterator[Limiter]:
    """A limiter without any state."""
    if request.param == "in memory":
        yield InMemoryLimiter()
        return
    with cloud_table():
        yield DynamoLimiter(table())


@pytest.fixture(params=["in memory", "DynamoDB"])
def durations(request: pytest.FixtureRequest) -> Iterator[Durations]:
    """How long jobs took, before the first of them."""
    if request.param == "in memory":
        yield InMemoryDurations()
        return
    with cloud_table():
        yield DynamoDurations(table())


@pytest.fixture(params=["in memory", "DynamoDB"])
def charges(request: pytest.FixtureRequest) -> Iterator[Charges]:
    """What providers have charged, before the first of them."""
    if request.param == "in memory":
        yield InMemoryCharges()
        return
    with cloud_table():
        yield DynamoCharges(table())


@pytest.fixture(params=["in memory", "DynamoDB"])
def batches(request: pytest.FixtureRequest) -> Iterator[Batches]:
    """No batches."""
    if request.param == "in memory":
        yield InMemoryBatches()
        return
    with cloud_table():
        yield DynamoBatches(table())


@pytest.fixture(params=["in memory", "S3", "S3 without versions"])
def input_harness(request: pytest.FixtureRequest) -> Iterator[InputHarness]:
    """An empty input bucket."""
    if request.param == "in memory":
        fake = InMemoryInputs(INPUT)
        yield InputHarness(fake, lambda key, body: fake.put(key, body).version_id, fake.delete)
        return
    with cloud_buckets(versioned=request.param == "S3"):
        s3 = client("s3")

        def put(key: str, body: bytes) -> str:
            response = s3.put_object(Bucket=INPUT, Key=key, Body=body)
            etag = response["ETag"].strip('"')
            return str(response.get("VersionId") or f"etag:{etag}")

        yield InputHarness(
            S3Inputs(s3, INPUT), put, lambda key: s3.delete_object(Bucket=INPUT, Key=key)
        )


@pytest.fixture(params=["in memory", "S3"])
def output_harness(request: pytest.FixtureRequest) -> Iterator[OutputHarness]:
    """An empty output bucket."""
    if request.param == "in memory":
        fake = InMemoryOutputs()
        yield OutputHarness(
            fake, lambda key: [(v.content_type, v.body) for v in fake.versions(key)]
        )
        return
    with cloud_buckets():
        s3 = client("s3")

        def versions(key: str) -> list[tuple[str, bytes]]:
            listed = s3.list_object_versions(Bucket=OUTPUT, Prefix=key).get("Versions", [])
            found = [
                s3.get_object(Bucket=OUTPUT, Key=key, VersionId=one["VersionId"])
                for one in reversed(listed)
            ]
            return [(one["ContentType"], one["Body"].read()) for one in found]

        yield OutputHarness(S3Outputs(s3, OUTPUT), versions)
