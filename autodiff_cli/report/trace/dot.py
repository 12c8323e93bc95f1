"""A trace as a graph for Graphviz: `adiff trace … --format dot | dot -Tsvg`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff_cli.report.trace.wiring import Box, facts, nested, number, wiring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.view import View

HEAD = """  rankdir=LR
  node [fontname="sans-serif", shape=box, style="rounded"]
  edge [fontname="sans-serif", fontcolor="#b42318"]
"""
LOOKS = {
    "leaf": ', style="rounded,filled", fillcolor="#fff6e0", color="#9a6b00"',
    "operation": "",
    "group": ', style="", shape=box3d',
    "outside": ', style="rounded,dashed"',
}
"""How each kind of box differs from the others."""


def text(view: View, style: Style) -> Iterator[str]:
    """The whole graph; an opened loop or call, and each round of it, is a cluster."""
    boxes = wiring(view)
    names = {box: f"n{i}" for i, box in enumerate(boxes, start=1)}
    yield f"digraph {_quoted(view.trace.name)} {{\n{HEAD}"
    clusters = 0
    for depth, part in nested(boxes):
        indent = "  " * (depth + 1)
        if isinstance(part, Box):
            label = _quoted("\n".join(facts(part, style)))
            off = "" if part.live or view.shown is None else ', fontcolor="#66717e"'
            yield f"{indent}{names[part]} [label={label}{LOOKS[part.kind]}{off}]\n"
        elif part is None:
            yield f"{indent}}}\n"
        else:
            clusters += 1
            yield f"{indent}subgraph cluster_{clusters} {{\n{indent}  label={_quoted(part)}\n"
    for box in boxes:
        for wire in box.inputs:
            label = _quoted(number(wire.contribution, style)) if wire.shows else ""
            told = f" [label={label}]" if label else ""
            yield f"  {names[wire.source.box]} -> {names[box]}{told}\n"
    yield "}\n"


def _quoted(words: str) -> str:
    """A string of the language; in it, & begins a character's name, as in HTML."""
    for char, instead in (("\\", "\\\\"), ('"', '\\"'), ("&", "&amp;"), ("\n", "\\n")):
        words = words.replace(char, instead)
    return f'"{words}"'
