"""Whose charge is it? Ties every entry of the sandboxes' ledgers to the task that it was made for.

Apiframe's entries bear the attempt's key and Perfect's its number. The others bear a digest of the
request, so the requests that went over the wires are digested alike; each names its attempt in the
webhook's address, or else holds its order's own photo, or the address of that photo's upload.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from werkzeug.test import EnvironBuilder

from darkroom.providers.perfect import request_id
from infra.local.sandbox.replies import request_digest
from infra.local.sandbox.world import SandboxRequest
from tests.e2e.havoc_evidence import Evidence
from tests.e2e.havoc_wire import Exchange

ATTEMPT: Final = re.compile(rb"attempt=([0-9a-f]{32})-(\d+)")
KEY: Final = re.compile(r"([0-9a-f]{32})-(\d+)")
ORDER: Final = re.compile(rb"order-\d{4}")
MOST_ATTEMPTS: Final = 12


@dataclass(frozen=True)
class Movement:
    """A charge or a refund, with the task that it belongs to; the attempt where that is told."""

    provider: str
    kind: str
    credits: float
    job_id: str
    task_id: str | None
    attempt: int | None


def tie(seen: Evidence) -> list[Movement]:
    """Every movement of every ledger."""
    by_order = {name.encode(): task_id for name, task_id in _orders(seen)}
    by_digest = dict(_by_digest(seen, by_order))
    by_number = {
        str(request_id(task["task"]["task_id"], number)): (task["task"]["task_id"], number)
        for task in seen.tasks
        for number in range(1, MOST_ATTEMPTS)
    }
    movements = []
    for provider, entries in seen.ledgers.items():
        for entry in entries:
            key = entry["key"]
            told = KEY.fullmatch(key or "")
            owner: tuple[str | None, int | None] = (None, None)
            if told:
                owner = told[1], int(told[2])
            elif key in by_number:
                owner = by_number[key]
            elif entry["request_digest"] in by_digest:
                owner = by_digest[entry["request_digest"]]
            movements.append(
                Movement(provider, entry["kind"], entry["credits"], entry["job_id"], *owner)
            )
    return movements


def _orders(seen: Evidence) -> Iterator[tuple[str, str]]:
    for task in seen.tasks:
        order = task["task"].get("order")
        if order:
            yield str(order["metadata"]["order"]), task["task"]["task_id"]


def _by_digest(
    seen: Evidence, by_order: Mapping[bytes, str]
) -> Iterator[tuple[str, tuple[str, int | None]]]:
    uploads = {url: order for one in seen.exchanges for url, order in _uploaded(one)}
    for exchange in seen.exchanges:
        if exchange.paid:
            attempt = ATTEMPT.search(exchange.body)
            if attempt:
                yield _digest(exchange), (attempt[1].decode(), int(attempt[2]))
                continue
            named = ORDER.search(exchange.body)
            order = named[0] if named else _by_upload(exchange, uploads)
            if order is not None and order in by_order:
                yield _digest(exchange), (by_order[order], None)


def _uploaded(exchange: Exchange) -> Iterator[tuple[str, bytes]]:
    """The address of an upload that was taken, and the order whose photo it was."""
    if exchange.provider == "goapi" and exchange.path == "/api/ephemeral_resource":
        try:
            url = json.loads(exchange.answer)["data"]["url"]
            photo = base64.b64decode(json.loads(exchange.body)["file_data"])
        except (ValueError, TypeError, KeyError):
            return
        if named := ORDER.search(photo):
            yield url, named[0]


def _by_upload(exchange: Exchange, uploads: Mapping[str, bytes]) -> bytes | None:
    text = exchange.body.decode("utf-8", "replace")
    return next((order for url, order in uploads.items() if url in text), None)


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
