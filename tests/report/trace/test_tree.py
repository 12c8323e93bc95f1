"""The tree: every node once, shared ones referred to, long ones continued at the margin."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from autodiff_cli.engine.graph import below
from autodiff_cli.report.trace import tree
from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.structure import EVERYTHING
from autodiff_cli.report.trace.view import Choice
from tests.report.trace.stories import COLUMNS, PROGRAMS, check_golden, orphans, view_of

CHAIN = 20_000
DRAWN = re.compile(r"^[ │├└]*(?:\w+ = )?(v\d+|x)(?: =|  )")


@pytest.mark.parametrize("name", PROGRAMS)
def test_tree_of_an_example(name: str) -> None:
    check_golden(name, "tree", tree.text)


def test_no_golden_file_is_left_over() -> None:
    assert orphans("tree") == []


def lines(view: object, **style: object) -> list[str]:
    return "".join(tree.text(view, Style(**style))).splitlines()  # type: ignore[arg-type]


def test_shared_node_is_shown_once() -> None:
    shown = lines(view_of("y = x^2\nz = y * sin(y)", x=3.0))
    assert sum("y = x ^ 2" in line for line in shown) == 1
    assert sum("↑ y" in line for line in shown) == 1


def test_long_chain_shows_every_node_once_and_stays_on_the_screen() -> None:
    program = f"s = x\nfor i in range({CHAIN}) {{ s = sin(s) }}\ns"
    view = view_of(program, choice=Choice(EVERYTHING), x=1.0)
    shown = lines(view)
    assert max(map(cell_len, shown)) <= COLUMNS
    drawn = [match[1] for match in map(DRAWN.match, shown) if match]
    labels = [view.labels.label(node) for node in below(view.trace.result.output)]
    assert drawn == labels[::-1]
    continued = [line.partition("… ")[2].split()[0] for line in shown if "continues" in line]
    assert continued
    roots = {line.removeprefix("s = ").split()[0] for line in shown if line.startswith("s = ")}
    roots |= {line.split()[0] for line in shown if line.startswith("v")}
    assert set(continued) <= roots


def test_folded_loop_is_one_line_and_goes_on_with_what_it_uses() -> None:
    program = "a = x * 3\nb = x + 1\nfor i in range(1000) { a = a + b * 1e-3 }\ny = a * 2"
    shown = lines(view_of(program, choice=Choice(0), x=1.0))
    (loop,) = (line for line in shown if "loop line 3 ×1,000" in line)
    assert loop.split()[-3:-1] == ["5", "2"]
    assert any("x * 3" in line for line in shown)
    assert any("b = x + 1" in line for line in shown)


def test_second_result_of_a_fold_has_its_own_numbers() -> None:
    program = "a = x\nb = x\nfor i in range(100) { a = a + 1; b = b * 1.01 }\ny = a * b"
    shown = lines(view_of(program, choice=Choice(0), x=1.0))
    assert sum("= loop line 3" in line for line in shown) == 1
    assert sum("↑ loop line 3" in line for line in shown) == 1


def test_each_backward_has_its_tree() -> None:
    shown = lines(view_of("y = x^2\nbackward(y)\nbackward(3 * y)\nx.grad", x=3.0))
    assert "backward(y), line 2" in shown
    assert "backward(3 * y), line 3" in shown
    adjoints = [line.split()[-1] for line in shown if line.strip().startswith("└ x  ")]
    assert adjoints == ["6", "18"]
    assert "is a constant" in shown[-2]


def test_parts_that_lines_cut_off_are_drawn_too() -> None:
    view = view_of("a = sin(x)\nb = exp(a)\ny = b * 2", choice=Choice(lines=(1, 1)), x=1.0)
    shown = lines(view)
    assert any(line.startswith("a = sin(x)") for line in shown)
    assert not any("exp" in line for line in shown)


@pytest.mark.parametrize("width", [60, 80, 132])
@pytest.mark.parametrize("digits", [None, 17])
def test_fits_the_width(width: int, digits: int | None) -> None:
    view = view_of("y = exp(x / 3) * 1e-300\nz = sum([y, y * x, 1 / y]) / 3", x=1.0)
    room = width if digits is None else max(width, COLUMNS)
    shown = lines(view, width=room, digits=digits)
    assert max(map(cell_len, shown)) <= room


def test_colours_change_no_text() -> None:
    view = view_of("y = x^2 * sin(x)", x=3.0)
    painted = "\n".join(lines(view, color=True))
    assert "\x1b[" in painted
    plain = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", painted).split("\n")]
    assert plain == lines(view)
