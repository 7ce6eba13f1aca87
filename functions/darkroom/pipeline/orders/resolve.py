"""From what a spec says to what will be done: provider, route, inputs, parameters, all checked.

Nothing here reads an object or calls a provider; it compares a spec with declarations.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from darkroom.domain.errors import InputRefused, InputWithheld
from darkroom.domain.object_keys import SpecName, input_key, spellings_of
from darkroom.domain.order import Choice, Input, Order
from darkroom.domain.routes import Route
from darkroom.domain.spec import Spec
from darkroom.pipeline.orders.match import Keys, choose, route_of, with_source
from darkroom.ports import Found, Inputs, Providers


def resolve(spec: Spec, name: SpecName, providers: Providers) -> Order:
    """What the spec asks for, with its files named but not yet looked up.

    Raises:
        SpecRefused: `unknown-operation`, `unknown-provider`, `operation-not-offered`,
            `provider-not-set-up`, `no-provider-set-up`, `not-documented`, `missing-model`,
            `unknown-model`, `unknown-task-type`, `unknown-role`, `missing-role`,
            `too-many-files`, `bad-params` or `bad-input-path`.
    """
    keys = _keys(spec, name)
    chosen = choose(spec, keys, name, providers)
    for route in chosen.values():
        keys = with_source(keys, route, name)
    return Order(
        operation=spec.operation,
        choices=tuple(Choice(provider, route.model) for provider, route in chosen.items()),
        keys=keys,
        params=spec.params,
        metadata=spec.metadata,
        on_unknown=spec.on_unknown,
    )


def look(inputs: Inputs, order: Order) -> dict[str, Found | None]:
    """Every file that the order names, as it is right now, under whichever key looks like it.

    Raises `InputRefused`; what S3 shows and does not give is found, and says so.
    """
    return {key: _find(inputs, key) for keys in order.keys.values() for key in keys}


def missing(found: Mapping[str, Found | None]) -> list[str]:
    """The keys that `look` found nothing at, or nothing that S3 gives."""
    return [key for key, there in found.items() if there is None or there.withheld]


def withheld(found: Mapping[str, Found | None]) -> list[Found]:
    """What `look` found that S3 does not give."""
    return [there for there in found.values() if there is not None and there.withheld]


def why_waiting(found: Mapping[str, Found | None]) -> str:
    """Why a task cannot be begun, for people; one of the files at least is missing."""
    gone = [key for key, there in found.items() if there is None]
    waits = [f"waits for {', '.join(gone)}"] if gone else []
    return "; ".join([*waits, *(there.withheld for there in withheld(found))])


def is_there(inputs: Inputs, key: str) -> bool:
    """Whether there is such a file, readable or not."""
    try:
        return inputs.find(key) is not None
    except (InputRefused, InputWithheld):
        return True


def pin(order: Order, found: Mapping[str, Found | None], routes: Iterable[Route]) -> Order:
    """The order with every input pinned, for the providers that can take these files.

    Args:
        order: what was asked for.
        found: what `look` found; nothing is missing.
        routes: all routes.

    Raises:
        InputRefused: `input-empty`, or `input-too-large` for every provider.
    """
    there = {key: _pinned(file) for key, file in found.items() if file is not None}
    inputs = {role: tuple(there[key] for key in keys) for role, keys in order.keys.items()}
    fitting: list[Choice] = []
    refusal: InputRefused | None = None
    for choice in order.choices:
        route = route_of(routes, order.operation, choice)
        try:
            if route is not None:
                _check_sizes(inputs, route)
                fitting.append(choice)
        except InputRefused as error:
            refusal = refusal or error
    if refusal is not None and not fitting:
        raise refusal
    return replace(order, choices=tuple(fitting), inputs=inputs)


def _keys(spec: Spec, name: SpecName) -> Keys:
    return {
        role: tuple(
            input_key(name.folder, path)
            for path in ([written] if isinstance(written, str) else written)
        )
        for role, written in spec.inputs.items()
    }


def _find(inputs: Inputs, key: str) -> Found | None:
    """The file of this name; the one that is spelt exactly so comes first."""
    for spelling in spellings_of(key):
        try:
            found = inputs.find(spelling)
        except InputWithheld as error:
            told = error.failure
            return Found(spelling, "", "", 0, withheld=f"{told.sentence} {told.next_step}")
        if found is not None:
            return found
    return None


def _pinned(found: Found) -> Input:
    return Input(found.key, found.version_id, found.etag, found.size)


def _check_sizes(inputs: Mapping[str, tuple[Input, ...]], route: Route) -> None:
    for role, files in inputs.items():
        if role not in route.roles:  # for another choice of the same order
            continue
        limit = route.roles[role].max_bytes
        for file in files:
            if file.size == 0:
                raise InputRefused("input-empty", f"{file.key} is empty.", "Upload it again.")
            if file.size > limit:
                raise InputRefused(
                    "input-too-large",
                    f"{file.key} has {file.size:,} bytes; {route.provider} takes at most "
                    f"{limit:,}.",
                    "Make it smaller, or name another provider.",
                )
