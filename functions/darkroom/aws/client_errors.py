"""What AWS's errors mean to the pipeline, by table; an error without a row stays what it is.

| code                                                  | meaning                          |
|-------------------------------------------------------|----------------------------------|
| a failed condition, a conflict of transactions        | `Conflict`: somebody wrote first |
| 409 and 412 of a conditional PUT                      | the same, see `s3`               |
| throttling in all its spellings, 5xx, no answer       | `OwnTrouble`: it passes          |

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
PASSING = frozenset(
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
_LOST = (
    ConnectTimeoutError,
    ReadTimeoutError,
    EndpointConnectionError,
    ConnectionClosedError,
    HTTPClientError,
)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Calls of AWS whose errors come out as ours, where a row says what they mean.

    Args:
        what: what is asked, for the sentence: "the task table".

    Raises:
        Conflict: somebody else wrote first.
        OwnTrouble: it passes; the write may have been done all the same.
    """
    try:
        yield
    except ClientError as error:
        if is_conflict(error):
            raise Conflict(f"Something else was written to {what}.") from error
        if is_passing(error):
            raise _passing_trouble(what, code_of(error)) from error
        raise
    except _LOST as error:
        raise _passing_trouble(what, type(error).__name__) from error


def code_of(error: ClientError) -> str:
    """The error's code; of a HEAD it is the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_conflict(error: ClientError) -> bool:
    """Whether somebody else wrote first, or is about to."""
    reasons = {str(one.get("Code")) for one in error.response.get("CancellationReasons", [])}
    return code_of(error) in CONFLICTS or bool(reasons & _CONFLICTING_REASONS)


def is_passing(error: ClientError) -> bool:
    """Whether the same call may go well a little later."""
    reasons = {str(one.get("Code")) for one in error.response.get("CancellationReasons", [])}
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code_of(error) in PASSING or bool(reasons & PASSING) or status >= SERVER_ERROR


def _passing_trouble(what: str, code: str) -> OwnTrouble:
    return OwnTrouble("aws-busy", f"AWS did not answer for {what} ({code}).")
