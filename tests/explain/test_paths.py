"""The paths of a gradient, beside all paths of a small graph gone one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff_cli.engine.derivatives import gradient
from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.sweeps import Kinks, ones_of
from autodiff_cli.explain.paths import BEST, Between, Flow, between, binary_order, flow
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PARTIALS = {
    # What is multiplied on the way to each operand, written out here once more.
    "add": (lambda a, b: 1.0, lambda a, b: 1.0),
    "sub": (lambda a, b: 1.0, lambda a, b: -1.0),
    "mul": (lambda a, b: b, lambda a, b: a),
    "div": (lambda a, b: 1 / b, lambda a, b: -a / b**2),
    "sin": (math.cos,),
    "exp": (math.exp,),
    "relu": (lambda a: float(a > 0),),
}
BINARY = ("+", "-", "*", "/")
UNARY = ("sin", "exp", "relu")


@dataclass
class Part:
    between: Between
    flow: Flow
    gradient: Any


def part(text: str, x: Any, wrt: str = "x") -> Part:
    outcome = run(load(Source("<test>", text)), {"x": x}, [wrt])
    (output,) = outcome.outputs.values()
    target = outcome.targets[wrt]
    assert isinstance(target, Node)
    found = between(outcome.graph, target, output, ones_of(output), Kinks())
    return Part(found, flow(found), gradient(outcome.graph, output, [target])[0])


def every_path(output: Node, target: Node) -> Iterator[tuple[list[Node], float]]:
    """All paths from the target to the output, each with its product: by recursion."""
    if output is target:
        yield [target], 1.0
        return
    if output.primitive is None:
        return
    values = [arg.value if isinstance(arg, Node) else arg for arg in output.args]
    for position, arg in enumerate(output.args):
        if isinstance(arg, Node):
            partial = PARTIALS[output.primitive.name][position](*values)
            for nodes, product in every_path(arg, target):
                yield [*nodes, output], product * partial


@st.composite
def programs(draw: st.DrawFn) -> str:
    lines = ["v0 = x * 1.5"]
    for i in range(1, draw(st.integers(2, 9))):
        one, other = (f"v{draw(st.integers(max(0, i - 3), i - 1))}" for _ in range(2))
        if draw(st.booleans()):
            lines.append(f"v{i} = {one} {draw(st.sampled_from(BINARY))} {other}")
        else:
            lines.append(f"v{i} = {draw(st.sampled_from(UNARY))}({one} * 0.3)")
    return "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(programs(), st.floats(-2, 2).filter(lambda x: abs(x) > 0.1))
def test_counted_and_ranked_as_all_paths_gone_one_by_one(text: str, x: float) -> None:
    outcome = run(load(Source("<test>", text)), {"x": x}, ["x"])
    (output,) = outcome.outputs.values()
    target = outcome.targets["x"]
    if not isinstance(output, Node) or not math.isfinite(output.value):
        return
    found = between(outcome.graph, target, output, 1.0, Kinks())
    whole = found.adjoints.get(target)
    if whole is None or not math.isfinite(whole):
        return
    got = flow(found)
    paths = list(every_path(output, target))
    assert got.paths == len(paths)
    alive = [
        (nodes, product)
        for nodes, product in paths
        if product and all(node in found.adjoints for node in nodes)
    ]
    assert got.alive == len(alive)
    scale = max((abs(product) for _, product in alive), default=1.0)
    assert math.isclose(
        sum(product for _, product in alive), whole, rel_tol=1e-9, abs_tol=1e-12 * scale
    )
    sizes = sorted((abs(product) for _, product in alive), reverse=True)[:BEST]
    shown = sorted((abs(path.contribution) for path in got.best), reverse=True)
    np.testing.assert_allclose(shown, sizes, rtol=1e-9)
    for path in got.best:
        product = math.prod(p for p in path.partials if p is not None)
        assert math.isclose(path.contribution, product, rel_tol=1e-12)
        assert math.isclose(path.share * whole, product, rel_tol=1e-9)
    assert math.isclose(sum(use.share for use in got.uses), 1.0, rel_tol=1e-6, abs_tol=1e-9 * scale)


ARRAYS = {
    "elementwise": ("sum(x * x + exp(x))", 3),
    "a product of matrices": ("A = [[1, 2], [3, 4]]\ny = A @ x\nsum(y * x)", 2),
    "elements": ("x[0]^2 + x[1] * x[0]", 3),
    "broadcast": ("sum(x * x[0] + [[1], [2]])", 2),
    "a reduction": ("logsumexp(x)^2", 1),
    "stacked": ("sum([x[0], x[1], x[0] * x[1]])", 4),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_paths_of_an_array_add_up_to_its_gradient(name: str) -> None:
    text, count = ARRAYS[name]
    found = part(text, np.array([0.7, -1.3]))
    assert (found.flow.paths, found.flow.alive) == (count, count)
    if count <= BEST:
        total = sum(path.contribution for path in found.flow.best)
        np.testing.assert_allclose(total, found.gradient, rtol=1e-12)
        assert math.isclose(found.flow.rest, 0.0, abs_tol=1e-12)
    total = sum(use.contribution for use in found.flow.uses)
    np.testing.assert_allclose(total, found.gradient, rtol=1e-12)


LOOPS = {
    # program, number of paths, its logarithm where it is no whole number any more
    "2 to the power of 1000": ("y = x\nfor i in range(1000) { y = y + y * 0.001 }\ny", 2**1000),
    "past whole numbers": ("y = x\nfor i in range(3000) { y = y + y * 0.001 }\ny", 3000.0),
    "a chain": ("y = x\nfor i in range(5000) { y = sin(y) }\ny", 1),
}


@pytest.mark.parametrize("name", LOOPS)
def test_long_loops(name: str) -> None:
    text, count = LOOPS[name]
    found = part(text, 0.5).flow
    if isinstance(count, int):
        assert found.paths == count
    else:
        assert math.isclose(binary_order(found.paths), count, rel_tol=1e-9)
    # What is largest here goes round the loop by the factor 1 each time.
    assert max(len(path.nodes) for path in found.best) > 1000


def test_a_loop_has_its_largest_path_along_the_state() -> None:
    found = part("y = x\nfor i in range(50) { y = y + y * 0.001 }\ny", 0.5)
    first, *others = found.flow.best
    assert first.contribution == 1.0
    assert [round(path.contribution, 12) for path in others] == [0.001, 0.001]
    assert math.isclose(first.share, 1.001**-50, rel_tol=1e-12)
    assert math.isclose(found.gradient, 1.001**50, rel_tol=1e-12)


def names_of(nodes: Sequence[Node]) -> list[str]:
    return [node.primitive.name if node.primitive else "x" for node in nodes]


def test_a_path_goes_from_the_name_to_the_output() -> None:
    found = part("x^2 * sin(x)", 3.0).flow
    assert [names_of(path.nodes) for path in found.best] == [
        ["x", "sin", "mul"],
        ["x", "pow", "mul"],
    ]
    assert [path.partials for path in found.best] == [[math.cos(3.0), 9.0], [6.0, math.sin(3.0)]]


def test_no_path() -> None:
    outcome = run(load(Source("<test>", "y = x\nz = 3.0 * w")), {"x": 1.0, "w": 2.0}, ["x"])
    target = outcome.targets["x"]
    found = between(outcome.graph, target, outcome.outputs["z"], 1.0, Kinks())
    assert found.order == []
