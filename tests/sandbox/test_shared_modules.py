"""The modules that all sandboxes share: clock, file store, rate limit, fetching."""

import pytest

from infra.sandbox.clock import Clock, iso_millis, iso_seconds
from infra.sandbox.fetch import FetchError, fetch
from infra.sandbox.file_store import FileStore, MissingFileError
from infra.sandbox.rate_limit import RateLimit


class Source:
    """Real time, moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.at


def test_clock_runs_faster_and_jumps_but_never_goes_back() -> None:
    """A speed applies from when it is set; a source that goes back does not move the clock."""
    source = Source()
    clock = Clock(source)
    source.at += 1
    clock.set_speed(10)
    source.at += 1
    assert clock.now() == 1011
    clock.advance(100)
    assert clock.now() == 1111
    source.at -= 50
    assert clock.now() == 1111


def test_times_are_written_in_utc() -> None:
    """Both formats end in Z."""
    assert iso_seconds(1_782_900_000.9) == "2026-07-01T10:00:00Z"
    assert iso_millis(1_782_900_000.12) == "2026-07-01T10:00:00.120Z"


def test_file_store_drops_the_oldest_files() -> None:
    """The newest file stays, whatever its size."""
    files = FileStore(Clock(Source()), max_bytes=10)
    for name in ("/a", "/b", "/c"):
        files.put(name, b"12345", "image/png", lifetime_s=60)
    with pytest.raises(MissingFileError):
        files.get("/a")
    assert files.get("/b").content == files.get("/c").content == b"12345"

    files.put("/d", b"x" * 50, "image/png", lifetime_s=60)
    assert len(files.get("/d").content) == 50


def test_refused_request_does_not_count() -> None:
    """A client that keeps trying is admitted when the window ends, not later."""
    source = Source()
    rate_limit = RateLimit(Clock(source), 1)
    rate_limit.take("key")
    for _ in range(3):
        source.at += 19
        refused = rate_limit.take("key")
        assert refused is not None
        assert refused.retry_after_s is not None
    source.at += 3
    let_in = rate_limit.take("key")
    assert let_in is not None
    assert let_in.retry_after_s is None


def test_every_key_has_its_own_window() -> None:
    """Requests of one key do not count for another."""
    rate_limit = RateLimit(Clock(Source()), 1)
    standings = [rate_limit.take(key) for key in ("one", "other")]

    assert [s.retry_after_s for s in standings if s is not None] == [None, None]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "cat.png", "http://127.0.0.1:9/x", "http://[", "http://"]
)
def test_unfetchable_url_is_a_fetch_error(url: str) -> None:
    """Other schemes, dead hosts and invalid URLs raise the same error."""
    with pytest.raises(FetchError):
        fetch(url, own_base="http://here.test", files=FileStore(Clock(Source())))
