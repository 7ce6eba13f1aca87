"""What the whole suite shares: what never changes is read once in a process.

Every new boto3 session would read AWS's descriptions of its services anew, and every new HTTP
client the authorities that it trusts; either takes longer than what the tests do with it.
"""

import functools
import gc
import ssl
from collections.abc import Iterator

import botocore.session
import pytest


def pytest_collection_finish() -> None:
    """What stands now stays to the end, so nothing is gained by searching it for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def shared_service_models() -> Iterator[None]:
    """One loader for all sessions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            botocore.session, "create_loader", functools.cache(botocore.session.create_loader)
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_authorities() -> Iterator[None]:
    """One context for all clients that trust the same authorities."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield
