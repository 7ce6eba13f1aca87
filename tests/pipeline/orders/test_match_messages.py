"""Every sentence of the choice, word for word, with what to do; and whom a good spec gets."""

from dataclasses import replace
from typing import Any

import pytest

from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import parse_spec_name
from darkroom.domain.spec import parse_spec
from darkroom.pipeline.orders.match import choose_routes
from tests.fakes.providers import FakeProviders
from tests.fakes.routes import ROUTES, Nothing

KEY = "photos/cat.jpg.json"
PINNED: dict[str, Any] = {"pinned_only": True, "roles": {}}
MORE = [
    *(
        replace(ROUTES[0], operation="task", provider="omega", models=(name,), **PINNED)
        for name in ("kling:video", "kling:sound", "luma:video")
    ),
    replace(ROUTES[0], operation="polish", models=("old", "older"), **PINNED),
    replace(ROUTES[0], operation="blur", refusal="It is known, but not described."),
    replace(ROUTES[0], operation="invent", roles={}, params=Nothing),
]
ALL = FakeProviders([*ROUTES, *MORE])
GAMMA_ALONE = FakeProviders(ROUTES, ready={"gamma"})
BETA = {"operation": "upscale", "provider": "beta"}
OPERATIONS = (
    "Known are: age, combine, generate, invent, polish, relight, remove-background, "
    "remove-objects, retouch, task, upscale, vary."
)


def _chosen(
    spec: dict[str, Any],
    keys: dict[str, tuple[str, ...]] | None = None,
    key: str = KEY,
    providers: FakeProviders = ALL,
) -> list[tuple[str, str]]:
    name = parse_spec_name(key)
    routes = choose_routes(parse_spec(spec, "cat.jpg.json"), keys or {}, name, providers)
    return [(provider, route.model) for provider, route in routes.items()]


@pytest.mark.parametrize(
    ("spec", "keys", "code", "sentence", "next_step"),
    [
        (
            {"operation": "upscal"},
            {},
            "unknown-operation",
            "There is no operation 'upscal'. Did you mean 'upscale'?",
            OPERATIONS,
        ),
        (
            {"operation": "upscale", "provider": "betta"},
            {},
            "unknown-provider",
            "There is no provider 'betta'. Did you mean 'beta'?",
            "Known are: alpha, beta, delta, epsilon, gamma, omega, zeta.",
        ),
        (
            {"operation": "upscale", "provider": "alpha"},
            {},
            "operation-not-offered",
            "alpha does not offer 'upscale'.",
            "It is offered by: beta, gamma.",
        ),
        (
            {"operation": "upscale", "task_type": "video"},
            {},
            "unknown-task-type",
            "'upscale' has no `task_type`.",
            "Leave it out, or use the operation 'task'.",
        ),
        (
            {"operation": "task"},
            {},
            "missing-model",
            "'task' by omega needs a `model` and a `task_type`, and the spec names none.",
            "To list them: darkroom providers task",
        ),
        (
            {"operation": "polish"},
            {},
            "missing-model",
            "'polish' by alpha needs a `model`, and the spec names none.",
            "To list them: darkroom providers polish",
        ),
        (
            {"operation": "task", "model": "kling"},
            {},
            "unknown-task-type",
            "kling by omega needs a `task_type`.",
            "Known are: video, sound.",
        ),
        (
            {"operation": "task", "model": "kling", "task_type": "vide"},
            {},
            "unknown-task-type",
            "kling by omega has no type 'vide'. Did you mean 'video'?",
            "Known are: video, sound.",
        ),
        (
            {"operation": "task", "model": "klin", "task_type": "video"},
            {},
            "unknown-model",
            "omega has no model 'klin' for 'task'. Did you mean 'kling'?",
            "Known are: kling, luma.",
        ),
        (
            {"operation": "upscale", "model": "zzz"},
            {},
            "unknown-model",
            "beta has no model 'zzz' for 'upscale'. gamma has no model 'zzz' for 'upscale'.",
            "Known are: beta-1.",
        ),
        (
            {"operation": "blur"},
            {},
            "not-documented",
            "It is known, but not described.",
            "Name another provider that offers it.",
        ),
        (
            BETA,
            {"mask": ("m.png",)},
            "unknown-role",
            "upscale by beta takes no input 'mask'.",
            "It takes: image.",
        ),
        (
            {"operation": "invent"},
            {"imag": ("m.png",)},
            "unknown-role",
            "invent by alpha takes no input 'imag'.",
            "It takes no inputs.",
        ),
        (
            {"operation": "combine"},
            {"image": ("a", "b", "c", "d")},
            "too-many-files",
            "The input 'image' names 4 files; combine by alpha takes 3.",
            "Name fewer files.",
        ),
        (
            {"operation": "remove-objects"},
            {},
            "missing-role",
            "remove-objects by alpha needs the input 'mask', and the spec names none.",
            'Add "inputs": {"mask": "<file>"} to the spec.',
        ),
        (
            BETA | {"params": {"scael": 2}},
            {},
            "bad-params",
            (
                "The spec's params for upscale by beta has the field 'scael', which is not known. "
                "Did you mean 'scale'?"
            ),
            "Known are: scale.",
        ),
    ],
)
def test_refusal_says_what_is_wrong_and_what_is_offered(
    spec: dict[str, Any],
    keys: dict[str, tuple[str, ...]],
    code: str,
    sentence: str,
    next_step: str,
) -> None:
    """In whole sentences that a photographer can act on."""
    with pytest.raises(SpecRefused) as caught:
        _chosen(spec, keys)
    failure = caught.value.failure
    assert (failure.code, failure.sentence, failure.next_step) == (code, sentence, next_step)


def test_spec_without_a_source_explains_its_name() -> None:
    """Most often its name was mistyped."""
    with pytest.raises(SpecRefused) as caught:
        _chosen(BETA, key="a.json")
    assert caught.value.failure.next_step == (
        "Name the spec after its photo, as in 'cat.jpg.json', or add "
        '"inputs": {"image": "<file>"} to the spec.'
    )


@pytest.mark.parametrize(
    ("spec", "code", "next_step"),
    [
        (BETA, "provider-not-set-up", "Set beta up first."),
        ({"operation": "retouch"}, "no-provider-set-up", "Set delta up first."),
    ],
)
def test_provider_without_a_key_is_named_with_the_command(
    spec: dict[str, Any], code: str, next_step: str
) -> None:
    """A named one, or the first of those who could."""
    with pytest.raises(SpecRefused) as caught:
        _chosen(spec, providers=GAMMA_ALONE)
    assert (caught.value.failure.code, caught.value.failure.next_step) == (code, next_step)


@pytest.mark.parametrize(
    ("spec", "chosen"),
    [
        ({"operation": "upscale"}, [("beta", "beta-1"), ("gamma", "gamma-1")]),
        (
            {"operation": "upscale", "provider": ["gamma", "beta"]},
            [("gamma", "gamma-1"), ("beta", "beta-1")],
        ),
        ({"operation": "upscale", "model": "gamma-1"}, [("gamma", "gamma-1")]),
        ({"operation": "polish", "model": "older"}, [("alpha", "old")]),
        ({"operation": "task", "model": "luma", "task_type": "video"}, [("omega", "luma:video")]),
    ],
)
def test_valid_spec_gets_every_capable_provider(
    spec: dict[str, Any], chosen: list[tuple[str, str]]
) -> None:
    """In its own order, else in the environment's; a pinned model by any of its names."""
    assert _chosen(spec) == chosen


def test_default_choice_has_only_set_up_providers() -> None:
    """The others are skipped silently; a file that the spec names counts as the source."""
    assert _chosen({"operation": "upscale"}, providers=GAMMA_ALONE) == [("gamma", "gamma-1")]
    assert _chosen(BETA, {"image": ("b.png",)}, key="a.json") == [("beta", "beta-1")]
