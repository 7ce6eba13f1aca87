"""The benchmark of streaming measures both ways, and the memory that a transfer really takes."""

from tests.benchmarks.stream import WAYS, run


def test_small_transfer_is_one_request_and_little_memory() -> None:
    """A body of known length is one PUT; on both ways a small one is."""
    transfers = run([1])["transfers"]
    assert [one["way"] for one in transfers] == list(WAYS)
    assert all(one["upload_requests"] == 1 for one in transfers)
    assert all(0 <= one["grown_mib"] < 20 for one in transfers)
