"""Draws the contact sheet: each source beside its result, with a label below."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from infra.cli.printing import escape

THUMB: Final = (260, 200)
GAP: Final = 12
LABEL: Final = 22
COLUMNS: Final = 2
SQUARE: Final = 10
PAPER: Final = (250, 250, 248)
INK: Final = (40, 40, 40)
FAINT: Final = (225, 225, 222)


@dataclass(frozen=True)
class Pair:
    """Source and result of one task; `source` is None if it was generated from a prompt."""

    label: str
    source: Image.Image | None
    result: Image.Image | None


def draw_contact_sheet(pairs: Sequence[Pair]) -> Image.Image:
    """The sheet; transparent parts are drawn as a checkerboard."""
    width, height = 2 * THUMB[0] + 3 * GAP, THUMB[1] + LABEL + 2 * GAP
    rows = max(1, -(-len(pairs) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * width, rows * height + GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for number, pair in enumerate(pairs):
        left, top = number % COLUMNS * width + GAP, number // COLUMNS * height + GAP
        for step, image in enumerate((pair.source, pair.result)):
            corner = (left + step * (THUMB[0] + GAP), top)
            if image is None:
                pen.rectangle(
                    (*corner, corner[0] + THUMB[0] - 1, corner[1] + THUMB[1] - 1), outline=FAINT
                )
            else:
                small = _thumb(image)
                space = (THUMB[0] - small.width) // 2, (THUMB[1] - small.height) // 2
                sheet.paste(small, (corner[0] + space[0], corner[1] + space[1]))
        pen.text((left, top + THUMB[1] + 4), escape(pair.label), fill=INK, font=font)
    return sheet


def _thumb(image: Image.Image) -> Image.Image:
    small = image.convert("RGBA")
    small.thumbnail(THUMB)
    board = Image.new("RGB", small.size, (255, 255, 255))
    pen = ImageDraw.Draw(board)
    for y in range(0, small.height, SQUARE):
        for x in range(y // SQUARE % 2 * SQUARE, small.width, 2 * SQUARE):
            pen.rectangle((x, y, x + SQUARE - 1, y + SQUARE - 1), fill=FAINT)
    board.paste(small, mask=small.getchannel("A"))
    return board
