"""Describes a task for `status` and `put`, as text and as JSON.

Leaves out the paid request, which the store keeps between intent and settlement: it holds signed
URLs.
"""

from datetime import datetime
from typing import Any

from darkroom.domain.attempt import Attempt
from darkroom.domain.task import Task
from darkroom.domain.task_summary import summarize
from darkroom.pipeline.endings.manifest import cost_of, describe_attempt, warnings_of
from infra.cli.printing import escape
from infra.cli.target import LOCAL
from infra.cli.tasks.cost import find_tariffs, sum_cost
from infra.cli.tasks.places import PlaceInLine, wait_reason


def task_as_dict(
    task: Task, place: PlaceInLine | None = None, environment: str = LOCAL
) -> dict[str, Any]:
    """The task for `--json`: times in UTC, credits None if not known.

    Args:
        task: the task.
        place: its place in line; None if it is in none, or if it was not read.
        environment: whose prices count.
    """
    order = task.order
    failure = task.ending.failure if task.ending else None
    cost = cost_of(task, find_tariffs(environment))
    return {
        "task_id": task.task_id,
        "state": task.state,
        "run": task.run,
        "key": task.trigger.key,
        "source": task.source,
        "operation": order.operation if order else None,
        "providers": list(order.providers) if order else [],
        "created_at": _iso(task.created_at),
        "updated_at": _iso(task.updated_at),
        "deadline": None if task.finished else _iso(task.deadline),
        "waits_for": list(task.wants) if task.state == "waiting" else [],
        "wait_reason": wait_reason(task, place),
        "place_in_line": place.number if place else None,
        "expected_wait_s": place.wait_s if place else None,
        "ended_at": _iso(task.updated_at) if task.finished else None,
        "cost": {"credits": cost["credits"], "usd": cost["usd"], "settled": cost["settled"]},
        "metadata": dict(order.metadata) if order else {},
        "attempts": [describe_attempt(attempt) for attempt in task.attempts],
        "results": [result.key for result in task.results],
        "warnings": warnings_of(task),
        "manifest": task.manifest_key if task.finished else None,
        "failure": {
            "code": failure.code,
            "sentence": failure.sentence,
            "next_step": failure.next_step,
        }
        if failure
        else None,
    }


def task_lines(task: Task, place: PlaceInLine | None = None, environment: str = LOCAL) -> list[str]:
    """The task in detail, one escaped line for each fact; arguments as for `task_as_dict`."""
    facts = task_as_dict(task, place, environment)
    lines = [
        f"task       {task.task_id}",
        f"state      {task.state}",
        f"spec       {task.trigger.key or '(in a message)'}",
        f"source     {task.source or '-'}",
        f"operation  {facts['operation'] or '-'} by {', '.join(facts['providers']) or '-'}",
        f"created    {facts['created_at']}",
        f"updated    {facts['updated_at']}",
    ]
    if facts["wait_reason"]:
        lines.append(f"waiting    {place.text if place else facts['wait_reason']}")
    if task.attempts:
        lines.append(f"cost       {sum_cost([summarize(task)], environment).text}")
    lines += [f"attempt {a.number}  {_attempt_line(a)}" for a in task.attempts]
    lines += [f"result     {key}" for key in facts["results"]]
    for warning in facts["warnings"]:
        lines.append(f"warning    {warning['sentence']} ({warning['code']})")
        lines.append(f"next       {warning['next_step']}")
    if facts["manifest"]:
        lines.append(f"manifest   {facts['manifest']}")
    if facts["failure"]:
        lines.append(f"because    {facts['failure']['sentence']} ({facts['failure']['code']})")
        if facts["failure"]["next_step"]:
            lines.append(f"next       {facts['failure']['next_step']}")
    return [escape(line) for line in lines]


def _attempt_line(attempt: Attempt) -> str:
    words = [f"{attempt.model} by {attempt.provider}: {attempt.outcome}"]
    if attempt.job_id:
        words.append(f"job {attempt.job_id}")
    if attempt.credits is not None and attempt.charged != "no":
        words.append(f"{attempt.credits:g} credits")
    if attempt.failure:
        words.append(attempt.failure.sentence)
    return ", ".join(words)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
