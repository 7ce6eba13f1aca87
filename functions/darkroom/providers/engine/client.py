"""One request of an account over the network: credentials added, to the first address it reaches.

Addresses that a provider handed out are judged before they are asked (`url_guard`); the provider's
own ones come from its adapter or from the operator, and are not.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import httpx

from darkroom.domain.errors import DarkroomError, NotSent, Unclear
from darkroom.providers.adapter import Answer, Request
from darkroom.providers.engine.account import Account, without_secrets
from darkroom.providers.engine.content_codings import PackedError, TooLargeError, unpacked
from darkroom.providers.engine.input_files import Files
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.engine.url_guard import UrlGuard

UNAUTHORIZED = 401
KEY_REFUSED = frozenset({UNAUTHORIZED, 403})


class ProviderClient:
    """Makes requests; knows nothing of what they cost.

    Args:
        wire: the network.
        sessions: who is signed in where.
        answer_bytes: size limit of an answer.
        renewed: the account with other credentials, where there are others by now; may be asked
            as often as a key is refused.
    """

    def __init__(
        self,
        wire: DeadlineTransport,
        sessions: TokenCache,
        answer_bytes: int,
        renewed: Callable[[Account], Account | None] = lambda _account: None,
    ) -> None:
        self._wire = wire
        self._sessions = sessions
        self._answer_bytes = answer_bytes
        self._renewed = renewed

    def send(
        self,
        account: Account,
        request: Request,
        files: Files,
        within_s: float,
        *,
        reuse: bool,
        renew: bool = True,
    ) -> Answer:
        """One request with its credentials; once more when the key was replaced meanwhile.

        That is safe for a paid call, too: a refused key is a clear no. It is not begun with so
        little time left that its answer might be lost. A call that is repeated is not made under
        another key (`renew` is False): another account would take it for a new one.
        """
        until = self._wire.monotonic() + within_s
        if request.foreign:
            return self._exchange(account, request, files, {}, until, reuse=reuse)
        try:
            answer = self._signed(account, request, files, until, reuse=reuse)
        except DarkroomError as error:  # of a token that was not to be had
            if error.failure.code != "bad-credentials" or not renew:
                raise
            other = self._other(account, until - within_s / 2)
            if other is None:
                raise
        else:
            if answer.status not in KEY_REFUSED or not renew:
                return answer
            other = self._other(account, until - within_s / 2)
            if other is None:
                return answer
        return self._signed(other, request, files, until, reuse=reuse)

    def _other(self, account: Account, until: float) -> Account | None:
        """The account with other credentials, if there are some and it is not too late for them."""
        return self._renewed(account) if self._wire.monotonic() < until else None

    def _signed(
        self, account: Account, request: Request, files: Files, until: float, *, reuse: bool
    ) -> Answer:
        """The request with credentials; with other ones when the provider refuses a token."""
        ask = partial(self._unauthorized, account, files, until)
        headers = self._sessions.headers(account, ask)
        answer = self._exchange(account, request, files, headers, until, reuse=reuse)
        if answer.status == UNAUTHORIZED and account.adapter.session_s is not None:
            headers = self._sessions.renew(account, headers, ask)
            answer = self._exchange(account, request, files, headers, until, reuse=reuse)
        return answer

    def _unauthorized(
        self, account: Account, files: Files, until: float, request: Request
    ) -> Answer:
        return self._exchange(account, request, files, {}, until, reuse=True)

    def _exchange(
        self,
        account: Account,
        request: Request,
        files: Files,
        headers: Mapping[str, str],
        until: float,
        *,
        reuse: bool,
    ) -> Answer:
        """The answer of the first of the provider's addresses that could be reached."""
        lost: NotSent | None = None
        vetting: UrlGuard | None = None
        if request.foreign:
            vetting = UrlGuard("upload", near=account.near)
            vetting.read(request.path)
        for base in account.bases(request):
            sending = account.request(request, files, base, headers)
            try:
                left_s = until - self._wire.monotonic()
                answer = self._receive(sending, left_s, reuse=reuse, vetting=vetting)
            except NotSent as error:
                lost = error
                continue
            body = without_secrets(answer.body, account.credentials, headers)
            return replace(answer, body=body)
        raise lost or NotSent("provider-unreachable", "The provider has no address.")

    def _receive(
        self, sending: httpx.Request, within_s: float, *, reuse: bool, vetting: UrlGuard | None
    ) -> Answer:
        with self._wire.exchange(sending, within_s, reuse=reuse, vetting=vetting) as response:
            body = bytearray()
            try:
                for piece in unpacked(response, self._answer_bytes):
                    body += piece
            except TooLargeError:
                # What refuses is told by its status, however much it says.
                if response.is_success:
                    raise Unclear(
                        "unreadable-answer", "The provider's answer is too large."
                    ) from None
            except PackedError as error:
                # Of what came out, perhaps nothing is missing but a checksum: its reader decides.
                if response.is_success and not body:
                    raise Unclear(
                        "unreadable-answer",
                        f"The provider's answer is packed {error}, and could not be read.",
                    ) from None
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, bytes(body))
