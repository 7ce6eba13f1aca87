"""The spec's JSON Schema: the model's own, and per operation who does it and with which params.

An operation whose routes have task types, such as `task`, is described by model and task type.

It says what an editor can know. What needs two fields at once beyond that (a mask that a mode
wants, a model of one provider only) is said by `darkroom validate`.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from darkroom.domain.object_keys import TYPED
from darkroom.domain.routes import Params, Route
from darkroom.domain.spec import Spec
from infra.cli.offline_specs import find_offered

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE: Final = "#/$defs/{model}"

Schema = dict[str, Any]


def schema_text() -> str:
    """The schema as the published file holds it."""
    return json.dumps(build_schema(find_offered()), indent=2, ensure_ascii=False) + "\n"


def build_schema(routes: Sequence[Route]) -> Schema:
    """The schema for a spec that these routes can do."""
    models = list(dict.fromkeys(route.params for route in routes))
    refs, shared = models_json_schema(
        [(model, "validation") for model in models],
        ref_template=TEMPLATE,
        schema_generator=_Untitled,
    )
    schema = Spec.model_json_schema(ref_template=TEMPLATE, schema_generator=_Untitled)
    operations = sorted({route.operation for route in routes})
    providers = sorted({route.provider for route in routes})
    fields: dict[str, Schema] = schema["properties"]
    fields["operation"] = {
        "type": "string",
        "enum": operations,
        "description": fields["operation"]["description"],
    }
    fields["provider"] |= _providers(providers)
    named = {model: refs[model, "validation"] for model in models}
    return {
        "$schema": DIALECT,
        **schema,
        "allOf": [
            rule for operation in operations for rule in _rules_of(_of(routes, operation), named)
        ],
        "$defs": shared["$defs"],
    }


def _rules_of(routes: Sequence[Route], named: dict[type[Params], Schema]) -> list[Schema]:
    """Every rule of one operation."""
    (operation,) = {route.operation for route in routes}
    if TYPED in routes[0].model:
        return [
            _when({"operation": operation}, _types(routes)),
            *(_by_type(route, named) for route in routes),
        ]
    return [
        _when({"operation": operation}, _rules(routes, named)),
        *_by_provider(routes, operation, named),
    ]


def _types(routes: Sequence[Route]) -> Schema:
    """What there is of models and task types; each pair's own rule says the rest."""
    pairs = [route.model.partition(TYPED) for route in routes]
    return {
        "properties": {
            "provider": _providers(list(dict.fromkeys(route.provider for route in routes))),
            "model": {"enum": list(dict.fromkeys(model for model, _, _ in pairs))},
            "task_type": {"enum": list(dict.fromkeys(kind for _, _, kind in pairs))},
        },
        "required": ["model", "task_type"],
    }


def _by_type(route: Route, named: dict[type[Params], Schema]) -> Schema:
    """What holds for one model and task type."""
    model, _, kind = route.model.partition(TYPED)
    return _when(
        {"operation": route.operation, "model": model, "task_type": kind},
        {"properties": _inputs([route]) | _params([route], named)} | _needs([route]),
    )


def _rules(routes: Sequence[Route], named: dict[type[Params], Schema]) -> Schema:
    """What holds for an operation, whoever does it."""
    return {
        "properties": {
            "provider": _providers(list(dict.fromkeys(route.provider for route in routes))),
            "task_type": {"type": "null"},
        }
        | _inputs(routes)
        | _models(routes)
        | _params(routes, named)
    } | _needs(routes)


def _by_provider(
    routes: Sequence[Route], operation: str, named: dict[type[Params], Schema]
) -> list[Schema]:
    """What holds once the provider is named: its own models and params, where several differ."""
    own = _of(routes, operation)
    providers = list(dict.fromkeys(route.provider for route in own))
    if len(providers) == 1:
        return []
    return [
        _when(
            {"operation": operation, "provider": provider},
            {"properties": _models(mine) | _params(mine, named)} | _needs(mine),
        )
        for provider in providers
        if (mine := [route for route in own if route.provider == provider])
    ]


def _needs(routes: Sequence[Route]) -> Schema:
    """There must be params when every way to do it has one that it cannot do without."""
    needed = all(
        any(field.is_required() for field in route.params.model_fields.values()) for route in routes
    )
    return {"required": ["params"]} if needed else {}


def _inputs(routes: Sequence[Route]) -> Schema:
    roles = sorted({role for route in routes for role in route.roles})
    return {"inputs": {"propertyNames": {"enum": roles}} if roles else {"maxProperties": 0}}


def _models(routes: Sequence[Route]) -> Schema:
    names = dict.fromkeys(name for route in routes for name in route.models)
    return {"model": {"enum": [*names, None]}}


def _params(routes: Sequence[Route], named: dict[type[Params], Schema]) -> Schema:
    choices = [named[model] for model in dict.fromkeys(route.params for route in routes)]
    return {"params": choices[0] if len(choices) == 1 else {"anyOf": choices}}


def _providers(names: list[str]) -> Schema:
    return {
        "anyOf": [
            {"enum": names},
            {
                "type": "array",
                "items": {"enum": names},
                "minItems": 1,
                "maxItems": 8,
            },
            {"type": "null"},
        ]
    }


def _when(fields: dict[str, str], then: Schema) -> Schema:
    condition = {
        "properties": {name: {"const": value} for name, value in fields.items()},
        "required": list(fields),
    }
    return {"if": condition, "then": then}


def _of(routes: Sequence[Route], operation: str) -> list[Route]:
    return [route for route in routes if route.operation == operation]


class _Untitled(GenerateJsonSchema):
    """Without a title for every field: it would only repeat the field's name."""

    def field_title_should_be_set(self, _schema: Any) -> bool:  # noqa: ANN401 - pydantic's own type
        return False
