"""Lets boto3 build and sign its real requests, and answers them in the test's own process."""

import io
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

NOWHERE: Final = "http://127.0.0.1:9"
"""An endpoint that is never called; with an address, S3's URLs have the bucket in their path."""
Environ = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


def wired_session(key: str, answer: Callable[[Environ], Answer]) -> boto3.Session:
    """A session whose requests go to `answer`, as WSGI environments."""

    def reply(request: AWSPreparedRequest, **_more: Any) -> AWSResponse:
        status, headers, body = answer(as_environ(request))
        return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), _Raw(body))

    session = boto3.Session(key, key, region_name="eu-central-1")
    session.events.register("before-send", reply)  # type: ignore[arg-type] # it does answer
    return session


def as_environ(request: AWSPreparedRequest) -> Environ:
    """A request as a WSGI server sees it."""
    url = urlsplit(request.url)
    content = request.body if isinstance(request.body, bytes) else b""
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": _text(value)
        for name, value in request.headers.items()
    }
    return {
        **headers,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote(url.path, "latin-1"),
        "QUERY_STRING": url.query,
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
    }


class _Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_options: Any) -> Iterator[bytes]:
        yield self.read()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
