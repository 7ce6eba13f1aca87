"""What tasks have cost, summed; from their summaries alone, so no task is read."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from infra.cli.printing import escape
from infra.cli.tasks.cost import money_text, usd_of

if TYPE_CHECKING:
    from darkroom.domain.task_summary import TaskSummary

METADATA: Final = "metadata."
NO_VALUE: Final = "(none)"
"""Tasks whose metadata lacks the field, or that have no operation."""
_FORMULA: Final = ("=", "+", "-", "@")
_FAILED: Final = frozenset({"failed", "cancelled"})


@dataclass
class CostRow:
    """What tasks have cost at one provider. Credits of two providers are never added up.

    Attributes:
        value: of what is summed by, such as a day or the value of a metadata field.
        tasks: those that were charged there, or may have been.
        credits: what was charged.
        usd: the same in US dollars; None where the price of a credit is not known.
        failed_tasks: those among them that have no result.
        failed_credits: what these were charged.
        unclear_tasks: further ones, of which nobody knows whether they were charged (`unknown`).
        unclear_credits: what these would have cost; not part of `credits`.
        without_amount: how many of all these were charged an amount that is not known.
    """

    value: str
    provider: str
    tasks: int = 0
    credits: float = 0.0
    usd: float | None = 0.0
    failed_tasks: int = 0
    failed_credits: float = 0.0
    unclear_tasks: int = 0
    unclear_credits: float = 0.0
    without_amount: int = 0

    def add(self, summary: "TaskSummary", amount: float) -> None:
        """Count the charges of one task at this provider."""
        # The summary says only of all its calls together whether their amounts are known.
        self.without_amount += not summary.cost_known and summary.provider == self.provider
        if summary.state == "unknown":
            self.unclear_tasks += 1
            self.unclear_credits += amount
            return
        self.tasks += 1
        self.credits += amount
        if summary.state in _FAILED:
            self.failed_tasks += 1
            self.failed_credits += amount


@dataclass(frozen=True)
class Costs:
    """The sums.

    Attributes:
        by: what they are summed by.
        tasks: how many tasks there are, those without a charge included.
        rows: by value, then by provider.
    """

    by: str
    tasks: int
    rows: Sequence[CostRow]

    @property
    def usd(self) -> float:
        """Dollars in all, as far as prices are known."""
        return sum(row.usd or 0 for row in self.rows)

    @property
    def without_price(self) -> Sequence[str]:
        """The providers that were paid in credits whose price is not known."""
        return sorted({row.provider for row in self.rows if row.usd is None and row.credits})

    @property
    def text(self) -> str:
        """The totals in one line."""
        spent: dict[str, float] = {}
        for row in self.rows:
            spent[row.provider] = spent.get(row.provider, 0) + row.credits
        credits_ = ", ".join(f"{amount:,.10g} {name}" for name, amount in sorted(spent.items()))
        parts = [f"{self.tasks:,} tasks; {credits_ or 'no'} credits, {money_text(self.usd)}"]
        if self.without_price:
            parts.append(f"and an unknown amount at {', '.join(self.without_price)}")
        unclear = sum(row.unclear_tasks for row in self.rows)
        unnamed = sum(row.without_amount for row in self.rows)
        text = " ".join(parts)
        text += f"; {_tasks(unclear)} perhaps charged" if unclear else ""
        return text + (f"; {_tasks(unnamed)} with a charge that is not known" if unnamed else "")

    def as_dict(self) -> dict[str, Any]:
        """The sums as `--json` prints them."""
        rows = [asdict(row) for row in self.rows]
        unknown = list(self.without_price)
        return {
            "by": self.by,
            "tasks": self.tasks,
            "usd": round(self.usd, 6),
            "usd_unknown_at": unknown,
            "rows": rows,
        }

    def as_csv(self) -> str:
        """The rows as CSV, with a header."""
        text = io.StringIO(newline="")
        table = csv.writer(text)
        table.writerow([self.by, *(each.name for each in fields(CostRow)[1:])])
        for row in self.rows:
            table.writerow([csv_cell(value) for value in asdict(row).values()])
        return text.getvalue()


def sum_costs(summaries: "Iterable[TaskSummary]", by: str, environment: str) -> Costs:
    """The charges of these tasks.

    Args:
        summaries: as the index has them.
        by: `provider`, `operation`, `day` (in UTC; when they ended, or else came), or
            `metadata.FIELD`. Of long metadata a summary has only the beginning.
        environment: whose prices count.
    """
    rows: dict[tuple[str, str], CostRow] = {}
    count = 0
    for summary in summaries:
        count += 1
        for provider, amount in summary.spent.items():
            value = _value(summary, by, provider)
            row = rows.setdefault((value, provider), CostRow(value, provider))
            row.add(summary, amount)
    for row in rows.values():
        row.usd = usd_of(row.credits, row.provider, environment)
    return Costs(by, count, [rows[key] for key in sorted(rows)])


def table_of(costs: Costs) -> tuple[Sequence[str], Iterator[Sequence[str]]]:
    """The headings and rows for people."""
    by_provider = costs.by == "provider"
    heads = ("tasks", "credits", "USD", "failed, but charged", "perhaps charged", "unknown amount")

    def rows() -> Iterator[Sequence[str]]:
        for row in costs.rows:
            names = (row.provider,) if by_provider else (escape(row.value), row.provider)
            yield (
                *names,
                f"{row.tasks:,}",
                f"{row.credits:,.10g}",
                "unknown" if row.usd is None else money_text(row.usd),
                _part(row.failed_tasks, row.failed_credits),
                _part(row.unclear_tasks, row.unclear_credits),
                f"{_tasks(row.without_amount)}" if row.without_amount else "",
            )

    return (("provider", *heads) if by_provider else (costs.by, "provider", *heads)), rows()


def _value(summary: "TaskSummary", by: str, provider: str) -> str:
    if by == "provider":
        return provider
    if by == "operation":
        return summary.operation or NO_VALUE
    if by == "day":
        return (summary.ended_at or summary.created_at).date().isoformat()
    value = summary.metadata.get(by.removeprefix(METADATA))
    return NO_VALUE if value is None else str(value)


def _part(tasks: int, amount: float) -> str:
    return f"{_tasks(tasks)}, {amount:,.10g} credits" if tasks else ""


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number:,} tasks"


def csv_cell(value: object) -> str:
    """A cell of a CSV: text that a spreadsheet would run as a formula begins with `'`."""
    if value is None:
        return ""
    text = escape(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
