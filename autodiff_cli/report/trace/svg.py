"""A trace as a picture: a graph as in lecture notes, values above its wires, adjoints below.

It needs no program to be drawn and none but a browser to be looked at; it loads nothing, and
follows the reader's choice of light or dark.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import UsageError
from autodiff_cli.report.trace.placement import Block, Link, place
from autodiff_cli.report.trace.rows import NodeRow
from autodiff_cli.report.trace.wiring import number, too_large, wiring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.view import View
    from autodiff_cli.report.trace.wiring import Box, Output

MOST_BOXES = 400
"""Nobody can read a picture of more."""
MOST_TOLD = 60
"""Boxes that the description for screen readers goes through."""
MARGIN = 20.0
LEGEND = 34.0
LINE = 15.0
"""From one line of a label to the next."""
GAP = 5.0
"""Between a wire and the text above or below it."""
PAD = 8.0
"""On both sides of a text."""
TITLE_SIZE, LABEL_SIZE = 15.0, 12.0
LONGEST_LINE = 32
"""Characters of a label before it is broken between numbers."""
LONGEST_TITLE = 40
ROUND = 17.0
"""The radius of the circle that an operator stands in."""
ARROW = 9.0
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"

CSS = """
.adiff text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.adiff .paper{fill:#fff}
.adiff .wire{fill:none;stroke:#8a929c;stroke-width:1.5;stroke-linecap:round}
.adiff .fork,.adiff .arrow{fill:#8a929c}
.adiff .body{fill:#f4f7fb;stroke:#3d4a5c;stroke-width:1.5}
.adiff .leaf .body{fill:#fff6e0;stroke:#9a6b00}
.adiff .outside .body{fill:#fff;stroke:#8a929c;stroke-dasharray:4 3}
.adiff .title{fill:#1b2430;font-size:15px;text-anchor:middle}
.adiff .leaf .title,.adiff .result{font-weight:600}
.adiff .result{fill:#1b2430;font-size:15px}
.adiff .label,.adiff .note{font-size:12px}
.adiff .label{text-anchor:middle}
.adiff .note{fill:#5a6573}
.adiff .value{fill:#0a6b3a}
.adiff .adjoint{fill:#b42318}
.adiff .off .body{stroke:#aab2bc}
.adiff .off .title,.adiff .off .value{fill:#66717e}
@media (prefers-color-scheme:dark){
.adiff .paper{fill:#14181d}
.adiff .wire{stroke:#77818d}
.adiff .fork,.adiff .arrow{fill:#77818d}
.adiff .body{fill:#212934;stroke:#a9b6c6}
.adiff .leaf .body{fill:#33290f;stroke:#d9a833}
.adiff .outside .body{fill:#14181d;stroke:#77818d}
.adiff .title,.adiff .result{fill:#e8edf3}
.adiff .note{fill:#9aa5b1}
.adiff .value{fill:#6fd89b}
.adiff .adjoint{fill:#ff9a8d}
.adiff .off .body{stroke:#566070}
.adiff .off .title,.adiff .off .value{fill:#8b96a3}
}
""".strip()

NARROW = re.compile(r"[iljft.,:;|!'()\[\] ]")
BROAD = re.compile(r"[mwMW@%×−…+<>=~^∂]")


def text(view: View, style: Style) -> Iterator[str]:
    """The whole picture.

    Raises:
        UsageError: there is too much to be seen on it, or nothing.
    """
    # Counted first: to wire what is too much takes a minute.
    nodes = sum(isinstance(row, NodeRow) for row in view.rows())
    if nodes > MOST_BOXES:
        raise too_large("the picture", nodes, MOST_BOXES, "boxes")
    boxes = wiring(view)
    if not boxes and view.nodes:
        raise UsageError(
            "there is nothing to draw: no node is left",
            help="--only and --lines leave out all of them",
        )
    if not boxes:
        raise UsageError(
            "there is nothing to draw: no node was recorded",
            help="name what the result depends on with --wrt NAME",
        )
    if len(boxes) > MOST_BOXES:
        raise too_large("the picture", len(boxes), MOST_BOXES, "boxes")
    return _Picture(view, boxes, style).lines()


@dataclass(slots=True)
class _Shape:
    """What a box and the labels at its ports look like, around the middle of its body.

    Attributes:
        width, height: of the body.
        gives: for each input, the lines of what flows back along it.
        above, below: for each output, the lines of its value and of its adjoint.
        into, out_of: how far wires run level before and after the body, beside their labels.
        ends: for each output, the name that is written at the end of its wire; "" for none.
    """

    box: Box
    title: str
    width: float
    height: float
    block: Block
    gives: list[list[str]]
    above: list[list[str]]
    below: list[list[str]]
    into: float
    out_of: float
    ends: list[str] = field(default_factory=list)


class _Picture:
    def __init__(self, view: View, boxes: Sequence[Box], style: Style) -> None:
        self._view, self._style = view, style
        self._shapes = [self._shape(box) for box in boxes]
        places = {box: i for i, box in enumerate(boxes)}
        links = [
            Link(places[wire.source.box], wire.source.box.outputs.index(wire.source), i, port)
            for i, box in enumerate(boxes)
            for port, wire in enumerate(box.inputs)
        ]
        self._placement = place([shape.block for shape in self._shapes], links)

    # ── sizes ─────────────────────────────────────────────────────────────────────────

    def _shape(self, box: Box) -> _Shape:
        title = _short(box.title)
        gives = [self._lines(wire.contribution) if wire.shows else [] for wire in box.inputs]
        ends = ["" if output.wires else output.result for output in box.outputs]
        above = [
            self._value(output, bool(end)) for output, end in zip(box.outputs, ends, strict=True)
        ]
        below = [self._lines(output.adjoint) for output in box.outputs]
        into = max((_wide(lines) for lines in gives), default=0.0)
        inputs, top, bottom = _ports([(0.0, _high(lines)) for lines in gives])
        out_of = max(map(_wide, above + below), default=0.0)
        outputs, over, under = _ports(
            [(_high(a), _high(b)) for a, b in zip(above, below, strict=True)]
        )
        width = measure(title, TITLE_SIZE) + 2 * PAD
        round_ = box.kind == "operation" and width <= 2 * ROUND
        width = 2 * ROUND if round_ else width + PAD
        spread = max(inputs[-1:] + outputs[-1:], default=0.0)
        height = max(2 * ROUND if round_ else 30.0, 2 * spread + 18.0)
        tails = (ARROW + PAD + measure(end, TITLE_SIZE) for end in ends if end)
        block = Block(
            left=width / 2 + into,
            right=width / 2 + out_of + max(tails, default=0.0),
            up=max(height / 2, top, over),
            down=max(height / 2, bottom, under),
            inputs=inputs,
            outputs=outputs,
        )
        return _Shape(box, title, width, height, block, gives, above, below, into, out_of, ends)

    def _value(self, output: Output, named_at_its_end: bool) -> list[str]:
        lines = self._lines(output.value)
        name = output.result or output.name
        if output.box.kind in ("leaf", "outside") or named_at_its_end or not name:
            return lines
        return [f"{name} = {lines[0]}", *lines[1:]]

    def _lines(self, value: Any) -> list[str]:
        """A value, broken between numbers where it is long."""
        if value is None:
            return []
        lines = [""]
        for part in re.split(r"(?<=,) ", number(value, self._style)):
            if lines[-1] and len(lines[-1]) + len(part) >= LONGEST_LINE:
                lines.append("")
            lines[-1] += f" {part}" if lines[-1] else part
        return lines

    # ── drawing ───────────────────────────────────────────────────────────────────────

    def lines(self) -> Iterator[str]:
        placement = self._placement
        note = self._note()
        note_width = sum(measure(words, LABEL_SIZE) for _, words in note)
        width = _figure(max(placement.width, note_width) + 2 * MARGIN)
        height = _figure(placement.height + 2 * MARGIN + LEGEND)
        title = f"The graph of {self._view.trace.name}"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="adiff" role="img" '
            f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        )
        yield f"<title>{_safe(title)}</title>\n<desc>{_safe(self._told())}</desc>\n"
        yield f"<style>\n{CSS}\n</style>\n"
        yield f'<rect class="paper" width="{width}" height="{height}"/>\n'
        yield f'<g transform="translate({_figure(MARGIN)} {_figure(MARGIN)})">\n'
        yield from self._wires()
        for shape, where, column in zip(
            self._shapes, placement.places, placement.columns, strict=True
        ):
            yield from self._box(shape, where, column)
        words = "".join(f'<tspan class="{kind}">{_safe(part)}</tspan>' for kind, part in note)
        y = _figure(placement.height + LEGEND)
        yield f'<text class="note" x="0" y="{y}" xml:space="preserve">{words}</text>\n'
        yield "</g>\n</svg>\n"

    def _wires(self) -> Iterator[str]:
        placement = self._placement
        for piece in placement.levels:
            yield _wire(piece.start, piece.end)
        for shape, (x, y), (left, right) in zip(
            self._shapes, placement.places, placement.columns, strict=True
        ):
            for port in shape.block.inputs:
                yield _wire((left, y + port), (x, y + port))
            for port, output in zip(shape.block.outputs, shape.box.outputs, strict=True):
                end = right if output.wires else x + shape.width / 2 + shape.out_of
                yield _wire((x, y + port), (end, y + port))
        for piece in placement.stretches:
            yield _wire(piece.start, piece.end)
        for x, y in placement.forks:
            yield f'<circle class="fork" cx="{_figure(x)}" cy="{_figure(y)}" r="3"/>\n'

    def _box(
        self, shape: _Shape, where: tuple[float, float], column: tuple[float, float]
    ) -> Iterator[str]:
        x, y = where
        box, width, height = shape.box, shape.width, shape.height
        kind = box.kind if box.live or self._view.shown is None else f"{box.kind} off"
        yield f'<g class="{kind}">\n<title>{_safe(self._history(box))}</title>\n'
        if box.kind == "group":
            # A stack: there are many in it.
            yield _rectangle(x - width / 2 + 4, y - height / 2 - 4, width, height, 6.0)
        corner = 6.0 if box.kind == "group" else min(height / 2, ROUND)
        yield _rectangle(x - width / 2, y - height / 2, width, height, corner)
        yield _text("title", x, y + TITLE_SIZE * 0.35, shape.title)
        middle = x - width / 2 - shape.into / 2
        for port, lines in zip(shape.block.inputs, shape.gives, strict=True):
            yield from _under(middle, y + port, lines)
        middle = x + width / 2 + shape.out_of / 2
        for i, port in enumerate(shape.block.outputs):
            above = shape.above[i]
            for line, words in enumerate(above):
                up = GAP + LINE * (len(above) - 1 - line)
                yield _text("label value", middle, y + port - up, words)
            yield from _under(middle, y + port, shape.below[i])
            if shape.ends[i]:
                end = x + width / 2 + shape.out_of
                points = f"{_figure(end)},{_figure(y + port - 4.5)} {_figure(end)},"
                points += f"{_figure(y + port + 4.5)} {_figure(end + ARROW)},{_figure(y + port)}"
                yield f'<polygon class="arrow" points="{points}"/>\n'
                name = end + ARROW + PAD / 2
                yield _text("result", name, y + port + TITLE_SIZE * 0.35, shape.ends[i])
        yield "</g>\n"

    # ── words ─────────────────────────────────────────────────────────────────────────

    def _note(self) -> list[tuple[str, str]]:
        """What the colours mean, in pieces of one."""
        pass_ = self._view.shown
        if pass_ is None:
            return [("note", "above a wire: "), ("value", "value")]
        output = next(
            (o.result for shape in self._shapes for o in shape.box.outputs if o.result),
            self._view.labels.label(pass_.output),
        )
        return [
            ("note", "above a wire: "),
            ("value", "value"),
            ("note", "; below: "),
            ("adjoint", f"adjoint, ∂{output}/∂value"),
        ]

    def _told(self) -> str:
        told = [self._history(shape.box).replace("\n", ", ") for shape in self._shapes[:MOST_TOLD]]
        more = len(self._shapes) - len(told)
        return ". ".join([*told, *([f"And {more} more"] if more else [])]) + "."

    def _history(self, box: Box) -> str:
        """All that there is to say of a box, one fact a line."""
        row = box.row
        title = box.title if row is None else row.expression
        where = [] if box.line is None else [f"line {box.line}"]
        facts = [", ".join([title, *where, *(row.heading for row in reversed(box.around))])]
        for output in box.outputs:
            fact = f"{output.label} = {number(output.value, self._style)}"
            if output.adjoint is not None:
                fact += f", adjoint {number(output.adjoint, self._style)}"
            facts.append(fact)
        for partial in row.partials if row is not None else []:
            value = "" if partial.value is None else f" = {number(partial.value, self._style)}"
            facts.append(partial.text + value)
        return "\n".join(facts)


# ── texts and their sizes ─────────────────────────────────────────────────────────────


def measure(words: str, size: float) -> float:
    """How wide a text can get: in the widest of the fonts that systems have for screens."""
    return size * sum(_em(char) for char in words)


def _em(char: str) -> float:
    if unicodedata.combining(char):
        return 0.0
    if NARROW.match(char):
        return 0.42
    if BROAD.match(char) or unicodedata.east_asian_width(char) in "WF":
        return 1.02
    if char.isupper() or not char.isascii():
        return 0.80
    return 0.65


def _wide(lines: Sequence[str]) -> float:
    return max((measure(line, LABEL_SIZE) + 2 * PAD for line in lines), default=2 * PAD)


def _high(lines: Sequence[str]) -> float:
    return GAP + LINE * len(lines)


def _ports(slots: Sequence[tuple[float, float]]) -> tuple[list[float], float, float]:
    """The heights of ports that have so much above and below them, around their middle.

    With them, how far they and what is beside them reach up and down.
    """
    if not slots:
        return [], 0.0, 0.0
    ports = [0.0]
    for (_, below), (above, _) in pairwise(slots):
        ports.append(ports[-1] + below + max(above, 12.0))
    middle = ports[-1] / 2
    return [port - middle for port in ports], slots[0][0] + middle, slots[-1][1] + middle


def _short(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


# ── elements ──────────────────────────────────────────────────────────────────────────


def _wire(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    begins = f'<path class="wire" d="M{_figure(x)} {_figure(y)}'
    if abs(y - to_y) < 0.05:
        return f'{begins}H{_figure(to_x)}"/>\n'
    half, height = _figure((x + to_x) / 2), _figure(to_y)
    return f'{begins}C{half} {_figure(y)} {half} {height} {_figure(to_x)} {height}"/>\n'


def _rectangle(x: float, y: float, width: float, height: float, corner: float) -> str:
    return (
        f'<rect class="body" x="{_figure(x)}" y="{_figure(y)}" width="{_figure(width)}" '
        f'height="{_figure(height)}" rx="{_figure(corner)}"/>\n'
    )


def _under(x: float, y: float, lines: Sequence[str]) -> Iterator[str]:
    for line, words in enumerate(lines):
        yield _text("label adjoint", x, y + GAP + LABEL_SIZE * 0.85 + LINE * line, words)


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{_figure(x)}" y="{_figure(y)}">{_safe(words)}</text>\n'


def _figure(length: float) -> str:
    return f"{length:.1f}".removesuffix(".0")


def _safe(words: str) -> str:
    """A text that XML can hold: characters that it forbids are replaced."""
    return escape("".join(c if c.isprintable() or c == "\n" else UNPRINTABLE for c in words))
