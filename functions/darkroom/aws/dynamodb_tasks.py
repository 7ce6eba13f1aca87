"""The task store on one DynamoDB table; every write is conditional on what it expects to find.

| pk               | sk       | what                                                  |
|------------------|----------|-------------------------------------------------------|
| `task#<id>`      | `task`   | the task                                              |
| `wants#<key>`    | `<id>`   | a task that waits for this input key                  |
| `spec#<key>`     | `latest` | the newest task of this spec                          |
| `output#<name>`  | `owner`  | the newest task that may write under this output name |
| `request#<request id>` | `task` | the task that a message with this id has made      |
| `done#<work>` | `task` | the last task that has done this work, where that is noted |
| `job#<provider>#<job id>` | `owner` | the attempt that a provider's job belongs to    |
| `line#<provider>` | since, id | a task's place in the provider's line; see `dynamodb_lines` |
| `budget#<account>` | `held` | what is reserved and spent of a budget; see `dynamodb_budgets` |

The secondary indexes are in `dynamodb_indexes`, what they answer in `dynamodb_task_lists`.
"""

import itertools
import random
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from darkroom.aws.client_errors import code_of, map_aws_errors
from darkroom.aws.dynamodb_items import (
    account_key,
    done_key,
    expiry,
    job_key,
    latest_key,
    line_key,
    owner_key,
    read_item,
    request_key,
    task_key,
    time_text,
    wants_key,
    write_item,
    write_waiter,
)
from darkroom.aws.dynamodb_task_lists import PAGE, TABLE, DynamoTaskLists
from darkroom.aws.task_log import log_change
from darkroom.domain.budget_moves import Move, moves
from darkroom.domain.errors import Conflict, OverBudget
from darkroom.domain.output_names import numbered
from darkroom.domain.task import Task

MAX_CONTENDED = 10
"""How often a write is tried while others change the account of the same budget."""
MAX_CONTENDED_S = 0.1
"""The longest pause between two of these tries; the shortest is none."""
_CHECK_FAILED = "ConditionalCheckFailedException"


class DynamoTasks(DynamoTaskLists):
    """`ports.Tasks` on DynamoDB."""

    def get(self, task_id: str) -> Task | None:
        """See `ports.Tasks.get`; a strongly consistent read."""
        with map_aws_errors(TABLE):
            answer = self._table.get_item(Key=task_key(task_id), ConsistentRead=True)
        return read_item(answer["Item"]) if "Item" in answer else None

    def create(
        self,
        task: Task,
        *,
        previous: str | None,
        owner: str | None,
        results_owner: str | None = None,
    ) -> None:
        """See `ports.Tasks.create`; one transaction of at most 5 + len(wants) items."""
        claims = [(owner_key(task.output), owner)]
        if task.trigger.request_id is not None:
            claims.append((request_key(task.trigger.request_id), None))
        if task.results_name:
            claims.append((owner_key(numbered(task.results_name, 1)), results_owner))
        if task.replaces:
            claims.append((latest_key(task.trigger.key), previous))
        note, expires = {"task_id": task.task_id}, {"expires_at": expiry(task.created_at)}
        writes: list[dict[str, Any]] = [
            self._put(write_item(task), "attribute_not_exists(pk)"),
            *(self._claim(key, expected, note | expires) for key, expected in claims),
            *(
                self._put(wants_key(key, task.task_id) | expires, None)
                for key in dict.fromkeys(task.wants)
            ),
            *self._move_in_line(None, task),
        ]
        with map_aws_errors(TABLE):
            self._client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type] # plain dicts, checked by the service
        log_change(None, task)

    def replace(self, old: Task, new: Task) -> Task:
        """See `ports.Tasks.replace`; the condition is the revision."""
        written = self._replace(old, replace(new, revision=old.revision + 1))
        log_change(old, written)
        return written

    def _replace(self, old: Task, written: Task) -> Task:
        accounts = moves(old.attempts, written.attempts)
        writes = [*self._move_in_line(old, written), *self._new_wants(old, written)]
        if accounts or writes:
            return self._replace_with(old, written, accounts, writes)
        write_id = uuid.uuid4().hex
        try:
            with map_aws_errors(TABLE):
                self._table.put_item(
                    Item=write_item(written) | {"write_id": write_id},
                    ConditionExpression=Attr("revision").eq(old.revision),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except Conflict as conflict:
            error = conflict.__cause__
            if not isinstance(error, ClientError) or code_of(error) != _CHECK_FAILED:
                raise
            # boto3 repeats a write whose response is lost, and then meets its own first write.
            stored: Any = error.response.get("Item", {})
            if stored.get("write_id") not in (write_id, {"S": write_id}):
                raise Conflict(f"Task {old.task_id} was changed by another caller.") from error
        return written

    def _replace_with(
        self, old: Task, written: Task, accounts: Sequence[Move], writes: list[dict[str, Any]]
    ) -> Task:
        """The same together with accounts and other items; boto3 repeats it with one token."""
        put = self._put(write_item(written), "revision = :revision")
        put["Put"]["ExpressionAttributeValues"] = {":revision": old.revision}
        items = [put, *(self._change_account(move) for move in accounts), *writes]
        for tries_left in reversed(range(MAX_CONTENDED)):
            try:
                with map_aws_errors(TABLE):
                    self._client.transact_write_items(TransactItems=items)  # type: ignore[arg-type] # plain dicts, checked by the service
            except Conflict as conflict:
                reasons = _reasons(conflict)
                if accounts and tries_left and reasons and reasons <= {"TransactionConflict"}:
                    time.sleep(random.uniform(0, MAX_CONTENDED_S))  # noqa: S311 - no secret
                    continue
                full = _without_room(conflict, accounts)
                if full is not None:
                    raise OverBudget(full.account, full.limit or 0) from conflict
                raise
            return written
        raise AssertionError("the last try returns or raises")

    def _change_account(self, move: Move) -> dict[str, Any]:
        """The change of a budget's account, which fails if it would hold more than it may."""
        update: dict[str, Any] = {
            "TableName": self._table.name,
            "Key": account_key(move.account),
            "UpdateExpression": "ADD held :amount SET expires_at = :expires",
            "ExpressionAttributeValues": {
                ":amount": move.amount,
                ":expires": expiry(datetime.now(UTC)),
            },
        }
        if move.limit is not None:
            left = move.limit - move.amount
            update["ConditionExpression"] = (
                "attribute_not_exists(held) OR held <= :left" if left >= 0 else "held <= :left"
            )
            update["ExpressionAttributeValues"][":left"] = left
        return {"Update": update}

    def claim_job(self, provider: str, job_id: str, task_id: str, attempt: int) -> bool:
        """See `ports.Tasks.claim_job`; one conditional write."""
        mine = {"task_id": task_id, "attempt": attempt}
        expires = {"expires_at": expiry(datetime.now(UTC))}
        return self._put_if(
            job_key(provider, job_id) | mine | expires,
            Attr("pk").not_exists() | (Attr("task_id").eq(task_id) & Attr("attempt").eq(attempt)),
        )

    def latest(self, key: str) -> str | None:
        """See `ports.Tasks.latest`."""
        return self._read_note(latest_key(key))

    def of_request(self, request_id: str) -> str | None:
        """See `ports.Tasks.of_request`."""
        return self._read_note(request_key(request_id))

    def owner(self, output: str) -> str | None:
        """See `ports.Tasks.owner`."""
        return self._read_note(owner_key(output))

    def note_done(self, work: str, task_id: str) -> None:
        """See `ports.Tasks.note_done`."""
        note = {"task_id": task_id, "expires_at": expiry(datetime.now(UTC))}
        with map_aws_errors(TABLE):
            self._table.put_item(Item=done_key(work) | note)

    def done_by(self, work: str) -> str | None:
        """See `ports.Tasks.done_by`."""
        return self._read_note(done_key(work))

    def claim_output(self, name: str, task: Task, over: str | None) -> bool:
        """See `ports.Tasks.claim_output`; the note is kept as long as the notes of `create`."""
        free = Attr("pk").not_exists() | Attr("task_id").is_in([task.task_id, over or task.task_id])
        note = {"task_id": task.task_id, "expires_at": expiry(task.created_at)}
        return self._put_if(owner_key(name) | note, free)

    def wanting(self, key: str, prefix: str = "", most: int | None = None) -> Sequence[str]:
        """See `ports.Tasks.wanting`; a consistent query on the table itself."""
        condition: ConditionBase = Key("pk").eq(f"wants#{key}")
        if prefix:
            condition &= Key("sk").begins_with(prefix)
        limit = {} if most is None else {"Limit": min(most, PAGE)}
        items = self._query(KeyConditionExpression=condition, **limit)
        return [str(item["sk"]) for item in itertools.islice(items, most)]

    def forget_wants(self, task: Task) -> None:
        """See `ports.Tasks.forget_wants`."""
        for key in dict.fromkeys(task.wants):
            with map_aws_errors(TABLE):
                self._table.delete_item(Key=wants_key(key, task.task_id))

    def postpone(self, task: Task, until: datetime) -> None:
        """See `ports.Tasks.postpone`; changes the index key only."""
        self._update_due(task, "SET due_at = :until", {":until": time_text(until)})

    def put_off(self, task_id: str, until: datetime) -> None:
        """See `ports.Tasks.put_off`; changes the index key only, whatever the item holds."""
        with suppress(Conflict), map_aws_errors(TABLE):
            self._table.update_item(
                Key=task_key(task_id),
                UpdateExpression="SET due_at = :until",
                ConditionExpression="due_at < :until",
                ExpressionAttributeValues={":until": time_text(until)},
            )

    def dismiss(self, task: Task) -> None:
        """See `ports.Tasks.dismiss`; removes the task from the index."""
        self._update_due(task, "REMOVE due, due_at", {})

    def _update_due(self, task: Task, update: str, values: dict[str, Any]) -> None:
        # A concurrent write to the task has set its own due time.
        with suppress(Conflict), map_aws_errors(TABLE):
            self._table.update_item(
                Key=task_key(task.task_id),
                UpdateExpression=update,
                ConditionExpression="revision = :revision",
                ExpressionAttributeValues={":revision": task.revision, **values},
            )

    def _read_note(self, key: dict[str, Any]) -> str | None:
        with map_aws_errors(TABLE):
            answer = self._table.get_item(Key=key, ConsistentRead=True)
        return str(answer["Item"]["task_id"]) if "Item" in answer else None

    def _put_if(self, item: dict[str, Any], condition: ConditionBase) -> bool:
        """Write one item if the condition holds; whether it did."""
        try:
            with map_aws_errors(TABLE):
                self._table.put_item(Item=item, ConditionExpression=condition)
        except Conflict as conflict:
            error = conflict.__cause__
            if isinstance(error, ClientError) and code_of(error) == _CHECK_FAILED:
                return False
            raise
        return True

    def _new_wants(self, old: Task, new: Task) -> list[dict[str, Any]]:
        """The notes of the keys that the task did not wait for before."""
        if new.wants == old.wants:
            return []
        expires = {"expires_at": expiry(new.created_at)}
        return [
            self._put(wants_key(key, new.task_id) | expires, None)
            for key in dict.fromkeys(new.wants)
            if key not in old.wants
        ]

    def _move_in_line(self, old: Task | None, new: Task) -> list[dict[str, Any]]:
        """The writes that change its place in line; none if place and run stay the same."""
        if old is not None and (old.place, old.run) == (new.place, new.run):
            return []
        moves: list[dict[str, Any]] = []
        after = write_waiter(new)
        if after is not None:
            moves.append(self._put(after, None))
        if old is not None and old.place is not None:
            left = line_key(old.task_id, old.place)
            # DynamoDB refuses a transaction with two writes of one item; the put replaces it.
            if after is None or any(after[name] != value for name, value in left.items()):
                moves.append({"Delete": {"TableName": self._table.name, "Key": left}})
        return moves

    def _put(self, item: dict[str, Any], condition: str | None) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table.name, "Item": item}
        if condition is not None:
            put["ConditionExpression"] = condition
        return {"Put": put}

    def _claim(
        self, key: dict[str, Any], expected: str | None, note: dict[str, Any]
    ) -> dict[str, Any]:
        write = self._put(key | note, "attribute_not_exists(pk)")
        if expected is not None:
            write["Put"] |= {
                "ConditionExpression": "task_id = :expected",
                "ExpressionAttributeValues": {":expected": expected},
            }
        return write


def _reasons(conflict: Conflict) -> set[str]:
    """Why a transaction was cancelled: the codes of its items."""
    error = conflict.__cause__
    given = error.response.get("CancellationReasons", []) if isinstance(error, ClientError) else []
    return {str(one.get("Code")) for one in given} - {"None"}


def _without_room(conflict: Conflict, accounts: Sequence[Move]) -> Move | None:
    """The account that has no room, if that alone cancelled the transaction.

    The task's item is the first of the transaction, its accounts follow.
    """
    error = conflict.__cause__
    given: Any = (
        error.response.get("CancellationReasons", []) if isinstance(error, ClientError) else []
    )
    failed = [str(one.get("Code")) == "ConditionalCheckFailed" for one in given]
    if not failed or failed[0]:
        return None
    return next((move for move, full in zip(accounts, failed[1:], strict=False) if full), None)
