"""A line to AWS that can be listened to: what is really sent, and answers that moto never gives.

moto forgives what AWS does not: it knows no eventual consistency, seldom ends a page early, and
loses no races. So what a request must say is read off the request itself, as botocore has built it.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from tests.fakes.moto_aws import TABLE, session

Answers = Callable[["Request"], "Answer | None"]


@dataclass(frozen=True)
class Request:
    """One request: the operation, its JSON, and what an S3 request says in its head."""

    operation: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What AWS says to a request; an error where it has a code."""

    said: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    code: str = ""


@dataclass
class Line:
    """Every request, in order.

    Attributes:
        answers: gives the answer to a request, or None to leave it to moto.
        page: how many items a query brings at most, as if they were large.
    """

    sent: list[Request] = field(default_factory=list)
    answers: Answers = lambda _request: None
    page: int | None = None

    def of(self, *operations: str) -> list[Request]:
        """The requests of these operations."""
        return [request for request in self.sent if request.operation in operations]

    def listen(self, client: Any) -> Any:
        """The client, on this line from now on."""
        client.meta.events.register("before-call", self._call)
        return client

    def _call(self, model: Any, params: dict[str, Any], **_more: Any) -> Any:
        raw = params["body"]
        body = json.loads(raw) if isinstance(raw, bytes) and raw.startswith(b"{") else {}
        if self.page is not None and model.name == "Query":
            body = body | {"Limit": min(self.page, body.get("Limit", self.page))}
            params["body"] = json.dumps(body).encode()
        request = Request(model.name, body, dict(params["headers"]), dict(params["query_string"]))
        self.sent.append(request)
        answer = self.answers(request)
        if answer is None:
            return None
        error = {"Error": {"Code": answer.code, "Message": "no"}} if answer.code else {}
        head = {"ResponseMetadata": {"HTTPStatusCode": answer.status}}
        return AWSResponse("", answer.status, HTTPHeaders(), io.BytesIO()), {
            **error,
            **head,
            **answer.said,
        }


@contextmanager
def listening() -> Iterator[tuple[Line, Any]]:
    """A line, and the table on it."""
    line = Line()
    resource = session().resource("dynamodb")
    line.listen(resource.meta.client)
    yield line, resource.Table(TABLE)
    resource.meta.client.close()


def address(url: str) -> tuple[str, dict[str, str]]:
    """A signed address's path and what it says behind the question mark."""
    parts = urlsplit(url)
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
