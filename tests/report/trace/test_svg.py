"""The picture: well formed, complete, and nothing in it runs into anything else."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations, product
from xml.etree import ElementTree

import pytest

from autodiff_cli.errors import UsageError
from autodiff_cli.report.trace import svg
from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.structure import EVERYTHING
from autodiff_cli.report.trace.view import Choice, View
from autodiff_cli.report.trace.wiring import number, wiring
from tests.report.trace.stories import PROGRAMS, view_of, views

NAMESPACE = "{http://www.w3.org/2000/svg}"
WIDTH, PUNCTUATION = 0.64, 0.39
"""Of characters, of the size of the font, in DejaVu Sans, which is wider than most."""
ASCENT, DESCENT = 9.0, 3.0
SAMPLES = 24
STACK = 3.0
"""How far the middle of a stack may be from that of its uppermost sheet, with rounding."""
ONCE_MORE = """
import sys
from autodiff_cli.commands.main import main
sys.argv[1:] = ["trace", "-e", "a = x * y\\nb = sin(a) + x\\nz = b * a - y", "x=1", "y=2"]
sys.argv += ["--format", "svg"]
main()
"""

Rectangle = tuple[float, float, float, float]


def drawn(view: View, style: Style | None = None) -> ElementTree.Element:
    return ElementTree.fromstring("".join(svg.text(view, style or Style())))


def elements(root: ElementTree.Element, tag: str, kind: str) -> list[ElementTree.Element]:
    return [e for e in root.iter(NAMESPACE + tag) if kind in e.get("class", "").split()]


def written(root: ElementTree.Element, kind: str) -> str:
    """The labels of one kind, the lines of each joined again."""
    return " ".join(e.text or "" for e in elements(root, "text", kind))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_value_and_adjoint_of_an_example_is_there(name: str) -> None:
    style = Style()
    for view in views(name):
        root = drawn(view)
        titles = written(root, "title")
        values, adjoints = written(root, "value"), written(root, "adjoint")
        for box in wiring(view):
            assert box.title in titles
            for output in box.outputs:
                assert number(output.value, style) in values
                if output.adjoint is not None:
                    assert number(output.adjoint, style) in adjoints
            for wire in box.inputs:
                if wire.shows:
                    assert number(wire.contribution, style) in adjoints


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_in_the_picture_of_an_example_overlaps(name: str) -> None:
    for view in views(name):
        root = drawn(view)
        bodies = [group_body(group) for group in root.iter(NAMESPACE + "g") if group.get("class")]
        labels = [extent(e) for kind in ("label", "result") for e in elements(root, "text", kind)]
        assert [pair for pair in combinations(bodies, 2) if overlap(*pair)] == []
        assert [pair for pair in combinations(labels, 2) if overlap(*pair)] == []
        assert [pair for pair in product(labels, bodies) if overlap(*pair)] == []
        for wire in elements(root, "path", "wire"):
            points = along(wire.get("d", ""))
            ends = {points[0][0], points[-1][0]}
            for x, y in points:
                assert [label for label in labels if inside(x, y, label)] == [], points
                for body in bodies:
                    its_own = any(abs((body[0] + body[2]) / 2 - end) < STACK for end in ends)
                    assert its_own or not inside(x, y, body)
        check_paper(root, bodies + labels)


def check_paper(root: ElementTree.Element, shown: list[Rectangle]) -> None:
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    for left, top, right, bottom in shown:
        assert left >= -svg.MARGIN
        assert top >= -svg.MARGIN
        assert right <= width - svg.MARGIN
        assert bottom <= height - svg.MARGIN


def group_body(group: ElementTree.Element) -> Rectangle:
    """The outline of a box; of a stack, that of all its sheets."""
    sheets = [
        (x, y, x + width, y + height)
        for sheet in elements(group, "rect", "body")
        for x, y, width, height in [
            tuple(float(sheet.get(key, 0)) for key in ("x", "y", "width", "height"))
        ]
    ]
    left, top, right, bottom = zip(*sheets, strict=True)
    return min(left), min(top), max(right), max(bottom)


def extent(text: ElementTree.Element) -> Rectangle:
    x, y = float(text.get("x", 0)), float(text.get("y", 0))
    size = svg.TITLE_SIZE if text.get("class") == "result" else svg.LABEL_SIZE
    words = text.text or ""
    few = sum(char in " .,-:()[]" for char in words)
    width = size * (PUNCTUATION * few + WIDTH * (len(words) - few))
    left = x if text.get("class") == "result" else x - width / 2
    return left, y - ASCENT, left + width, y + DESCENT


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return all(one[i] < other[i + 2] and other[i] < one[i + 2] for i in (0, 1))


def inside(x: float, y: float, box: Rectangle) -> bool:
    return box[0] < x < box[2] and box[1] < y < box[3]


def along(path: str) -> list[tuple[float, float]]:
    """Points of a wire: a level line, or a cubic curve."""
    numbers = [float(part) for part in re.findall(r"-?[\d.]+", path)]
    x, y, *rest = numbers
    if "H" in path:
        curve = [(x, y), (x, y), (rest[0], y), (rest[0], y)]
    else:
        curve = [(x, y), *zip(rest[::2], rest[1::2], strict=True)]
    return [bezier(curve, step / SAMPLES) for step in range(SAMPLES + 1)]


def bezier(points: list[tuple[float, float]], t: float) -> tuple[float, float]:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    x, y = (sum(w * p[i] for w, p in zip(weights, points, strict=True)) for i in (0, 1))
    return x, y


def test_the_same_program_gives_the_same_bytes() -> None:
    first, second = (
        subprocess.run(
            [sys.executable, "-c", ONCE_MORE],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second
    assert first.startswith(b"<svg ")


def test_a_folded_loop_is_one_stack_with_its_count() -> None:
    root = drawn(view_of("input x; for i in range(1000) { x = x + 1e-3 * sin(x) }\nx", x=1.0))
    (stack,) = elements(root, "g", "group")
    assert len(elements(stack, "rect", "body")) == 2
    assert written(stack, "title") == "loop line 1 ×1,000"


def test_too_large_a_picture_says_how_it_gets_smaller() -> None:
    program = f"input x; for i in range({svg.MOST_BOXES + 1}) {{ x = sin(x) }}\nx"
    with pytest.raises(UsageError, match="boxes") as error:
        svg.text(view_of(program, choice=Choice(EVERYTHING), x=1.0), Style())
    assert "--depth" in error.value.help
    assert drawn(view_of(program, choice=Choice(0), x=1.0)) is not None


def test_texts_cannot_become_elements() -> None:
    view = view_of('x = [[1, 2], [3, 4]]; y = einsum("ij,jk->ik", x, x)[0, 0]')
    title = 'einsum(·, ·, subscripts="ij,jk->ik")'
    assert title in written(drawn(view), "title")
    assert svg._safe("<a & \x00 b>") == "&lt;a &amp; \N{REPLACEMENT CHARACTER} b&gt;"


def test_it_can_be_read_aloud_and_follows_the_readers_colours() -> None:
    root = drawn(view_of("x = [0, 1, 2, 3]; y = 2 * dot(x, x)"))
    assert root.get("role") == "img"
    assert root.findtext(f"{NAMESPACE}title") == "The graph of y"
    told = root.findtext(f"{NAMESPACE}desc") or ""
    assert "x = [0, 1, 2, 3], adjoint [0, 4, 8, 12]" in told
    assert "∂/∂v2 = 2" in told
    assert "prefers-color-scheme:dark" in (root.findtext(f"{NAMESPACE}style") or "")
    text = ElementTree.tostring(root, encoding="unicode")
    assert not re.search(r"href|url\(|@import|<script", text)


def test_digits_and_full_are_obeyed() -> None:
    view = view_of("x = arange(20); y = sum(x / 3)")
    assert "0.3333333," in written(drawn(view, Style(digits=7, full=True)), "value")
    assert "(20) 0 … 6.333" in written(drawn(view), "value")
