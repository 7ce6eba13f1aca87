"""Checks about money: manifests and the sandboxes' ledgers must agree.

First, each entry of a ledger is assigned to its task. Apiframe's entries contain the attempt's key
and Perfect's the attempt's request id. The others contain a digest of the request, which is also
made of each recorded request; that has its attempt in the webhook's URL, or contains the task's own
photo, or the URL of that photo's upload.
"""

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from werkzeug.test import EnvironBuilder

from darkroom.providers.perfect.adapter import request_id
from infra.sandbox.context import SandboxRequest
from infra.sandbox.responses import request_digest
from tests.e2e.havoc.collected_state import CollectedState
from tests.e2e.havoc.recording_proxy import Exchange
from tests.e2e.havoc.request_kinds import settlement_of
from tests.e2e.havoc.runner import Outcome

ATTEMPT: Final = re.compile(rb"attempt=([0-9a-f]{32})-(\d+)")
KEY: Final = re.compile(r"([0-9a-f]{32})-(\d+)")
DROP: Final = re.compile(rb"drop-\d{4}")


@dataclass(frozen=True)
class Check:
    """One promise: its figures, and where it was broken."""

    name: str
    figure: str
    broken: Sequence[str] = ()


@dataclass(frozen=True)
class Movement:
    """A charge or a refund with its task, and its attempt if that is known."""

    provider: str
    kind: str
    credits: float
    job_id: str
    task_id: str | None
    attempt: int | None


def check_money(outcome: Outcome) -> list[Check]:
    """Every promise about money, in the order in which they are printed."""
    movements = assign_owners(outcome.state)
    tasks = {task["task"]["task_id"] for task in outcome.state.tasks}
    return [
        _charges_belong(movements, tasks),
        _paid_once(movements),
        _charges_agree(outcome, movements),
        _credits(outcome, movements),
        _unknown_calls(outcome, movements),
    ]


def assign_owners(seen: CollectedState) -> list[Movement]:
    """Every movement of every ledger, with its task."""
    by_drop = {name.encode(): task_id for name, task_id in _drops(seen)}
    by_digest = dict(_by_digest(seen, by_drop))
    by_number = {
        str(request_id(task["task"]["task_id"], number)): (task["task"]["task_id"], number)
        for task in seen.tasks
        for number in (int(attempt["number"]) for attempt in task["task"]["attempts"])
    }
    movements = []
    for provider, entries in seen.ledgers.items():
        for entry in entries:
            key = entry["key"]
            named = KEY.fullmatch(key or "")
            owner: tuple[str | None, int | None] = (None, None)
            if named:
                owner = named[1], int(named[2])
            elif key in by_number:
                owner = by_number[key]
            elif entry["request_digest"] in by_digest:
                owner = by_digest[entry["request_digest"]]
            movements.append(
                Movement(provider, entry["kind"], entry["credits"], entry["job_id"], *owner)
            )
    return movements


def _drops(seen: CollectedState) -> Iterator[tuple[str, str]]:
    for task in seen.tasks:
        order = task["task"].get("order")
        if order:
            yield str(order["metadata"]["drop"]), task["task"]["task_id"]


def _by_digest(
    seen: CollectedState, by_drop: Mapping[bytes, str]
) -> Iterator[tuple[str, tuple[str, int | None]]]:
    uploads = {url: drop for one in seen.exchanges for url, drop in _uploaded(one)}
    for exchange in seen.exchanges:
        if exchange.paid:
            attempt = ATTEMPT.search(exchange.body)
            if attempt:
                yield _digest(exchange), (attempt[1].decode(), int(attempt[2]))
                continue
            named = DROP.search(exchange.body)
            drop = named[0] if named else _by_upload(exchange, uploads)
            if drop is not None and drop in by_drop:
                yield _digest(exchange), (by_drop[drop], None)


def _uploaded(exchange: Exchange) -> Iterator[tuple[str, bytes]]:
    """The URL of an accepted upload, and the task whose photo it was."""
    if exchange.provider == "goapi" and exchange.path == "/api/ephemeral_resource":
        try:
            url = json.loads(exchange.answer)["data"]["url"]
            photo = base64.b64decode(json.loads(exchange.body)["file_data"])
        except (ValueError, TypeError, KeyError):
            return
        if named := DROP.search(photo):
            yield url, named[0]


def _by_upload(exchange: Exchange, uploads: Mapping[str, bytes]) -> bytes | None:
    text = exchange.body.decode("utf-8", "replace")
    return next((drop for url, drop in uploads.items() if url in text), None)


def _digest(exchange: Exchange) -> str:
    builder = EnvironBuilder(
        path=exchange.path,
        method=exchange.method,
        headers=list(exchange.headers.items()),
        data=exchange.body,
    )
    try:
        return request_digest(SandboxRequest(builder.get_environ()))
    except ValueError:
        return ""
    finally:
        builder.close()


def _charges_belong(movements: Sequence[Movement], tasks: Container[str]) -> Check:
    broken = [f"of no task: {one}" for one in movements if one.task_id not in tasks]
    counts = Counter(f"{one.provider} {one.kind}" for one in movements)
    counted = ", ".join(f"{times} {kind}" for kind, times in sorted(counts.items()))
    return Check("each charge belongs to a task", counted, broken)


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
    return Check(
        "no task is paid for twice", f"{len(by_task)} tasks charged, {twice} twice", broken
    )


def _charges_agree(outcome: Outcome, movements: Sequence[Movement]) -> Check:
    counts, broken = Counter[str](), []
    explained: set[str] = set()
    for key, manifest, attempt in _attempts(outcome):
        mine = _of(movements, manifest, attempt)
        explained.update(one.job_id for one in mine)
        charged = attempt["charged"]
        counts[f"{charged} ({'charged' if mine else 'free'})"] += 1
        if charged != "unknown" and (charged == "yes") != bool(mine):
            broken.append(f"{key}: attempt {attempt['number']} says '{charged}', ledger: {mine}")
    back = {one.job_id for one in movements if one.kind == "refund"}
    kept = [one for one in movements if one.kind == "charge" and one.job_id not in back]
    broken += [f"in no manifest: {one}" for one in kept if one.job_id not in explained]
    figure = ", ".join(f"{times} {name}" for name, times in sorted(counts.items()))
    return Check("manifests and ledgers agree on each attempt", figure, broken)


def _credits(outcome: Outcome, movements: Sequence[Movement]) -> Check:
    compared, broken = 0, []
    for key, manifest, attempt in _attempts(outcome):
        mine = _of(movements, manifest, attempt)
        if attempt["charged"] == "yes" and attempt["credits"] is not None and mine:
            compared += 1
            claimed = attempt["credits"]
            # GoAPI's sandbox books whole credits, at least one; its responses have fractions.
            booked = max(1, math.ceil(claimed)) if attempt["provider"] == "goapi" else claimed
            if booked != mine[0].credits:
                broken.append(f"{key}: {claimed} credits, ledger: {mine[0].credits}")
    return Check("credits match the ledgers", f"{compared} compared", broken)


def _unknown_calls(outcome: Outcome, movements: Sequence[Movement]) -> Check:
    """A call with a key is repeated, and a listed job is found; only other calls end unknown."""
    counts, broken = Counter[str](), []
    for key, manifest, attempt in _attempts(outcome):
        settlement = settlement_of(attempt)
        unknown = attempt["outcome"] == "unknown"
        counts[f"{settlement}: {'unknown' if unknown else 'clear'}"] += 1
        mine = _of(movements, manifest, attempt)
        if unknown and (settlement == "key" or (settlement == "look-up" and mine)):
            broken.append(f"{key}: {attempt['provider']} could have been settled; ledger: {mine}")
    figure = ", ".join(f"{times} {name}" for name, times in sorted(counts.items()))
    return Check("only calls that cannot be settled are unknown", figure, broken)


def _attempts(outcome: Outcome) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    for key, manifest in outcome.state.manifests.items():
        for attempt in manifest["attempts"]:
            yield key, manifest, attempt


def _of(
    movements: Sequence[Movement], manifest: Mapping[str, Any], attempt: Mapping[str, Any]
) -> list[Movement]:
    """The charges of an attempt without a refund; one with no attempt counts for its provider."""
    mine = [
        one
        for one in movements
        if one.task_id == manifest["task_id"]
        and one.provider == attempt["provider"]
        and one.attempt in (None, attempt["number"])
    ]
    back = {one.job_id for one in mine if one.kind == "refund"}
    return [one for one in mine if one.kind == "charge" and one.job_id not in back]
