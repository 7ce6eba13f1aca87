"""Match a spec against the providers' routes, and report why none fits.

Nothing here reads a file or calls a provider; it compares a spec with declarations.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from darkroom.domain.errors import Failure, SpecRefused, join_reasons
from darkroom.domain.near_names import why_no_source
from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR, SpecName
from darkroom.domain.order import Choice
from darkroom.domain.routes import Route, RoutesByProvider
from darkroom.domain.spec import Spec
from darkroom.domain.validation_messages import explain, nearest
from darkroom.ports import Providers

Keys = Mapping[str, tuple[str, ...]]
"""Role -> the keys of its files."""


def choose_routes(spec: Spec, keys: Keys, name: SpecName, providers: Providers) -> dict[str, Route]:
    """Provider -> its route for the spec, in order of preference.

    All providers that the spec names must be able to do it. Without names, every provider that is
    set up and able is kept, in the default order.

    Raises:
        SpecRefused: see `resolve`.
    """
    _check_names(spec, providers.routes())
    if spec.preferred:
        return _routes_of_named(spec, keys, name, providers)
    return _routes_of_capable(spec, keys, name, providers)


def find_route(routes: Iterable[Route], operation: str, choice: Choice) -> Route | None:
    """The declared route of a choice; None when a deployment has removed it."""
    own = routes.of(choice.provider) if isinstance(routes, RoutesByProvider) else routes
    for route in own:
        same = (route.provider, route.operation) == (choice.provider, operation)
        if same and choice.model in route.models:
            return route
    return None


def read_params(params: Mapping[str, Any], route: Route) -> Any:  # noqa: ANN401 - the route's own model
    """The parameters as the route's own type. Raises `SpecRefused` (`bad-params`)."""
    try:
        return route.params.model_validate(dict(params))
    except ValidationError as error:
        known = [field.alias or key for key, field in route.params.model_fields.items()]
        what = f"The spec's params for {route.operation} by {route.provider}"
        raise SpecRefused("bad-params", *explain(error, what, known)) from error


def with_source(keys: Keys, route: Route, name: SpecName) -> Keys:
    """The keys, with the file that the spec's name implies where the route has a role for it."""
    if name.source is None or route.source in keys or route.source not in route.roles:
        return keys
    return {route.source: (name.source,), **keys}


def _check_names(spec: Spec, routes: Sequence[Route]) -> None:
    operations = {route.operation for route in routes}
    if spec.operation not in operations:
        offered = sorted({route.operation for route in routes if route.refusal is None})
        raise SpecRefused(
            "unknown-operation",
            f"There is no operation '{spec.operation}'.{nearest(spec.operation, operations)}",
            f"Known are: {', '.join(offered)}.",
        )
    known = {route.provider for route in routes}
    for provider in spec.preferred:
        if provider not in known:
            raise SpecRefused(
                "unknown-provider",
                f"There is no provider '{provider}'.{nearest(provider, known)}",
                f"Known are: {', '.join(sorted(known))}.",
            )


def _routes_of_named(
    spec: Spec, keys: Keys, name: SpecName, providers: Providers
) -> dict[str, Route]:
    """The route of every provider that the spec names. Raises `SpecRefused` if one has none."""
    chosen: dict[str, Route] = {}
    refusals: dict[str, Failure] = {}
    for provider in spec.preferred:
        try:
            chosen[provider] = _route_of_named(spec, provider, keys, name, providers)
        except SpecRefused as refusal:
            refusals[provider] = refusal.failure
    if refusals:
        raise _refused_by_all(refusals)
    return chosen


def _refused_by_all(refusals: Mapping[str, Failure]) -> SpecRefused:
    why = join_reasons(refusals)
    return SpecRefused(why.code, why.sentence, why.next_step)


def _route_of_named(
    spec: Spec,
    provider: str,
    keys: Keys,
    name: SpecName,
    providers: Providers,
) -> Route:
    """The route of a provider that the spec names. Raises `SpecRefused`."""
    offered = [r for r in providers.routes() if r.operation == spec.operation]
    own = [r for r in offered if r.provider == provider]
    if not own:
        others = sorted({r.provider for r in offered})
        raise SpecRefused(
            "operation-not-offered",
            f"{provider} does not offer '{spec.operation}'.",
            f"It is offered by: {', '.join(others)}.",
        )
    if not providers.set_up(provider):
        raise SpecRefused(
            "provider-not-set-up",
            f"{provider} is not set up in this environment.",
            providers.set_up_hint(provider),
        )
    return _best_route(spec, own, keys, name)


def _routes_of_capable(
    spec: Spec, keys: Keys, name: SpecName, providers: Providers
) -> dict[str, Route]:
    """Every provider that is set up and can do the spec, in the default order."""
    offering: dict[str, list[Route]] = {}
    for route in providers.routes():
        if route.operation == spec.operation:
            offering.setdefault(route.provider, []).append(route)
    ready = {p: own for p, own in offering.items() if providers.set_up(p)}
    if not ready:
        first = next(iter(offering))
        raise SpecRefused(
            "no-provider-set-up",
            f"No provider of '{spec.operation}' is set up in this environment.",
            providers.set_up_hint(first),
        )
    capable: dict[str, Route] = {}
    refusals: dict[str, Failure] = {}
    for provider, own in ready.items():
        try:
            capable[provider] = _best_route(spec, own, keys, name)
        except SpecRefused as refusal:
            refusals[provider] = refusal.failure
    if refusals and not capable:
        raise _refused_by_all(refusals)
    return capable


def _best_route(spec: Spec, own: Sequence[Route], keys: Keys, name: SpecName) -> Route:
    """The first of a provider's routes that can do the spec; a pinned model must match."""
    candidates = [r for r in own if (spec.pinned in r.models if spec.pinned else not r.pinned_only)]
    if not candidates:
        raise _no_such_model(spec, own)
    refusals: list[SpecRefused] = []
    for route in candidates:
        try:
            _check(spec, with_source(keys, route, name), route, name)
        except SpecRefused as refusal:
            refusals.append(refusal)
        else:
            return route
    raise refusals[0]


def _no_such_model(spec: Spec, own: Sequence[Route]) -> SpecRefused:
    """Why none of a provider's routes has the spec's model, or for `task` its task type."""
    provider = own[0].provider
    typed = [
        name.partition(TASK_TYPE_SEPARATOR)
        for route in own
        for name in route.models
        if TASK_TYPE_SEPARATOR in name
    ]
    if spec.task_type is not None and not typed:
        return SpecRefused(
            "unknown-task-type",
            f"'{spec.operation}' has no `task_type`.",
            "Leave it out, or use the operation 'task'.",
        )
    if spec.model is None:
        needed = "a `model` and a `task_type`" if typed else "a `model`"
        return SpecRefused(
            "missing-model",
            f"'{spec.operation}' by {provider} needs {needed}, and the spec names none.",
            f"To list them: darkroom providers {spec.operation}",
        )
    types = [kind for model, _, kind in typed if model == spec.model]
    if types:
        problem = f"has no type '{spec.task_type}'" if spec.task_type else "needs a `task_type`"
        return SpecRefused(
            "unknown-task-type",
            f"{spec.model} by {provider} {problem}.{nearest(spec.task_type or '', types)}",
            f"Known are: {', '.join(types)}.",
        )
    known = list(dict.fromkeys(model for model, _, _ in typed)) or [route.model for route in own]
    hint = nearest(spec.model, known)
    return SpecRefused(
        "unknown-model",
        f"{provider} has no model '{spec.model}' for '{spec.operation}'.{hint}",
        f"Known are: {', '.join(known)}.",
    )


def _check(spec: Spec, keys: Keys, route: Route, name: SpecName) -> None:
    if route.refusal is not None:
        raise SpecRefused("not-documented", route.refusal, "Name another provider that offers it.")
    _check_roles(keys, route, name)
    params = read_params(spec.params, route)
    wrong = route.check(params, frozenset(keys))
    if wrong is not None:
        raise SpecRefused("bad-params", wrong, "Correct the spec and upload it again.")


def _check_roles(keys: Keys, route: Route, name: SpecName) -> None:
    what = f"{route.operation} by {route.provider}"
    for role, files in keys.items():
        if role not in route.roles:
            known = sorted(route.roles)
            raise SpecRefused(
                "unknown-role",
                f"{what} takes no input '{role}'.{nearest(role, known)}",
                f"It takes: {', '.join(known)}." if known else "It takes no inputs.",
            )
        most = route.roles[role].max_files
        if len(files) > most:
            raise SpecRefused(
                "too-many-files",
                f"The input '{role}' names {len(files)} files; {what} takes {most}.",
                "Name fewer files.",
            )
    for role, rule in route.roles.items():
        if rule.required and role not in keys:
            # A name that is almost a photo's has a better reason.
            near = why_no_source(name.key) if role == route.source and not name.source else None
            if near is not None:
                reason, next_step = near
                raise SpecRefused("missing-role", f"{what} needs a photo. {reason}", next_step)
            add = f'add "inputs": {{"{role}": "<file>"}} to the spec.'
            raise SpecRefused(
                "missing-role",
                f"{what} needs the input '{role}', and the spec names none.",
                f"Name the spec after its photo, as in 'cat.jpg.json', or {add}"
                if role == route.source
                else f"{add[0].upper()}{add[1:]}",
            )
