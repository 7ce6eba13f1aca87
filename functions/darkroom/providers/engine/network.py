"""The driver's network: authorized requests with their files, and downloads of results.

What only a call needs, such as httpx, is imported here, and the driver imports this module for its
first call: httpx takes a third of the time of boto3, and most functions call no provider.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from darkroom.domain.provider_jobs import Download
from darkroom.ports import Inputs, Pictures
from darkroom.providers.engine.account import Account
from darkroom.providers.engine.client import ProviderClient
from darkroom.providers.engine.download import download
from darkroom.providers.engine.input_files import InputFileSet
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.engine.transport import DeadlineTransport


class Network:
    """See `ProviderClient` for the arguments and for `client`, which makes the requests."""

    def __init__(
        self,
        transport: DeadlineTransport | None,
        token_cache: TokenCache,
        response_bytes: int,
        renew: Callable[[Account], Account | None],
    ) -> None:
        self._transport = transport or DeadlineTransport()
        self.client = ProviderClient(self._transport, token_cache, response_bytes, renew)

    def open_files(self, inputs: Inputs, *, can_link: bool, pictures: Pictures) -> InputFileSet:
        """See `InputFileSet`."""
        return InputFileSet(inputs, can_link=can_link, pictures=pictures)

    def download(
        self, url: str, max_bytes: int, timeout_s: float, *, allow_loopback: bool
    ) -> AbstractContextManager[Download]:
        """See `download.download`."""
        return download(self._transport, url, max_bytes, timeout_s, allow_loopback=allow_loopback)
