"""Every change to moto, made for as long as a local environment is up and then taken back.

moto is pinned, because its parts are named here. What is changed and why stands beside each change,
in `mend_deploy` (what moto leaves out of a template), `mend_run` (what it leaves out later) and
`mend_writes` (what it leaves out where several write at once);
each has a test that fails when moto no longer needs it or no longer has it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

from moto.cloudformation import parsing
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config

from infra.local.moto_patches import atomic_writes, cloudformation, events_and_runs
from infra.local.moto_patches.events_and_runs import Hooks
from infra.local.moto_patches.patch import Patch

__all__ = ["Hooks", "mended"]


@contextmanager
def mended(hooks: Hooks) -> Iterator[None]:
    """A moto as the local environment needs it, empty at the start and at the end.

    One at a time: moto's state belongs to the process.
    """
    with ExitStack() as undo:
        undo.callback(BackendDict.reset)
        BackendDict.reset()
        undo.enter_context(_configured())
        for patch in (
            *cloudformation.patches(),
            *events_and_runs.patches(hooks),
            *atomic_writes.patches(),
        ):
            undo.enter_context(_applied(patch))
        # The map of resource types is computed once; ours has come since.
        for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
            cached.cache_clear()
        yield


@contextmanager
def _configured() -> Iterator[None]:
    config = cast("dict[str, object]", default_user_config)
    before = {key: config[key] for key in ("stepfunctions", "lambda")}
    # The interpreter that really runs a state machine; functions kept, never run, by moto.
    config["stepfunctions"] = {"execute_state_machine": True}
    config["lambda"] = {"use_docker": False}
    try:
        yield
    finally:
        config.update(before)


@contextmanager
def _applied(patch: Patch) -> Iterator[None]:
    missing = object()
    before = vars(patch.owner).get(patch.name, missing)
    setattr(patch.owner, patch.name, patch.replacement)
    try:
        yield
    finally:
        if before is missing:
            delattr(patch.owner, patch.name)
        else:
            setattr(patch.owner, patch.name, before)
