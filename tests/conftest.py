"""What the whole suite shares: what never changes is read or worked out once in a process.

Every new boto3 session would read AWS's descriptions of its services anew, and every new HTTP
client the authorities that it trusts; either takes longer than what the tests do with it. The same
is true of what botocore and moto make of those descriptions for each session, client and account.
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

SHARING_THE_SHOP = ("tests/e2e/test_main_job.py", "tests/e2e/test_trouble.py")


def pytest_configure(config: pytest.Config) -> None:
    """Share it from the first import on: some modules open a session when they are imported."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    _cache(patch, botocore.session, "create_loader")
    _cache(patch, ssl, "create_default_context")
    # Each session registers some 200 handlers: their events' names, and what they can be told.
    aliaser: Any = botocore.hooks.EventAliaser
    alias = functools.cache(functools.partial(aliaser._alias_event_name, aliaser(None)))
    patch.setattr(aliaser, "_alias_event_name", lambda _self, name: alias(name))
    accepts: Any = functools.cache(botocore.hooks.accepts_kwargs)
    patch.setattr(botocore.hooks, "accepts_kwargs", lambda f: accepts(getattr(f, "__func__", f)))
    # Each account would make 1,300 of them.
    _cache(patch, moto.core.models, "CallbackResponse")


def _cache(patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    patch.setattr(owner, name, functools.cache(getattr(owner, name)))


class ByEnvironment(LoadFileScheduling):  # type: ignore[misc]
    """The tests of a file stay together, and so do those of the files that share `shop`."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "shop" if file in SHARING_THE_SHOP else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByEnvironment:
    """For any number of workers: one local environment is brought up for all that it serves."""
    return ByEnvironment(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end, so nothing is gained by searching it for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
