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
from darkroom.providers.adapter import Response
from tests.fakes.run_adapter import ADAPTERS, adapter_of

NAMES = [adapter.name for adapter in ADAPTERS]
ALL = range(100, 600)
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


@pytest.mark.parametrize("status", ALL)
def test_every_status_has_a_meaning(status: int) -> None:
    """By itself or by its class; with a source, and a message unless it is a success."""
    means = http_statuses.meaning_of(status)
    assert means.source
    assert (means.verdict == "yes") == (200 <= status < 300)
    if means.verdict != "yes":
        error = http_statuses.error_for_status("Vendor", status, "its words", None)
        assert type(error) is KINDS[means.verdict]
        assert error.failure.sentence.endswith(".")
        assert "{" not in f"{error.failure.sentence}{error.failure.next_step}"
    if means.verdict == "refused":
        assert means.next_step


@pytest.mark.parametrize(
    "status",
    [
        *(300, 301, 302, 305, 306, 307, 308, 399),
        *(400, 404, 405, 406, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424),
        *(426, 428, 431, 451, 498),
    ],
)
def test_redirects_and_client_errors_are_refusals(status: int) -> None:
    """Nothing was accepted."""
    assert http_statuses.meaning_of(status).verdict == "refused"


@pytest.mark.parametrize("status", [408, 409, 460, 499])
def test_client_errors_about_running_work_are_unclear(status: int) -> None:
    """The whole request was sent; a server that calls it late or repeated may have accepted it."""
    assert http_statuses.meaning_of(status).verdict == "unclear"


@pytest.mark.parametrize("status", [100, 101, 102, 199, 303, 304, 500, 501, 502, 503, 504, 520])
def test_other_statuses_are_unclear(status: int) -> None:
    """An interim response, the place of a result, a server's error."""
    assert http_statuses.meaning_of(status).verdict == "unclear"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_key_and_credits_block_the_account(status: int) -> None:
    """The spec is not to blame."""
    assert http_statuses.meaning_of(status).verdict == "blocked"


@pytest.mark.parametrize("status", [425, 429])
def test_throttling_statuses_are_retried(status: int) -> None:
    """Too early, and too often."""
    assert http_statuses.meaning_of(status).verdict == "later"


@pytest.mark.parametrize("status", [-1, 0, 99, 600, 10001])
def test_number_that_is_not_a_status_is_unclear(status: int) -> None:
    """Some envelopes have their own numbers."""
    assert http_statuses.meaning_of(status).verdict == "unclear"


@pytest.mark.parametrize("name", NAMES)
def test_every_adapter_uses_the_table(name: str) -> None:
    """Except where its vendor documents another meaning."""
    for status in ALL:
        if 200 <= status < 300:
            continue
        error = adapter_of(name).read_error(Response(status, {}, b"{}"))
        wanted = OWN.get((name, status), KINDS[http_statuses.meaning_of(status).verdict])
        assert type(error) is wanted, status


@pytest.mark.parametrize("name", NAMES)
def test_blocked_account_keeps_retry_after(name: str) -> None:
    """The seconds are passed on."""
    error = adapter_of(name).read_error(Response(402, {"retry-after": "9"}, b"{}"))
    assert isinstance(error, AccountBlocked)
    assert error.retry_after_s == 9
