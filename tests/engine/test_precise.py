"""The counterparts at 80 digits compute what the table's entries compute, and their derivatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autodiff_cli.engine import precise
from autodiff_cli.engine.graph import Graph, Node, apply, below, value_of
from autodiff_cli.engine.primitive import REQUIRED
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import ones_of, reverse_sweep
from autodiff_cli.errors import AdiffError
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

TOLERANCE = 1e-11
"""Of the entries: how good each one is to the last digits is another test's."""

CALLS = {
    "broadcast_to": ([np.array([1.0, 2.0])], [(3, 2)]),
    "scatter": ([np.array([1.0, 2.0])], [(slice(1, 3),), (4,)]),
    "gated": ([3.0, 2.0], []),
    "identity": ([3.0], []),
    "others": ([np.array([2.0, 0.5, -3.0]), np.array([1.0, 2.0, 0.7])], [None]),
    "cumprod_tangent": ([np.array([2.0, 0.5, -3.0]), np.array([1.0, 2.0, 0.7])], [0]),
    "cumprod_adjoint": ([np.array([[2.0, 0.5], [-3.0, 0.3]]), np.ones((2, 2))], [1]),
    "direction": ([np.array([[2.0, 0.5, 0.1], [-3.0, 0.3, 0.1]])], [2.0, 1]),
    "centred": ([np.array([[2.0, 0.5], [-3.0, 0.3]])], [0]),
}
"""Arguments of the entries that no program can spell, and so have no example."""


def calls(name: str) -> list[tuple[list[Any], list[Any]]]:
    """Operands and static arguments: random ones, or those of the entry's example."""
    entry = TABLE[name]
    if name in CALLS:
        return [CALLS[name]]
    if entry.kind == "elementwise":
        rng = np.random.default_rng(len(name))
        draw = [
            (lambda r, size: rng.choice(r, size).astype(float))
            if isinstance(r, range)
            else (lambda r, size: rng.uniform(*r, size))
            for r in entry.sample
        ]
        both = zip(draw, entry.sample, strict=True)
        arrays = [one(interval, 4) for one, interval in both]
        return [(arrays, []), ([float(x[0]) for x in arrays], [])]
    seen = []
    program = load(Source("<example>", entry.example))
    graph_of = run_spied(program, name, seen)
    assert graph_of
    return seen[-1:]


def run_spied(program: Any, name: str, seen: list[tuple[list[Any], list[Any]]]) -> bool:
    from unittest import mock

    from autodiff_cli.interpreter import machine

    def spy(graph: Graph, primitive: Any, args: tuple[Any, ...], span: Any) -> Any:
        if primitive is TABLE[name]:
            values = [value_of(arg) for arg in args]
            operands = len(values) - len(primitive.options)
            floats = [np.asarray(x, float) for x in values[:operands]]
            seen.append(([x if x.ndim else float(x) for x in floats], values[operands:]))
        return apply(graph, primitive, args, span)

    with mock.patch.object(machine, "apply", spy):
        run(program, {})
    return bool(seen)


@pytest.mark.parametrize("name", [e.name for e in TABLE.values() if e.precise])
def test_counterpart_computes_what_the_entry_does(name: str) -> None:
    for operands, static in calls(name):
        want = TABLE[name].evaluate(*operands, *static)
        got = precise.compute(TABLE[name], [*operands, *static])
        assert np.shape(got) == np.shape(want)
        np.testing.assert_allclose(np.array(got, float), want, rtol=TOLERANCE, atol=1e-15)


@pytest.mark.parametrize("x", [2.0, np.array([2.0]), np.array([[2.0]])], ids=["()", "(1)", "(1,1)"])
@pytest.mark.parametrize("name", [e.name for e in TABLE.values() if e.precise])
def test_counterpart_takes_the_shapes_that_the_entry_takes(name: str, x: Any) -> None:
    """A number, and arrays of one: where the entry has a value, so has its referee."""
    entry = TABLE[name]
    operands = [x] * (2 if entry.variadic else len(entry.operands))
    static = [None if each is REQUIRED else each for each in entry.options.values()]
    try:
        want = entry.evaluate(*operands, *static)
    except (AdiffError, ValueError, TypeError):
        return  # no argument of this entry
    try:
        got = precise.compute(entry, [*operands, *static])
    except precise.REFUSED:
        assert not np.isfinite(want).all()
        return
    assert np.shape(got) == np.shape(want)


def differentiable(name: str, position: int) -> bool:
    """Whether an operand has a derivative, which those do not that take whole numbers only."""
    sample = TABLE[name].sample
    return not (TABLE[name].kind == "elementwise" and isinstance(sample[position], range))


@pytest.mark.parametrize("name", [e.name for e in TABLE.values() if e.precise])
def test_derivative_is_that_of_the_rule(name: str) -> None:
    for operands, static in calls(name):
        graph = Graph()
        args = [
            graph.leaf(x, "x") if differentiable(name, i) else x for i, x in enumerate(operands)
        ]
        leaves = [arg for arg in args if isinstance(arg, Node)]
        out = apply(graph, TABLE[name], (*args, *static), None)
        total = out
        if shape := np.shape(value_of(out)):
            weights = np.random.default_rng(1).uniform(0.5, 1.0, shape)
            weighed = apply(graph, TABLE["mul"], (out, weights), None)
            total = apply(graph, TABLE["sum"], (weighed, None, False), None)
        assert isinstance(total, Node)
        order = below(total)
        assert precise.can(order)
        adjoints = reverse_sweep(graph.up_to(total), ones_of(total), leaves)
        for leaf in leaves:
            along = np.random.default_rng(0).uniform(0.5, 1.0, np.shape(leaf.value))
            along = along if along.ndim else float(along)
            want = float(np.sum(adjoints.get(leaf, 0.0) * np.asarray(along)))
            got = precise.derivative(order, total, leaf, along)
            assert got is not None
            assert got.value == pytest.approx(want, rel=TOLERANCE, abs=1e-14)


def test_what_has_no_counterpart_is_refused() -> None:
    graph = Graph()
    x = graph.leaf(np.array([1.0, 3.0, 2.0]), "x")
    out = apply(graph, TABLE["sort"], (x, -1), None)
    assert isinstance(out, Node)
    assert not precise.can(below(out))


def test_outside_of_the_domain_there_is_nothing() -> None:
    graph = Graph()
    x = graph.leaf(0.0, "x")
    out = apply(graph, TABLE["log"], (x,), None)
    assert isinstance(out, Node)
    assert precise.derivative(below(out), out, x, 1.0) is None


def test_digits_that_floats_lose() -> None:
    """(1 - cos x) / x², whose derivative floats at 1e-5 do not know at all."""
    program = load(Source("<test>", "(1 - cos(x)) / x^2"))
    outcome = run(program, {"x": 1e-5})
    (output,) = outcome.outputs.values()
    got = precise.derivative(below(output), output, outcome.targets["x"], 1.0)
    assert got is not None
    assert got.value == pytest.approx(-1e-5 / 12, rel=1e-9)


@pytest.mark.parametrize(
    ("program", "x", "slope"),
    [
        ("sigmoid(x)", 150.0, math.exp(-150)),
        ("(1 + tanh(x)) / 2", 75.0, 2 * math.exp(-150)),
        ("erf(x)", 20.0, 2 / math.sqrt(math.pi) * math.exp(-400)),
    ],
)
def test_a_tiny_slope_has_digits_of_its_own(program: str, x: float, slope: float) -> None:
    outcome = run(load(Source("<test>", program)), {"x": x})
    (output,) = outcome.outputs.values()
    got = precise.derivative(below(output), output, outcome.targets["x"], 1.0)
    assert got is not None
    assert got.value == pytest.approx(slope, rel=1e-12)
    assert got.error < 1e-9 * slope


def test_what_floats_make_infinite_is_computed_too() -> None:
    program = load(Source("<test>", "exp(x) / (exp(x) + exp(y))"))
    outcome = run(program, {"x": 800.0, "y": 800.0})
    (output,) = outcome.outputs.values()
    for name, slope in (("x", 0.25), ("y", -0.25)):
        got = precise.derivative(below(output), output, outcome.targets[name], 1.0)
        assert got is not None
        assert got.value == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize(
    ("program", "x"),
    [("exp(exp(exp(exp(x))))", 3.0), ("polygamma(1e6, x)", 2.0), ("x", 2.0)],
)
def test_what_would_take_for_ever_is_refused(program: str, x: float) -> None:
    """Too large a number, too high an order, or no time left."""
    outcome = run(load(Source("<test>", f"{program} * 1")), {"x": x})
    (output,) = outcome.outputs.values()
    assert precise.derivative(below(output), output, outcome.targets["x"], 1.0, 0.0) is None
    if program != "x":
        assert precise.derivative(below(output), output, outcome.targets["x"], 1.0) is None


def test_what_80_digits_do_not_hold_is_not_claimed() -> None:
    program = load(Source("<test>", "y + x"))
    outcome = run(program, {"x": 1.0, "y": 1e90})
    (output,) = outcome.outputs.values()
    got = precise.derivative(below(output), output, outcome.targets["x"], 1.0)
    assert got is None or abs(got.value - 1) <= got.error


@pytest.mark.parametrize(("name", "x"), [("lgamma", -1.0), ("digamma", -2.0), ("digamma", 0.0)])
def test_at_a_pole_there_is_nothing(name: str, x: float) -> None:
    graph = Graph()
    leaf = graph.leaf(x, "x")
    out = apply(graph, TABLE[name], (leaf,), None)
    assert isinstance(out, Node)
    assert precise.derivative(below(out), out, leaf, 1.0) is None


@pytest.mark.parametrize(("program", "slope"), [("1 / x", -1e200), ("1 + sin(x)", 1.0)])
def test_the_step_is_small_beside_a_tiny_number(program: str, slope: float) -> None:
    """No step reaches over the pole, and no digit is lacking."""
    outcome = run(load(Source("<test>", program)), {"x": 1e-100})
    (output,) = outcome.outputs.values()
    got = precise.derivative(below(output), output, outcome.targets["x"], 1.0)
    assert got is not None
    assert got.value == pytest.approx(slope, rel=1e-12)
