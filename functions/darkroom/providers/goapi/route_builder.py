"""How GoAPI's routes are made: from an entry of the catalogue, or as an operation over one.

What is called in the end is the same task, so an operation's rules for files are the entry's. The
routes themselves are listed in `routes`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from darkroom.domain.media import JPEG, PNG, WEBP, Media
from darkroom.domain.routes import Role, Route, Sides
from darkroom.providers.goapi.catalogue import Entry, entries_by_name
from darkroom.providers.goapi.task_params import TaskParams, build_params, check
from darkroom.providers.goapi.toolkit_v2 import MODEL
from darkroom.providers.params import Strict

NAME: Final = "goapi"

CALL_S: Final = 60
"""A task is only taken down by the paid call; its files are elsewhere already."""

Check = Callable[[Any, frozenset[str]], str | None]

IMAGE: Final[Mapping[str, tuple[str, ...]]] = {"image": ("image",)}


@dataclass(frozen=True)
class Call:
    """How a route is called.

    Attributes:
        entry: the task; None at the image toolkit v2, which is no part of the unified API.
        fields: role -> the task's file fields, which its files fill in their order.
        fixed: what makes the task do this operation.
    """

    entry: Entry | None
    fields: Mapping[str, tuple[str, ...]]
    fixed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Twist:
    """In what an operation's files differ from the entry's; see `Route` and `Role`."""

    source: str = "image"
    optional: frozenset[str] = frozenset()
    formats: frozenset[Media] | None = None
    most: int | None = None
    check: Check = lambda _params, _roles: None


def build_task(entry: Entry, made: dict[str, type[TaskParams]]) -> tuple[Route, Call]:
    """The route by which a spec reaches an entry under the vendor's own names.

    Args:
        entry: the task.
        made: see `build_params`.
    """
    route = Route(
        operation="task",
        provider=NAME,
        models=(entry.name,),
        params=build_params(entry, made),
        # A file may be given by its address among the params, so `check` asks for it instead.
        roles={role: file.role(required=False) for role, file in entry.files.items()},
        check=partial(check, entry),
        source=entry.source,
        pinned_only=True,
        **_timed(entry),
    )
    return route, Call(entry, {role: (role,) for role in entry.files})


def build_operation(
    operation: str,
    models: tuple[str, ...],
    task: str,
    params: type[Strict],
    fields: Mapping[str, tuple[str, ...]] = IMAGE,
    fixed: Mapping[str, Any] | None = None,
    twist: Twist | None = None,
) -> tuple[Route, Call]:
    """The route of a portable operation.

    Args:
        operation: its name.
        models: names for `model`; the first is the one that manifests show.
        task: the entry's model and task type.
        params: the portable parameters.
        fields: role -> the task's file fields.
        fixed: see `Call`.
        twist: see there.
    """
    entry = entries_by_name()[task]
    twist = twist or Twist()
    route = Route(
        operation=operation,
        provider=NAME,
        models=models,
        params=params,
        roles={role: _role(entry, role, names, twist) for role, names in fields.items()},
        check=twist.check,
        source=twist.source,
        **_timed(entry),
    )
    return route, Call(entry, fields, fixed or {})


def build_toolkit(
    operation: str, params: type[Strict], roles: Mapping[str, str], longest: int | None
) -> tuple[Route, Call]:
    """A route of the image toolkit v2: role -> field, and the longest side of a picture."""
    # The page names no formats; these are the ones that the vendor's face-swap names.
    picture = Role(frozenset({PNG, JPEG, WEBP}), sides=Sides(max_longer=longest))
    route = Route(
        operation=operation,
        provider=NAME,
        models=(MODEL,),
        params=params,
        roles=dict.fromkeys(roles, picture),
        asynchronous=True,
        call_s=CALL_S,
        typical_s=10,
        job_s=1800,
        pinned_only=True,
    )
    return route, Call(None, {role: (name,) for role, name in roles.items()})


def _timed(entry: Entry) -> dict[str, Any]:
    """What every task of the unified API has in common, and how long this one takes."""
    return {
        "idempotency": "look-up",
        "asynchronous": True,
        "call_s": CALL_S,
        "typical_s": entry.typical_s,
        "job_s": entry.job_s,
    }


def _role(entry: Entry, role: str, names: tuple[str, ...], twist: Twist) -> Role:
    rules = [entry.files[name].role(required=role not in twist.optional) for name in names]
    return replace(
        rules[0],
        max_files=twist.most or sum(rule.max_files for rule in rules),
        formats=twist.formats or rules[0].formats,
    )
