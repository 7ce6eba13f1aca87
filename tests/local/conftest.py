"""Fixtures of the local environment's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.emulator import AwsEmulator
from infra.local.lambda_runtime.pool import Place
from infra.local.processes import Processes
from tests.local.stack import Stack, build_template
from tests.local.tools import HANDLERS


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Child processes that are gone after the test."""
    started = Processes()
    yield started
    started.stop()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where a test's functions live; nothing listens at their endpoint."""
    return Place(HANDLERS, "http://127.0.0.1:9", tmp_path, "us-east-1", "123456789012")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The small stack, up for the tests of one module."""
    folder = tmp_path_factory.mktemp("stack")
    started = Processes()
    cloud = AwsEmulator(started, HANDLERS, folder / "logs", sweep_s=1.0)
    try:
        notes = folder / "notes"
        small = Stack(cloud, cloud.deploy(build_template(notes), "small"), notes)
        yield small
        for client in small.clients.values():
            client.close()
    finally:
        cloud.quiesce()
        started.stop()
        cloud.stop()
