"""The spec's JSON Schema: the model's own, and per operation who does it and with which params.

`task` has more rules than all other operations together, one for each model and task type, so they
are a part of their own, to which the others refer by its file's name. The folder default is a part,
too: nothing in it is required, because another file may say it.

It says what an editor can know. What needs two fields at once beyond that (a mask that a mode
wants, a model of one provider only) is said by `darkroom validate`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import LiteralSchema, NullableSchema, WithDefaultSchema

from darkroom.domain.folder_default import FolderDefault
from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from darkroom.domain.routes import Params, Route
from darkroom.domain.spec import Spec
from infra.cli.json_layout import lay_out
from infra.cli.offline_specs import find_offered

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SPEC: Final = "spec"
TASK: Final = "task"
"""The operation whose routes have task types."""
DEFAULT: Final = "folder-default"
"""The part for `_darkroom.json`."""
FILES: Final[Mapping[str, str]] = {
    SPEC: "spec.schema.json",
    TASK: "spec-task.schema.json",
    DEFAULT: "folder-default.schema.json",
}
"""Part -> the name of its file; all files lie in the same folder."""

Schema = dict[str, Any]


def build_texts() -> dict[str, str]:
    """Part -> its file's text."""
    return {part: lay_out(schema) for part, schema in build_schemas(find_offered()).items()}


def build_schemas(routes: Sequence[Route]) -> dict[str, Schema]:
    """Part -> its schema, for a spec that these routes can do."""
    return {
        SPEC: _describe_specs(routes),
        TASK: _describe_tasks([route for route in routes if route.operation == TASK]),
        DEFAULT: _describe_defaults(routes),
    }


def describe_model(model: type[BaseModel]) -> Schema:
    """The JSON Schema of a model, in few words."""
    return model.model_json_schema(schema_generator=_Plain)


def _describe_specs(routes: Sequence[Route]) -> Schema:
    """Every spec's fields, and the rules of every operation but `task`."""
    operations = sorted({route.operation for route in routes})
    by_operation = {
        operation: [route for route in routes if route.operation == operation]
        for operation in operations
        if operation != TASK
    }
    choices = {tuple(_providers_of(own)) for own in by_operation.values()}
    schema = describe_model(Spec)
    shapes = schema.pop("$defs")
    _name_choices(schema, operations, routes)
    return {
        "$schema": DIALECT,
        **schema,
        "allOf": [
            _when({"operation": TASK}, {"$ref": FILES[TASK]})
            | {"else": {"properties": {"task_type": {"type": "null"}}}},
            *(
                _when({"operation": operation}, _rules(own))
                for operation, own in by_operation.items()
            ),
        ],
        "$defs": shapes
        | {_choice_name(names): _one_or_several(names) for names in sorted(choices)}
        | _shapes([route for own in by_operation.values() for route in own]),
    }


def _describe_defaults(routes: Sequence[Route]) -> Schema:
    """A folder default, as an object or as a bare list of specs; only names are checked."""
    operations = sorted({route.operation for route in routes})
    schema = describe_model(FolderDefault)
    shapes: dict[str, Schema] = schema.pop("$defs")
    rules = [
        _when({"operation": operation}, {"properties": _inputs(own) | _models(own) | _names(own)})
        for operation in operations
        if operation != TASK
        for own in [[route for route in routes if route.operation == operation]]
    ]
    for one in (schema, shapes["LabelledSpec"]):
        _name_choices(one, operations, routes)
        one["allOf"] = [{"$ref": "#/$defs/by-operation"}]
    specs = schema["properties"]["specs"]
    bare = {name: specs[name] for name in ("items", "minItems", "maxItems") if name in specs}
    return {
        "$schema": DIALECT,
        "title": schema.pop("title"),
        "anyOf": [{"$ref": "#/$defs/FolderDefault"}, {"type": "array", **bare}],
        "$defs": {"FolderDefault": schema, **shapes, "by-operation": {"allOf": rules}},
    }


def _name_choices(schema: Schema, operations: list[str], routes: Sequence[Route]) -> None:
    """Enter which operations and providers there are."""
    fields: dict[str, Schema] = schema["properties"]
    optional = "operation" not in schema.get("required", ())
    fields["operation"] = {
        "enum": [*operations, None] if optional else operations,
        "description": fields["operation"]["description"],
    }
    fields["provider"] |= _one_or_several(_providers_of(routes))


def _names(routes: Sequence[Route]) -> Schema:
    """The names of the params, of any provider; what they hold is checked with the whole spec."""
    names = sorted(
        {
            field.alias or name
            for route in routes
            for name, field in route.params.model_fields.items()
        }
    )
    return {"params": {"propertyNames": {"enum": names}} if names else {"maxProperties": 0}}


def _describe_tasks(routes: Sequence[Route]) -> Schema:
    """What there is of models and task types; and what each pair of them takes."""
    pairs = [
        (model, kind, route)
        for route in routes
        for model, _, kind in [route.model.partition(TASK_TYPE_SEPARATOR)]
    ]
    return {
        "$schema": DIALECT,
        "title": "Darkroom spec of a task",
        "description": f"Further rules to those of {FILES[SPEC]} when the operation is '{TASK}'.",
        "properties": {
            "provider": _one_or_several(_providers_of(routes)),
            "model": {"enum": list(dict.fromkeys(model for model, _, _ in pairs))},
            "task_type": {"enum": list(dict.fromkeys(kind for _, kind, _ in pairs))},
        },
        "required": ["model", "task_type"],
        "allOf": [
            _when(
                {"model": model, "task_type": kind},
                {"properties": _inputs([route]) | _params([route])} | _needs([route]),
            )
            for model, kind, route in pairs
        ],
        "$defs": _shapes(routes),
    }


def _rules(routes: Sequence[Route]) -> Schema:
    """What holds for an operation; and once its provider is named, where there are several."""
    providers = _providers_of(routes)
    rules = {
        "properties": {"provider": _refer(_choice_name(providers))}
        | _inputs(routes)
        | _models(routes)
        | _params(routes)
    } | _needs(routes)
    if len(providers) == 1:
        return rules
    by_provider = {
        provider: [route for route in routes if route.provider == provider]
        for provider in providers
    }
    return rules | {
        "allOf": [
            _when({"provider": provider}, {"properties": _models(own) | _params(own)} | _needs(own))
            for provider, own in by_provider.items()
        ]
    }


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


def _params(routes: Sequence[Route]) -> Schema:
    choices = [_refer(name) for name in dict.fromkeys(_shape_name(route) for route in routes)]
    return {"params": choices[0] if len(choices) == 1 else {"anyOf": choices}}


def _shapes(routes: Sequence[Route]) -> dict[str, Schema]:
    """Name -> what the params look like of the routes that refer to it."""
    models: dict[str, type[Params]] = {}
    for route in routes:
        if models.setdefault(_shape_name(route), route.params) is not route.params:
            raise ValueError(f"several models are called {_shape_name(route)}")
    shapes = {name: describe_model(models[name]) for name in sorted(models)}
    for shape in shapes.values():
        # Its title is its name, and that params are an object is said of every spec.
        del shape["title"], shape["type"]
    return shapes


def _shape_name(route: Route) -> str:
    """Whose params they are and what their model is called; a slash would cut a reference."""
    return f"{route.provider}.{route.params.__name__}".replace("/", "_")


def _one_or_several(providers: Sequence[str]) -> Schema:
    names = list(providers)
    return {
        "anyOf": [
            {"enum": names},
            {"type": "array", "items": {"enum": names}, "minItems": 1, "maxItems": 8},
            {"type": "null"},
        ]
    }


def _choice_name(providers: Sequence[str]) -> str:
    return "-or-".join(providers)


def _providers_of(routes: Sequence[Route]) -> list[str]:
    return list(dict.fromkeys(route.provider for route in routes))


def _refer(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _when(fields: dict[str, str], then: Schema) -> Schema:
    condition = {
        "properties": {name: {"const": value} for name, value in fields.items()},
        "required": list(fields),
    }
    return {"if": condition, "then": then}


class _Plain(GenerateJsonSchema):
    """In few words: what may be null is no choice between two, and nothing is said twice."""

    def field_title_should_be_set(self, _schema: Any) -> bool:  # noqa: ANN401 - pydantic's own type
        return False

    def literal_schema(self, schema: LiteralSchema) -> Schema:
        return {"enum": schema["expected"]}

    def nullable_schema(self, schema: NullableSchema) -> Schema:
        match self.generate_inner(schema["schema"]):
            case {"enum": values} as inner:
                return inner | {"enum": [*values, None]}
            case {"type": str(kind)} as inner:
                return inner | {"type": [kind, "null"]}
        return super().nullable_schema(schema)

    def default_schema(self, schema: WithDefaultSchema) -> Schema:
        written = super().default_schema(schema)
        if written.get("default", "") is None:
            del written["default"]
        return written
