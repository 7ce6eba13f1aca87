"""The input files of an order: find them, say which are missing, and pin their versions."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from darkroom.domain.errors import InputRefused, InputWithheld, join_reasons
from darkroom.domain.object_keys import unicode_spellings
from darkroom.domain.order import Choice, Input, Order
from darkroom.domain.routes import Route
from darkroom.pipeline.orders.match import find_route
from darkroom.ports import Found, Inputs


def find_inputs(
    inputs: Inputs, order: Order, instead: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Found | None]:
    """Key -> the file as it is now, for every file that the order names.

    A key is also found in its other Unicode spelling. A file that S3 lists but withholds is found,
    and says so. `instead`: key -> the file that is taken if there is none with the key itself.
    Raises `InputRefused`.
    """

    def find(key: str) -> Found | None:
        found = find_input(inputs, key)
        other = instead.get(key) if found is None else None
        return find_input(inputs, other) if other else found

    return {key: find(key) for keys in order.keys.values() for key in keys}


def missing(found: Mapping[str, Found | None]) -> list[str]:
    """The keys where `find_inputs` found no file, an empty one, or one that S3 withholds."""
    return [key for key, file in found.items() if file is None or file.withheld or not file.size]


def absent(found: Mapping[str, Found | None]) -> list[str]:
    """The keys where `find_inputs` found no file at all."""
    return [key for key, file in found.items() if file is None]


def empty(found: Mapping[str, Found | None]) -> list[str]:
    """The keys of the files of 0 bytes: an upload was aborted, or has only begun."""
    return [
        file.key for file in found.values() if file is not None and not (file.size or file.withheld)
    ]


def withheld(found: Mapping[str, Found | None]) -> list[Found]:
    """The files that S3 withholds."""
    return [file for file in found.values() if file is not None and file.withheld]


def why_waiting(found: Mapping[str, Found | None]) -> str:
    """Why a task cannot start, for users; at least one of the files is missing."""
    lacking = absent(found)
    waits = [f"waits for {', '.join(lacking)}"] if lacking else []
    waits += [f"{key} is empty (0 bytes); waits until it is uploaded again" for key in empty(found)]
    return "; ".join([*waits, *(file.withheld for file in withheld(found))])


def exists(inputs: Inputs, key: str) -> bool:
    """Whether there is a file with this key, readable or not."""
    try:
        return inputs.find(key) is not None
    except (InputRefused, InputWithheld):
        return True


def pin_versions(order: Order, found: Mapping[str, Found | None], routes: Iterable[Route]) -> Order:
    """The order with every input pinned, and only the providers that can take these files.

    Args:
        order: the order.
        found: the result of `find_inputs`; no file is missing.
        routes: all routes.

    Raises:
        InputRefused: `input-too-large` for every provider.
    """
    pinned = {key: _pin(file) for key, file in found.items() if file is not None}
    inputs = {role: tuple(pinned[key] for key in keys) for role, keys in order.keys.items()}
    choices: list[Choice] = []
    refusals: dict[str, InputRefused] = {}
    for choice in order.choices:
        route = find_route(routes, order.operation, choice)
        try:
            if route is not None:
                _check_sizes(inputs, route)
                choices.append(choice)
        except InputRefused as error:
            refusals[choice.provider] = error
    if refusals and not choices:
        why = join_reasons({provider: error.failure for provider, error in refusals.items()})
        raise InputRefused(why.code, why.sentence, why.next_step)
    # Without any route, a deployment is to blame: the task keeps its choices, and SUBMIT says so.
    return replace(order, choices=tuple(choices) or order.choices, inputs=inputs)


def find_input(inputs: Inputs, key: str) -> Found | None:
    """The file with this key; its exact spelling is tried first. Raises `InputRefused`."""
    for spelling in unicode_spellings(key):
        try:
            found = inputs.find(spelling)
        except InputWithheld as error:
            why = error.failure
            return Found(spelling, "", "", 0, withheld=f"{why.sentence} {why.next_step}")
        if found is not None:
            return found
    return None


def _pin(found: Found) -> Input:
    return Input(found.key, found.version_id, found.etag, found.size)


def _check_sizes(inputs: Mapping[str, tuple[Input, ...]], route: Route) -> None:
    for role, files in inputs.items():
        if role not in route.roles:  # for another choice of the same order
            continue
        limit = route.roles[role].max_bytes
        for file in files:
            if file.size > limit:
                raise InputRefused(
                    "input-too-large",
                    f"{file.key} has {file.size:,} bytes; {route.provider} takes at most "
                    f"{limit:,}.",
                    "Make it smaller, or name another provider.",
                )
