"""What a folder's screen says of the end of its batch."""

import json
from typing import Any

import pytest

from infra.cli.tasks.batch_ends import describe_batch
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PipelineHarness


@pytest.fixture
def harness() -> PipelineHarness:
    """An empty system."""
    return PipelineHarness()


def _start(harness: PipelineHarness, **rule: Any) -> None:
    spec = {"operation": SYNC_NONE, "settle_s": 0, **rule}
    harness.upload("night/_darkroom.json", json.dumps(spec).encode())
    harness.upload("night/x/a.jpg")
    harness.run()


def _line(harness: PipelineHarness, prefix: str) -> str | None:
    return describe_batch(harness.ports, prefix, harness.tasks.below(prefix))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"expect": 2}, "1 of 2 expected"),
        ({"until": "_END"}, "ends once night/_END is there"),
        ({"quiet_s": 600}, "no new task for 0 of 600 s"),
        ({}, None),
    ],
)
def test_open_batch_says_what_it_waits_for(
    harness: PipelineHarness, rule: dict[str, Any], words: str | None
) -> None:
    """The rule in force."""
    _start(harness, **rule)
    assert _line(harness, "night/") == words


def test_folder_below_names_the_batch_that_it_belongs_to(harness: PipelineHarness) -> None:
    """Its own count would mislead."""
    _start(harness, expect=2)
    harness.upload("night/b.jpg")
    harness.run()
    assert _line(harness, "night/x/") == "night/: 2 of 2 expected"
    assert _line(harness, "day/") is None


def test_ended_batch_says_so(harness: PipelineHarness) -> None:
    """After the announcement."""
    _start(harness, expect=1)
    harness.clock.advance(120)
    harness.sweep()
    assert _line(harness, "night/") == "has ended"
