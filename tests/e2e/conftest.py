"""One local environment for all end-to-end tests, in a process of its own."""

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.shop import Shop, open_shop
from tests.once import local_template


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A running local environment with sandboxes whose jobs take half a second."""
    folder = tmp_path_factory.mktemp("darkroom")
    shutil.copy(local_template(tmp_path_factory), folder)
    with open_shop(folder) as shop:
        yield shop
