"""Words for a job's status, in any spelling, and unknown words."""

import itertools

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Unclear
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.providers import job_status
from darkroom.providers.apiframe import adapter as apiframe
from darkroom.providers.goapi import envelope as goapi_envelope
from darkroom.providers.goapi import toolkit_v2 as goapi_toolkit
from darkroom.providers.perfect import adapter as perfect
from darkroom.providers.snapapi import adapter as snapapi
from tests.fakes.run_adapter import ADAPTERS, error_of
from tests.providers.job_responses import JOBS, poll_outcome

URL = "https://cdn.example.com/1.png"
TABLES = {
    "common": job_status.COMMON_WORDS,
    "apiframe": apiframe._STATUS_WORDS,
    "goapi": goapi_envelope.WORDS,
    "goapi-v2": goapi_toolkit.WORDS,
    "perfect": perfect._STATUS_WORDS,
    "snapapi": snapapi._STATUS_WORDS,
}


KINDS = {"pending": Pending, "finished": Finished, "failed": JobFailed, "cancelled": JobFailed}


def test_tables_are_written_in_normal_form() -> None:
    """A word in another spelling would never be found."""
    for name, table in TABLES.items():
        assert {word: job_status.normalize(word) for word in table} == {w: w for w in table}, name


def test_every_provider_with_jobs_is_among_the_kinds() -> None:
    """In `job_responses.py`, and with its table of words above."""
    with_jobs = {one.name for one in ADAPTERS if any(route.asynchronous for route in one.routes)}
    assert with_jobs - set(JOBS) == set()
    assert set(JOBS) - set(TABLES) == set()


@pytest.mark.parametrize("kind", JOBS)
def test_common_words_mean_the_same_at_every_vendor(kind: str) -> None:
    """In any case, with surrounding space; an ended job is not polled for hours."""
    for word in (*job_status.COMMON_WORDS, "In Progress", "timed-out"):
        expected = KINDS[job_status.COMMON_WORDS[job_status.normalize(word)]]
        for spelling in (word, word.upper(), word.title(), f" {word}\t\n"):
            outcome = poll_outcome(kind, spelling, URL)
            assert isinstance(outcome, expected), spelling
            assert not isinstance(outcome, Pending) or not outcome.note, spelling
    # Met in responses: none of them may count as pending.
    for word in ("CANCELED", "Success", "DONE", "error", "Expired", "SUCCEEDED"):
        assert not isinstance(poll_outcome(kind, word, URL), Pending), word


@pytest.mark.parametrize("kind", JOBS)
def test_unknown_word_is_pending_and_noted(kind: str) -> None:
    """One short line, without a URL or a control character."""
    outcome = poll_outcome(kind, "Dreaming\x1b[31m of https://s3.test/?sig=abc " + "x" * 10_000)
    assert isinstance(outcome, Pending)
    assert outcome.note.startswith("Dreaming [31m of (address) xxx")
    assert len(outcome.note) <= job_status.MAX_LENGTH


def test_status_that_is_not_a_text_is_unclear() -> None:
    """The job is polled again."""
    others: tuple[object, ...] = (None, 7, True, [], {})
    for kind, status in itertools.product(JOBS, others):
        assert isinstance(error_of(poll_outcome, kind, status, URL), Unclear), (kind, status)
