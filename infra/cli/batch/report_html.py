"""A report as one HTML file: no script, nothing from elsewhere, everything escaped."""

import html
from collections.abc import Iterable, Mapping
from typing import Final

from infra.cli.batch.report_data import Report, ReportRow, Sum
from infra.cli.printing import escape

MAX_BYTES: Final = 12_000_000
"""Of all thumbnails together; rows after that have none."""
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE: Final = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; margin: 0 0 2em; }
th, td { border: 1px solid #ddd; padding: .3em .6em; text-align: left; vertical-align: top; }
td { max-width: 32em; overflow-wrap: anywhere; }
td.n { text-align: right; white-space: nowrap; }
.failed, .unknown { color: #b00; }
.warning { color: #a60; }
img { max-width: 160px; max-height: 160px; display: block; }
"""

Thumbnails = Mapping[str, tuple[str | None, str | None]]
"""Task id -> data URIs of its source and its result."""


def build_html(report: Report, thumbnails: Thumbnails) -> str:
    """The whole file."""
    title = f"Darkroom: {_text(report.name or '/')}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            *_totals(report),
            *_sums(report),
            *_failures(report),
            *_charged(report),
            *_tasks(report, thumbnails),
            "</body></html>",
            "",
        ]
    )


def _totals(report: Report) -> Iterable[str]:
    total = report.total
    suspicious = sum(row.suspicious for row in report.rows)
    ended = sum(row.ended_at is not None for row in report.rows)
    yield (
        f"<p>{total.tasks:,} tasks, {ended:,} ended, {total.succeeded:,} succeeded; "
        f"spent: {total.credits:,.6g} credits, ${total.usd:,.2f} as far as prices are known"
        f"{f'; {suspicious:,} results with warnings' if suspicious else ''}.</p>"
    )
    for line in report.budgets:
        yield f"<p>{_text(line)}</p>"


def _sums(report: Report) -> Iterable[str]:
    for what, values in report.sums.items():
        yield f"<h2>By {_text(what)}</h2>"
        yield from _table(
            ("", "tasks", "succeeded", "credits", "US dollars"),
            ([_text(value), *_amounts(values[value])] for value in sorted(values)),
            numbers_from=1,
        )


def _amounts(each: Sum) -> list[str]:
    return [f"{each.tasks:,}", f"{each.succeeded:,}", f"{each.credits:,.6g}", f"{each.usd:,.4f}"]


def _failures(report: Report) -> Iterable[str]:
    groups: dict[str, list[ReportRow]] = {}
    for row in report.rows:
        if row.code:
            groups.setdefault(row.code, []).append(row)
    if groups:
        yield "<h2>What failed, by reason</h2>"
        yield from _table(
            ("reason", "tasks", "for example", "next step"),
            (
                [_text(code), f"{len(rows):,}", _text(rows[0].sentence), _text(rows[0].next_step)]
                for code, rows in sorted(groups.items(), key=lambda each: -len(each[1]))
            ),
        )


def _charged(report: Report) -> Iterable[str]:
    rows = [row for row in report.rows if row.charged_for_nothing]
    if rows:
        yield "<h2>Failed, but charged or perhaps charged</h2>"
        yield from _table(
            ("task", "provider", "credits", "reason"),
            ([_name(row), _text(row.provider), _credits(row), _text(row.sentence)] for row in rows),
        )


def _tasks(report: Report, thumbnails: Thumbnails) -> Iterable[str]:
    yield "<h2>All tasks</h2>"
    left = MAX_BYTES

    def cells(row: ReportRow) -> list[str]:
        nonlocal left
        pictures = []
        for uri in thumbnails.get(row.task_id, (None, None)):
            shown = uri if uri and len(uri) <= left else None
            left -= len(shown) if shown else 0
            pictures.append(f'<img loading="lazy" alt="" src="{_text(shown)}">' if shown else "")
        seconds = "" if row.seconds is None else f"{row.seconds:,.1f} s"
        return [
            *pictures,
            _name(row),
            f'<span class="{_text(row.state)}">{_text(row.state)}</span>',
            _text(row.operation),
            _text(row.provider),
            seconds,
            _credits(row),
            _remarks(row),
        ]

    yield from _table(
        ("source", "result", "task", "state", "operation", "provider", "time", "credits", ""),
        map(cells, report.rows),
    )


def _remarks(row: ReportRow) -> str:
    """Warnings, figures of the result's quality, and why it failed."""
    parts = [f'<div class="warning">{_text(each)}</div>' for each in row.quality.warnings]
    if row.quality.figures:
        figures = ", ".join(f"{name} {value}" for name, value in row.quality.figures.items())
        parts.append(f"<div>{_text(figures)}</div>")
    if row.sentence:
        parts.append(f"<div>{_text(f'{row.sentence} {row.next_step}')}</div>")
    return "".join(parts)


def _credits(row: ReportRow) -> str:
    if row.credits is None:
        return "not known"
    return f"{row.credits:,.6g}" if row.charged else ""


def _name(row: ReportRow) -> str:
    return f"{_text(row.key or row.task_id)}<br><small>{_text(row.task_id)}</small>"


def _table(
    heads: Iterable[str], rows: Iterable[list[str]], *, numbers_from: int | None = None
) -> Iterable[str]:
    """A table of cells that are HTML already; columns from `numbers_from` on are numbers."""
    yield f"<table><tr>{''.join(f'<th>{_text(head)}</th>' for head in heads)}</tr>"
    for row in rows:
        marks = [
            ' class="n"' if numbers_from is not None and place >= numbers_from else ""
            for place in range(len(row))
        ]
        pairs = zip(marks, row, strict=True)
        yield f"<tr>{''.join(f'<td{mark}>{cell}</td>' for mark, cell in pairs)}</tr>"
    yield "</table>"


def _text(value: object) -> str:
    return html.escape(escape(value))
