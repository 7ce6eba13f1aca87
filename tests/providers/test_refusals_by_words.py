"""Words by which vendors say that there are no credits, or that they refuse the content."""

import json
from typing import Any

import pytest

from darkroom.domain.errors import AccountBlocked, ProviderRefused, Throttled
from darkroom.domain.provider_jobs import JobFailed
from darkroom.providers.adapter import Response
from tests.fakes.run_adapter import BY_NAME, run

MINUTE = {"retry-after": "60"}
NONE_LEFT = {"x-ratelimit-remaining-requests": "0"}
SOME_LEFT = {"x-ratelimit-remaining-requests": "59"}


def _response(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(status, headers or {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("message", "headers", "for_credits"),
    [
        ("Insufficient credits.", {}, True),
        ("Insufficient credits.", MINUTE, True),
        ("Rate limit exceeded.", {}, False),
        ("Rate limit exceeded.", MINUTE, False),
        ("Rate limit exceeded or insufficient credits", {}, True),
        ("Rate limit exceeded or insufficient credits", MINUTE, False),
        ("Rate limit exceeded or insufficient credits", NONE_LEFT, False),
        ("Rate limit exceeded or insufficient credits", SOME_LEFT, True),
        ("", {}, True),
        ("", MINUTE, False),
        ("", NONE_LEFT, False),
    ],
)
def test_429_of_snapapi_is_told_apart(
    message: str, headers: dict[str, str], *, for_credits: bool
) -> None:
    """Its reference has one row for the rate limit and for no credits; a task waits either way."""
    error = BY_NAME["snapapi"].read_error(_response(429, {"error": {"message": message}}, headers))
    assert isinstance(error, Throttled)
    assert isinstance(error, AccountBlocked) == for_credits
    assert error.failure.code == ("no-credits" if for_credits else "provider-busy")
    assert error.repeatable


def _polled(name: str, body: Any) -> JobFailed:
    adapter = BY_NAME[name]
    route = next(route for route in adapter.routes if route.asynchronous)
    _, out = run(adapter.poll(route, "job-1"), _response(200, body))
    assert isinstance(out, JobFailed)
    return out


def test_content_refusal_of_apiframe_is_known_by_its_words() -> None:
    """In a failed job, which is refunded, and in a refused request."""
    words = "Provider returned an error: Content policy violation"
    out = _polled("apiframe", {"status": "FAILED", "error": words})
    assert (out.code, out.charged) == ("content-refused", "no")
    assert words in out.sentence
    error = BY_NAME["apiframe"].read_error(_response(400, {"error": words}))
    assert isinstance(error, ProviderRefused)
    assert error.failure.code == "content-refused"
    other = _polled("apiframe", {"status": "FAILED", "error": "The policy of this content is X"})
    assert other.code == "job-failed"


@pytest.mark.parametrize(
    ("code", "input_"),
    [("error_nsfw_content_detected", "source photo"), ("exceed_nsfw_retry_limits", "")],
)
def test_content_refusal_of_perfect_names_the_input_if_the_vendor_does(
    code: str, input_: str
) -> None:
    """One code is about the source image, the other about what was made."""
    out = _polled("perfect", {"status": 200, "result": {"status": "error", "error": code}})
    assert (out.code, out.charged) == ("content-refused", "no")
    assert ("source photo" in out.sentence) == bool(input_)
