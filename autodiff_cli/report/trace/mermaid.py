"""A trace as a Mermaid flowchart, as it is drawn in Markdown on many sites."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autodiff_cli.report.trace.wiring import Box, facts, nested, number, too_large, wiring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.view import View

MOST_ARROWS = 500
"""Mermaid refuses more (`maxEdges`), and a text cannot raise that."""
CLASSES = """  classDef leaf fill:#fff6e0,stroke:#9a6b00,color:#1b2430
  classDef operation fill:#f4f7fb,stroke:#3d4a5c,color:#1b2430
  classDef group fill:#f4f7fb,stroke:#3d4a5c,color:#1b2430
  classDef outside fill:#ffffff,stroke:#8a929c,color:#1b2430,stroke-dasharray:4 3
  classDef off fill:#ffffff,stroke:#aab2bc,color:#66717e
"""
BRACKETS = {
    "leaf": ("([", "])"),
    "operation": ("(", ")"),
    "group": ("[[", "]]"),
    "outside": ("([", "])"),
}
"""What makes the shape of each kind of box."""
SPECIAL = re.compile(r"""["#&<>_*`~$\\;|]|^[-+]""")
"""What Mermaid, or the Markdown in its labels, might take for its own."""


def text(view: View, style: Style) -> Iterator[str]:
    """The whole flowchart; an opened loop or call, and each round of it, is a subgraph.

    Raises:
        UsageError: no site would draw so much.
    """
    boxes = wiring(view)
    arrows = sum(len(box.inputs) for box in boxes)
    if arrows > MOST_ARROWS:
        raise too_large("the flowchart", arrows, MOST_ARROWS, "arrows")
    return _lines(view, boxes, style)


def _lines(view: View, boxes: Sequence[Box], style: Style) -> Iterator[str]:
    names = {box: f"n{i}" for i, box in enumerate(boxes, start=1)}
    yield "flowchart LR\n"
    groups = 0
    for depth, part in nested(boxes):
        indent = "  " * (depth + 1)
        if isinstance(part, Box):
            left, right = BRACKETS[part.kind]
            label = "<br/>".join(map(_escaped, facts(part, style)))
            kind = part.kind if part.live or view.shown is None else "off"
            yield f'{indent}{names[part]}{left}"{label}"{right}:::{kind}\n'
        elif part is None:
            yield f"{indent}end\n"
        else:
            groups += 1
            yield f'{indent}subgraph g{groups}["{_escaped(part)}"]\n'
    for box in boxes:
        for wire in box.inputs:
            label = f'|"{_escaped(number(wire.contribution, style))}"|' if wire.shows else ""
            yield f"  {names[wire.source.box]} -->{label} {names[box]}\n"
    yield CLASSES


def _escaped(words: str) -> str:
    """A text in a quoted label: characters by their numbers, as `#35;`."""
    return SPECIAL.sub(lambda match: f"#{ord(match[0])};", words)
