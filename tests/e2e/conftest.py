"""One local environment, in its own process, for all end-to-end tests."""

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.environment_client import EnvironmentClient, open_environment
from tests.once import local_template


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvironmentClient]:
    """A running local environment with sandboxes whose jobs take half a second."""
    folder = tmp_path_factory.mktemp("darkroom")
    shutil.copy(local_template(tmp_path_factory), folder)
    with open_environment(folder) as client:
        yield client
