"""Draws a dashboard as one picture."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from infra.cli.dashboard.definition import Line, Widget
from infra.cli.dashboard.values import Span, Values
from infra.local.metrics.series import Value

UNIT: Final = 68
"""Pixels of a column of the grid, and half of a row."""
ROW: Final = 34
MARGIN: Final = 16
PAPER, CARD, GRID, INK, FAINT = "#f4f4f2", "#ffffff", "#e6e6e2", "#222222", "#8a8a86"
COLOURS: Final = (
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"),
    *("#e377c2", "#7f7f7f", "#bcbd22", "#17becf", "#aec7e8", "#ffbb78"),
)

Box = tuple[int, int, int, int]


def draw_dashboard(name: str, widgets: Sequence[Widget], values: Values, span: Span) -> Image.Image:
    """The picture; a line without a value is named in grey."""
    columns = max(widget.left + widget.width for widget in widgets)
    rows = max(widget.top + widget.height for widget in widgets)
    header = 2 * ROW
    size = (columns * UNIT + 2 * MARGIN, rows * ROW + header + 2 * MARGIN)
    picture = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN, MARGIN), name, fill=INK, font=_font(24))
    times = f"{_time(span.start, '%Y-%m-%d %H:%M')} to {_time(span.end, '%H:%M')} UTC"
    pen.text((MARGIN, MARGIN + 30), times, fill=FAINT, font=_font(14))
    for widget in widgets:
        left = widget.left * UNIT + MARGIN
        top = widget.top * ROW + header + MARGIN
        box = (left, top, left + widget.width * UNIT - 8, top + widget.height * ROW - 8)
        if widget.lines:
            _draw_graph(pen, box, widget, values, span)
        else:
            pen.text((box[0], box[1] + 4), widget.title, fill=INK, font=_font(18))
    return picture


def _draw_graph(
    pen: ImageDraw.ImageDraw, box: Box, widget: Widget, values: Values, span: Span
) -> None:
    pen.rounded_rectangle(box, radius=6, fill=CARD, outline=GRID)
    pen.text((box[0] + 10, box[1] + 7), widget.title, fill=INK, font=_font(13))
    legend_top = box[3] - _draw_legend(pen, box, widget.lines, values) - 6
    plot = (box[0] + 46, box[1] + 32, box[2] - 12, legend_top - 18)
    drawn = [line for line in widget.lines if _has_value(values[line])]
    curves = list(_stack(drawn, values) if widget.stacked else _plain(drawn, values))
    highest = max((value for _, curve in curves for value in curve if value), default=0.0) or 1.0
    for part in (0.0, 0.5, 1.0):
        y = plot[3] - part * (plot[3] - plot[1])
        pen.line((plot[0], y, plot[2], y), fill=GRID)
        pen.text((box[0] + 8, y - 7), _short(part * highest), fill=FAINT, font=_font(11))
    for at, edge, anchor in ((span.start, plot[0], "la"), (span.end, plot[2], "ra")):
        pen.text((edge, plot[3] + 3), _time(at, "%H:%M"), fill=FAINT, font=_font(11), anchor=anchor)
    for line, curve in reversed(curves):
        colour = COLOURS[widget.lines.index(line) % len(COLOURS)]
        begins = span.begins(line.period_s)
        points = [
            (
                _x(plot, span, begin + line.period_s / 2),
                plot[3] - value / highest * (plot[3] - plot[1]),
            )
            for begin, value in zip(begins, curve, strict=True)
            if value is not None
        ]
        if len(points) > 1:
            pen.line(points, fill=colour, width=2)
        for x, y in points:
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colour)


def _draw_legend(pen: ImageDraw.ImageDraw, box: Box, lines: Sequence[Line], values: Values) -> int:
    """Names of the lines, in as many rows as they need; returns their height."""
    font, start, rows = _font(11), float(box[0] + 10), 1
    left, places = start, list[tuple[float, int]]()
    for line in lines:
        width = pen.textlength(line.label, font=font) + 26
        if left + width > box[2] - 6 and left > start:
            left, rows = start, rows + 1
        places.append((left, rows))
        left += width
    height = rows * 15
    for number, (line, (left, row)) in enumerate(zip(lines, places, strict=True)):
        y = box[3] - 6 - height + (row - 1) * 15
        known = _has_value(values[line])
        colour = COLOURS[number % len(COLOURS)] if known else GRID
        pen.rectangle((left, y + 3, left + 9, y + 11), fill=colour)
        pen.text((left + 14, y), line.label, fill=INK if known else FAINT, font=font)
    return height


def _plain(lines: Sequence[Line], values: Values) -> Iterator[tuple[Line, Sequence[Value]]]:
    for line in lines:
        yield line, values[line]


def _stack(lines: Sequence[Line], values: Values) -> Iterator[tuple[Line, Sequence[Value]]]:
    """Each line on top of those before it; a missing value adds nothing."""
    below: list[float] = []
    for line in lines:
        own = values[line]
        below = below or [0.0] * len(own)
        below = [low + (value or 0.0) for low, value in zip(below, own, strict=True)]
        yield (
            line,
            [None if value is None else high for value, high in zip(own, below, strict=True)],
        )


def _has_value(curve: Sequence[Value]) -> bool:
    return any(value is not None for value in curve)


def _x(plot: Box, span: Span, at: float) -> float:
    share = (at - span.start) / max(1.0, span.end - span.start)
    return plot[0] + min(1.0, max(0.0, share)) * (plot[2] - plot[0])


def _short(value: float) -> str:
    """As an axis shows it: 12, 0.5, 1.2k."""
    return f"{value / 1000:.3g}k" if value >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - a thousand


def _time(at: float, pattern: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(pattern)


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
