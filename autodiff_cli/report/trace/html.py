"""A trace as one HTML document to step through, which needs nothing but a browser.

The document holds the JSON of the trace, opened deeper than it is first shown, so that its script
can unfold loops and calls; and for each level of the opened ones, which column each box stands in.
How large boxes are, and so where they come to stand, is for the script.
"""

from __future__ import annotations

import re
from base64 import b64encode
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from autodiff_cli.controls import tamed
from autodiff_cli.report.numbers import json_text
from autodiff_cli.report.trace.json import as_data
from autodiff_cli.report.trace.layers import layers
from autodiff_cli.report.trace.structure import deepest
from autodiff_cli.report.trace.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.report.trace.brief import Style

MOST_ROWS = 5_000
"""A document holds no more, as far as loops and calls can be folded."""
ROUNDS = (20, 6)
"""Of an opened loop, so many rows; the fewer where that lets deeper levels in."""
SCRIPTS = ("numbers", "model", "story", "layout", "picture", "words", "panes", "controls")
"""The parts of the script, each after those that it imports from."""


def text(view: View, style: Style) -> Iterator[str]:
    """The whole document."""
    trace = as_data(_deeper(view), style)
    page, styles, script = _asset("stepper.html"), _asset("stepper.css"), _script()
    document = {"trace": trace, "open": view.depth, "levels": _levels(trace["rows"])}
    pieces = {
        "title": escape(tamed(f"{trace['output']} · {trace['source']['name']}")),
        "policy": f"default-src 'none'; style-src {_hash(styles)}; script-src {_hash(script)}",
        "styles": styles,
        "data": _json(document),
        "script": script,
    }
    for position, part in enumerate(page.split("@@")):
        yield pieces[part] if position % 2 else part


def _asset(name: str) -> str:
    folder = files("autodiff_cli.report.trace").joinpath("assets")
    return folder.joinpath(name).read_text(encoding="utf-8")


def _script() -> str:
    """The parts as one: a document that loads nothing has no modules to import from."""
    parts = (_asset(f"{name}.js") for name in SCRIPTS)
    return "\n".join(re.sub(r"^import [^;]*;\n|^export ", "", part, flags=re.M) for part in parts)


def _deeper(view: View) -> View:
    """The same trace, opened as far as a document may hold."""
    depth, rounds = max((deepest(view, MOST_ROWS, rounds), rounds) for rounds in ROUNDS)
    return View(view.trace, replace(view.choice, depth=depth, rounds=rounds))


def _json(data: Any) -> str:
    """JSON in which no text can end the element that it stands in."""
    return json_text(data, separators=(",", ":")).replace("<", "\\u003c")


def _hash(content: str) -> str:
    """What a Content-Security-Policy knows an inline script or style by."""
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


@dataclass(slots=True)
class _Level:
    """What is drawn in one opened box, or in none.

    Attributes:
        boxes: rows, in order.
        entries, exits: the numbers of the nodes whose values come in through the left side, and
            go out through the right.
        edges: from a row, or a node outside, to a row, or nothing for outside; and the node.
    """

    boxes: list[int] = field(default_factory=list)
    entries: dict[int, None] = field(default_factory=dict)
    exits: dict[int, None] = field(default_factory=dict)
    edges: dict[tuple[int | None, int | None, int], None] = field(default_factory=dict)

    def placed(self, arrivals: dict[int, float]) -> dict[str, Any]:
        """As the script reads it: vertices, each a row, a port or a waypoint, and wires.

        Args:
            arrivals: how high each entry's wire comes from, so that wires do not cross there.
        """
        entries, exits = list(self.entries), list(self.exits)
        places = {row: len(entries) + place for place, row in enumerate(self.boxes)}
        way_in = {number: place for place, number in enumerate(entries)}
        after = len(entries) + len(self.boxes)
        way_out = {number: after + place for place, number in enumerate(exits)}
        edges = [
            (
                way_in[number] if start is None else places[start],
                way_out[number] if end is None else places[end],
                number,
            )
            for start, end, number in self.edges
        ]
        found = layers(after + len(exits), edges, len(entries), len(exits))
        as_they_come = sorted(range(len(entries)), key=lambda entry: arrivals[entries[entry]])
        margin = sorted(found.heights[: len(entries)])
        for entry, height in zip(as_they_come, margin, strict=True):
            found.heights[entry] = height
        kinds: list[dict[str, int]] = [{"in": number} for number in entries]
        kinds += [{"row": row} for row in self.boxes]
        kinds += [{"out": number} for number in exits]
        kinds += [{}] * (len(found.columns) - len(kinds))
        return {
            "vertices": [
                {**kind, "column": column, "height": round(height, 3)}
                for kind, column, height in zip(kinds, found.columns, found.heights, strict=True)
            ],
            "wires": found.wires,
        }


def _levels(rows: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Of every opened row, and of the whole as row -1, what stands where in it."""
    levels: dict[int, _Level] = {-1: _Level()}
    parents: list[int] = []
    """The row that each row is in."""
    open_rows: list[tuple[int, int]] = []
    firsts: list[int] = []
    drawn: list[int] = []
    """The boxes that are nodes, or folded, and the numbers that they begin with."""
    for place, row in enumerate(rows):
        while open_rows and open_rows[-1][1] >= row["depth"]:
            open_rows.pop()
        parent = open_rows[-1][0] if open_rows else -1
        parents.append(parent)
        if row["row"] == "event":
            continue
        levels[parent].boxes.append(place)
        if row["row"] == "node":
            firsts.append(row["number"])
            drawn.append(place)
        elif _is_opened(row):
            levels[place] = _Level()
            open_rows.append((place, row["depth"]))
        else:
            firsts.append(row["first"])
            drawn.append(place)
    for end in drawn:
        for operand in rows[end]["operands"]:
            number = operand["number"]
            found = bisect_right(firsts, number) - 1 if number is not None else -1
            if found >= 0 and number <= _last(rows[drawn[found]]):
                _connect(levels, parents, drawn[found], end, number)
    placed: dict[int, dict[str, Any]] = {}
    for place, level in levels.items():
        around = placed[parents[place]] if place >= 0 else {"vertices": [], "wires": []}
        vertices = around["vertices"]
        arrivals = {
            number: vertices[start]["height"]
            for start, end, number in around["wires"]
            if vertices[end].get("row") == place
        }
        placed[place] = level.placed(arrivals)
    return placed


def _is_opened(row: dict[str, Any]) -> bool:
    """Whether the rows of a group or of a round follow it."""
    return bool(row["opened"]) if row["row"] == "group" else bool(row["count"] == 1)


def _last(row: dict[str, Any]) -> int:
    return int(row["number"] if row["row"] == "node" else row["last"])


def _connect(
    levels: dict[int, _Level], parents: list[int], start: int, end: int, number: int
) -> None:
    """Leads a value from a box out of those that it is in, and into those that the other is in."""
    around = [parents[start]]
    while around[-1] != -1:
        around.append(parents[around[-1]])
    while parents[end] not in around:
        level = levels[parents[end]]
        level.entries[number] = None
        level.edges[None, end, number] = None
        end = parents[end]
    while parents[start] != parents[end]:
        level = levels[parents[start]]
        level.exits[number] = None
        level.edges[start, None, number] = None
        start = parents[start]
    levels[parents[start]].edges[start, end, number] = None
