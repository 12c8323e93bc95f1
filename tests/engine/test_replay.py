"""A graph run again: from a moved node it gives what the program gives, and its noise is honest."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff_cli.engine.derivatives import gradient
from autodiff_cli.engine.graph import below
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.replay import SUMS, replay, rounding_noise
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import Outcome, run
from autodiff_cli.language.source import Source

PROGRAMS = {
    "scalars": ("y = x^2 * sin(x); z = y / (1 + x)", 3.0, 2.5),
    "arrays": ("A = [[1, 2], [3, x[0]]]; sum((A @ x)^2)", np.array([1.0, 2.0]), np.array([0.5, 3])),
    "elements": ("y = x; y[1] = y[0] * 3; dot(y, y)", np.array([1.0, 2.0]), np.array([-1.0, 5])),
    "a gradient inside": ("g = grad(x^4, x); g * x", 1.5, -0.5),
    "a rule of its own": ("fn f(x) { x^3 } derivative (x, y, g) { 3*g*x^2 }; f(2*x)", 1.5, -0.5),
}


def outcome(text: str, x: object) -> Outcome:
    return run(load(Source("<test>", text)), {"x": x})


@pytest.mark.parametrize("name", PROGRAMS)
def test_moved_graph_gives_what_the_program_gives(name: str) -> None:
    text, start, end = PROGRAMS[name]
    first, second = outcome(text, start), outcome(text, end)
    (output,), (want,) = first.outputs.values(), second.outputs.values()
    values = replay(below(output), {first.targets["x"]: end})
    assert values[output] == want.value


def noise(text: str, x: float) -> tuple[float, float, float, float]:
    """An output and its derivative by x, each with its noise."""
    run_once = outcome(text, x)
    (output,) = run_once.outputs.values()
    targets = [run_once.targets["x"]]
    (slope,) = gradient(run_once.graph, output, targets)
    found = rounding_noise(output, targets, [slope])
    return output.value, float(found.value), slope, float(found.by_target[0])


def test_noise_is_a_few_digits_of_the_last_place() -> None:
    value, off, slope, slope_off = noise("exp(sin(x) * 2)", 0.7)
    assert 0 < off < 1e-14 * value
    assert 0 < slope_off < 1e-14 * abs(slope)


def test_noise_tells_cancellation() -> None:
    value, off, slope, slope_off = noise("(x + 1e8) - 1e8", 1.0)
    assert value == slope == 1.0
    assert 1e-9 < off < 1e-6
    assert slope_off < 1e-15
    _, _, slope, slope_off = noise("((x + 1e8) - 1e8)^2", 1.0)
    assert 1e-9 < slope_off < 1e-6


def test_sum_rounds_by_its_terms() -> None:
    value, off, _, _ = noise("sum(sin(linspace(-x, x, 250)))", 3.0)
    assert abs(value) < 1e-13
    assert 1e-16 < off < 1e-12


def test_names_of_sums_are_those_of_the_table() -> None:
    assert TABLE.keys() >= SUMS


def test_what_is_only_moved_has_no_noise() -> None:
    for text in ("y = [x, -x, 3]; max(y[::-1])", "floor(sign(x)) * x"):
        _, off, _, _ = noise(text, 4.0)
        assert off == 0, text


def test_sweeping_leaves_the_graph_as_it_was() -> None:
    run_once = outcome("x^2 * sin(x)", 3.0)
    (output,) = run_once.outputs.values()
    before = [node.value for node in run_once.graph.nodes]
    rounding_noise(output, [run_once.targets["x"]], [0.0])
    assert [node.value for node in run_once.graph.nodes] == before
    assert all(node.adjoint in (0.0, None) for node in run_once.graph.nodes)
