"""Limits for what a provider says about a job: a task must be able to store it."""

from dataclasses import replace

from darkroom.domain.attempt import Finished
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from darkroom.providers.adapter import MAX_PAUSE_S

MAX_RESULTS = 200
"""Results of one job: each is stored in the task's item. No vendor documents more than 16."""


def limit_submitted(outcome: Accepted | Finished) -> Accepted | Finished:
    """The outcome of a paid call, with at most `MAX_RESULTS` results."""
    return _limit_results(outcome) if isinstance(outcome, Finished) else outcome


def limit_polled(outcome: Pending | Finished | JobFailed) -> Pending | Finished | JobFailed:
    """The outcome of a poll, with at most `MAX_RESULTS` results and a pause of `MAX_PAUSE_S`."""
    if isinstance(outcome, Pending) and (outcome.ask_again_s or 0) > MAX_PAUSE_S:
        return replace(outcome, ask_again_s=MAX_PAUSE_S)
    return _limit_results(outcome) if isinstance(outcome, Finished) else outcome


def _limit_results(outcome: Finished) -> Finished:
    """The fact `results_left_out` says how many results were dropped."""
    dropped = len(outcome.results) - MAX_RESULTS
    if dropped <= 0:
        return outcome
    facts = {**outcome.facts, "results_left_out": dropped}
    return replace(outcome, results=outcome.results[:MAX_RESULTS], facts=facts)
