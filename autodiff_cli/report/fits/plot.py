"""A fit drawn in characters: the curve in dots, eight to a character, and the data over it."""

from __future__ import annotations

import math
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING

from autodiff_cli.report.fits.picture import picture, tick_text, ticks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.report.fits.data import Report
    from autodiff_cli.report.fits.picture import Picture

ROWS = 16
RESIDUAL_ROWS = 5
NARROWEST, WIDEST = 30, 100
CROWD = 400
"""More points would hide the curve, and are drawn behind it."""
TICKS_UP, TICKS_ACROSS = 4, 6
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Of Braille's characters from U+2800 on, the bit of each dot by row and column."""
COLORS = {"•": "\x1b[33m", "curve": "\x1b[36m"}
RESET = "\x1b[0m"


class Canvas:
    """Characters of which each has 2 by 4 dots, over a part of the plane."""

    def __init__(
        self, columns: int, rows: int, left: float, right: float, bottom: float, top: float
    ) -> None:
        self._left, self._bottom = left, bottom
        self._across = 2 * columns / (right - left)
        self._up = 4 * rows / (top - bottom)
        self._dots = [[0] * columns for _ in range(rows)]
        self._marks: dict[tuple[int, int], str] = {}
        self._shades: dict[tuple[int, int], str] = {}

    def dot(self, x: float, y: float) -> None:
        place = self._place(x, y)
        if place is not None:
            column, row = place
            self._dots[row // 4][column // 2] |= DOTS[row % 4][column % 2]

    def mark(self, x: float, y: float, character: str, below: bool = False) -> None:
        """Sets a character over the dots, or `below` them."""
        place = self._place(x, y)
        if place is not None:
            (self._shades if below else self._marks)[place[1] // 4, place[0] // 2] = character

    def shade(self, x: float, low: float, high: float, character: str) -> None:
        """Fills a column between two heights, but where there are dots."""
        column = self.column_of(x)
        if column is not None and math.isfinite(low) and math.isfinite(high):
            for row in range(self._line_of(high), self._line_of(low) + 1):
                self._shades[row, column] = character

    def row_of(self, y: float) -> int | None:
        """The line of characters at a height."""
        place = self._place(self._left, y)
        return None if place is None else place[1] // 4

    def _line_of(self, y: float) -> int:
        """The same, of what is above or below the picture the line beyond it."""
        rows = len(self._dots)
        line = math.floor(rows - (y - self._bottom) * self._up / 4)
        return min(max(line, -1), rows)

    def column_of(self, x: float) -> int | None:
        place = self._place(x, self._bottom)
        return None if place is None else place[0] // 2

    def lines(self, color: bool) -> list[str]:
        return [self._line(number, color) for number in range(len(self._dots))]

    def _line(self, number: int, color: bool) -> str:
        text = ""
        for column, bits in enumerate(self._dots[number]):
            mark = self._marks.get((number, column))
            shade = self._shades.get((number, column), " ")
            character = mark or (chr(0x2800 + bits) if bits else shade)
            paint = COLORS.get(mark or ("curve" if bits else ""), "") if color else ""
            text += f"{paint}{character}{RESET}" if paint else character
        return text

    def _place(self, x: float, y: float) -> tuple[int, int] | None:
        """The column and the row, from the top, of a dot."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return None
        rows, columns = 4 * len(self._dots), 2 * len(self._dots[0])
        column = int((x - self._left) * self._across)
        row = rows - 1 - int((y - self._bottom) * self._up)
        # What is on the very edge belongs to the picture.
        column, row = min(column, columns - 1), max(row, 0) if row >= -1 else row
        return (column, row) if column >= 0 and 0 <= row < rows else None


def as_text(report: Report, color: bool, width: int | None = None) -> str:
    """Data, curve and bands, and below them the residuals, as wide as the terminal.

    Raises as `picture`.
    """
    width = width or shutil.get_terminal_size().columns
    width = min(max(width, NARROWEST), WIDEST)
    found = picture(report, 2 * width)
    up = ticks(found.bottom, found.top, TICKS_UP)
    ends = [-found.farthest / 1.1, 0.0, found.farthest / 1.1]
    residual_labels = [f"{end:.2g}" for end in ends]
    gutter = max(len(text) for text in [*map(tick_text, up), *residual_labels]) + 1
    columns = width - gutter - 1
    main = Canvas(columns, ROWS, found.left, found.right, found.bottom, found.top)
    _draw(main, found)
    lines = [
        found.up,
        *_framed(main, dict(zip(up, map(tick_text, up), strict=True)), gutter, color),
    ]
    lines += _bottom(main, found, gutter, columns)
    rest = Canvas(columns, RESIDUAL_ROWS, found.left, found.right, -found.farthest, found.farthest)
    for place in range(2 * columns):
        x = found.left + (place + 0.5) / (2 * columns) * (found.right - found.left)
        if place % 2:
            rest.dot(x, 0.0)
    for x, residual in zip(found.x, found.residuals, strict=True):
        rest.mark(float(x), float(residual), "•")
    lines += ["observed - predicted"]
    lines += _framed(rest, dict(zip(ends, residual_labels, strict=True)), gutter, color)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _draw(canvas: Canvas, found: Picture) -> None:
    if found.curve is not None:
        bands = {"░": found.curve.prediction, "▒": found.curve.confidence}
        for shade, band in bands.items():
            for x, (low, high) in zip(found.along, band, strict=True):
                canvas.shade(float(x), float(low), float(high), shade)
    points = list(zip(map(float, found.along), map(float, found.middle), strict=True))
    for (x, y), (right, end) in pairwise(points):
        if math.isfinite(y) and math.isfinite(end):
            # Where it is steep there are dots between its places too.
            between = 1 + int(abs(end - y) * 4 * ROWS / (found.top - found.bottom))
            for part in range(between):
                share = part / between
                canvas.dot(x + share * (right - x), y + share * (end - y))
    for x, y in zip(found.x, found.y, strict=True):
        canvas.mark(float(x), float(y), "•", below=found.x.size > CROWD)


def _framed(canvas: Canvas, labels: dict[float, str], gutter: int, color: bool) -> Iterator[str]:
    at = {canvas.row_of(value): text for value, text in labels.items()}
    for number, line in enumerate(canvas.lines(color)):
        text = at.get(number)
        yield f"{(text or '').rjust(gutter)}{'┤' if text else '│'}{line}"


def _bottom(canvas: Canvas, found: Picture, gutter: int, columns: int) -> Sequence[str]:
    line, labels = ["─"] * columns, [" "] * (columns + gutter + 1)
    for value in ticks(found.left, found.right, TICKS_ACROSS):
        column = canvas.column_of(value)
        text = tick_text(value)
        if column is None:
            continue
        line[column] = "┬"
        start = min(max(gutter + 1 + column - len(text) // 2, 0), len(labels) - len(text))
        if all(character == " " for character in labels[max(start - 1, 0) : start + len(text) + 1]):
            labels[start : start + len(text)] = text
    name = found.across[: columns - 1]
    shown = "".join(labels).rstrip()
    below = [f"{' ' * gutter}└{''.join(line)}", shown]
    return [*below, f"{name:>{gutter + 1 + columns}}"]
