"""Sweeps side by side give, row for row, what one sweep after the other gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli.engine import derivatives, side_by_side
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.side_by_side import forward_sweeps, reverse_sweeps, rows_at_once
from autodiff_cli.engine.sweeps import forward_sweep, reverse_sweep
from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source
from tests.engine import test_arrays, test_linalg
from tests.engine.test_primitives import DIFFERENTIABLE, cases, differentiable, swept

if TYPE_CHECKING:
    from autodiff_cli.engine.primitive import Primitive

CASES = [*test_arrays.CASES, *test_linalg.CASES]
ROWS = 3


def check_rows(entry: Primitive, operands: list[Any], static: list[Any]) -> None:
    """Fails where a sweep over one node is another for several rows; the first row is zero."""
    by = [i for i in range(len(operands)) if differentiable(entry, i)]
    shape = np.shape(entry.evaluate(*operands, *static))
    seeds = np.random.default_rng(0).uniform(0.5, 1.5, (ROWS, *shape))
    seeds[0] = 0.0
    graph, _, out = swept(entry, operands, static, by, seeds[1] if shape else float(seeds[1]))
    leaves = graph.nodes[: len(by)]
    found = reverse_sweeps(graph.up_to(out), seeds, leaves)
    for row, seed in enumerate(seeds):
        want = reverse_sweep(graph.up_to(out), seed if shape else float(seed), leaves)
        for leaf in leaves:
            got = found[leaf][row] if leaf in found else np.zeros_like(leaf.value)
            np.testing.assert_array_max_ulp(got, np.asarray(want.get(leaf, np.zeros_like(got))), 4)


@pytest.mark.parametrize("entry", DIFFERENTIABLE)
def test_rules_of_the_table(entry: Primitive) -> None:
    for operands, static in cases(entry):
        check_rows(entry, operands, static)


@pytest.mark.parametrize(
    ("name", "operands", "static"),
    [pytest.param(*case, id=f"{i} {case[0]}") for i, case in enumerate(CASES)],
)
def test_rules_at_many_shapes(name: str, operands: list[Any], static: list[Any]) -> None:
    check_rows(TABLE[name], operands, static)


def check_columns(entry: Primitive, operands: list[Any], static: list[Any]) -> None:
    """Fails where forward sweeps side by side are others than one after the other."""
    by = [i for i in range(len(operands)) if differentiable(entry, i)]
    shape = np.shape(entry.evaluate(*operands, *static))
    graph, _, out = swept(entry, operands, static, by, np.ones(shape) if shape else 1.0)
    leaves = graph.nodes[: len(by)]
    rng = np.random.default_rng(0)
    seeds = {
        leaf: {row: np.asarray(rng.uniform(0.5, 1.5, np.shape(leaf.value))) for row in range(ROWS)}
        for leaf in leaves
    }
    # One direction along the first leaf alone, one along none.
    for leaf in leaves[1:]:
        del seeds[leaf][1]
    for leaf in leaves:
        seeds[leaf][2] = np.zeros(np.shape(leaf.value))
    found = forward_sweeps(graph.up_to(out), seeds)
    for row in range(ROWS):
        tangents = {leaf: columns[row] for leaf, columns in seeds.items() if row in columns}
        want = forward_sweep(graph.up_to(out), tangents).get(out, np.zeros(shape))
        got = np.asarray(found.get(row, np.zeros(shape)))
        np.testing.assert_array_max_ulp(got, np.asarray(want), 4)


@pytest.mark.parametrize("entry", DIFFERENTIABLE)
def test_columns_by_the_rules_of_the_table(entry: Primitive) -> None:
    for operands, static in cases(entry):
        check_columns(entry, operands, static)


@pytest.mark.parametrize(
    ("name", "operands", "static"),
    [pytest.param(*case, id=f"{i} {case[0]}") for i, case in enumerate(CASES)],
)
def test_columns_at_many_shapes(name: str, operands: list[Any], static: list[Any]) -> None:
    check_columns(TABLE[name], operands, static)


# ── whole programs ────────────────────────────────────────────────────────────────────

PROGRAMS = {
    "arrays": "y = sum((x[1:] - x[:-1]^2)^2) * sum(cos(x))",
    "elements": "y = 0\nfor i in range(len(x) - 1) { y += sin(x[i] * x[i+1]) + y * x[0] / 9 }",
    "arrays as subscripts": "y = sum(x[[0, 2, 2]]^3) + sum(x[x > 0]^2 * x[-1])",
    "broadcasting": "y = sum(exp(reshape(x, [len(x), 1]) * x / 9) * x[0])",
    "matrices": "A = outer(x, x) + eye(len(x)); y = sum(solve(A, x)^2)",
    "kinks": "y = sum(abs(x) * x[::-1]) + max(x[3] * x[4], x[3])",
    "untaken": "y = sum(where(x > 0, log(x), x^2) * sqrt(abs(x)))",
    "overflow": "y = sum(exp(800 * x))",
    "element by element": "z = x; for i in range(len(x)) { z[i] = z[i-1] * x[i] }; y = dot(z, z)",
}
POINT = np.array([0.7, -1.2, 0.0, 1.0, 1.0])
VECTORS = {
    **{name: f"{text}\ny = y * x / (1 + x[0]^2)" for name, text in PROGRAMS.items()},
    "a kink in a sum": "y = x; for i in range(len(x)) { y[i] = 2 * x[0] + abs(x[i]) }",
    "scalars": "s = sin(x[0]) * x[1]\ny = [s, s^2, s / x[3], exp(s), x[4]]",
}
TOLERANCE = 1e-13
"""Relative to the largest entry: what is added up in another order differs in rounding."""


def matrix(
    text: str, question: Question, settings: Settings | None, at_once: int, patch: Any
) -> Any:
    """The Jacobian or the Hessian of `y` by `x`, so many rows side by side."""
    patch.setattr(derivatives, "rows_at_once", lambda nodes, count: min(at_once, count))
    program = load(Source("<test>", f"input x\n{text}"))
    (evaluation,) = evaluate(program, {"x": POINT}, None, ["y"], settings, question)
    found = evaluation.found["x"]
    return found["x"] if question.kind == "hessian" else found


@pytest.mark.parametrize("at_once", [2, len(POINT)])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("at_kink", ["subgradient", "nan"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("hessian", name) for name in PROGRAMS), *(("jacobian", name) for name in VECTORS)],
)
def test_programs(
    kind: Any,
    name: str,
    at_kink: Any,
    single: bool,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (PROGRAMS if kind == "hessian" else VECTORS)[name]
    question, settings = Question(kind, at_kink=at_kink), Settings(single=single)
    want = matrix(text, question, settings, 1, monkeypatch)
    got = matrix(text, question, settings, at_once, monkeypatch)
    scale = np.max(np.abs(want), where=np.isfinite(want), initial=0.0)
    tolerance = 1e-6 if single else TOLERANCE
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale)


def test_a_hessian_is_as_many_sweeps_as_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps: list[int] = []

    def counted(nodes: Any, seeds: Any, targets: Any, kinks: Any = None) -> Any:
        sweeps.append(len(seeds))
        return reverse_sweeps(nodes, seeds, targets, kinks)

    monkeypatch.setattr(derivatives, "reverse_sweeps", counted)
    program = load(Source("<test>", "sum((x[1:] - x[:-1]^2)^2)"))
    for variables in (50, 100):
        sweeps.clear()
        evaluate(program, {"x": np.linspace(0, 1, variables)}, question=Question("hessian"))
        assert sum(sweeps) == variables


def test_memory_bounds_how_many_go_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = run(load(Source("<test>", "sum(x * 2)")), {"x": np.ones(99)}).graph
    entries = 99 + 99 + 1
    for fitting, want in ((70, 60), (40, 40), (side_by_side.FEW - 1, 1)):
        monkeypatch.setattr(side_by_side, "ENTRIES", fitting * entries)
        assert rows_at_once(graph.nodes, 60) == want
    assert rows_at_once(graph.nodes, side_by_side.FEW - 1) == 1
