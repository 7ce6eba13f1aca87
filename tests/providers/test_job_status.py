"""Words for a job's status, in any spelling, and unknown words."""

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
from tests.providers.job_responses import JOBS, asked

URL = "https://cdn.example.com/1.png"
TABLES = {
    "common": job_status.COMMON_WORDS,
    "apiframe": apiframe._STATUS_WORDS,
    "goapi": goapi_envelope.WORDS,
    "goapi-v2": goapi_toolkit.WORDS,
    "perfect": perfect._STATUS_WORDS,
    "snapapi": snapapi._STATUS_WORDS,
}


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_written_in_normal_form(table: str) -> None:
    """A word in another spelling would never be found."""
    assert all(job_status.normalize(word) == word for word in TABLES[table])


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("word", [*job_status.COMMON_WORDS, "In Progress", "timed-out"])
def test_common_words_mean_the_same_at_every_vendor(kind: str, word: str) -> None:
    """In any case, with surrounding space; an ended job is not polled for hours."""
    wanted = {
        "pending": Pending,
        "finished": Finished,
        "failed": JobFailed,
        "cancelled": JobFailed,
    }[job_status.COMMON_WORDS[job_status.normalize(word)]]
    for spelling in (word, word.upper(), word.title(), f" {word}\t\n"):
        said = asked(kind, spelling, URL)
        assert isinstance(said, wanted), spelling
        assert not isinstance(said, Pending) or not said.note


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("word", ["CANCELED", "Success", "DONE", "error", "Expired", "SUCCEEDED"])
def test_known_variants_end_a_job(kind: str, word: str) -> None:
    """None of them counts as pending."""
    assert not isinstance(asked(kind, word, URL), Pending)


@pytest.mark.parametrize("kind", JOBS)
def test_unknown_word_is_pending_and_noted(kind: str) -> None:
    """One short line, without a URL or a control character."""
    said = asked(kind, "Dreaming\x1b[31m of https://s3.test/?sig=abc " + "x" * 10_000)
    assert isinstance(said, Pending)
    assert said.note.startswith("Dreaming [31m of (address) xxx")
    assert len(said.note) <= job_status.MAX_LENGTH


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("status", [None, 7, True, [], {}])
def test_status_that_is_not_a_text_is_unclear(kind: str, status: object) -> None:
    """The job is polled again."""
    with pytest.raises(Unclear):
        asked(kind, status, URL)
