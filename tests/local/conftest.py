"""Fixtures of the local environment's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.emulator import AwsEmulator
from infra.local.lambda_runtime.pool import Workspace
from infra.local.processes import Processes
from tests.local.sample_template import Stack, build_template
from tests.local.wait import HANDLERS


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Child processes that end with the test."""
    started = Processes()
    yield started
    started.stop()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The workspace of a test's functions; nothing listens at their endpoint."""
    return Workspace(HANDLERS, "http://127.0.0.1:9", tmp_path, "us-east-1", "123456789012", key_of)


def key_of(function_arn: str) -> str:
    """An access key that shows whose it is."""
    return f"key-of-{function_arn.rpartition(':')[2]}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The sample stack, deployed for the tests of one module."""
    folder = tmp_path_factory.mktemp("stack")
    started = Processes()
    emulator = AwsEmulator(started, HANDLERS, folder / "logs", sweep_s=1.0)
    try:
        notes = folder / "notes"
        small = Stack(emulator, emulator.deploy(build_template(notes), "small"), notes)
        yield small
        for client in small.clients.values():
            client.close()
    finally:
        emulator.quiesce()
        started.stop()
        emulator.stop()
