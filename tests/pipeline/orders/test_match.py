"""Which route a spec gets: by provider, model and task type; and what it says without one."""

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.providers import FakeProviders
from tests.fakes.routes import ROUTES, Nothing
from tests.pipeline.harness import PHOTO, PipelineHarness

OPEN = [
    replace(ROUTES[0], operation="task", provider="omega", models=(name,), pinned_only=True)
    for name in ("kling:video", "kling:sound", "luma:video")
]
OLD = replace(ROUTES[0], operation="relight", models=("old",), pinned_only=True)
KNOWN = replace(
    ROUTES[0], operation="blur", provider="omega", refusal="It is known, but not described."
)
CLIP = replace(
    ROUTES[0], operation="wave", provider="omega", models=("w",), roles={}, params=Nothing
)


@pytest.fixture
def harness() -> PipelineHarness:
    """A harness with routes that are chosen by name alone, or not at all."""
    return PipelineHarness(providers=FakeProviders([*ROUTES, *OPEN, OLD, KNOWN, CLIP]))


def _asked(harness: PipelineHarness, operation: str, **fields: Any) -> dict[str, Any]:
    harness.upload(PHOTO)
    harness.upload_spec(operation, **fields)
    harness.run()
    return harness.manifest()


def test_model_and_task_type_pin_a_route(harness: PipelineHarness) -> None:
    """Both are in the manifest, as one name."""
    manifest = _asked(harness, "task", model="kling", task_type="sound")
    assert manifest["status"] == "succeeded"
    assert manifest["model"] == "kling:sound"


@pytest.mark.parametrize(
    ("operation", "fields", "code", "words"),
    [
        ("task", {}, "missing-model", "a `model` and a `task_type`"),
        ("task", {"model": "klin", "task_type": "video"}, "unknown-model", "Did you mean 'kling'?"),
        ("task", {"model": "kling"}, "unknown-task-type", "needs a `task_type`"),
        ("task", {"model": "kling", "task_type": "vide"}, "unknown-task-type", "'video'?"),
        ("relight", {"task_type": "video"}, "unknown-task-type", "has no `task_type`"),
        ("relight", {"model": "olden"}, "unknown-model", "no model 'olden'"),
        ("blur", {}, "not-documented", "It is known, but not described."),
    ],
)
def test_unknown_model_or_task_type_is_refused_with_the_known_ones(
    harness: PipelineHarness, operation: str, fields: dict[str, str], code: str, words: str
) -> None:
    """One sentence, and the nearest name."""
    failure = _asked(harness, operation, **fields)["failure"]
    assert failure["code"] == code
    assert words in failure["sentence"]


def test_pinned_only_route_is_never_chosen_by_default(harness: PipelineHarness) -> None:
    """The same operation gets the default route; the other one needs its model's name."""
    assert _asked(harness, "relight")["model"] == "gamma-2"
    other = PipelineHarness(providers=harness.providers)
    assert _asked(other, "relight", model="old", provider="alpha")["model"] == "old"


def test_source_without_a_role_is_not_sent(harness: PipelineHarness) -> None:
    """The photo only gives the result its name."""
    manifest = _asked(harness, "wave")
    assert manifest["status"] == "succeeded"
    assert manifest["inputs"] == {}
