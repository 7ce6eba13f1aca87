"""Protects servers on this machine against web pages; used by the local environment and sandboxes.

A page in a browser can send requests to every port of the machine. Three headers, which a page
cannot change, reveal such a request, and each is a reason to refuse it:

- `Origin`: on every request of a page except simple GETs;
- `Sec-Fetch-Site`: on those too; its value is `none` for an address that a user typed;
- `Host`: the page's own host name, if its DNS entry was changed to this machine (DNS rebinding).

No response allows a page to read it (CORS), and every preflight is refused. So a well-known access
key is safe: no page can use it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

ACCESS_KEY: Final = "local"
"""The one access key of the emulated AWS, and its secret."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_ADDRESS: Final = re.compile(r"[0-9.]+|\[[0-9a-f:.]+\]")
_SIGNED_V4: Final = re.compile(r"AWS4-[A-Z0-9-]+ +Credential=([^/, ]+)/")
SCOPE_PARTS: Final = 5
"""Of a credential: the key, the day, the region, the service, and `aws4_request`."""
_SIGNED_V2: Final = re.compile(r"AWS ([^: ]+):")
_CORS: Final = "access-control-"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Refuse = Callable[[Environ, StartResponse, str], Iterable[bytes]]


def refusal(
    method: str, headers: Mapping[str, str], port: int | None, hosts: Collection[str] = LOOPBACK
) -> str | None:
    """Why a request is refused, as one sentence; None if it is allowed.

    Args:
        method: the request's.
        headers: the request's, by lower-case name.
        port: the port that `Host` must have; None if a proxy may forward from another port.
        hosts: the permitted hosts; empty for any IP address, but no host name.
    """
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        return (
            "This request comes from a web page, and web pages may not use servers on this machine."
        )
    if method == "OPTIONS":
        return "Preflight requests are refused: web pages may not use servers on this machine."
    match = _HOST.fullmatch(headers.get("host", "").lower())
    host, host_port = match.groups() if match else ("", None)
    permitted = host in hosts if hosts else bool(_ADDRESS.fullmatch(host) or host in LOOPBACK)
    if not permitted or (port is not None and int(host_port or 80) != port):
        expected = "127.0.0.1" if port is None else f"127.0.0.1:{port}"
        return f"This server only answers to {expected}, and the request is for another host."
    return None


class Guard:
    """WSGI middleware that refuses the requests of web pages.

    Args:
        application: the application that it protects.
        refuse: answers a request with 403 and a sentence, in the format of the application; the
            connection is closed afterwards.
        forwarded: whether a proxy may forward from another port.
        hosts: see `refusal`.
    """

    def __init__(
        self,
        application: Application,
        refuse: Refuse,
        *,
        forwarded: bool = False,
        hosts: Collection[str] = LOOPBACK,
    ) -> None:
        self._application = application
        self._refuse = refuse
        self._forwarded = forwarded
        self._hosts = hosts

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        port = None if self._forwarded else int(environ["SERVER_PORT"])
        reason = refusal(environ["REQUEST_METHOD"], _headers(environ), port, self._hosts)
        if reason is not None:

            def close(status: str, headers: list[tuple[str, str]], *error: object) -> object:
                return start_response(status, [*headers, ("Connection", "close")], *error)

            return self._refuse(environ, close, reason)

        def start(status: str, headers: list[tuple[str, str]], *error: object) -> object:
            kept = [one for one in headers if not one[0].lower().startswith(_CORS)]
            return start_response(status, kept, *error)

        return self._application(environ, start)


def access_key(environ: Environ) -> str | None:
    """The access key of a request to the emulated AWS; None if it has none.

    It is in the header, or in a presigned URL. A page may contain such a URL as an image's source,
    so it is accepted for S3 objects only, as on AWS.
    """
    authorization = str(environ.get("HTTP_AUTHORIZATION", ""))
    if authorization:
        match = _SIGNED_V4.match(authorization) or _SIGNED_V2.match(authorization)
        return match[1] if match else None
    query = parse_qs(str(environ.get("QUERY_STRING", "")))
    if "Action" in query or "HTTP_X_AMZ_TARGET" in environ:
        return None
    scope = query.get("X-Amz-Credential", [""])[0].split("/")
    if len(scope) == SCOPE_PARTS and scope[3] == "s3":
        return scope[0]
    return query["AWSAccessKeyId"][0] if "AWSAccessKeyId" in query else None


def _headers(environ: Environ) -> dict[str, str]:
    return {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
