"""Builds the parameter model of a GoAPI task from its catalogue entry, and places its file URLs.

Known fields are checked as far as the vendor documents them. Unknown ones are passed on: the
documents are incomplete, and the vendor refuses what it does not know. No network.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Final, Literal, cast

import pydantic
from pydantic import BeforeValidator

from darkroom.domain.errors import SpecRefused
from darkroom.domain.routes import Params
from darkroom.providers.goapi.catalogue import Entry, Field, File
from darkroom.providers.params import reject_bool

_Text = Annotated[str, pydantic.Field(min_length=1)]

_TYPES: Final[Mapping[str, Any]] = {
    "text": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "list": list[Any],
    "object": dict[str, Any],
    "any": Any,
}


class TaskParams(Params, strict=True, frozen=True, extra="allow", allow_inf_nan=False):
    """The `input` of a task without its files; each entry has its own subclass."""

    def to_provider(self) -> dict[str, Any]:
        """The parameters for the provider, without those that the spec leaves out."""
        return self.model_dump(exclude_none=True)


class ParamModels:
    """The parameter models of tasks, each built when it is first asked for.

    Tasks with the same fields share one, named after the first of them in the catalogue.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._built: dict[str, type[TaskParams]] = {}

    def of(self, entry: Entry) -> type[TaskParams]:
        """The entry's fields as a model. URLs of files may be among them."""
        shape = _shape(entry)
        if shape not in self._built:
            self._built[shape] = _build_model(self._firsts[shape])
        return self._built[shape]

    @cached_property
    def _firsts(self) -> Mapping[str, Entry]:
        return {_shape(entry): entry for entry in reversed(self._entries)}


def check_task(entry: Entry, params: TaskParams, roles: frozenset[str]) -> str | None:
    """What no single field shows: files that are given twice or not at all, empty groups."""
    written = params.to_provider().keys()
    given = written | roles
    for role, file in entry.files.items():
        head = file.head(role)
        if role in roles and role in written and not file.nested:
            return f"Name `{role}` among the inputs or among the params, not among both."
        if file.required and role not in given and head not in given:
            return f"Name `{role}` among the inputs, or give its address among the params."
    for group in entry.any_of:
        if not given & set(group):
            return f"Give at least one of: {', '.join(f'`{name}`' for name in group)}."
    return None


def place_files(document: dict[str, Any], file: File, role: str, urls: Sequence[str]) -> None:
    """Put the URLs of a role's files where the task expects them.

    Raises:
        SpecRefused: the spec has another value in their place (`bad-params`).
    """
    for index, url in enumerate(urls):
        _put(document, file.place(role), index, url)
    for path, value in file.beside.items():
        _put(document, path, 0, value)


def _shape(entry: Entry) -> str:
    """The same for tasks with the same fields."""
    return repr((entry.fields, _urls(entry)))


def _urls(entry: Entry) -> Mapping[str, int]:
    """Fields that take URLs of files, and how many each."""
    return {role: file.most for role, file in entry.files.items() if not file.nested}


def _build_model(entry: Entry) -> type[TaskParams]:
    fields = {name: _field(rule) for name, rule in entry.fields.items()}
    for role, most in _urls(entry).items():
        fields[role] = ((list[_Text] if most > 1 else _Text) | None, None)
    return pydantic.create_model(
        f"{entry.model}-{entry.task_type}",
        __base__=TaskParams,
        __doc__=f"The input of {entry.model}, {entry.task_type}, and of tasks like it.",
        **cast("dict[str, Any]", fields),
    )


def _field(rule: Field) -> tuple[Any, Any]:
    kind = _TYPES[rule.type]
    if rule.choices:
        kind = Annotated[Literal[rule.choices], BeforeValidator(reject_bool)]
    elif rule.type in {"integer", "number"}:
        kind = Annotated[kind, pydantic.Field(ge=rule.least, le=rule.most)]
    elif rule.type == "text":
        least = 1 if rule.required else None
        kind = Annotated[kind, pydantic.Field(min_length=least, max_length=rule.longest)]
    return (kind, ...) if rule.required else (kind | None, rule.preset)


def _put(node: dict[str, Any], path: str, index: int, value: str) -> None:
    """Set the value at a path; `a[]` is the list's item at `index`, or a new one."""
    step, _, rest = path.partition(".")
    name = step.removesuffix("[]")
    if step == name:
        if not rest:
            node[name] = value
            return
        inner = node.setdefault(name, {})
    else:
        items = node.setdefault(name, [])
        if not isinstance(items, list):
            raise _misplaced(name)
        if not rest:
            items.append(value)
            return
        items.extend({} for _ in range(len(items), index + 1))
        inner = items[index]
    if not isinstance(inner, dict):
        raise _misplaced(name)
    _put(inner, rest, index, value)


def _misplaced(name: str) -> SpecRefused:
    return SpecRefused(
        "bad-params",
        f"The spec's params have a value for '{name}' into which no file can be put.",
        "Correct the spec and upload it again.",
    )
