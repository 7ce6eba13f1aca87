"""Maps AWS's errors to Darkroom's, by table; an error without a row is raised unchanged.

| code                                            | meaning                                    |
|-------------------------------------------------|--------------------------------------------|
| a failed condition, a transaction conflict      | `Conflict`: another caller wrote first     |
| 409 and 412 of a conditional PUT                | the same, see `s3`                         |
| throttling in all its spellings, 5xx, no response | `OwnTrouble`: transient                  |

Sources: DynamoDB Developer Guide, "Error handling with DynamoDB" and "TransactWriteItems"; S3 API
Reference, "Error responses"; Step Functions, EventBridge and SQS API references, "Common errors".
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from darkroom.domain.errors import Conflict, OwnTrouble

CONFLICTS = frozenset(
    {
        "ConditionalCheckFailedException",
        "TransactionConflictException",
        "ReplicatedWriteConflictException",
    }
)
TRANSIENT = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "ThrottlingException",
        "ThrottlingError",
        "Throttling",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "LimitExceededException",
        "TransactionInProgressException",
        "InternalServerError",
        "InternalError",
        "InternalException",
        "InternalFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "RequestTimeout",
        "RequestTimeoutException",
        "PriorRequestNotComplete",
        "BandwidthLimitExceeded",
        "ExecutionLimitExceeded",
    }
)
SERVER_ERROR = 500

_CONFLICTING_REASONS = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
_NO_RESPONSE = (
    ConnectTimeoutError,
    ReadTimeoutError,
    EndpointConnectionError,
    ConnectionClosedError,
    HTTPClientError,
)


@contextmanager
def map_aws_errors(resource: str) -> Iterator[None]:
    """Map the errors of the AWS calls in the `with` block.

    Args:
        resource: what is called, for the message: "the task table".

    Raises:
        Conflict: another caller wrote first.
        OwnTrouble: transient; the write may have been done anyway.
    """
    try:
        yield
    except ClientError as error:
        if is_conflict(error):
            raise Conflict(f"Something else was written to {resource}.") from error
        if is_transient(error):
            raise _unavailable(resource, code_of(error)) from error
        raise
    except _NO_RESPONSE as error:
        raise _unavailable(resource, type(error).__name__) from error


def code_of(error: ClientError) -> str:
    """The error's code; for a HEAD it is the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_conflict(error: ClientError) -> bool:
    """Whether another caller wrote first, or is about to."""
    reasons = {str(one.get("Code")) for one in error.response.get("CancellationReasons", [])}
    return code_of(error) in CONFLICTS or bool(reasons & _CONFLICTING_REASONS)


def is_transient(error: ClientError) -> bool:
    """Whether the same call may succeed a little later."""
    reasons = {str(one.get("Code")) for one in error.response.get("CancellationReasons", [])}
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code_of(error) in TRANSIENT or bool(reasons & TRANSIENT) or status >= SERVER_ERROR


def _unavailable(resource: str, code: str) -> OwnTrouble:
    return OwnTrouble("aws-busy", f"AWS did not answer for {resource} ({code}).")
