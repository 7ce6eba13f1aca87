"""Builds GoAPI's routes: a task of the catalogue, or a portable operation on top of one.

Both call the same task, so an operation's rules for files are the entry's. The list of routes is in
`routes.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from darkroom.domain.media import JPEG, PNG, WEBP, Media
from darkroom.domain.price_table import PriceTable
from darkroom.domain.routes import Role, Route, Sides
from darkroom.providers.goapi.catalogue import Entry, entries_by_name
from darkroom.providers.goapi.task_params import ParamModels, check_task
from darkroom.providers.goapi.toolkit_v2 import MODEL
from darkroom.providers.params import StrictParams

NAME: Final = "goapi"

CALL_S: Final = 60
"""Seconds. The paid call only creates a task; its files are uploaded already."""
PRICE_AS_OF: Final = "2026-11-21"
"""When prices were looked up; the catalogue has those that were found."""

Check = Callable[[Any, frozenset[str]], str | None]

IMAGE: Final[Mapping[str, tuple[str, ...]]] = {"image": ("image",)}


@dataclass(frozen=True)
class Call:
    """How a route is called.

    Attributes:
        entry: the task; None for the image toolkit v2, which is not part of the unified API.
        fields: role -> the task's file fields, filled in order.
        fixed: values that select this operation of the task.
    """

    entry: Entry | None
    fields: Mapping[str, tuple[str, ...]]
    fixed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Override:
    """How an operation's files differ from the entry's; see `Route` and `Role`."""

    source: str = "image"
    optional: frozenset[str] = frozenset()
    formats: frozenset[Media] | None = None
    most: int | None = None
    check: Check = lambda _params, _roles: None


def build_task_route(entry: Entry, models: ParamModels) -> tuple[Route, Call]:
    """The route for an entry under the vendor's own names.

    Args:
        entry: the task.
        models: of all tasks.
    """
    route = Route(
        operation="task",
        provider=NAME,
        models=(entry.name,),
        params=partial(models.of, entry),
        # A file may be given as a URL among the params, so `check_task` requires it instead.
        roles={role: file.role(required=False) for role, file in entry.files.items()},
        check=partial(check_task, entry),
        source=entry.source,
        pinned_only=True,
        **_task_settings(entry),
    )
    return route, Call(entry, {role: (role,) for role in entry.files})


def build_operation_route(
    operation: str,
    models: tuple[str, ...],
    task: str,
    params: type[StrictParams],
    fields: Mapping[str, tuple[str, ...]] = IMAGE,
    fixed: Mapping[str, Any] | None = None,
    override: Override | None = None,
) -> tuple[Route, Call]:
    """The route of a portable operation.

    Args:
        operation: its name.
        models: names for `model`; manifests show the first.
        task: the entry's model and task type.
        params: the portable parameters.
        fields: role -> the task's file fields.
        fixed: see `Call`.
        override: see `Override`.
    """
    entry = entries_by_name()[task]
    override = override or Override()
    route = Route(
        operation=operation,
        provider=NAME,
        models=models,
        params=params,
        roles={role: _role(entry, role, names, override) for role, names in fields.items()},
        check=override.check,
        source=override.source,
        **_task_settings(entry),
    )
    return route, Call(entry, fields, fixed or {})


def build_toolkit_route(
    operation: str, params: type[StrictParams], roles: Mapping[str, str], max_side: int | None
) -> tuple[Route, Call]:
    """A route of the image toolkit v2: role -> field, and the longest side of an image."""
    # The page names no formats; these are the formats of the vendor's face swap.
    image = Role(frozenset({PNG, JPEG, WEBP}), sides=Sides(max_longer=max_side))
    route = Route(
        operation=operation,
        provider=NAME,
        models=(MODEL,),
        params=params,
        roles=dict.fromkeys(roles, image),
        asynchronous=True,
        price_as_of=PRICE_AS_OF,
        price_source="goapi.ai/docs, Image Editing API",
        call_s=CALL_S,
        typical_s=10,
        job_s=1800,
        pinned_only=True,
    )
    return route, Call(None, {role: (name,) for role, name in roles.items()})


def _task_settings(entry: Entry) -> dict[str, Any]:
    """Settings of every task of the unified API, and this entry's durations and prices."""
    return {
        # An operation's parameters have names of their own; prices go by the task's fields.
        "credits": PriceTable(
            tuple(price.case for price in entry.prices), lambda params: params.to_provider()
        ),
        "price_as_of": PRICE_AS_OF,
        "price_source": entry.cites,
        "idempotency": "look-up",
        "asynchronous": True,
        "call_s": CALL_S,
        "typical_s": entry.typical_s,
        "job_s": entry.job_s,
    }


def _role(entry: Entry, role: str, names: tuple[str, ...], override: Override) -> Role:
    rules = [entry.files[name].role(required=role not in override.optional) for name in names]
    return replace(
        rules[0],
        max_files=override.most or sum(rule.max_files for rule in rules),
        formats=override.formats or rules[0].formats,
    )
