"""The manifest: the spec, what was done and what it cost; built from the task alone, without I/O.

It holds no secret, token or URL: results are named by their keys in the output bucket.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from darkroom.domain.attempt import Attempt
from darkroom.domain.order import Order
from darkroom.domain.quality import WARNINGS, Quality
from darkroom.domain.routes import Tariff
from darkroom.domain.task import Result, Task

VERSION = 1


def build_manifest(task: Task, tariffs: Mapping[str, Tariff]) -> bytes:
    """The manifest of a finished task as UTF-8 JSON.

    Args:
        task: in its final state, with its results.
        tariffs: by provider, for every provider that the task has attempted.
    """
    document: dict[str, Any] = {
        "manifest": VERSION,
        "status": task.state,
        "task_id": task.task_id,
        "run": task.run,
        "trigger": {
            "kind": task.trigger.kind,
            "bucket": task.trigger.bucket,
            "key": task.trigger.key,
            "version": task.trigger.version,
        },
        "request_id": task.trigger.request_id,
        "batch": task.batch,
        "operation": task.operation,
        "provider": task.provider,
        "metadata": dict(task.metadata),
        "defaults": _defaults(task.order),
        "source": task.source,
        "spec": _spec(task.order) if task.order else None,
        "inputs": _inputs(task.order) if task.order else {},
        "results": [_result(result) for result in task.results],
        "warnings": warnings_of(task),
        "attempts": [describe_attempt(attempt) for attempt in task.attempts],
        "cost": cost_of(task, tariffs),
        "timings": _timings(task),
    }
    last = task.attempts[-1] if task.attempts else None
    if task.reused_from:
        document["reused_from"] = task.reused_from
    if last:
        document |= {"model": last.model, "job_id": last.job_id}
    if task.ending:
        document["failure"] = {
            "code": task.ending.failure.code,
            "sentence": task.ending.failure.sentence,
            "next_step": task.ending.failure.next_step,
        }
    return to_json(document, indent=2)


def read_results(body: bytes, task: Task) -> tuple[Result, ...] | None:
    """The results in a manifest; None unless it reports success of the task's latest attempt."""
    manifest = json.loads(body)
    if (manifest["task_id"], manifest["status"]) != (task.task_id, "succeeded"):
        return None
    if manifest["attempts"][-1]["number"] != task.last_attempt.number:
        return None
    return tuple(_read_result(result) for result in manifest["results"])


def warnings_of(task: Task) -> list[dict[str, str]]:
    """What may be wrong with the results, for users and programs: code, sentence, what to do."""
    return [
        {
            "code": code,
            "result": result.key,
            "sentence": f"{result.key} {WARNINGS[code].sentence}",
            "next_step": WARNINGS[code].next_step,
        }
        for result in task.results
        if result.quality
        for code in result.quality.warnings
        if code in WARNINGS
    ]


def cost_of(task: Task, tariffs: Mapping[str, Tariff]) -> dict[str, Any]:
    """Credits and money of all attempts; None where a figure is not known.

    `settled` is False while it is not known whether an attempt was charged.
    """
    spent = [a for a in task.attempts if a.charged != "no"]
    known = [a for a in spent if a.credits is not None]
    usd: float | None = 0.0
    for attempt in spent:
        tariff = tariffs.get(attempt.provider)
        price = tariff.usd_per_credit if tariff else None
        if usd is None or price is None or attempt.credits is None:
            usd = None
        else:
            usd += price * attempt.credits
    return {
        "credits": sum(a.credits or 0 for a in known) if len(known) == len(spent) else None,
        "usd": None if usd is None else round(usd, 6),
        "settled": all(a.charged == "yes" for a in spent),
        "prices_as_of": {a.provider: tariffs[a.provider].as_of for a in spent},
    }


def _result(result: Result) -> dict[str, Any]:
    described = {
        "key": result.key,
        "kind": result.kind,
        "content_type": result.content_type,
        "size": result.size,
        "sha256": result.sha256,
    }
    return described | ({"quality": result.quality.as_dict()} if result.quality else {})


def _read_result(described: Mapping[str, Any]) -> Result:
    quality = described.get("quality")
    return Result(
        **{**described, "quality": None if quality is None else Quality.from_dict(quality)}
    )


def _spec(order: Order) -> dict[str, Any]:
    return {
        "operation": order.operation,
        "choices": [{"provider": c.provider, "model": c.model} for c in order.choices],
        "inputs": {role: [f"/{key}" for key in keys] for role, keys in order.keys.items()},
        "params": dict(order.params),
        "metadata": dict(order.metadata),
        "on_unknown": order.on_unknown,
        "priority": order.priority,
        "output": dict(order.output),
    }


def _defaults(order: Order | None) -> list[dict[str, str]]:
    """The folder defaults from which something of the spec comes, the nearest first."""
    used = order.defaults if order else ()
    return [{"key": one.key, "version_id": one.version_id} for one in used]


def _inputs(order: Order) -> dict[str, Any]:
    return {
        role: [
            {
                "key": file.key,
                "version_id": file.version_id,
                "etag": file.etag,
                "size": file.size,
                "sha256": file.sha256,
            }
            for file in files
        ]
        for role, files in order.inputs.items()
    }


def describe_attempt(attempt: Attempt) -> dict[str, Any]:
    """An attempt for users and programs: without its request, its answer and their URLs."""
    return {
        "number": attempt.number,
        "provider": attempt.provider,
        "model": attempt.model,
        "outcome": attempt.outcome,
        "job_id": attempt.job_id,
        "charged": attempt.charged,
        "credits": attempt.credits,
        "replays": attempt.replays,
        "started_at": _timestamp(attempt.started_at),
        "accepted_at": _timestamp(attempt.accepted_at),
        "ended_at": _timestamp(attempt.ended_at),
        "facts": dict(attempt.facts),
        "failure": {"code": attempt.failure.code, "sentence": attempt.failure.sentence}
        if attempt.failure
        else None,
    }


def _timings(task: Task) -> dict[str, Any]:
    last = task.attempts[-1] if task.attempts else None
    done = last.ended_at if last else None
    return {
        "created_at": _timestamp(task.created_at),
        "finished_at": _timestamp(task.updated_at),
        "total_s": _seconds(task.created_at, task.updated_at),
        "queued_s": _seconds(task.created_at, last.started_at) if last else None,
        "provider_s": _seconds(last.started_at, done) if last and done else None,
        "delivery_s": _seconds(done, task.updated_at) if done else None,
    }


def _seconds(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds(), 3)


def _timestamp(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None
