"""What a report says of each task and of all of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from darkroom.pipeline.endings.manifest import cost_of, warnings_of
from infra.cli.target import LOCAL
from infra.cli.tasks.cost import find_tariffs, usd_of

if TYPE_CHECKING:
    from darkroom.domain.task import Task

MAX_VALUES: Final = 100
"""A metadata field with more values than this has no sums: it is rather a name."""


@dataclass(frozen=True)
class Quality:
    """How good the results look, as in the manifest; both may be absent.

    Attributes:
        warnings: sentences; a result with any is suspicious.
        figures: name -> figure, such as the share of the foreground.
    """

    warnings: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, task: "Task") -> "Quality":
        """The warnings and figures of all results of the task; several are numbered from 1."""
        several = len(task.results) > 1
        figures = {
            f"{name}-{number}" if several else name: value
            for number, result in enumerate(task.results, start=1)
            if result.quality
            for name, value in result.quality.as_dict().items()
            if name != "warnings"
        }
        sentences = (f"{each['sentence']} {each['next_step']}" for each in warnings_of(task))
        return cls(tuple(sentences), figures)


@dataclass(frozen=True)
class ReportRow:
    """One task. Times are UTC, `seconds` from its arrival to its end.

    Attributes:
        credits: None if they are not known; so is `usd`.
        charged: whether it cost something, or may have.
        spent: provider -> what its attempts there have cost; it may have called several.
    """

    task_id: str
    key: str
    source: str | None
    state: str
    operation: str
    provider: str
    created_at: datetime
    ended_at: datetime | None
    seconds: float | None
    attempts: int
    credits: float | None
    usd: float | None
    charged: bool
    code: str
    sentence: str
    next_step: str
    results: tuple[str, ...]
    metadata: Mapping[str, Any]
    spent: "Mapping[str, Sum]"
    quality: Quality = field(default_factory=Quality)

    @property
    def suspicious(self) -> bool:
        """Whether somebody should look at its result."""
        return bool(self.quality.warnings)

    @property
    def charged_for_nothing(self) -> bool:
        """Whether it cost something, or may have, and has no result."""
        return self.charged and self.ended_at is not None and self.state != "succeeded"


@dataclass(frozen=True)
class Sum:
    """Tasks together; `credits` and `usd` leave out what is not known."""

    tasks: int = 0
    succeeded: int = 0
    credits: float = 0.0
    usd: float = 0.0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(
            self.tasks + other.tasks,
            self.succeeded + other.succeeded,
            self.credits + other.credits,
            self.usd + other.usd,
        )


@dataclass(frozen=True)
class Report:
    """All rows, the suspicious and then the failed ones first.

    Attributes:
        sums: what is summed (`provider`, or a metadata field) -> its value -> the sum.
        budgets: a sentence for each budget that they count against.
    """

    name: str
    rows: Sequence[ReportRow]
    total: Sum
    sums: Mapping[str, Mapping[str, Sum]]
    budgets: Sequence[str] = ()


def build_row(task: "Task", environment: str = LOCAL) -> ReportRow:
    """The row of a task of an environment."""
    order, failure = task.order, task.ending.failure if task.ending else None
    cost = cost_of(task, find_tariffs(environment))
    ended_at = task.updated_at if task.finished else None
    return ReportRow(
        task_id=task.task_id,
        key=task.trigger.key,
        source=task.source,
        state=task.state,
        operation=order.operation if order else "",
        provider=task.attempts[-1].provider if task.attempts else "",
        created_at=task.created_at,
        ended_at=ended_at,
        seconds=(ended_at - task.created_at).total_seconds() if ended_at else None,
        attempts=len(task.attempts),
        credits=cost["credits"],
        usd=cost["usd"],
        charged=any(attempt.charged != "no" for attempt in task.attempts),
        code=failure.code if failure else "",
        sentence=failure.sentence if failure else "",
        next_step=failure.next_step if failure else "",
        results=tuple(result.key for result in task.results),
        metadata=order.metadata if order else {},
        spent=_spent(task, environment),
        quality=Quality.of(task),
    )


def _spent(task: "Task", environment: str) -> dict[str, Sum]:
    spent: dict[str, Sum] = {}
    for attempt in task.attempts:
        amount = 0.0 if attempt.charged == "no" else attempt.credits or 0
        usd = usd_of(amount, attempt.provider, environment) or 0.0
        first = attempt.provider not in spent
        one = Sum(int(first), int(attempt.outcome == "succeeded"), amount, usd)
        spent[attempt.provider] = spent.get(attempt.provider, Sum()) + one
    return spent


def build_report(name: str, rows: Iterable[ReportRow], budgets: Sequence[str] = ()) -> Report:
    """The report of these rows, with a sentence for each budget that they count against."""
    ordered = sorted(
        rows, key=lambda row: (not row.suspicious, row.state == "succeeded", row.key, row.task_id)
    )
    total = Sum()
    sums: defaultdict[str, defaultdict[str, Sum]] = defaultdict(lambda: defaultdict(Sum))
    for row in ordered:
        one = Sum(1, int(row.state == "succeeded"), row.credits or 0, row.usd or 0)
        total += one
        for provider, spent in row.spent.items():
            sums["provider"][provider] += spent
        for field_name, value in row.metadata.items():
            if isinstance(value, str | int | float | bool):
                sums[f"metadata {field_name}"][str(value)] += one
    few = {what: each for what, each in sums.items() if len(each) <= MAX_VALUES}
    return Report(name, ordered, total, few, budgets)
