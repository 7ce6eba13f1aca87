"""Every status has one meaning, with its source, and every adapter uses it."""

import pytest

from darkroom.domain.errors import (
    AccountBlocked,
    DarkroomError,
    ProviderRefused,
    Throttled,
    Unclear,
)
from darkroom.providers import http_statuses
from darkroom.providers.adapter import MAX_PAUSE_S, Response
from tests.fakes.run_adapter import ADAPTERS, adapter_of

NAMES = [adapter.name for adapter in ADAPTERS]
KINDS: dict[http_statuses.Verdict, type[DarkroomError]] = {
    "yes": Unclear,
    "refused": ProviderRefused,
    "blocked": AccountBlocked,
    "later": Throttled,
    "unclear": Unclear,
}

# What a vendor documents otherwise than HTTP's own standard does.
OWN: dict[tuple[str, int], type[DarkroomError]] = {
    ("apiframe", 409): Unclear,
    ("apiframe", 503): Throttled,
    ("snapapi", 429): AccountBlocked,  # without `retry-after`
}


VERDICTS: dict[http_statuses.Verdict, tuple[int, ...]] = {
    "yes": (200, 201, 202, 203, 204, 206, 226, 299),
    # Redirects, and client errors by which nothing was accepted.
    "refused": (
        *(300, 301, 302, 305, 306, 307, 308, 399),
        *(400, 404, 405, 406, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424),
        *(426, 428, 431, 451, 498),
    ),
    # The key and the credits: the spec is not to blame.
    "blocked": (401, 402, 403),
    # Too early, and too often.
    "later": (425, 429),
    "unclear": (
        # The whole request was sent; a server that calls it late or repeated may have accepted it.
        *(408, 409, 460, 499),
        # An interim response, the place of a result, a server's error.
        *(100, 101, 102, 199, 303, 304, 500, 501, 502, 503, 504, 520),
        # Not statuses: some envelopes have their own numbers.
        *(-1, 0, 99, 600, 10001),
    ),
}


def test_every_status_has_a_meaning() -> None:
    """By itself or by its class; with a source, and a message unless it is a success."""
    for status in range(100, 600):
        meaning = http_statuses.meaning_of(status)
        assert meaning.source, status
        assert (meaning.verdict == "yes") == (200 <= status < 300), status
        assert meaning.next_step or meaning.verdict != "refused", status
        if meaning.verdict != "yes":
            error = http_statuses.error_for_status("Vendor", status, "its words", None)
            assert type(error) is KINDS[meaning.verdict], status
            assert error.failure.sentence.endswith("."), status
            assert "{" not in f"{error.failure.sentence}{error.failure.next_step}", status


def test_statuses_have_the_documented_verdict() -> None:
    """Whether anything was accepted, as RFC 9110 and the vendors say."""
    for verdict, statuses in VERDICTS.items():
        found = {status: http_statuses.meaning_of(status).verdict for status in statuses}
        assert found == dict.fromkeys(statuses, verdict)


@pytest.mark.parametrize("name", NAMES)
def test_every_adapter_uses_the_table(name: str) -> None:
    """Except where its vendor documents another meaning."""
    for status in (*range(100, 200), *range(300, 600)):
        error = adapter_of(name).read_error(Response(status, {}, b"{}"))
        wanted = OWN.get((name, status), KINDS[http_statuses.meaning_of(status).verdict])
        assert type(error) is wanted, status


@pytest.mark.parametrize("name", NAMES)
def test_blocked_account_keeps_retry_after(name: str) -> None:
    """The seconds are passed on."""
    error = adapter_of(name).read_error(Response(402, {"retry-after": "9"}, b"{}"))
    assert isinstance(error, AccountBlocked)
    assert error.retry_after_s == 9


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("3600", 3600),
        ("3601", 3600),
        ("31536000", 3600),
        ("9" * 5000, 3600),
        ("1e9", None),
        ("1.5", None),
        ("-5", None),
        ("", None),
        ("\u0663\u0660", None),
        ("\u00b2", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_retry_after_is_whole_seconds_of_at_most_an_hour(written: str, seconds: int | None) -> None:
    """A date, or a figure in another form, counts as none."""
    assert Response(429, {"retry-after": written}, b"").retry_after_s() == seconds


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [402, 429])
def test_no_answer_pauses_a_provider_for_longer_than_an_hour(name: str, status: int) -> None:
    """One response with a year in it would stop every task of that provider."""
    error = adapter_of(name).read_error(Response(status, {"retry-after": "31536000"}, b"{}"))
    assert isinstance(error, Throttled)
    assert error.retry_after_s == MAX_PAUSE_S
