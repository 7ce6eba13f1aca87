"""Answers for requests that are not allowed, in each service's own format.

boto3 raises from them the `ClientError` that it raises on AWS. Sources: IAM user guide,
"Troubleshoot access denied error messages" (the sentence); S3 API reference, "Error responses";
AWS SDK guide of Smithy, "AWS JSON protocols" and "awsQueryCompatible" (`x-amzn-query-error`).
"""

import json
import uuid
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from infra.local.permissions.policy import Access

_QUERY_COMPATIBLE: Final = frozenset({"sqs"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def describe(caller: str, access: Access, reason: str) -> str:
    """The sentence of AWS for an access that is denied."""
    resource = f'"{access.resource}"' if access.action.startswith("s3:") else access.resource
    asked = f"{access.action} on resource: {resource} {reason}"
    if access.action.startswith("sqs:"):  # SQS names its actions in lower case
        asked = asked.replace(access.action, access.action.lower())
    return f"User: {caller} is not authorized to perform: {asked}"


def deny(service: str, message: str, *, speaks_json: bool) -> Answer:
    """The answer for a denied request.

    Args:
        service: of the credential's scope.
        message: the sentence.
        speaks_json: whether the request did; one that did not, and is not S3's, is of the query
            protocol.
    """
    if service == "s3":
        return _xml(f"<Error><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>")
    if service == "lambda":
        kind = ("x-amzn-ErrorType", "AccessDeniedException")
        return _json("403 Forbidden", {"Message": message}, kind)
    if not speaks_json:
        error = f"<Type>Sender</Type><Code>AccessDenied</Code><Message>{escape(message)}</Message>"
        return _xml(f"<ErrorResponse><Error>{error}</Error></ErrorResponse>")
    body = {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": message}
    if service in _QUERY_COMPATIBLE:
        return _json("403 Forbidden", body, ("x-amzn-query-error", "AccessDenied;Sender"))
    return _json("400 Bad Request", body)


def _json(status: str, body: dict[str, str], *more: tuple[str, str]) -> Answer:
    return _answer(status, json.dumps(body).encode(), "application/x-amz-json-1.0", *more)


def _xml(body: str) -> Answer:
    return _answer("403 Forbidden", body.encode(), "application/xml")


def _answer(status: str, body: bytes, kind: str, *more: tuple[str, str]) -> Answer:
    headers = (
        ("Content-Type", kind),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", str(uuid.uuid4())),
        *more,
    )
    return Answer(status, headers, body)
