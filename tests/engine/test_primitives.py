"""The referee of the table: what each entry claims, against what knows nothing of its rules.

Every test runs over `TABLE`. A derivative is compared with central differences of the value,
a second derivative with central differences of the first, a forward sweep with the reverse
one by <g, J t> = <Jᵀ g, t>. `test_accuracy` adds mpmath, to the last digits.
"""

from __future__ import annotations

import itertools
import math
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest

from autodiff_cli.engine import graph as engine
from autodiff_cli.engine.graph import Graph, Node, apply, value_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import forward_sweep, recorded_reverse_sweep, reverse_sweep
from autodiff_cli.interpreter import machine
from autodiff_cli.interpreter.builtins import INTERNAL
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.engine.primitive import Primitive

Case = tuple[list[Any], list[Any]]
"""Operands, and static arguments."""

STEP = 1e-4
"""Of the differences: with the error of order STEP⁴ taken out, 1e-11 of the derivative is left."""

ARRAY_SHAPES = ((), (3,), (2, 3))
BROADCAST_SHAPES = (((2, 3), (3,)), ((), (3,)), ((2, 1), (1, 3)), ((3,), (2, 3)))

UNSPELLED: dict[str, Case] = {
    "broadcast_to": ([np.array([1.0, 2.0])], [(3, 2)]),
    "scatter": ([np.array([1.0, 2.0])], [(slice(1, 3),), (4,)]),
    "cofactor": ([np.array([[2.0, 1.0, 0.5], [0.0, 3.0, 1.0], [1.0, 0.0, 1.0]])], []),
    "others": ([np.array([2.0, 0.5, -3.0]), np.array([1.0, 2.0, 0.7])], [None]),
    "cumprod_tangent": ([np.array([2.0, 0.5, -3.0]), np.array([1.0, 2.0, 0.7])], [0]),
    "cumprod_adjoint": ([np.array([[2.0, 0.5], [-3.0, 0.3]]), np.ones((2, 2))], [1]),
    "direction": ([np.array([[2.0, 0.5, 0.1], [-3.0, 0.3, 0.1]])], [2.0, 1]),
    "centred": ([np.array([[2.0, 0.5], [-3.0, 0.3]])], [0]),
    "eigh_of_spaces": ([np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]])], []),
    "svd_of_spaces": ([np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])], []),
    "svd": ([np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])], []),
}
"""Arguments for the structural entries that no program can spell, and so have no example."""


def entries(*kinds: str) -> list[Any]:
    return [pytest.param(entry, id=name) for name, entry in TABLE.items() if entry.kind in kinds]


def generator(entry: Primitive) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(entry.name.encode()))


# ── where an entry is tried ───────────────────────────────────────────────────────────


def cases(entry: Primitive) -> Iterator[Case]:
    """Arguments to try a differentiable entry on."""
    rng = generator(entry)
    if entry.kind == "elementwise":
        for shapes in operand_shapes(len(entry.operands)):
            yield draw(entry, shapes, rng), []
    elif entry.kind == "reduction":
        _, (*head, _, _) = example_case(entry)
        for shape in ARRAY_SHAPES:
            for axis in (None, *range(len(shape)), *([-1] if shape else [])):
                for keepdims in (False, True):
                    yield draw(entry, [shape], rng), [*head, axis, keepdims]
    else:
        operands, static = example_case(entry)
        noisy = [x + 0.05 * rng.standard_normal(np.shape(x)) for x in operands]
        yield (
            [plain(x) if differentiable(entry, i) else operands[i] for i, x in enumerate(noisy)],
            static,
        )


def operand_shapes(count: int) -> Iterator[list[tuple[int, ...]]]:
    for shape in ARRAY_SHAPES:
        yield [shape] * count
    if count > 1:
        for first, second in BROADCAST_SHAPES:
            yield [first, *([second] * (count - 1))]


def draw(entry: Primitive, shapes: list[tuple[int, ...]], rng: np.random.Generator) -> list[Any]:
    return [
        plain(
            rng.choice(within, shape) if isinstance(within, range) else rng.uniform(*within, shape)
        )
        for shape, within in zip(shapes, entry.sample, strict=True)
    ]


def plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value


def example_case(entry: Primitive) -> Case:
    """What the entry's own example calls it with."""
    if entry.name in UNSPELLED:
        return UNSPELLED[entry.name]
    seen: list[tuple[Any, ...]] = []

    def spy(graph: Graph, primitive: Primitive, args: tuple[Any, ...], span: Any) -> Any:
        if primitive is TABLE[entry.name]:
            seen.append(tuple(value_of(arg) for arg in args))
        return apply(graph, primitive, args, span)

    with mock.patch.object(machine, "apply", spy), mock.patch.object(engine, "apply", spy):
        run_example(entry)
    args = seen[-1]
    operands = len(args) - len(entry.options)
    return [np.asarray(x, float) for x in args[:operands]], list(args[operands:])


def run_example(entry: Primitive) -> Any:
    (value,) = run(load(Source("<example>", entry.example)), {}).outputs.values()
    return value_of(value)


def differentiable(entry: Primitive, position: int) -> bool:
    """Whether an operand has a derivative, which those do not that take whole numbers only."""
    if entry.kind == "elementwise":
        return not isinstance(entry.sample[position], range)
    return entry.kind == "reduction" or entry.variadic or entry.vjps[position] is not None


# ── the checks ────────────────────────────────────────────────────────────────────────


def check(entry: Primitive) -> None:
    for operands, static in cases(entry):
        check_derivatives(entry, operands, static)


def check_derivatives(entry: Primitive, operands: list[Any], static: list[Any]) -> None:
    """Fails where a rule of the entry is wrong at this point, be it by 0.1 %."""
    rng = generator(entry)
    by = [i for i in range(len(operands)) if differentiable(entry, i)]
    value = entry.evaluate(*operands, *static)
    g = plain(rng.uniform(0.5, 1.5, np.shape(value)))
    directions = [plain(rng.uniform(0.5, 1.5, np.shape(operands[i]))) for i in by]

    def first(*changed: Any) -> float:
        """Σ g·out, whose gradient is what a reverse sweep gives of g."""
        return float(np.sum(g * entry.evaluate(*changed, *static)))

    def along(*changed: Any) -> float:
        """The slope of that along `directions`, whose gradient is of second order."""
        _, adjoints, _ = swept(entry, list(changed), static, by, g)
        return inner(adjoints, directions)

    graph, adjoints, out = swept(entry, operands, static, by, g)
    assert_close(adjoints, differences(first, operands, by), "first derivative")

    leaves = graph.nodes[: len(by)]
    tangent = forward_sweep(graph.up_to(out), dict(zip(leaves, directions, strict=True))).get(out)
    forward = 0.0 if tangent is None else float(np.sum(g * tangent))
    assert forward == pytest.approx(inner(adjoints, directions), rel=1e-9, abs=1e-12), "forward"

    recorded = recorded_reverse_sweep(graph, graph.up_to(out), g, leaves)
    seconds = [np.zeros(np.shape(operands[i])) for i in by]
    for leaf, direction in zip(leaves, directions, strict=True):
        adjoint = recorded.get(leaf)
        if isinstance(adjoint, Node):
            found = reverse_sweep(graph.up_to(adjoint), direction, leaves)
            seconds = [total + found.get(x, 0.0) for total, x in zip(seconds, leaves, strict=True)]
    assert_close(seconds, differences(along, operands, by), "second derivative")


def swept(
    entry: Primitive, operands: list[Any], static: list[Any], by: list[int], g: Any
) -> tuple[Graph, list[Any], Node]:
    """A graph of one node, its leaves first, and the adjoints of the leaves."""
    graph = Graph()
    leaves = {i: graph.leaf(operands[i], "x") for i in by}
    args = [leaves.get(i, x) for i, x in enumerate(operands)]
    out = apply(graph, entry, (*args, *static), None)
    assert isinstance(out, Node)
    found = reverse_sweep(graph.up_to(out), g, list(leaves.values()))
    return graph, [found.get(x, np.zeros_like(x.value)) for x in leaves.values()], out


def differences(function: Callable[..., float], operands: list[Any], by: list[int]) -> list[Any]:
    """The gradient of `function` by central differences, extrapolated once."""
    gradients = []
    for i in by:
        gradient = np.zeros(np.shape(operands[i]))
        for place in np.ndindex(gradient.shape):

            def at(offset: float, i: int = i, place: tuple[int, ...] = place) -> float:
                moved = np.array(operands[i], float)
                moved[place] += offset
                return function(*operands[:i], plain(moved), *operands[i + 1 :])

            wide = (at(2 * STEP) - at(-2 * STEP)) / (4 * STEP)
            narrow = (at(STEP) - at(-STEP)) / (2 * STEP)
            gradient[place] = (4 * narrow - wide) / 3
        gradients.append(gradient)
    return gradients


def inner(left: list[Any], right: list[Any]) -> float:
    return sum(float(np.sum(a * b)) for a, b in zip(left, right, strict=True))


def assert_close(got: list[Any], want: list[Any], what: str) -> None:
    for one, other in zip(got, want, strict=True):
        scale = np.max(np.abs(other), initial=0.0)
        np.testing.assert_allclose(
            one, other, rtol=1e-5, atol=1e-7 * max(scale, 1e-2), err_msg=what
        )


DIFFERENTIABLE = entries("elementwise", "reduction", "structural")


@pytest.mark.parametrize("entry", DIFFERENTIABLE)
def test_derivatives(entry: Primitive) -> None:
    check(entry)


@pytest.mark.parametrize("x", [[2.0, 0.0, 3.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
def test_products_of_zeros(x: list[float]) -> None:
    """No division by an element: first and second derivatives are there at zeros too."""
    vector = np.array(x)
    matrix = np.stack([vector, vector[::-1] - 1.0])
    for axis in (None, 0, 1, (0, 1)):
        check_derivatives(TABLE["prod"], [matrix], [axis, False])
    for axis in (0, 1):
        check_derivatives(TABLE["cumprod"], [matrix], [axis])
    check_derivatives(TABLE["prod"], [vector], [None, True])


def mutants(entry: Primitive) -> Iterator[Primitive]:
    """Copies of an entry, each with one rule that is 0.1 % wrong, or 0.001 where it is 0."""
    if entry.kind == "elementwise":
        for i, rule in enumerate(entry.partials):
            if differentiable(entry, i):
                rules = [*entry.partials]
                rules[i] = scaled(rule) if callable(rule) else rule * 1.001 or 0.001
                yield replace(entry, partials=tuple(rules))
    elif entry.kind == "reduction":
        yield replace(entry, weight=scaled(entry.weight))
    elif entry.variadic:
        yield replace(entry, vjps=scaled(entry.vjps))
    else:
        for field in ("vjps", "jvps"):
            for i, rule in enumerate(getattr(entry, field)):
                if rule is not None:
                    rules = [*getattr(entry, field)]
                    rules[i] = scaled(rule)
                    yield replace(entry, **{field: tuple(rules)})


def scaled(rule: Any) -> Any:
    def wrong(*args: Any) -> Any:
        result = rule(*args)
        if hasattr(result, "cotangent"):
            return type(result)(1.001 * result.cotangent, result.key)
        return 1.001 * result

    return wrong


@pytest.mark.parametrize("entry", DIFFERENTIABLE)
def test_a_rule_that_is_a_thousandth_wrong_is_rejected(entry: Primitive) -> None:
    for wrong in mutants(entry):
        with pytest.raises(AssertionError):
            check(wrong)


# ── the two ways to compute ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("entry", entries("elementwise"))
def test_floats_and_arrays_agree(entry: Primitive) -> None:
    """The scalar path, and the rules as compiled from symbols, against NumPy's."""
    rng = generator(entry)
    by = [i for i in range(len(entry.operands)) if differentiable(entry, i)]
    for _ in range(20):
        point = draw(entry, [()] * len(entry.operands), rng)
        arrays = [np.array([x]) for x in point]
        assert entry.evaluate(*point) == pytest.approx(entry.evaluate(*arrays)[0], rel=1e-14)
        _, scalar, _ = swept(entry, point, [], by, 1.0)
        _, array, _ = swept(entry, arrays, [], by, np.ones(1))
        np.testing.assert_allclose(scalar, np.ravel(array), rtol=1e-13)


@pytest.mark.parametrize("entry", entries("elementwise"))
def test_single_precision_stays_so(entry: Primitive) -> None:
    rng = generator(entry)
    point = [np.float32(x) for x in draw(entry, [(4,)] * len(entry.operands), rng)]
    by = [i for i in range(len(point)) if differentiable(entry, i)]
    _, slopes, node = swept(entry, point, [], by, np.ones(4, np.float32))
    assert node.value.dtype == np.float32
    assert all(slope.dtype == np.float32 for slope in slopes)
    _, exact, wide = swept(entry, [np.float64(x) for x in point], [], by, np.ones(4))
    np.testing.assert_allclose(node.value, wide.value, rtol=2e-5, atol=1e-6)
    for one, other in zip(slopes, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("entry", entries("elementwise"))
def test_integers_are_taken(entry: Primitive) -> None:
    """An integer is the float that it equals; the result of an exact entry stays an integer."""
    whole = [
        within
        if isinstance(within, range)
        else range(math.ceil(within[0]), math.floor(within[1]) + 1)
        for within in entry.sample
    ]
    for point in itertools.islice(itertools.product(*whole), 50):
        want = entry.evaluate(*(float(x) for x in point))
        got = entry.evaluate(*point)
        assert got == pytest.approx(want, rel=1e-14, nan_ok=True)
        assert type(got) is (int if entry.exact else float) or not math.isfinite(got)
        array = entry.evaluate(*(np.array([x]) for x in point))
        assert array[0] == pytest.approx(want, rel=1e-14, nan_ok=True)


# ── kinks ─────────────────────────────────────────────────────────────────────────────

GRID = (-1.0, 0.0, 0.5, 1.0, 2.0)
"""Where kinks are looked for, every operand by itself."""


def kinks(entry: Primitive) -> Iterator[list[float]]:
    for point in itertools.product(GRID, repeat=len(entry.operands)):
        if entry.is_kink([np.float64(x) for x in point]):
            yield [float(x) for x in point]


KINKED = [p for p in entries("elementwise") if p.values[0].kink]


@pytest.mark.parametrize("entry", [p for p in KINKED if not callable(p.values[0].kink)])
def test_a_kink_by_the_last_operand_alone_is_none_where_that_is_constant(entry: Primitive) -> None:
    """By the others there is a derivative, which differences find."""
    last = len(entry.operands) - 1
    by = list(range(last + 1))
    found = 0
    for point in kinks(entry):
        found += 1
        for wrap in (float, lambda x: np.array([x]), lambda x: np.float32(x)):
            values = [wrap(x) for x in point]
            unit = 1.0 if wrap is float else np.ones_like(values[0])
            graph, slopes, node = swept(entry, values, [], by, unit)
            assert graph.kinks == [node]
            np.testing.assert_array_equal(np.ravel(slopes), np.zeros(len(by)))
            graph, slopes, _ = swept(entry, values, [], by[:-1], unit)
            assert graph.kinks == []
            for position, slope in enumerate(slopes):
                moved = [[*point], [*point]]
                moved[0][position] -= 1e-6
                moved[1][position] += 1e-6
                low, high = (entry.evaluate(*each) for each in moved)
                assert np.ravel(slope) == pytest.approx((high - low) / 2e-6, abs=1e-6)
    assert found, "no kink on the grid"


@pytest.mark.parametrize("entry", [p for p in KINKED if callable(p.values[0].kink)])
def test_at_a_kink_the_derivative_is_one_of_the_subgradients(entry: Primitive) -> None:
    """Each partial lies between those beside the kink, and is the least where that is promised."""
    by = [i for i in range(len(entry.operands)) if differentiable(entry, i)]
    found = 0
    for point in kinks(entry):
        if not math.isfinite(entry.evaluate(*point)):
            continue
        found += 1
        beside = [
            np.ravel(
                swept(entry, [x + s for x, s in zip(point, offset, strict=True)], [], by, 1.0)[1]
            )
            for offset in itertools.product((-1e-7, 0.0, 1e-7), repeat=len(point))
            if any(offset)
        ]
        low, high = np.min(beside, axis=0) - 1e-5, np.max(beside, axis=0) + 1e-5
        graph, at, node = swept(entry, point, [], by, 1.0)
        assert graph.kinks == [node]
        at = np.ravel(at)
        assert (low <= at).all(), (point, at, low)
        assert (at <= high).all(), (point, at, high)
        if "least" in entry.convention:
            np.testing.assert_allclose(at, np.clip(0.0, low, high), atol=2e-5)
        graph, array, node = swept(entry, [np.array([x]) for x in point], [], by, np.ones(1))
        assert graph.kinks == [node]
        np.testing.assert_array_equal(np.ravel(array), at)
    assert found, "no kink on the grid"


@pytest.mark.parametrize("entry", [p for p in entries("reduction") if p.values[0].kink])
def test_at_a_kink_of_a_reduction_the_weights_are_a_subgradient(entry: Primitive) -> None:
    _, (*head, _, _) = example_case(entry)
    found = 0
    for x in ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2.0, 2.0, 1.0], [2.0, 1.0, 1.0]):
        graph, (at,), node = swept(entry, [np.array(x)], [*head, None, False], [0], 1.0)
        if not graph.kinks:
            continue
        found += 1
        assert graph.kinks == [node]
        beside = []
        for offset in itertools.permutations((-1e-7, 0.0, 1e-7)):
            moved = np.array(x) + offset
            beside.append(swept(entry, [moved], [*head, None, False], [0], 1.0)[1][0])
        assert (np.min(beside, axis=0) - 1e-5 <= at).all()
        assert (at <= np.max(beside, axis=0) + 1e-5).all()
        if "least" in entry.convention:
            np.testing.assert_array_equal(at, 0.0)
    assert found, "no kink among the arrays tried"


@pytest.mark.parametrize("entry", entries("elementwise"))
def test_away_from_kinks_none_is_reported(entry: Primitive) -> None:
    rng = generator(entry)
    for _ in range(20):
        point = draw(entry, [()] * len(entry.operands), rng)
        graph, _, _ = swept(entry, point, [], [len(point) - 1], 1.0)
        assert graph.kinks == []


# ── documentation ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("entry", entries("elementwise", "reduction", "structural", "constant"))
def test_documentation_is_there(entry: Primitive) -> None:
    assert entry.doc
    assert entry.domain
    assert (entry.kink is None) or entry.convention
    if entry.kind == "elementwise":
        assert len(entry.partials) == len(entry.sample) == len(entry.operands)
    if entry.example:
        run_example(entry)
    else:
        assert entry.name in INTERNAL, "what programs can call has an example"


def test_names_are_those_of_the_table() -> None:
    assert all(entry.name == name for name, entry in TABLE.items())
