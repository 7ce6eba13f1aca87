"""A report as CSV: a row for each task, and a column for each metadata field."""

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from infra.cli.batch.report_data import Report, ReportRow
from infra.cli.printing import escape

COLUMNS: Final = (
    "task_id",
    "key",
    "source",
    "state",
    "operation",
    "provider",
    "created_at",
    "ended_at",
    "seconds",
    "attempts",
    "credits",
    "usd",
    "charged_for_nothing",
    "code",
    "sentence",
    "next_step",
    "results",
    "warnings",
)
_FORMULA: Final = ("=", "+", "-", "@")


def build_csv(report: Report) -> str:
    """The CSV, with a header; texts that a spreadsheet would run as formulas begin with `'`."""
    names = sorted({name for row in report.rows for name in row.metadata})
    figures = sorted({name for row in report.rows for name in row.quality.figures})
    text = io.StringIO(newline="")
    table = csv.writer(text)
    heads = [f"metadata.{name}" for name in names] + [f"quality.{name}" for name in figures]
    table.writerow([*COLUMNS, *map(_cell, heads)])
    for row in report.rows:
        facts = _facts(row)
        table.writerow(
            [
                *(_cell(facts[name]) for name in COLUMNS),
                *(_cell(row.metadata.get(name)) for name in names),
                *(_cell(row.quality.figures.get(name)) for name in figures),
            ]
        )
    return text.getvalue()


def _facts(row: ReportRow) -> Mapping[str, Any]:
    return {
        **vars(row),
        "charged_for_nothing": row.charged_for_nothing,
        "results": " ".join(row.results),
        "warnings": " ".join(row.quality.warnings),
        "created_at": row.created_at.isoformat(timespec="seconds"),
        "ended_at": row.ended_at.isoformat(timespec="seconds") if row.ended_at else "",
    }


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = escape(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
