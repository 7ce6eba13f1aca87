"""Which route a spec gets: by provider, model and task type; and what it says without one."""

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.providers import FakeProviders
from tests.fakes.routes import ROUTES, Nothing
from tests.pipeline.harness import PHOTO, Studio

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
def studio() -> Studio:
    """A studio with routes that are chosen by name alone, or not at all."""
    return Studio(providers=FakeProviders([*ROUTES, *OPEN, OLD, KNOWN, CLIP]))


def _asked(studio: Studio, operation: str, **fields: Any) -> dict[str, Any]:
    studio.drop(PHOTO)
    studio.ask(operation, **fields)
    studio.run()
    return studio.manifest()


def test_model_and_task_type_name_a_route(studio: Studio) -> None:
    """Both are in the manifest, as one name."""
    manifest = _asked(studio, "task", model="kling", task_type="sound")
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
def test_what_names_no_route_is_refused_with_what_there_is(
    studio: Studio, operation: str, fields: dict[str, str], code: str, words: str
) -> None:
    """One sentence, and the nearest name."""
    failure = _asked(studio, operation, **fields)["failure"]
    assert failure["code"] == code
    assert words in failure["sentence"]


def test_a_route_that_must_be_named_is_never_chosen_by_itself(studio: Studio) -> None:
    """The same operation goes to the ordinary one; by name it can be had."""
    assert _asked(studio, "relight")["model"] == "gamma-2"
    other = Studio(providers=studio.providers)
    assert _asked(other, "relight", model="old", provider="alpha")["model"] == "old"


def test_a_source_without_a_role_for_it_is_left_alone(studio: Studio) -> None:
    """The photo gives the result its name, and is not sent."""
    manifest = _asked(studio, "wave")
    assert manifest["status"] == "succeeded"
    assert manifest["inputs"] == {}
