"""What must hold about money: manifests and the sandboxes' ledgers tell the same story."""

import math
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.havoc_money import Movement, tie
from tests.e2e.havoc_run import Outcome


@dataclass(frozen=True)
class Check:
    """One promise: what was counted, and where it was broken."""

    name: str
    figure: str
    broken: Sequence[str] = ()


def check_money(outcome: Outcome) -> list[Check]:
    """Every promise about money, in the order in which they are told."""
    movements = tie(outcome.evidence)
    tasks = {task["task"]["task_id"] for task in outcome.evidence.tasks}
    return [
        _money_tied(movements, tasks),
        _paid_once(movements),
        _money_told(outcome, movements),
        _credits(outcome, movements),
        _doubts(outcome, movements),
    ]


def _money_tied(movements: Sequence[Movement], tasks: Container[str]) -> Check:
    broken = [f"nobody's: {one}" for one in movements if one.task_id not in tasks]
    counts = Counter(f"{one.provider} {one.kind}" for one in movements)
    told = ", ".join(f"{times} {kind}" for kind, times in sorted(counts.items()))
    return Check("every charge belongs to a task", told, broken)


def _paid_once(movements: Sequence[Movement]) -> Check:
    by_attempt, by_task = Counter[tuple[str, int]](), Counter[str]()
    for one in movements:
        if one.task_id is not None:
            by_task[one.task_id] += 1 if one.kind == "charge" else -1
            if one.kind == "charge" and one.attempt is not None:
                by_attempt[one.task_id, one.attempt] += 1
    broken = [f"attempt {one} was charged {n} times" for one, n in by_attempt.items() if n > 1]
    broken += [f"task {one} was charged {n} times" for one, n in by_task.items() if n > 1]
    twice = sum(times > 1 for times in by_task.values())
    return Check("nobody pays twice", f"{len(by_task)} tasks charged, {twice} twice", broken)


def _money_told(outcome: Outcome, movements: Sequence[Movement]) -> Check:
    counts, broken = Counter[str](), []
    told: set[str] = set()
    for key, manifest, attempt in _attempts(outcome):
        mine = _of(movements, manifest, attempt)
        told.update(one.job_id for one in mine)
        said = attempt["charged"]
        counts[f"{said} ({'charged' if mine else 'free'})"] += 1
        if said != "unknown" and (said == "yes") != bool(mine):
            broken.append(f"{key}: attempt {attempt['number']} says '{said}', ledger: {mine}")
    back = {one.job_id for one in movements if one.kind == "refund"}
    kept = [one for one in movements if one.kind == "charge" and one.job_id not in back]
    broken += [f"told in no manifest: {one}" for one in kept if one.job_id not in told]
    figure = ", ".join(f"{times} {said}" for said, times in sorted(counts.items()))
    return Check("manifests and ledgers agree on every attempt", figure, broken)


def _credits(outcome: Outcome, movements: Sequence[Movement]) -> Check:
    compared, broken = 0, []
    for key, manifest, attempt in _attempts(outcome):
        mine = _of(movements, manifest, attempt)
        if attempt["charged"] == "yes" and attempt["credits"] is not None and mine:
            compared += 1
            said = attempt["credits"]
            # GoAPI's sandbox books whole credits, at least one; its answers have fractions.
            booked = max(1, math.ceil(said)) if attempt["provider"] == "goapi" else said
            if booked != mine[0].credits:
                broken.append(f"{key}: {said} credits, ledger: {mine[0].credits}")
    return Check("credits are those of the ledgers", f"{compared} compared", broken)


def _doubts(outcome: Outcome, movements: Sequence[Movement]) -> Check:
    """Only what nobody can tell ends in doubt: a key is repeated, a job in a list is found."""
    counts, broken = Counter[str](), []
    for key, manifest, attempt in _attempts(outcome):
        kind = class_of(attempt)
        doubtful = attempt["outcome"] == "unknown"
        counts[f"{kind}: {'in doubt' if doubtful else 'clear'}"] += 1
        mine = _of(movements, manifest, attempt)
        if doubtful and (kind == "key" or (kind == "look-up" and mine)):
            broken.append(f"{key}: {attempt['provider']} could have been asked; ledger: {mine}")
    figure = ", ".join(f"{times} {said}" for said, times in sorted(counts.items()))
    return Check("only what nobody can tell is unknown", figure, broken)


def class_of(attempt: Mapping[str, Any]) -> str:
    """How a doubtful call of this kind can be settled, by the vendors' documents."""
    if attempt["provider"] in ("apiframe", "perfect"):
        return "key"
    if attempt["provider"] == "goapi" and attempt["model"] != "image-toolkit-v2":
        return "look-up"
    return "none"


def _attempts(outcome: Outcome) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    for key, manifest in outcome.evidence.manifests.items():
        for attempt in manifest["attempts"]:
            yield key, manifest, attempt


def _of(
    movements: Sequence[Movement], manifest: Mapping[str, Any], attempt: Mapping[str, Any]
) -> list[Movement]:
    """What was charged and kept for an attempt; a tie to the task alone counts for its provider."""
    mine = [
        one
        for one in movements
        if one.task_id == manifest["task_id"]
        and one.provider == attempt["provider"]
        and one.attempt in (None, attempt["number"])
    ]
    back = {one.job_id for one in mine if one.kind == "refund"}
    return [one for one in mine if one.kind == "charge" and one.job_id not in back]
