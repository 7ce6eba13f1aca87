"""Records the requests to AWS, and gives responses that moto never gives.

moto accepts what AWS does not: it has no eventual consistency, rarely ends a page early, and has no
lost races. So tests read from the request itself, as botocore built it, what it must contain.
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
    """One request: the operation, its JSON, and for S3 its headers and query."""

    operation: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A response of AWS; an error if it has a code."""

    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    code: str = ""


@dataclass
class RequestRecorder:
    """Records every request, in order.

    Attributes:
        answers: gives the response to a request, or None to leave it to moto.
        page: the most items of one query, as if they were large.
    """

    sent: list[Request] = field(default_factory=list)
    answers: Answers = lambda _request: None
    page: int | None = None

    def of(self, *operations: str) -> list[Request]:
        """The requests of these operations."""
        return [request for request in self.sent if request.operation in operations]

    def listen(self, client: Any) -> Any:
        """Record the client's requests from now on; returns the client."""
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
            **answer.body,
        }


@contextmanager
def recorded_table() -> Iterator[tuple[RequestRecorder, Any]]:
    """A recorder, and the table whose requests it records."""
    recorder = RequestRecorder()
    resource = session().resource("dynamodb")
    recorder.listen(resource.meta.client)
    yield recorder, resource.Table(TABLE)
    resource.meta.client.close()


def parse_url(url: str) -> tuple[str, dict[str, str]]:
    """The path and the query of a presigned URL."""
    parts = urlsplit(url)
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
