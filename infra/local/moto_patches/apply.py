"""Applies all patches to moto while a local environment is up, and then takes them back.

moto is pinned, because the patches name its internals. Each patch says why it is needed:
`cloudformation` (what moto ignores in a template), `s3_events`, `event_targets`, `step_functions`,
`transactions`, `faster_requests`, `faster_tables` and `atomic_writes`. Each has a test that fails
when moto no longer needs it or no longer has the patched name. `quick_import` is applied only while
moto is imported.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

from moto.cloudformation import parsing
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config

from infra.local.lambda_runtime.invoker import Invoker
from infra.local.moto_patches import (
    atomic_writes,
    cloudformation,
    event_targets,
    faster_requests,
    faster_tables,
    s3_events,
    step_functions,
    transactions,
)
from infra.local.moto_patches.patch import Patch, applied
from infra.local.permissions.decision_point import DecisionPoint


@contextmanager
def patched_moto(invoker: Invoker, point: DecisionPoint) -> Iterator[None]:
    """Moto with all patches, empty at the start and at the end.

    Only one at a time: moto's state is global to the process.
    """
    with ExitStack() as undo:
        undo.callback(BackendDict.reset)
        BackendDict.reset()
        undo.enter_context(_configured())
        for patch in all_patches(invoker, point):
            undo.enter_context(applied(patch))
        # Moto caches the map of resource types, which lacks those of the patches.
        for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
            cached.cache_clear()
        yield


def all_patches(invoker: Invoker, point: DecisionPoint) -> Iterator[Patch]:
    """Every patch; functions are invoked with `invoker`, and `point` decides who may do what."""
    yield from cloudformation.patches()
    yield from s3_events.patches()
    yield from event_targets.patches(invoker, point)
    yield from step_functions.patches(invoker, point)
    yield from transactions.patches()
    yield from faster_requests.patches()
    yield from faster_tables.patches()
    # After the patches of the same names: its locks must be outside.
    yield from atomic_writes.patches()


@contextmanager
def _configured() -> Iterator[None]:
    config = cast("dict[str, object]", default_user_config)
    before = {key: config[key] for key in ("stepfunctions", "lambda")}
    # Moto interprets state machines, and stores functions without running them.
    config["stepfunctions"] = {"execute_state_machine": True}
    config["lambda"] = {"use_docker": False}
    try:
        yield
    finally:
        config.update(before)
