"""Figures and counts of what a provider says of a job, cut to what a task can carry."""

from dataclasses import replace

from darkroom.domain.attempt import Finished
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from darkroom.providers.adapter import MAX_PAUSE_S

MAX_RESULTS = 200
"""Of one job: each is a line in the task's item. The most that a vendor documents is sixteen."""


def bounded_call(said: Accepted | Finished) -> Accepted | Finished:
    """What a paid call brought, with as many results as a task can name."""
    return _fewer(said) if isinstance(said, Finished) else said


def bounded_poll(said: Pending | Finished | JobFailed) -> Pending | Finished | JobFailed:
    """How a job stands, with as many results, and a pause that the workflow can wait."""
    if isinstance(said, Pending) and (said.ask_again_s or 0) > MAX_PAUSE_S:
        return replace(said, ask_again_s=MAX_PAUSE_S)
    return _fewer(said) if isinstance(said, Finished) else said


def _fewer(said: Finished) -> Finished:
    """How many results were left out stands among the facts."""
    left = len(said.results) - MAX_RESULTS
    if left <= 0:
        return said
    facts = {**said.facts, "results_left_out": left}
    return replace(said, results=said.results[:MAX_RESULTS], facts=facts)
