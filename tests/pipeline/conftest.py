"""A new harness for every test of the pipeline."""

import pytest

from tests.pipeline.harness import PipelineHarness


@pytest.fixture
def harness() -> PipelineHarness:
    """Nothing uploaded, every provider set up."""
    return PipelineHarness()
