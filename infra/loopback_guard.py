"""Who may speak to what listens on this machine: programs of its user, and no web page.

A page that is open in a browser may send requests to every port of the machine that it is shown on.
It cannot keep its browser from saying so, in three ways, and each of them is a reason to refuse:

- `Origin` stands on everything that a page sends but the simplest reading;
- `Sec-Fetch-Site` stands on that, too; `none` is what somebody typed into the address bar;
- `Host` is the page's own name, where that was made to mean this machine (DNS rebinding).

So nothing ever says that a page may read an answer (CORS), and no preflight is granted. A key that
everybody knows is safe behind that: no page can send it here.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

ACCESS_KEY: Final = "local"
"""The one access key of "AWS" on this machine, and its secret."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_ADDRESS: Final = re.compile(r"[0-9.]+|\[[0-9a-f:.]+\]")
_SIGNED: Final = re.compile(r"AWS4-[A-Z0-9-]+ +Credential=([^/, ]+)/")
SCOPE_PARTS: Final = 5
"""Of a credential: the key, the day, the region, the service and a word that is always the same."""
_SIGNED_IN_THE_OLD_WAY: Final = re.compile(r"AWS ([^: ]+):")
_CORS: Final = "access-control-"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Refuse = Callable[[Environ, StartResponse, str], Iterable[bytes]]


def refusal(
    method: str, headers: Mapping[str, str], port: int | None, hosts: Collection[str] = LOOPBACK
) -> str | None:
    """Why a request is refused, as one sentence; None when it is not.

    Args:
        method: the request's.
        headers: the request's, by lower-case name.
        port: the port that `Host` must name; None where something may stand between.
        hosts: what `Host` may be; empty for any address, as long as it is no name.
    """
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        return "This request comes from a web page, and none may use what runs on this machine."
    if method == "OPTIONS":
        return "There is nothing to ask for beforehand: no web page may use what runs here."
    match = _HOST.fullmatch(headers.get("host", "").lower())
    host, said = match.groups() if match else ("", None)
    known = host in hosts if hosts else bool(_ADDRESS.fullmatch(host) or host in LOOPBACK)
    if not known or (port is not None and int(said or 80) != port):
        wanted = "127.0.0.1" if port is None else f"127.0.0.1:{port}"
        return f"This answers to {wanted} alone, and the request is for another host."
    return None


class Guard:
    """A WSGI application that lets no web page through to the one behind it.

    Args:
        application: the one behind it.
        refuse: answers a request with 403 and a sentence, in the words of what is behind.
        forwarded: whether something may stand between that listens on another port.
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
        """Answers one request."""
        port = None if self._forwarded else int(environ["SERVER_PORT"])
        why = refusal(environ["REQUEST_METHOD"], _headers(environ), port, self._hosts)
        if why is not None:
            return self._refuse(environ, start_response, why)

        def start(status: str, headers: list[tuple[str, str]], *error: object) -> object:
            kept = [one for one in headers if not one[0].lower().startswith(_CORS)]
            return start_response(status, kept, *error)

        return self._application(environ, start)


def access_key(environ: Environ) -> str | None:
    """Whose key a request to "AWS" bears; None where it bears none.

    It is in the header, or in the address if that is what is signed. Such an address may stand in
    a page as a picture's, so it is good for objects alone, as on AWS.
    """
    authorization = str(environ.get("HTTP_AUTHORIZATION", ""))
    if authorization:
        match = _SIGNED.match(authorization) or _SIGNED_IN_THE_OLD_WAY.match(authorization)
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
