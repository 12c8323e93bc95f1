"""A fit as a picture: data, curve, both bands, and the residuals below.

It needs nothing but a browser, and follows the reader's choice of light or dark.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from autodiff_cli.report.fits.data import rows
from autodiff_cli.report.fits.picture import picture, tick_text, ticks
from autodiff_cli.report.numbers import number_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.report.fits.data import Report
    from autodiff_cli.report.fits.picture import Picture

WIDTH = 640.0
LEFT, RIGHT, TOP = 72.0, 20.0, 44.0
HEIGHT, BETWEEN, RESIDUALS, BELOW = 300.0, 26.0, 80.0, 46.0
PLACES = 240
TICKS_ACROSS, TICKS_UP = 8, 6
LARGE = 400
"""Of more points each is drawn smaller."""
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"

CSS = """
.fit text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#5a6573}
.fit .paper{fill:#fff}
.fit .title{font-size:14px;font-weight:600;fill:#1b2430}
.fit .frame{fill:none;stroke:#8a929c}
.fit .grid{stroke:#8a929c;stroke-opacity:.25}
.fit .zero{stroke:#0b62b8;stroke-dasharray:4 3}
.fit .curve{fill:none;stroke:#0b62b8;stroke-width:2}
.fit .confidence{fill:#0b62b8;fill-opacity:.25}
.fit .prediction{fill:#0b62b8;fill-opacity:.1}
.fit .point{fill:#b45309}
.fit .stem{stroke:#b45309;stroke-opacity:.5}
@media (prefers-color-scheme:dark){
.fit text{fill:#9aa5b1}
.fit .paper{fill:#14181d}
.fit .title{fill:#e8edf3}
.fit .zero,.fit .curve{stroke:#6db3f2}
.fit .confidence,.fit .prediction{fill:#6db3f2}
.fit .point{fill:#f0a94a}
.fit .stem{stroke:#f0a94a}
}
""".strip()


def as_svg(report: Report) -> str:
    """The whole picture. Raises as `picture`."""
    found = picture(report, PLACES)
    whole = TOP + HEIGHT + BETWEEN + RESIDUALS + BELOW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fit" viewBox="0 0 {WIDTH:g} {whole:g}" '
        f'width="{WIDTH:g}" height="{whole:g}" role="img" aria-labelledby="t d">',
        f'<title id="t">{_shown(found.up)}: data and fit</title>',
        f'<desc id="d">{_shown(_told(report))}</desc>',
        f"<style>{CSS}</style>",
        f'<rect class="paper" width="{WIDTH:g}" height="{whole:g}"/>',
        f'<text class="title" x="{LEFT:g}" y="24">{_shown(_told(report))}</text>',
        *_main(found, report.fit.confidence),
        *_residuals(found),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _told(report: Report) -> str:
    """The parameters in a line: it is the title too."""
    parts = []
    for row in rows(report.fit):
        error = row.standard_error
        value = number_text(row.value, 5)
        parts.append(
            f"{row.label} = {value} ± {number_text(error, 2)}"
            if error == error
            else f"{row.label} = {value}"
        )
    text = ", ".join(parts)
    return text if len(text) <= 84 else f"{text[:83]}…"


def _main(found: Picture, confidence: float) -> Iterator[str]:
    x, y = _scales(found, TOP, HEIGHT, found.bottom, found.top)
    yield '<clipPath id="main">' + _box(TOP, HEIGHT, "") + "</clipPath>"
    yield from _grid(found, x, TOP, HEIGHT)
    for value in ticks(found.bottom, found.top, TICKS_UP):
        yield from _level(y(value), tick_text(value))
    yield '<g clip-path="url(#main)">'
    if found.curve is not None:
        for name, band in (
            ("prediction", found.curve.prediction),
            ("confidence", found.curve.confidence),
        ):
            if np.isfinite(band).all():
                there = [
                    f"{x(a):.2f},{y(b):.2f}" for a, b in zip(found.along, band[:, 0], strict=True)
                ]
                back = [
                    f"{x(a):.2f},{y(b):.2f}" for a, b in zip(found.along, band[:, 1], strict=True)
                ]
                title = f"{100 * confidence:g} % {name} band"
                points = " ".join(there + back[::-1])
                yield f'<polygon class="{name}" points="{points}"><title>{title}</title></polygon>'
    curve = " ".join(
        f"{x(a):.2f},{y(b):.2f}"
        for a, b in zip(found.along, found.middle, strict=True)
        if np.isfinite(b)
    )
    yield f'<polyline class="curve" points="{curve}"/>'
    radius = 3.5 if found.x.size <= LARGE else 1.5
    for a, b in zip(found.x, found.y, strict=True):
        yield f'<circle class="point" cx="{x(a):.2f}" cy="{y(b):.2f}" r="{radius:g}"/>'
    yield "</g>"
    yield _box(TOP, HEIGHT, "frame")
    yield _upright(TOP + HEIGHT / 2, found.up)


def _residuals(found: Picture) -> Iterator[str]:
    top = TOP + HEIGHT + BETWEEN
    x, y = _scales(found, top, RESIDUALS, -found.farthest, found.farthest)
    yield from _grid(found, x, top, RESIDUALS)
    for value in ticks(-found.farthest, found.farthest, 3):
        yield from _level(y(value), tick_text(value))
    right, zero = WIDTH - RIGHT, y(0)
    yield f'<line class="zero" x1="{LEFT:g}" x2="{right:g}" y1="{zero:.2f}" y2="{zero:.2f}"/>'
    radius = 3 if found.x.size <= LARGE else 1.5
    for a, b in zip(found.x, found.residuals, strict=True):
        if found.x.size <= LARGE:
            place = f'x1="{x(a):.2f}" x2="{x(a):.2f}" y1="{y(0):.2f}" y2="{y(b):.2f}"'
            yield f'<line class="stem" {place}/>'
        yield f'<circle class="point" cx="{x(a):.2f}" cy="{y(b):.2f}" r="{radius:g}"/>'
    yield _box(top, RESIDUALS, "frame")
    yield _upright(top + RESIDUALS / 2, "residual")
    bottom = top + RESIDUALS
    for value in ticks(found.left, found.right, TICKS_ACROSS):
        text = _shown(tick_text(value))
        yield f'<text x="{x(value):.2f}" y="{bottom + 16:g}" text-anchor="middle">{text}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    name = _shown(found.across)
    yield f'<text x="{middle:g}" y="{bottom + 36:g}" text-anchor="middle">{name}</text>'


def _scales(
    found: Picture, top: float, height: float, low: float, high: float
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    room = WIDTH - LEFT - RIGHT

    def x(value: float) -> float:
        return LEFT + (value - found.left) / (found.right - found.left) * room

    def y(value: float) -> float:
        return top + height - (value - low) / (high - low) * height

    return x, y


def _grid(found: Picture, x: Callable[[float], float], top: float, height: float) -> Iterator[str]:
    for value in ticks(found.left, found.right, TICKS_ACROSS):
        place = f'x1="{x(value):.2f}" x2="{x(value):.2f}" y1="{top:g}" y2="{top + height:g}"'
        yield f'<line class="grid" {place}/>'


def _level(y: float, text: str) -> Iterator[str]:
    yield f'<line class="grid" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.2f}" y2="{y:.2f}"/>'
    yield f'<text x="{LEFT - 8:g}" y="{y + 4:.2f}" text-anchor="end">{_shown(text)}</text>'


def _box(top: float, height: float, kind: str) -> str:
    name = f' class="{kind}"' if kind else ""
    width = WIDTH - LEFT - RIGHT
    return f'<rect{name} x="{LEFT:g}" y="{top:g}" width="{width:g}" height="{height:g}"/>'


def _upright(y: float, text: str) -> str:
    return (
        f'<text transform="translate(16 {y:g}) rotate(-90)" text-anchor="middle">'
        f"{_shown(text)}</text>"
    )


def _shown(text: str) -> str:
    return escape("".join(c if c.isprintable() else UNPRINTABLE for c in text))
