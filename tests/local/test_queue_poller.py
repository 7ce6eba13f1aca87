"""Which messages of a batch have failed, by the function's response."""

import pytest

from infra.local.queue_poller import read_failures

IDS = ("a", "b")


@pytest.mark.parametrize(
    ("response", "failed"),
    [
        (b"null", ""),
        (b"{}", ""),
        (b'{"batchItemFailures": null}', ""),
        (b'{"batchItemFailures": []}', ""),
        (b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', "b"),
        (b'{"batchItemFailures": [{"itemIdentifier": "c"}]}', "ab"),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', "ab"),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', "ab"),
        (b'{"batchItemFailures": [{"wrong": "b"}]}', "ab"),
        (b'{"batchItemFailures": ["b"]}', "ab"),
        (b'"done"', "ab"),
        (b"no json", "ab"),
    ],
)
def test_response_that_lambda_cannot_read_fails_the_whole_batch(
    response: bytes, failed: str
) -> None:
    """The table is that of "Handling errors for an SQS event source"."""
    assert read_failures(response, IDS) == frozenset(failed)
