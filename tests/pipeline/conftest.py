"""A fresh studio for every test of the pipeline."""

import pytest

from tests.pipeline.harness import Studio


@pytest.fixture
def studio() -> Studio:
    """Nothing uploaded, nothing asked for, every provider set up."""
    return Studio()
