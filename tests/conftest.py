"""What the whole suite shares: AWS's descriptions of its services are read once in a process.

Every new boto3 session would read them anew, which takes longer than what the tests do with it.
"""

import functools
from collections.abc import Iterator

import botocore.session
import pytest


@pytest.fixture(scope="session", autouse=True)
def shared_service_models() -> Iterator[None]:
    """One loader for all sessions; what it reads never changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            botocore.session, "create_loader", functools.cache(botocore.session.create_loader)
        )
        yield
