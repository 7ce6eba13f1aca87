"""One local environment for all end-to-end tests, in a process of its own."""

from collections.abc import Iterator

import pytest

from tests.e2e.shop import Shop, open_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A running local environment with sandboxes whose jobs take half a second."""
    with open_shop(tmp_path_factory.mktemp("darkroom")) as shop:
        yield shop
