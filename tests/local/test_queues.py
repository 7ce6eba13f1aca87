"""Which messages of a batch have failed, by what the function answers."""

import pytest

from infra.local.queue_poller import read_failures

IDS = ("a", "b")


@pytest.mark.parametrize(
    ("answer", "failed"),
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
def test_an_answer_that_lambda_cannot_read_fails_the_whole_batch(
    answer: bytes, failed: str
) -> None:
    """The table is the one in "Handling errors for an SQS event source"."""
    assert read_failures(answer, IDS) == frozenset(failed)
