"""Words for how a job stands, in whatever spelling; and those that nobody knows."""

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Unclear
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.providers import job_words
from darkroom.providers.apiframe import adapter as apiframe
from darkroom.providers.goapi import envelope as goapi_envelope
from darkroom.providers.goapi import toolkit_v2 as goapi_toolkit
from darkroom.providers.perfect import adapter as perfect
from darkroom.providers.snapapi import adapter as snapapi
from tests.providers.forms import JOBS, asked

URL = "https://cdn.example.com/1.png"
TABLES = {
    "common": job_words.COMMON,
    "apiframe": apiframe._WORDS,
    "goapi": goapi_envelope.WORDS,
    "goapi-v2": goapi_toolkit.WORDS,
    "perfect": perfect._WORDS,
    "snapapi": snapapi._WORDS,
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_written_as_it_is_looked_up(table: str) -> None:
    """A word in another spelling would never be found."""
    assert all(job_words.spelled(word) == word for word in TABLES[table])


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("word", [*job_words.COMMON, "In Progress", "timed-out"])
def test_a_word_means_the_same_at_every_vendor(kind: str, word: str) -> None:
    """In any case, with space around it; a job that has ended is not asked about for hours."""
    wanted = {
        "pending": Pending,
        "finished": Finished,
        "failed": JobFailed,
        "cancelled": JobFailed,
    }[job_words.COMMON[job_words.spelled(word)]]
    for spelling in (word, word.upper(), word.title(), f" {word}\t\n"):
        said = asked(kind, spelling, URL)
        assert isinstance(said, wanted), spelling
        assert not isinstance(said, Pending) or not said.note


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("word", ["CANCELED", "Success", "DONE", "error", "Expired", "SUCCEEDED"])
def test_variants_that_were_met_end_a_job(kind: str, word: str) -> None:
    """None of them is waited for."""
    assert not isinstance(asked(kind, word, URL), Pending)


@pytest.mark.parametrize("kind", JOBS)
def test_an_unknown_word_is_told_while_it_is_waited_for(kind: str) -> None:
    """One line, short, without an address or a control character."""
    said = asked(kind, "Dreaming\x1b[31m of https://s3.test/?sig=abc " + "x" * 10_000)
    assert isinstance(said, Pending)
    assert said.note.startswith("Dreaming [31m of (address) xxx")
    assert len(said.note) <= job_words.MAX_LENGTH


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("status", [None, 7, True, [], {}])
def test_a_status_that_is_no_text_is_asked_again(kind: str, status: object) -> None:
    """Nothing is known by it."""
    with pytest.raises(Unclear):
        asked(kind, status, URL)
