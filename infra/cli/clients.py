"""Makes clients of AWS that answer within seconds, for several threads."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import boto3

CONNECT_S: Final = 3
READ_S: Final = 8
ATTEMPTS: Final = 2
"""Less than usual: what does not answer within seconds is a finding, too."""


def build_client_maker(session: "boto3.Session", endpoint_url: str | None) -> Callable[[str], Any]:
    """A function that makes clients with short time-outs; threads may call it.

    A session may be used by one thread at a time, its clients by several.
    """
    from botocore.config import Config  # noqa: PLC0415 - slow to import

    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def make(service: str) -> Any:  # noqa: ANN401 - boto3 types each name
        with lock:
            if service not in made:
                name: Any = service
                made[service] = session.client(name, endpoint_url=endpoint_url, config=config)
            return made[service]

    return make
