"""Checks of the functions as they are deployed: whether they can start, with which settings."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from infra.aws.layers import ARCHITECTURE, PYTHON, find_layer
from infra.aws.sizes import LAYERS, Verb
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked, ok, problem, warning

FUNCTIONS: Final = "functions"
LAYERS_CHECK: Final = "layers"
SETTINGS: Final = "settings"
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
MIN_LAYER_BYTES: Final = 100_000
"""The placeholder of a layer that was not built has some hundred bytes, a real one megabytes."""
PREFERENCES: Final = (
    "DARKROOM_ORDER",
    "DARKROOM_OPTIONS",
    "DARKROOM_PACE",
    "DARKROOM_MONEY",
    "DARKROOM_PRICE",
    "DARKROOM_ASSUME_PRICE",
    "DARKROOM_LINGER_S",
    "DARKROOM_TYPICAL_S",
    "DARKROOM_SETTLED_S",
)
"""The variables that `Environment.preferences` may set."""


def check_functions(examined: Examined) -> Iterator[Finding]:
    """Whether all functions are there and can start, with layers and today's settings."""
    found = {verb: _read(examined, verb) for verb in VERBS}
    configurations = {verb: each for verb, each in found.items() if each is not None}
    if missing := [verb for verb in VERBS if verb not in configurations]:
        yield problem(FUNCTIONS, f"missing: {', '.join(missing)}", examined.deploy)
        return
    yield check_states(examined, configurations)
    yield check_layers(examined, configurations)
    yield check_settings(examined, configurations)


def check_states(examined: Examined, configurations: Mapping[Verb, Mapping[str, Any]]) -> Finding:
    """Whether Lambda can run them (Lambda guide, "Lambda function states")."""
    for verb, each in configurations.items():
        for state, reason in (
            ("State", "StateReason"),
            ("LastUpdateStatus", "LastUpdateStatusReason"),
        ):
            if each.get(state) == "Failed":
                sentence = f"{verb} cannot run: {each.get(reason) or 'Lambda gives no reason'}"
                return problem(FUNCTIONS, sentence, examined.deploy)
    return ok(FUNCTIONS, f"all {len(configurations)} are there")


def check_layers(examined: Examined, configurations: Mapping[Verb, Mapping[str, Any]]) -> Finding:
    """Whether the functions have their layers, and none is the placeholder."""
    if examined.local:
        return not_checked(LAYERS_CHECK, "functions use this machine's packages")
    build = f"make layers && {examined.deploy}"
    for verb, each in configurations.items():
        layers = each.get("Layers", [])
        if len(layers) < len(LAYERS[verb]):
            return problem(LAYERS_CHECK, f"{verb} lacks a layer and cannot start", build)
        for layer in layers:
            if layer.get("CodeSize", MIN_LAYER_BYTES) < MIN_LAYER_BYTES:
                name = layer["Arn"].split(":")[-2]
                return problem(LAYERS_CHECK, f"{verb} has an empty layer ({name})", build)
    names = dict.fromkeys(name for layers in LAYERS.values() for name in layers)
    stale = [name for name in names if find_layer(name, ARCHITECTURE, PYTHON).warning]
    note = f"; {', '.join(stale)} not built here, `make layers` before a deployment"
    return ok(LAYERS_CHECK, f"the functions have theirs{note if stale else ''}")


def check_settings(examined: Examined, configurations: Mapping[Verb, Mapping[str, Any]]) -> Finding:
    """Whether the functions have the environment's settings of today."""
    wanted = {name: examined.settings.preferences.get(name) for name in PREFERENCES}
    for verb, each in configurations.items():
        variables = each.get("Environment", {}).get("Variables", {})
        other = [name for name in PREFERENCES if not _same(variables.get(name), wanted[name])]
        if other:
            settings = ", ".join(name.removeprefix("DARKROOM_").lower() for name in other)
            sentence = f"{verb} has another {settings} than infra/environments.toml"
            return warning(SETTINGS, sentence, examined.deploy)
    return ok(SETTINGS, "deployed as they are in infra/environments.toml")


def _read(examined: Examined, verb: Verb) -> Mapping[str, Any] | None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    name = examined.settings.function_name(verb)
    try:
        answer: Mapping[str, Any] = examined.client("lambda").get_function_configuration(
            FunctionName=name
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    return answer


def _same(deployed: str | None, wanted: str | None) -> bool:
    if not deployed or not wanted:
        return not deployed and not wanted
    try:
        return bool(json.loads(deployed) == json.loads(wanted))
    except ValueError:
        return deployed == wanted
