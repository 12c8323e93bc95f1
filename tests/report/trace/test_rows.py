"""What the rows of a trace say: against the engine, and against arithmetic by hand."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.errors import UsageError
from autodiff_cli.interpreter.builtins import INTERNAL
from autodiff_cli.report.trace import dot, mermaid, steps, svg, table, tree
from autodiff_cli.report.trace.brief import Style, brief
from autodiff_cli.report.trace.json import as_data
from autodiff_cli.report.trace.labels import barred
from autodiff_cli.report.trace.passes import reverse_passes
from autodiff_cli.report.trace.rows import EventRow, GroupRow, NodeRow, RoundRow
from autodiff_cli.report.trace.structure import EVERYTHING, ROWS
from autodiff_cli.report.trace.view import Choice, View
from tests.commands.shell import validate
from tests.report.trace.stories import PROGRAMS, view_of, views

WORD = re.compile(r"[^\W\d]\w*")
NESTED = """
fn f(a) {
    b = a * 2
    while norm(b) < 1000 { b = b * 2 }
    if sum(b) > 0 { b } else { 100 * b }
}
x = map(fn(q) { sin(q)^2 }, [p, 2 * p, 3])
backward(f(p) + sum(x))
g = grad(sum(x), p)
d = f(p) * sum(x) + g
"""


def nested(choice: Choice) -> View:
    return view_of(NESTED, wrt=["p"], choice=choice, p=3.0)


def node_rows(view: View) -> list[NodeRow]:
    return [row for row in view.rows() if isinstance(row, NodeRow)]


# ── what is shown ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("depth", [0, 1, 2, 3, EVERYTHING])
def test_every_node_is_in_exactly_one_row_or_fold(depth: int) -> None:
    view = nested(Choice(depth))
    seen: list[int] = []
    for row in view.rows():
        if isinstance(row, NodeRow):
            seen.append(row.number)
        elif isinstance(row, GroupRow) and not row.opened:
            seen.extend(range(row.first, row.last + 1))
    assert seen == list(range(1, len(view.nodes) + 1))


def test_nothing_is_folded_when_all_is_opened() -> None:
    view = nested(Choice(EVERYTHING))
    assert len(node_rows(view)) == len(view.nodes)
    groups = [row for row in view.rows() if isinstance(row, GroupRow)]
    assert [(row.title, row.count) for row in groups] == [
        ("fn", 3),
        ("f", 1),
        ("loop", 8),
        ("grad", 1),
        ("f", 1),
        ("loop", 8),
    ]
    rounds = [row for row in view.rows() if isinstance(row, RoundRow)]
    assert [row.number for row in rounds] == [1, 2, 3, *range(1, 9), *range(1, 9)]


BEFORE_THE_FIRST = {
    "for a in [x, x^2] { y = y * a }": 4,
    "for i in range(round(x) + 1) { y = y * x }": 2,
    "for i in range(2) { y = y * x }": 0,
    "while y < 9 * x { y = y * x }": 0,
}


@pytest.mark.parametrize("loop", BEFORE_THE_FIRST)
def test_what_a_loop_goes_through_is_computed_before_its_iterations(loop: str) -> None:
    view = view_of(f"y = x\n{loop}\ny", choice=Choice(EVERYTHING), x=2.0)
    rows = [row for row in view.rows() if not isinstance(row, EventRow)]
    group = next(place for place, row in enumerate(rows) if isinstance(row, GroupRow))
    first = next(place for place, row in enumerate(rows) if isinstance(row, RoundRow))
    before, head = rows[group + 1 : first], rows[group]
    assert len(before) == BEFORE_THE_FIRST[loop]
    assert {row.depth for row in before} <= {head.depth + 1}
    assert rows[first + 1].depth == head.depth + 2


def test_group_names_what_goes_in_and_what_comes_out() -> None:
    view = view_of("a = x * 3\nfor i in range(9) { a = a + x }\ny = a * 2", choice=Choice(0), x=1.0)
    (loop,) = (row for row in view.rows() if isinstance(row, GroupRow))
    assert [operand.label for operand in loop.operands] == ["x", "v2"]
    assert [(one.name, one.value, one.adjoint) for one in loop.results] == [("a", 12.0, 2.0)]


def test_depth_is_what_fills_a_screen_where_nobody_says() -> None:
    for count, opened in ((3, True), (1000, False)):
        program = f"s = x\nfor i in range({count}) {{ s = s * 1.001 }}\ns"
        view = view_of(program, x=1.0)
        rows = list(view.rows())
        assert len(rows) <= ROWS
        assert any(isinstance(row, GroupRow) and row.opened for row in rows) is opened


def test_every_format_calls_a_folded_loop_the_same() -> None:
    program = "s = x\nfor i in range(1234) { s = s * 1.001 }\ns"
    view = view_of(program, choice=Choice(0), x=1.0)
    for form in (table, tree, steps, dot, mermaid, svg):
        text = "".join(form.text(view, Style(width=200)))
        assert "loop line 2 ×1,234" in " ".join(text.split()), form.__name__


def test_only_keeps_the_paths_between_a_name_and_the_output() -> None:
    program = "a = x^2\nb = sin(x) * z\nc = a * 3\nw = b + c\ny = w * 2"
    view = view_of(program, wrt=["x", "z"], choice=Choice(only=["a"]), x=1.0, z=2.0)
    assert [row.name for row in node_rows(view)] == ["a", "c", "w", "y"]
    view = view_of(program, wrt=["x", "z"], choice=Choice(only=["z"]), x=1.0, z=2.0)
    assert [row.name for row in node_rows(view)] == ["z", "b", "w", "y"]


def test_only_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match="--only alpa") as caught:
        view_of("alpha = x^2\nalpha * 2", choice=Choice(only=["alpa"]), x=1.0)
    assert "alpha" in caught.value.help


def test_lines_keeps_a_part_of_the_source() -> None:
    view = view_of("a = x^2\nb = a * 2\nc = b + 1\ny = c / 3", choice=Choice(lines=(2, 3)), x=1.0)
    assert [row.line for row in node_rows(view)] == [2, 3]


# ── what the rows say ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", PROGRAMS)
def test_adjoint_of_a_leaf_is_the_gradient(name: str) -> None:
    for view in views(name):
        # The first of the name: a parameter may be called as an input is.
        rows = {row.name: row for row in reversed(node_rows(view))}
        for by, gradient in view.trace.evaluation.gradient.items():
            if view.shown is view.trace.result and by in rows:
                adjoint = rows[by].adjoint
                shown = np.zeros_like(gradient) if adjoint is None else adjoint
                np.testing.assert_array_equal(shown, gradient)


@pytest.mark.parametrize("name", PROGRAMS)
def test_terms_of_every_adjoint_add_up_to_it(name: str) -> None:
    for view in views(name):
        for one in reverse_passes(view):
            for sum_ in one.sums:
                total = sum(np.asarray(term.value) for term in sum_.terms)
                scale = max(np.abs(np.asarray(term.value)).max() for term in sum_.terms)
                np.testing.assert_allclose(total, sum_.adjoint, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize("name", PROGRAMS)
def test_json_keeps_to_the_schema(name: str) -> None:
    for view in views(name):
        for style in (Style(), Style(full=True), Style(digits=3)):
            validate(as_data(view, style), "trace")


@given(x=st.floats(-3, 3), z=st.floats(0.1, 3))
@settings(deadline=None)
def test_partials_of_scalars_are_what_differences_give(x: float, z: float) -> None:
    view = view_of("y = sin(x * z) / z + exp(-x^2) * sqrt(z)", wrt=["x", "z"], x=x, z=z)
    for row in node_rows(view):
        for partial in row.partials:
            node = row.node
            position = node.args.index(partial.operand)
            values = [arg.value if isinstance(arg, Node) else arg for arg in node.args]
            h = 1e-6 * max(1.0, abs(values[position]))

            def at(shift: float, values: list[float] = values, place: int = position) -> float:
                moved = [v + shift * (i == place) for i, v in enumerate(values)]
                return float(row.node.primitive.evaluate(*moved))  # noqa: B023

            difference = (at(h) - at(-h)) / (2 * h)
            if node.args.count(partial.operand) == 1:
                assert partial.value == pytest.approx(difference, rel=1e-5, abs=1e-6)


FORMULAS = {
    "sin(x)": "∂/∂x = cos(x)",
    "x^2": "∂/∂x = 2 * x",
    "x^3": "∂/∂x = 3 * x ^ 2",
    "2 * x": "∂/∂x = 2",
    "relu(x)": "∂/∂x = 1",
    "max(x, 0)": "∂/∂x = 1",
    "exp(x)": "∂/∂x = y",
    "1 / x": "∂/∂x = -(y / x)",
    "sum([1, 2] * x)": "∂/∂v2 = 1",
}


@pytest.mark.parametrize("expression", FORMULAS)
def test_formula_of_the_last_node(expression: str) -> None:
    *_, last = node_rows(view_of(f"y = {expression}", x=0.5))
    assert [partial.text for partial in last.partials] == [FORMULAS[expression]]


CALLED = [
    name
    for name, primitive in TABLE.items()
    if primitive.kind == "elementwise"
    and primitive.sample
    and primitive.title == name
    and name not in (*INTERNAL, "where")
]


@pytest.mark.parametrize("name", CALLED)
def test_formula_knows_operands_by_their_labels(name: str) -> None:
    """No parameter of a rule is left in the formula of a node whose operands are `p0`, `p1`."""
    operands = [f"p{i}" for i in range(len(TABLE[name].operands))]
    inputs = {
        operand: (sample[0] + sample[-1]) / 2
        for operand, sample in zip(operands, TABLE[name].sample, strict=True)
    }
    view = view_of(f"y = {name}({', '.join(operands)})", wrt=operands, **inputs)
    for partial in node_rows(view)[-1].partials:
        words = set(WORD.findall(partial.formula)) - set(TABLE) - {"pi"}
        assert words <= {*operands, "y"}, partial.formula


def test_backward_inside_a_program_shows_what_it_adds() -> None:
    view = view_of("backward(x^2)\nbackward(x^3)\nzero_grad(x)\nbackward(x)\ny = x.grad", x=2.0)
    events = [row for row in view.rows() if isinstance(row, EventRow)]
    sums = [(one.before, one.added, one.total) for row in events for one in row.sums]
    assert sums == [(0.0, 4.0, 4.0), (4.0, 12.0, 16.0), (0.0, 1.0, 1.0)]
    assert [row.cleared for row in events] == [[], [], ["x"], []]
    assert view.shown is not None
    assert view.shown.span is not None
    assert len(list(reverse_passes(view))) == 3


def test_names_that_several_nodes_bear_are_told_apart() -> None:
    rows = node_rows(view_of("a = x * 2\na = a * 3\nb = a + x\ny = b * b", x=1.0))
    assert [row.label for row in rows] == ["x", "v2", "v3", "b", "y"]


def test_nodes_are_not_called_as_a_variable_of_the_program_is() -> None:
    rows = node_rows(view_of("v1 = x * 2\ny = sin(v1) + v1", x=1.0))
    assert [row.label for row in rows] == ["x", "v1", "n3", "y"]


@pytest.mark.parametrize(("label", "want"), [("x", "x̄"), ("v12", "v̄12"), ("y", "ȳ"), ("ab", "a̅b̅")])
def test_adjoints_have_a_bar(label: str, want: str) -> None:
    assert barred(label) == want


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (1.5, "1.5"),
        (math.nan, "nan"),
        (np.arange(3.0), "[0.0, 1.0, 2.0]"),
        (np.arange(20.0), "(20) 0.0 … 19.0"),
        (np.ones((3, 4)), "(3×4) 1.0"),
        (np.zeros((0, 2)), "[]"),
        (np.array([True, False]), "[true, false]"),
    ],
)
def test_brief(value: object, want: str) -> None:
    assert brief(value) == want
