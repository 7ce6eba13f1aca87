"""Simulations write no log, as with `python -m tests.simulation`."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def no_log() -> Iterator[None]:
    """The product's warnings are expected here; pytest would format and keep thousands of them."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
