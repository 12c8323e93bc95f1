"""Arrays: rules at many shapes and options, values beside NumPy's, kinks, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff_cli.engine.derivatives import gradient
from autodiff_cli.engine.graph import Graph, apply, value_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.errors import AdiffError, DomainError, ShapeError, TypeMismatch
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source
from tests.engine.test_primitives import check_derivatives

if TYPE_CHECKING:
    from collections.abc import Callable


def draw(*shape: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def value(program: str, **inputs: Any) -> Any:
    (output,) = run(load(Source("<test>", program)), inputs).outputs.values()
    return value_of(output)


def derivative(program: str, **inputs: Any) -> list[Any]:
    result = run(load(Source("<test>", program)), inputs)
    (output,) = result.outputs.values()
    targets = [target for target in result.targets.values() if target is not None]
    return gradient(result.graph, output, targets)


# ── rules at many shapes ──────────────────────────────────────────────────────────────

INCREASING = np.array([0.0, 1.0, 2.5, 4.0])
BENT = np.array([0.5, 2.0, 1.0, 3.0])
ALL = slice(None)

CASES: list[tuple[str, list[Any], list[Any]]] = [
    ("index", [draw(4, 3)], [(slice(None, None, -2), 1)]),
    ("index", [draw(4, 3)], [(np.array([0, 0, 3]),)]),
    ("index", [draw(4, 3)], [(np.array([[0], [-1]]), np.array([0, 2]))]),
    ("index", [draw(3)], [(np.array([True, False, True]),)]),
    ("setindex", [draw(4), 0.5], [(slice(1, 3),)]),
    ("setindex", [draw(4, 3), draw(3)], [(np.array([0, 2]),)]),
    ("setindex", [draw(4), draw(3)], [(np.array([1, 1, 2]),)]),
    ("setindex", [draw(2, 3), draw(1, 3)], [(0,)]),
    ("gather", [draw(4, 3)], [np.array([[0, 1, 0], [3, 3, 3]]), 0]),
    ("gather", [draw(4, 3)], [np.array([[2], [0], [0], [-1]]), -1]),
    ("gather", [draw(2, 3, 2)], [np.array([[[0, 1], [2, 2]]]), 1]),
    ("reshape", [draw(2, 3)], [np.array([3, -1])]),
    ("reshape", [0.5], [np.array([1, 1])]),
    ("flatten", [0.5], []),
    ("flatten", [draw(2, 3)], []),
    ("transpose", [draw(2, 3, 4)], [np.array([1, 2, 0])]),
    ("transpose", [draw(2, 3, 4)], [np.array([-1, 0, 1])]),
    ("flip", [draw(2, 3)], [None]),
    ("flip", [draw(2, 3)], [-1]),
    ("flip", [0.5], [None]),
    ("roll", [draw(2, 3)], [1, None]),
    ("roll", [draw(2, 3)], [-4.0, 1]),
    ("roll", [draw(2, 3)], [np.array([1, 2]), np.array([0, -1])]),
    ("tile", [draw(3)], [np.array([2, 2])]),
    ("tile", [draw(2, 3)], [2]),
    ("tile", [draw(2, 1, 3)], [np.array([2, 3])]),
    ("tile", [0.5], [3]),
    ("repeat", [draw(2, 3)], [2, None]),
    ("repeat", [draw(2, 3)], [np.array([0, 2, 1]), 1]),
    ("repeat", [draw(2, 3)], [3, 0]),
    ("repeat", [0.5], [3, None]),
    ("stack", [draw(3), draw(3, seed=4)], [-1]),
    ("stack", [0.5, 0.7], [0]),
    ("stack", [draw(2, 3), draw(2, 3, seed=4)], [1.0]),
    ("concat", [draw(2, 3), draw(2, 1)], [-1]),
    ("concat", [draw(2, 3), draw(1, 3), draw(3, 3)], [0]),
    ("append", [draw(2, 3), draw(2)], [None]),
    ("append", [0.5, 0.7], [None]),
    ("append", [draw(2, 3), draw(2, 1)], [-1]),
    ("full", [0.5], [np.array([2, 3])]),
    ("full", [draw(3)], [np.array([2, 3])]),
    ("linspace", [0.5, 2.0], [4]),
    ("linspace", [0.5, 2.0], [1]),
    ("linspace", [draw(2), 3.0], [4]),
    ("linspace", [draw(2), draw(3, 1)], [4]),
    ("sort", [draw(5)], [-1]),
    ("sort", [draw(3, 4)], [0]),
    ("diff", [draw(5)], [1, -1]),
    ("diff", [draw(5)], [3, -1]),
    ("diff", [draw(5)], [0, -1]),
    ("diff", [draw(3, 4)], [2, 0]),
    ("cumtrapz", [draw(5), 0.5], [-1]),
    ("cumtrapz", [draw(3, 4), 0.5], [0]),
    ("cumtrapz", [draw(3, 4), np.cumsum(draw(4))], [-1]),
    ("cumtrapz", [draw(3, 4, 2), np.cumsum(draw(4))], [1]),
    ("cumtrapz", [draw(3, 4), np.cumsum(draw(3, 4, seed=5), 1)], [1]),
    ("cumtrapz", [draw(3, 3), np.cumsum(draw(3))], [0]),
    ("interp", [1.3, INCREASING, BENT], []),
    ("interp", [np.array([-1.0, 0.2, 1.3, 1.7, 3.9, 9.0]), INCREASING, BENT], []),
    ("interp", [np.array([[0.2, 1.3], [3.0, 2.7]]), INCREASING, BENT], []),
    ("interp", [np.array([0.5, 2.0]), np.array([1.0]), np.array([3.0])], []),
    *[
        ("convolve", [draw(m), draw(n, seed=4)], [mode])
        for m, n in ((5, 3), (3, 5), (4, 4), (4, 2), (1, 3), (6, 4))
        for mode in ("full", "same", "valid")
    ],
]


@pytest.mark.parametrize(
    ("name", "operands", "static"),
    [
        pytest.param(*case, id=f"{i} {case[0]} {[np.shape(x) for x in case[1]]}")
        for i, case in enumerate(CASES)
    ],
)
def test_derivatives(name: str, operands: list[Any], static: list[Any]) -> None:
    check_derivatives(TABLE[name], operands, static)


# ── values ────────────────────────────────────────────────────────────────────────────

SHAPES = st.sampled_from([(4,), (2, 3), (3, 1, 2)])
AS_NUMPY: dict[str, tuple[Callable[..., Any], dict[str, st.SearchStrategy[Any]]]] = {
    "roll": (np.roll, {"shift": st.integers(-7, 7), "axis": st.none() | st.just(-1)}),
    "tile": (np.tile, {"n": st.integers(0, 3) | st.just(np.array([2, 1]))}),
    "repeat": (np.repeat, {"n": st.integers(0, 3), "axis": st.none() | st.just(0)}),
    "flip": (np.flip, {"axis": st.none() | st.just(-1) | st.just(0)}),
    "sort": (np.sort, {"axis": st.sampled_from([0, -1])}),
    "argsort": (
        lambda x, axis: np.argsort(x, axis, kind="stable"),
        {"axis": st.sampled_from([0, -1])},
    ),
    "diff": (np.diff, {"n": st.integers(0, 5), "axis": st.sampled_from([0, -1])}),
    "transpose": (np.transpose, {"axes": st.none()}),
}


@pytest.mark.parametrize("name", AS_NUMPY)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_numpy_has_the_same_values(name: str, data: st.DataObject) -> None:
    function, options = AS_NUMPY[name]
    shape = data.draw(SHAPES)
    x = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=6, max_size=6)), float)
    x = np.resize(x, shape)
    drawn = [data.draw(option) for option in options.values()]
    np.testing.assert_array_equal(TABLE[name].evaluate(x, *drawn), function(x, *drawn))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["full", "same", "valid"]))
def test_convolve_is_numpys(m: int, n: int, mode: str) -> None:
    a, v = draw(m), draw(n, seed=4)
    want = np.convolve(a, v, mode)  # type: ignore[call-overload]
    np.testing.assert_array_equal(TABLE["convolve"].evaluate(a, v, mode), want)


def test_gather_undoes_argsort() -> None:
    x = draw(3, 4)
    np.testing.assert_array_equal(value("gather(x, argsort(x))", x=x), np.sort(x))
    np.testing.assert_array_equal(value("gather(x, argsort(x, 0), 0)", x=x), np.sort(x, 0))


def test_options_first() -> None:
    """As NumPy has it: the shape before the value."""
    np.testing.assert_array_equal(value("full([2, 2], 7)"), np.full((2, 2), 7))
    np.testing.assert_array_equal(value("full(value=7, shape=2)"), [7, 7])
    np.testing.assert_array_equal(value("f = full\nf(2, 7)"), [7, 7])
    assert value('f = einsum\nf("i,i", [1, 2], [3, 4])') == 11
    assert value('einsum([1, 2], [3, 4], subscripts="i,i")') == 11


def test_integers_stay_exact() -> None:
    assert value("diff([1, 4])").dtype == np.int64
    assert value("convolve([1, 2], [3, 4])").dtype == np.int64
    assert value("diff([true, false, true])").tolist() == [-1, 1]
    far = value("diff([-2^62 * 2 + 1, 2^62])")
    assert far[0] == pytest.approx(1.5 * 2.0**63)


def test_an_empty_range() -> None:
    assert value("arange(1e300, 2)").shape == (0,)
    assert value("range(5, 2)").shape == (0,)
    assert value("range(5, 2, -1)").tolist() == [5, 4, 3]


# ── kinks and ties ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "operands", "static", "kinks"),
    [
        ("sort", [np.array([3.0, 1.0, 2.0])], [-1], 0),
        ("sort", [np.array([3.0, 1.0, 3.0])], [-1], 1),
        ("sort", [np.array([[3.0, 1.0], [3.0, 2.0]])], [-1], 0),
        ("sort", [np.array([[3.0, 1.0], [3.0, 2.0]])], [0], 1),
        ("interp", [1.5, INCREASING, BENT], [], 0),
        ("interp", [1.0, INCREASING, BENT], [], 1),
        ("interp", [0.0, INCREASING, BENT], [], 1),
        ("interp", [4.0, INCREASING, BENT], [], 1),
        ("interp", [-1.0, INCREASING, BENT], [], 0),
        ("interp", [9.0, INCREASING, BENT], [], 0),
        ("interp", [np.array([0.5, 2.5]), INCREASING, BENT], [], 1),
        ("interp", [1.0, INCREASING, 2 * INCREASING], [], 0),
    ],
)
def test_kinks_are_told(name: str, operands: list[Any], static: list[Any], kinks: int) -> None:
    graph = Graph()
    apply(graph, TABLE[name], (graph.leaf(operands[0], "x"), *operands[1:], *static), None)
    assert len(graph.kinks) == kinks


def test_elements_that_tie_keep_their_order() -> None:
    (by,) = derivative("sum([1, 2, 3] * sort(v))", v=np.array([2.0, 1.0, 1.0]))
    np.testing.assert_array_equal(by, [3, 1, 2])
    (by,) = derivative("sort(v)[0]", v=np.array([1.0, 1.0, 0.5, 0.5]))
    np.testing.assert_array_equal(by, [0, 0, 1, 0])


@pytest.mark.parametrize(
    ("at", "slope"), [(-1, 0), (0, 1.5), (1, -2 / 3), (2.5, 4 / 3), (4, 4 / 3), (5, 0)]
)
def test_the_slope_at_a_point_is_that_on_its_right(at: float, slope: float) -> None:
    by, *_ = derivative("input x, p, f\ninterp(x, p, f)", x=float(at), p=INCREASING, f=BENT)
    assert by == pytest.approx(slope)


def test_what_is_written_twice_counts_once() -> None:
    program = "input a, b\nx = [a, a, a]\nx[[1, 1]] = [a, b]\nx[1] * 10"
    a, b = derivative(program, a=2.0, b=3.0)
    assert (a, b) == (0, 10)


# ── bad input ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        ("[1, 2][[0, 1], [0, 1]]", ShapeError, "got 2 subscripts"),
        ("eye(3)[[0, 1], [0, 1, 2]]", ShapeError, r"got arrays of shapes \(2,\) and \(3,\)"),
        ("gather([1, 2], 0)", ShapeError, r"indices of shape \(\)"),
        ("gather([1, 2], [2])", ShapeError, "index 2 is outside axis 0"),
        ("gather([1, 2], [0.5])", TypeMismatch, "not whole"),
        ("gather([1, 2], sin)", TypeMismatch, "`gather` got a function"),
        ("reshape([1, 2], 3)", ShapeError, r"got the shape \(2,\) and is to make \(3,\)"),
        ("reshape([1, 2], [-1, -1])", ShapeError, "is to make"),
        ("reshape([1, 2], [-2, -1])", ShapeError, "is to make"),
        ("reshape([1, 2], 0.5)", TypeMismatch, "want a whole number"),
        ("transpose(eye(2), [0, 0])", ShapeError, "want each once"),
        ("transpose(eye(2), 0)", ShapeError, "want each axis once"),
        ("flip(eye(2), 2)", ShapeError, r"axis 2 is not there: the shape is \(2, 2\)"),
        ("roll(eye(2), 1, 5)", ShapeError, "axis 5 is not there"),
        ("roll(eye(2), [1, 2, 3], [0, 1])", ShapeError, "got 3 shifts for 2 axes"),
        ("tile([1], -1)", DomainError, "got the count -1"),
        ("repeat([1, 2], [1, 2, 3])", ShapeError, "got 3 counts for 2 elements"),
        ("repeat([1, 2], -1)", DomainError, "got the count -1"),
        ("repeat(3, 2, 0)", ShapeError, "axis 0 is not there"),
        ("concat([1], eye(2))", ShapeError, r"got the shapes \(1,\) and \(2, 2\)"),
        ("concat(1, 2)", ShapeError, "axis 0 is not there"),
        ("concat([1], [2], axis=1)", ShapeError, "axis 1 is not there"),
        ("stack([1], [2, 3])", ShapeError, "want one shape"),
        ("append(eye(2), [1], 0)", ShapeError, "do not join along axis 0"),
        ("zeros(-1)", ShapeError, "want sizes of 0 or more"),
        ("zeros([[1, 2]])", TypeMismatch, "want one number or a vector"),
        ("zeros(ones(65))", ShapeError, "got 65 axes, and an array has at most 64"),
        ("eye(-1)", ShapeError, "want 0 or more"),
        ("full(2, [1, 2, 3])", ShapeError, "want one that broadcasts to it"),
        ("linspace(0, 1, -1)", ShapeError, "want 0 or more"),
        ("linspace([1, 2], [1, 2, 3], 2)", ShapeError, "do not go together"),
        ("arange(0, inf)", DomainError, "want a finite number"),
        ("arange([1, 2])", TypeMismatch, "want a number"),
        ("range(3, 1, 0)", DomainError, "got the step 0"),
        ("sort(3)", ShapeError, "axis -1 is not there"),
        ("diff([1, 2], -1)", DomainError, "got the order -1"),
        ("cumtrapz([1, 2, 3], [1, 2])", ShapeError, r"x of shape \(2,\)"),
        ("interp(1, [1, 1], [2, 3])", DomainError, "do not increase"),
        ("interp(1, [1, nan], [2, 3])", DomainError, "do not increase"),
        ("interp(1, [1, 2], [2, 3, 4])", ShapeError, "want two vectors of one length"),
        ("interp(1, [], [])", ShapeError, "not empty"),
        ("interp(1, eye(2), eye(2))", ShapeError, "want a vector"),
        ("convolve([], [1])", ShapeError, "want no empty vector"),
        ("convolve(eye(2), [1])", ShapeError, "want a vector"),
        ('convolve([1], [1], "most")', DomainError, 'got the mode "most"'),
        ("convolve([1], [1], 2)", DomainError, "got the mode the number 2"),
        ("len(3)", TypeMismatch, "got a single number"),
    ],
)
def test_bad_input(call: str, kind: type[AdiffError], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        value(call)
    assert caught.value.where is not None
