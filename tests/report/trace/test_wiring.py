"""Boxes and wires: what flows back along the wires of a value adds up to its adjoint."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.view import Choice, View
from autodiff_cli.report.trace.wiring import Box, facts, nested, wiring
from tests.report.trace.stories import PROGRAMS, view_of, views

if TYPE_CHECKING:
    from autodiff_cli.report.trace.wiring import Output

LOOP = "input x, a; p = a * 2\nfor i in range(5) { x = x + a * sin(x) }\ny = x * p + a"
ROUNDING = 1e-9
NOISE = 1e-15
"""What cancels to nothing in one order of summands leaves as little in another."""


@pytest.mark.parametrize("depth", [0, 1, None])
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_flows_back_adds_up(name: str, depth: int | None) -> None:
    for view in views(name):
        for box in wiring(View(view.trace, replace(view.choice, depth=depth))):
            for output in box.outputs:
                if output.live:
                    check_sum(view, output)


def check_sum(view: View, output: Output) -> None:
    parts = [w.contribution for w in output.wires if w.contribution is not None]
    if output.result:
        assert view.shown is not None
        parts.append(view.shown.seed)
    assert parts
    size = sum(np.max(np.abs(part), initial=0.0) for part in parts)
    np.testing.assert_allclose(output.adjoint, sum(parts), rtol=0, atol=ROUNDING * size + NOISE)


def test_each_use_of_a_value_is_a_wire() -> None:
    leaf, product = wiring(view_of("y = x * x", x=3.0))
    assert [wire.target for wire in leaf.outputs[0].wires] == [product, product]
    assert [wire.contribution for wire in product.inputs] == [3.0, 3.0]
    assert all(wire.shows for wire in product.inputs)


def test_an_operand_without_a_derivative_gets_nothing_and_its_twin_all() -> None:
    *_, chosen, _ = wiring(view_of("y = sum(where(x, x, 1))", x=np.array([2.0, 3.0])))
    assert [np.max(wire.contribution) for wire in chosen.inputs] == [0.0, 1.0]


def test_a_folded_loop_is_one_box_and_gets_what_its_iterations_get() -> None:
    program = view_of(LOOP, ("x", "a"), Choice(0), x=1.0, a=0.5)
    by_title = {box.title: box for box in wiring(program)}
    loop = by_title["loop line 2 ×5"]
    assert [wire.source.label for wire in loop.inputs] == ["x", "a"]
    opened = view_of(LOOP, ("x", "a"), Choice(9), x=1.0, a=0.5)
    inside = [
        wire.contribution
        for box in wiring(opened)
        if any("loop" in row.heading for row in box.around)
        for wire in box.inputs
        if wire.source.label == "a"
    ]
    assert len(inside) == 5
    assert loop.inputs[1].contribution == pytest.approx(sum(inside))


def test_what_is_left_out_but_used_stands_outside() -> None:
    boxes = wiring(view_of("a = x + 1\nb = a * x\ny = b ^ 2", choice=Choice(lines=(2, 3)), x=2.0))
    assert [(box.kind, box.title) for box in boxes] == [
        ("outside", "a"),
        ("outside", "x"),
        ("operation", "×"),
        ("operation", "^ 2"),
    ]
    assert [wire.contribution for wire in boxes[2].inputs] == [24.0, 36.0]
    assert all(wire.shows for wire in boxes[2].inputs)


def test_what_the_output_does_not_depend_on_is_not_live() -> None:
    boxes = wiring(view_of("a = x + 1\nb = sin(x)\ny = a ^ 2", x=2.0))
    assert [box.title for box in boxes if not box.live] == ["sin"]


@pytest.mark.parametrize(
    ("expression", "title"),
    [
        ("2 * x", "2 ×"),
        ("x ^ 2", "^ 2"),
        ("x - 3", "− 3"),
        ("-x", "−"),
        ("max(x, 0)", "maximum(·, 0)"),
        ("sin(x)", "sin"),
        ("sum(x * [1, 2])", "× [2]"),
        ("[x, x][1]", "[1]"),
        ("sum([[1, 2], [3, 4]] * x, axis=1)[0]", "sum(·, axis=1)"),
    ],
)
def test_constants_are_written_into_the_operation(expression: str, title: str) -> None:
    assert title in [box.title for box in wiring(view_of(f"y = {expression}", x=2.0))]


def test_open_groups_nest_around_their_boxes() -> None:
    boxes = wiring(view_of(LOOP, ("x", "a"), Choice(9), x=1.0, a=0.5))
    depths, parts = zip(*nested(boxes), strict=True)
    assert set(depths) == {0, 1, 2}
    titles = [part for part in parts if isinstance(part, str)]
    assert titles == ["loop line 2 ×5", *(f"iteration {i}" for i in range(1, 6))]
    assert parts.count(None) == len(titles)
    assert not any(a is None and b == "loop line 2 ×5" for a, b in pairwise(parts))


def test_facts_name_value_and_adjoint() -> None:
    *_, box = (part for part in wiring(view_of("y = 2 * x", x=3.0)) if isinstance(part, Box))
    assert facts(box, Style()) == ["2 ×", "y = 6", "ȳ = 1"]
