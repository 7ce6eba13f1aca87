"""A batch: tasks that belong together, when it has ended, and what all its tasks add up to.

A batch is a folder whose `_darkroom.json` says when no more photos follow, or a name that messages
give. Nothing counts its tasks while they run: what it holds is read from the index of tasks.

Nothing here reads a clock or a store; times come in as arguments (UTC, aware).
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from darkroom.domain.object_keys import default_keys, folder_of
from darkroom.domain.task import Task
from darkroom.domain.task_summary import TaskSummary

Kind = Literal["folder", "message"]
MANIFEST_NAME: Final = "_darkroom.batch.manifest.json"
MAX_VALUES: Final = 100
"""Values of a metadata field by which cost is summed; a field with more has only their number."""
MAX_FIELDS: Final = 30


@dataclass(frozen=True)
class BatchId:
    """Which batch: `name` is the folder with its trailing slash ("" is the root), or the name."""

    kind: Kind
    name: str

    @property
    def manifest_key(self) -> str:
        """Where its manifest lies in the output bucket."""
        folder = self.name if self.kind == "folder" else f"batches/{self.name}/"
        return folder + MANIFEST_NAME


@dataclass(frozen=True)
class BatchRule:
    """When no more tasks follow; of several rules, the first that holds decides.

    Attributes:
        expect: so many sources have a task.
        until: the name of an object in the folder; when it is there, all the photos are.
        quiet_s: there was no new task for so many seconds.
    """

    expect: int | None = None
    until: str | None = None
    quiet_s: int | None = None

    @property
    def says_something(self) -> bool:
        """Whether there is a rule at all; a batch without one never ends."""
        return (self.expect, self.until, self.quiet_s) != (None, None, None)

    def merged(self, other: "BatchRule") -> "BatchRule":
        """Both rules of one batch, whichever came first: of two numbers the larger one."""
        return BatchRule(
            _larger(self.expect, other.expect),
            self.until or other.until,
            _larger(self.quiet_s, other.quiet_s),
        )


@dataclass(frozen=True)
class Batch:
    """What is stored of a batch; no task writes it, except the first after its end.

    Attributes:
        look_at: when SWEEP looks at it next; None if nothing is to be seen.
        changed_at: when its tasks were seen to have changed last.
        seen: the digest of its tasks at the last look.
        closed: whether its end was announced and nothing has changed since, as far as is known.
        revision: of the last announcement; 0 before the first.
        digest: the digest of the tasks that was announced last.
        version: counts writes; every write expects the one before it.
        declared: whether the rule comes from a command, and not from the folder's file.
    """

    id: BatchId
    rule: BatchRule
    opened_at: datetime
    changed_at: datetime
    look_at: datetime | None = None
    seen: str = ""
    closed: bool = False
    revision: int = 0
    digest: str = ""
    version: int = 0
    declared: bool = False


def batches_of(task: Task) -> tuple[BatchId, ...]:
    """The batches that a task may belong to: those of its folders, and the one of its message."""
    folders = tuple(BatchId("folder", folder_of(key)) for key in default_keys(task.trigger.key))
    return folders if task.batch is None else (*folders, BatchId("message", task.batch))


@dataclass
class Tally:
    """What the tasks of a batch add up to.

    Attributes:
        tasks: in the order of their keys.
        sources: the photos that have a task; a task without one counts as one.
        last_created: when the newest was created; None if there is none.
        last_changed: when the last one was created or ended.
        digest: differs whenever a task was added, has ended again, or has cost something else.
    """

    tasks: tuple[TaskSummary, ...]
    states: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    sources: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    unfinished: int = 0
    last_created: datetime | None = None
    last_changed: datetime | None = None
    digest: str = ""

    @staticmethod
    def of(summaries: Iterable[TaskSummary]) -> "Tally":
        """Count them."""
        tally = Tally(tuple(sorted(summaries, key=lambda one: (one.key, one.task_id))))
        digest = hashlib.sha256()
        for one in tally.tasks:
            tally.states[one.state] += 1
            tally.unfinished += not one.finished
            tally.sources.add(one.source or one.key)
            tally.keys.add(one.key)
            if one.code is not None and one.state != "cancelled":
                tally.failures[one.code] += 1
            ended = one.ended_at.isoformat() if one.ended_at else ""
            spent = sorted(one.spent.items())
            digest.update(f"{one.task_id} {one.state} {ended} {spent}\n".encode())
        created = [one.created_at for one in tally.tasks]
        ended_at = [one.ended_at for one in tally.tasks if one.ended_at]
        tally.last_created = max(created, default=None)
        tally.last_changed = max([*created, *ended_at], default=None)
        tally.digest = digest.hexdigest()[:32]
        return tally

    def counts(self) -> dict[str, int]:
        """How many tasks there are, of how many sources, and how many in each state."""
        return {
            "tasks": len(self.tasks),
            "sources": len(self.sources),
            **{state: self.states[state] for state in sorted(self.states)},
        }

    def cost(self, usd_per_credit: Mapping[str, float | None]) -> dict[str, Any]:
        """Credits and money, in all, by provider, and by each metadata field's values.

        `usd` is None where a price is not known; `complete` is whether every task's credits are.
        """
        return {
            **_sum(self.tasks, usd_per_credit),
            "complete": all(one.cost_known for one in self.tasks),
            "by_metadata": {
                name: _by_value(having, name, usd_per_credit)
                for name, having in self._fields().items()
            },
        }

    def _fields(self) -> dict[str, list[TaskSummary]]:
        fields: defaultdict[str, list[TaskSummary]] = defaultdict(list)
        for one in self.tasks:
            for name in one.metadata:
                if name in fields or len(fields) < MAX_FIELDS:
                    fields[name].append(one)
        return dict(fields)


def which_rule_holds(
    rule: BatchRule, tally: Tally, opened_at: datetime, now: datetime, *, all_there: bool
) -> str | None:
    """The name of the rule by which no more tasks follow; None if none holds yet.

    `all_there`: whether the object of `until` is there, and a task for every photo.
    """
    if rule.expect is not None and len(tally.sources) >= rule.expect:
        return "expect"
    if rule.until is not None and all_there:
        return "until"
    if rule.quiet_s is not None and tally.tasks:
        since = max(tally.last_created or opened_at, opened_at)
        if now - since >= timedelta(seconds=rule.quiet_s):
            return "quiet_s"
    return None


def describe_progress(batch: Batch, tally: Tally, now: datetime) -> str:
    """Whether the batch has ended, or which rule it waits for, for users."""
    if batch.closed and batch.revision and tally.digest == batch.digest:
        again = f", announced {batch.revision} times" if batch.revision > 1 else ""
        return f"has ended{again}"
    rule, waits = batch.rule, list[str]()
    if rule.expect is not None:
        waits.append(f"{len(tally.sources)} of {rule.expect} expected")
    if rule.until is not None:
        waits.append(f"ends once {batch.id.name}{rule.until} is there")
    if rule.quiet_s is not None:
        since = max(tally.last_created or batch.opened_at, batch.opened_at)
        quiet = max(0, round((now - since).total_seconds()))
        waits.append(f"no new task for {min(quiet, rule.quiet_s)} of {rule.quiet_s} s")
    text = " or ".join(waits) if waits else "nothing says when it ends"
    return f"{text}; {tally.unfinished} not finished" if tally.unfinished else text


def _larger(one: int | None, other: int | None) -> int | None:
    return max((n for n in (one, other) if n is not None), default=None)


def _sum(
    tasks: Iterable[TaskSummary], usd_per_credit: Mapping[str, float | None]
) -> dict[str, Any]:
    spent: defaultdict[str, float] = defaultdict(float)
    for one in tasks:
        for provider, credits_ in one.spent.items():
            spent[provider] += credits_
    by_provider = {p: _money(p, spent[p], usd_per_credit) for p in sorted(spent)}
    known = [one["usd"] for one in by_provider.values() if one["usd"] is not None]
    total = round(sum(known), 6) if len(known) == len(by_provider) else None
    return {"usd": total, "by_provider": by_provider}


def _money(
    provider: str, spent: float, usd_per_credit: Mapping[str, float | None]
) -> dict[str, float | None]:
    price = usd_per_credit.get(provider)
    return {
        "credits": round(spent, 6),
        "usd": None if price is None else round(price * spent, 6),
    }


def _by_value(
    tasks: Iterable[TaskSummary], name: str, usd_per_credit: Mapping[str, float | None]
) -> dict[str, Any]:
    values: defaultdict[str, list[TaskSummary]] = defaultdict(list)
    for one in tasks:
        values[str(one.metadata[name])].append(one)
    if len(values) > MAX_VALUES:
        return {"values": len(values)}
    return {
        "values": len(values),
        "by_value": {
            value: {"tasks": len(having), **_sum(having, usd_per_credit)}
            for value, having in sorted(values.items())
        },
    }
