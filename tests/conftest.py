"""Caches for the whole suite: what never changes is read or computed once in a process.

Each new boto3 session reads AWS's service descriptions, and each new HTTP client reads the trusted
certificates; both take longer than what the tests do with them. The same is true of what botocore
and moto compute from the descriptions for each session, client and account.
"""

import functools
import gc
import ssl
from collections.abc import Generator
from typing import Any

import botocore.hooks
import botocore.session
import moto.core.models
import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

SHARED_ENVIRONMENT = (
    "tests/e2e/test_main_job.py",
    "tests/e2e/test_failures.py",
    "tests/e2e/test_folder_defaults.py",
    "tests/e2e/test_folder_of_photos.py",
    "tests/e2e/test_money_of_a_night.py",
    "tests/e2e/test_when_it_stops.py",
    "tests/e2e/test_within_its_rights.py",
)

ONE_BY_ONE = (
    "tests/simulation/test_crash_points.py",
    "tests/simulation/test_planted_bugs.py",
    "tests/simulation/test_races.py",
)
"""Files whose tests share nothing and together take longer than all that comes after them."""


def pytest_configure(config: pytest.Config) -> None:
    """Install the caches before the first import: some modules open a session on import."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    _cache(patch, botocore.session, "create_loader")
    _cache(patch, ssl, "create_default_context")
    # Each session registers some 200 handlers: their events' names and their arguments.
    aliaser: Any = botocore.hooks.EventAliaser
    alias = functools.cache(functools.partial(aliaser._alias_event_name, aliaser(None)))
    patch.setattr(aliaser, "_alias_event_name", lambda _self, name: alias(name))
    accepts: Any = functools.cache(botocore.hooks.accepts_kwargs)
    patch.setattr(botocore.hooks, "accepts_kwargs", lambda f: accepts(getattr(f, "__func__", f)))
    # moto makes 1,300 of them for each account.
    _cache(patch, moto.core.models, "CallbackResponse")


def _cache(patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    patch.setattr(owner, name, functools.cache(getattr(owner, name)))


class ByEnvironment(LoadFileScheduling):  # type: ignore[misc]
    """Keeps the tests of a file together, and those of the files that share an environment.

    The simulation's long files are not kept together: in the end, one worker would be left with
    minutes of them, and the others with nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file in ONE_BY_ONE:
            return nodeid
        return "shared environment" if file in SHARED_ENVIRONMENT else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByEnvironment:
    """With any number of workers, the shared local environment is started once."""
    return ByEnvironment(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End-to-end tests begin first: they wait a lot, and the others use the processors."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The collected tests stay in memory, so the garbage collector need not visit them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        # Simulations make many objects that live for a while: looked at in larger lots.
        gc.set_threshold(20_000)
        gc.enable()
