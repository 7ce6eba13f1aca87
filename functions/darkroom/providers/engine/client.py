"""The HTTP client: one authorized request of an account, to the first base URL it can reach.

A URL that a provider gave is vetted before it is requested (`url_guard`). Base URLs come from the
adapter or the operator and are trusted.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import httpx

from darkroom.domain.errors import DarkroomError, NotSent, ProviderRefused, Unclear
from darkroom.providers.adapter import Request, Response
from darkroom.providers.engine.account import Account, redact_secrets
from darkroom.providers.engine.content_codings import DecodingError, TooLargeError, decode_content
from darkroom.providers.engine.input_files import InputFileSet, form_parts
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.engine.upload_headers import upload_headers
from darkroom.providers.engine.url_guard import UrlGuard

UNAUTHORIZED = 401
KEY_REFUSED = frozenset({UNAUTHORIZED, 403})

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "darkroom",
}


class ProviderClient:
    """Makes requests; knows nothing about what they cost.

    Args:
        transport: the network.
        token_cache: access tokens.
        response_bytes: size limit of a response.
        renew: the account with other credentials, or None if there are none by now. Called each
            time that a key is refused.
    """

    def __init__(
        self,
        transport: DeadlineTransport,
        token_cache: TokenCache,
        response_bytes: int,
        renew: Callable[[Account], Account | None] = lambda _account: None,
    ) -> None:
        self._transport = transport
        self._token_cache = token_cache
        self._response_bytes = response_bytes
        self._renew = renew

    def send(
        self,
        account: Account,
        request: Request,
        files: InputFileSet,
        timeout_s: float,
        *,
        reuse: bool,
        renew: bool = True,
    ) -> Response:
        """Send one request with its credentials; once more if its key was refused and replaced.

        The second try is safe for a paid call too: a refused key means that nothing was accepted.
        It is not made when so little time is left that its response might be lost. A repeated call
        keeps its key (`renew` is False): another account would take it for a new call.
        """
        until = self._transport.monotonic() + timeout_s
        if request.is_external:
            return self._exchange(account, request, files, {}, until, reuse=reuse)
        try:
            response = self._send_authorized(account, request, files, until, reuse=reuse)
        except DarkroomError as error:  # while asking for a token
            if error.failure.code != "bad-credentials" or not renew:
                raise
            other = self._renewed(account, until - timeout_s / 2)
            if other is None:
                raise
        else:
            if response.status not in KEY_REFUSED or not renew:
                return response
            other = self._renewed(account, until - timeout_s / 2)
            if other is None:
                return response
        return self._send_authorized(other, request, files, until, reuse=reuse)

    def _renewed(self, account: Account, latest: float) -> Account | None:
        """The account with other credentials, if there are any and it is not too late for them."""
        return self._renew(account) if self._transport.monotonic() < latest else None

    def _send_authorized(
        self, account: Account, request: Request, files: InputFileSet, until: float, *, reuse: bool
    ) -> Response:
        """The request with credentials; with a new token if the provider refuses the old one."""
        send = partial(self._send_unauthorized, account, files, until)
        headers = self._token_cache.headers(account, send)
        response = self._exchange(account, request, files, headers, until, reuse=reuse)
        if response.status == UNAUTHORIZED and account.adapter.token_lifetime_s is not None:
            headers = self._token_cache.renew(account, headers, send)
            response = self._exchange(account, request, files, headers, until, reuse=reuse)
        return response

    def _send_unauthorized(
        self, account: Account, files: InputFileSet, until: float, request: Request
    ) -> Response:
        return self._exchange(account, request, files, {}, until, reuse=True)

    def _exchange(
        self,
        account: Account,
        request: Request,
        files: InputFileSet,
        headers: Mapping[str, str],
        until: float,
        *,
        reuse: bool,
    ) -> Response:
        """The response of the first base URL that can be reached."""
        not_sent: NotSent | None = None
        guard: UrlGuard | None = None
        if request.is_external:
            guard = UrlGuard("upload", allow_loopback=account.is_local)
            guard.parse(request.path)
        for base_url in account.base_urls_for(request):
            http_request = _build_request(account, request, files, base_url, headers)
            try:
                left_s = until - self._transport.monotonic()
                response = self._receive(http_request, left_s, reuse=reuse, guard=guard)
            except NotSent as error:
                not_sent = error
                continue
            body = redact_secrets(response.body, account.credentials, headers)
            return replace(response, body=body)
        raise not_sent or NotSent("provider-unreachable", "The provider has no address.")

    def _receive(
        self, request: httpx.Request, timeout_s: float, *, reuse: bool, guard: UrlGuard | None
    ) -> Response:
        with self._transport.exchange(request, timeout_s, reuse=reuse, guard=guard) as response:
            body = bytearray()
            try:
                for chunk in decode_content(response, self._response_bytes):
                    body += chunk
            except TooLargeError:
                # The status of a refusal says enough, however long its body is.
                if response.is_success:
                    raise Unclear(
                        "unreadable-answer", "The provider's answer is too large."
                    ) from None
            except DecodingError as error:
                # Perhaps only a checksum is missing: the reader of the body decides.
                if response.is_success and not body:
                    raise Unclear(
                        "unreadable-answer",
                        f"The provider's answer is compressed {error} and could not be read.",
                    ) from None
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status_code, headers, bytes(body))


def _build_request(
    account: Account,
    request: Request,
    files: InputFileSet,
    base_url: str,
    authorization: Mapping[str, str],
) -> httpx.Request:
    """The request as HTTP to one of the account's base URLs, with credentials and files.

    Raises:
        ProviderRefused: the base URL is not a valid URL (`bad-base-url`).
        Unclear: the provider wants headers that cannot be sent.
    """
    headers = (
        upload_headers(request.headers)
        if request.is_external
        else {**_HEADERS, **request.headers, **authorization}
    )
    url = base_url + request.path
    try:
        if request.content is not None:
            body = files.body(request.content)
            return httpx.Request(request.method, url, headers=headers, content=body)
        if request.form or request.files:
            parts = form_parts(request.form, [files.part(part) for part in request.files])
            return httpx.Request(request.method, url, headers=headers, files=parts)
        document = request.json
        if document is not None and request.encoded:
            texts = {part.field: files.base64(part.input) for part in request.encoded}
            document = {**document, **texts}
        return httpx.Request(request.method, url, headers=headers, json=document)
    except (httpx.InvalidURL, ValueError) as error:
        raise ProviderRefused(
            "bad-base-url",
            f"The base URL of {account.adapter.label} is not a valid URL.",
            "Correct the provider's base URL in its settings.",
        ) from error
