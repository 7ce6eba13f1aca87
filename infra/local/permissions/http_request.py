"""The parts of a request to AWS that decide what it asks for, read from a WSGI request."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl

from infra.local.permissions.intrinsics import Account

_SCOPE: Final = re.compile(r"Credential=[^/, ]+/[^/]*/[^/]*/([^/]+)/")


class UnknownRequestError(LookupError):
    """A request whose rights are not in the tables; the message names its operation."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        service: of the credential's scope, as in "dynamodb".
        target: the header `X-Amz-Target`, or empty.
        path: decoded; of S3 with the bucket first.
        query: the URL's parameters.
        headers: of S3, by lower-case name; no other service needs any.
        body: JSON; empty for S3.
    """

    service: str
    method: str = "POST"
    target: str = ""
    path: str = "/"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Place:
    """Where requests go.

    Attributes:
        find_secret: a secret's name or ARN -> its full ARN, which ends in six random characters;
            None if there is no such secret.
    """

    account: Account
    find_secret: Callable[[str], str | None]

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource here."""
        return self.account.arn(service, resource)

    def bucket(self, path: str) -> str:
        """The ARN of a bucket, or of an object under its bucket's name."""
        return f"arn:{self.account.partition}:s3:::{path}"


def read_request(environ: dict[str, Any]) -> Request:
    """The request in a WSGI environment; its body can be read again."""
    service = _read_service(environ)
    is_s3 = service == "s3"
    return Request(
        service=service,
        method=str(environ["REQUEST_METHOD"]),
        target=str(environ.get("HTTP_X_AMZ_TARGET", "")),
        path=str(environ.get("PATH_INFO", "/")).encode("latin-1").decode("utf-8", "replace"),
        query=dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)),
        headers=_read_headers(environ) if is_s3 else {},
        # An object may be large, and nothing in it matters here.
        body=b"" if is_s3 else _read_body(environ),
    )


def _read_service(environ: Mapping[str, Any]) -> str:
    """The service of the credential's scope; only S3's old signatures have none."""
    scope = str(environ.get("HTTP_AUTHORIZATION", ""))
    if not scope:
        query = parse_qs(str(environ.get("QUERY_STRING", "")))
        scope = f"Credential={query.get('X-Amz-Credential', [''])[0]}"
    match = _SCOPE.search(scope)
    return match[1] if match else "s3"


def _read_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }


def _read_body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body
