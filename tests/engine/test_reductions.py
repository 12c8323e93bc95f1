"""Reductions where digits are easily lost: tails, ranges that floats leave, shifted data, ties.

The referee is the entry's counterpart in mpmath, differentiated by central differences at
hundreds of digits; of products, the sums of products that their derivatives are.
"""

from __future__ import annotations

import itertools
import math
import operator
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff_cli.engine.derivatives import gradient
from autodiff_cli.engine.graph import Graph, Node, apply, value_of
from autodiff_cli.engine.lazy import quiet_numpy
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import forward_sweep, ones_of, recorded_reverse_sweep, reverse_sweep
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

mp = mpmath.mp.clone()
mp.dps = 300
STEP = 30
"""Decimal places of the step; those of further orders are shorter by 3 each."""
RELATIVE = 1e-11
ROUNDED = 64
"""Units in the last place of the input, whose effect on the truth is no error of ours."""

ALONG = ("softmax", "log_softmax", "cumprod")
STATIC = {"softmax": [-1], "log_softmax": [-1], "cumprod": [0], "var": [0, None, False]}
STATIC["std"] = STATIC["var"]

SCALED = ("norm", "var", "std")


def static(name: str) -> list[Any]:
    return STATIC.get(name, [None, False])


def value(program: str, **inputs: Any) -> Any:
    with quiet_numpy():
        (output,) = run(load(Source("<test>", program)), inputs).outputs.values()
    return value_of(output)


def by(program: str, **inputs: Any) -> Any:
    """The gradient by the only input, or by each of several."""
    with quiet_numpy():
        result = run(load(Source("<test>", program)), inputs)
        (output,) = result.outputs.values()
        targets = [result.targets[name] for name in inputs]
        assert None not in targets
        found = gradient(result.graph, output, targets)
    return found[0] if len(found) == 1 else found


# ── orders 1 to 3, both sweeps, plain and recorded ────────────────────────────────────


def natural(name: str, x: Any, order: int) -> float:
    """The size that derivatives of an order have, though they may cancel."""
    if name not in ("norm", "std"):
        return 1.0 if name == "var" else 0.0
    return float(value(f"{name}(x)", x=np.array(x)) ** -order)


def derivatives(name: str, x: Any, of: int, along: list[int]) -> list[Any]:
    """The gradient of element `of`, that of its derivative by x[along[0]], and so on.

    Every tangent by the forward sweep is held against the gradient by the reverse one.
    """
    unit = np.eye(len(x))
    found = []
    with quiet_numpy():
        graph = Graph()
        leaf = graph.leaf(np.array(x), "x")
        out = apply(graph, TABLE[name], (leaf, *static(name)), None)
        if name in ALONG:
            out = apply(graph, TABLE["index"], (out, (of,)), None)
        for order, i in enumerate([*along, None]):
            assert isinstance(out, Node)
            nodes = graph.up_to(out)
            plain = reverse_sweep(nodes, ones_of(out), [leaf]).get(leaf, np.zeros(len(x)))
            found.append(plain)
            if i is None:
                break
            tangent = forward_sweep(nodes, {leaf: unit[i]}).get(out, 0.0)
            size = max(np.abs(plain).max(), natural(name, x, order))
            assert tangent == pytest.approx(plain[i], rel=1e-9, abs=1e-15 * size)
            recorded = recorded_reverse_sweep(graph, nodes, ones_of(out), [leaf]).get(leaf)
            np.testing.assert_allclose(
                np.zeros(len(x)) if recorded is None else value_of(recorded),
                plain, rtol=1e-9, atol=1e-15 * size,
            )  # fmt: skip
            if not isinstance(recorded, Node):
                found += [np.zeros(len(x))] * (len(along) + 1 - len(found))
                break
            out = apply(graph, TABLE["index"], (recorded, (i,)), None)
    return found


def truths(name: str, x: list[Any], of: int, along: list[int]) -> list[list[Any]]:
    """The same, by central differences."""
    entry = TABLE[name]
    assert entry.precise is not None
    size = min(map(abs, x)) if name in SCALED else mp.mpf(1)

    def function(at: list[Any]) -> Any:
        out = entry.precise(mp, np.array(at, object), *static(name))
        return out[of] if name in ALONG else np.asarray(out, object).item()

    def slope(of_function: Any, i: int, order: int) -> Any:
        h = size * mp.mpf(10) ** (-STEP - 3 * order)

        def derivative(at: list[Any]) -> Any:
            up, down = ([*at[:i], at[i] + s * h, *at[i + 1 :]] for s in (1, -1))
            return (of_function(up) - of_function(down)) / (2 * h)

        return derivative

    found = []
    for order, i in enumerate([*along, None]):
        found.append([slope(function, j, order)(x) for j in range(len(x))])
        if i is not None:
            function = slope(function, i, order)
    return found


def spread_values() -> Any:
    shifted = st.builds(
        lambda base, steps: [base + step * float(np.spacing(base)) for step in steps],
        st.sampled_from([2.0**53, 1.7e18, 1e9]),
        st.lists(st.integers(0, 9), min_size=2, max_size=4),
    )
    scaled = st.builds(
        lambda scale, parts: [10.0**scale * part for part in parts],
        st.integers(-150, 150),
        st.lists(st.floats(-1, 1), min_size=2, max_size=4),
    )
    small = st.lists(st.sampled_from([1.0, 1e-5, 1e-12, 3e-17, -2.0]), min_size=2, max_size=4)
    return st.one_of(shifted, scaled, small).filter(
        lambda x: len(set(x)) > 1 and min(map(abs, x)) > 1e-20 * max(map(abs, x))
    )


EXPONENTS = st.lists(
    st.one_of(st.sampled_from([0.0, 1.0, 20.0, 30.0, 37.0, 40.0, -40.0, 1e-9]), st.floats(-60, 60)),
    min_size=1, max_size=4,
).filter(lambda x: len(x) == 1 or sorted(x)[-1] - sorted(x)[-2] >= 1)  # fmt: skip
"""With one that is the largest: where two are, shares of 1/2 cancel."""


def _unit(x: Any, name: str) -> Any:
    """A unit in the last place; of an exponent, to which others are added, at least that of 1."""
    return mp.mpf(2) ** -52 * (x if name in SCALED else max(abs(x), 1))


def assert_as_the_truth(name: str, x: list[float], of: int, along: list[int]) -> None:
    precise = [mp.mpf(one) for one in x]
    moved = [one + (-1) ** i * (i + 1) * _unit(one, name) for i, one in enumerate(precise)]
    want = truths(name, precise, of, along)
    beside = truths(name, moved, of, along)
    both = zip(want, beside, strict=True)
    for order, (got, (wanted, near)) in enumerate(
        zip(derivatives(name, x, of, along), both, strict=True)
    ):
        size = natural(name, x, order)
        for one, other, nearby in zip(got, wanted, near, strict=True):
            allowed = RELATIVE * abs(other) + ROUNDED * abs(other - nearby)
            assert abs(one - other) <= allowed + 1e-14 * size + 1e-150, (name, x, of, along)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["softmax", "log_softmax", "logsumexp"]), EXPONENTS, st.data())
def test_small_shares_keep_their_digits(name: str, x: list[float], data: Any) -> None:
    places = st.integers(0, len(x) - 1)
    along = data.draw(st.lists(places, min_size=1, max_size=2))
    assert_as_the_truth(name, x, data.draw(places), along)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["norm", "var", "std"]), spread_values(), st.data())
def test_lengths_and_distances_keep_their_digits(name: str, x: list[float], data: Any) -> None:
    along = data.draw(st.lists(st.integers(0, len(x) - 1), min_size=1, max_size=2))
    assert_as_the_truth(name, x, 0, along)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "norm", "std"])
def test_along_axes_as_slice_by_slice(name: str) -> None:
    """Where one slice has a small complement and the other has not, to the third order."""
    rows = np.array([[40.0, 0.0, 1.0], [0.3, 0.2, 0.1]])
    weights = np.array([[1.0, 3.0, 2.0], [0.5, 1.5, 2.5]])
    call = f"{name}(x, axis=AXIS)"
    for _ in range(3):
        call = f"sum({call} * W)"
        whole = by(call.replace("AXIS", "1"), x=rows, W=weights) if name in ALONG else None
        if whole is None:
            break
        columns = by(call.replace("AXIS", "0"), x=rows.T, W=weights.T)
        np.testing.assert_array_equal(whole[0], columns[0].T)
        for i in range(2):
            one = by(call.replace("AXIS", "0"), x=rows[i], W=weights[i])
            np.testing.assert_allclose(whole[0][i], one[0], rtol=1e-13, atol=1e-30)
        call = f"grad({call}, x)"
    for axis in (0, 1):
        got = value(f"hessian(sum({name}(x, axis={axis}) * 1), x)", x=rows)
        for i in range(rows.shape[1 - axis]):
            place = (i, slice(None)) if axis else (slice(None), i)
            one = value(f"hessian(sum({name}(x) * 1), x)", x=rows[place])
            np.testing.assert_allclose(got[(*place, *place)], one, rtol=1e-12, atol=1e-16)


def test_logsumexp_over_all_axes_and_several() -> None:
    x = np.array([[40.0, 0.0], [1.0, 2.0]])
    whole = value("hessian(logsumexp(x), x)", x=x)
    flat = value("hessian(logsumexp(x), x)", x=x.ravel())
    np.testing.assert_allclose(whole.reshape(4, 4), flat, rtol=1e-13)
    np.testing.assert_allclose(
        value("softmax(x, [0, 1])", x=x).ravel(), value("softmax(x)", x=x.ravel())
    )


def test_two_shares_that_are_all_but_1_together() -> None:
    """Their sum moves by the third only, though each is 1/2."""
    p = math.exp(-40) / (2 + math.exp(-40))
    found = by("sum(softmax(x)[0:2])", x=np.array([40.0, 40.0, 0.0]))
    np.testing.assert_allclose(found, [p / 2, p / 2, -p], rtol=1e-14)


@pytest.mark.parametrize("small", [-20.0, -40.0, -700.0])
def test_values_whose_largest_share_is_close_to_one(small: float) -> None:
    rest = math.log1p(math.exp(small))
    assert value("logsumexp(x)", x=np.array([0.0, small])) == pytest.approx(rest, rel=1e-15)
    found = value("log_softmax(x)", x=np.array([small, 0.0]))
    np.testing.assert_allclose(found, [small - rest, -rest], rtol=1e-15)


def test_infinite_shares_keep_their_conventions() -> None:
    inf = math.inf
    for x, want in (
        ([inf, inf, 1.0], [0.5, 0.5, 0.0]),
        ([-inf, -inf], [0.5, 0.5]),
        ([-inf, 3.0], [0.0, 1.0]),
    ):
        np.testing.assert_array_equal(by("logsumexp(x)", x=np.array(x)), want)
    rows = np.array([[-inf, 40.0, 0.0], [1.0, 2.0, 3.0], [inf, 0.0, 0.0]])
    second = value("hessian(sum(logsumexp(x, 1)), x)", x=rows)
    np.testing.assert_allclose(
        second[0, :, 0], math.exp(-40) * np.array([[0, 0, 0], [0, 1, -1], [0, -1, 1]]), rtol=1e-13
    )
    assert np.isfinite(second[1]).all()


# ── products ──────────────────────────────────────────────────────────────────────────

FACTORS = st.lists(
    st.one_of(
        st.sampled_from([0.0, 1.0, -2.0, 1e-200, 1e200, 1e150, -3e-170, 1e-300, 1e300]),
        st.floats(-5, 5).filter(lambda x: not 0 < abs(x) < 1e-5),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


def product_of_all_but(x: list[Any], places: list[int]) -> Any:
    """The derivative of the product by those places."""
    if len(set(places)) < len(places) or max(places, default=0) >= len(x):
        return mp.mpf(0)
    return mp.fprod(one for i, one in enumerate(x) if i not in places)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["prod", "cumprod"]), FACTORS, st.data())
def test_products_of_the_others(name: str, x: list[float], data: Any) -> None:
    """What overflows on the way only, or underflows, does not show; what does, is inf or 0."""
    of = data.draw(st.integers(0, len(x) - 1)) if name == "cumprod" else len(x) - 1
    along = data.draw(st.lists(st.integers(0, len(x) - 1), max_size=3))
    factors = [mp.mpf(one) for one in x[: of + 1]]
    # A sweep multiplies by the inf that a derivative may be: only what is finite goes on.
    orders = [
        [float(product_of_all_but(factors, [*along[:k], i])) for i in range(len(x))]
        for k in range(len(along) + 1)
    ]
    finite = next((k for k, order in enumerate(orders) if np.isinf(order).any()), len(orders))
    for got, want in zip(
        derivatives(name, x, of, along[: max(finite - 1, 0)]), orders, strict=False
    ):
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-307)
    total = float(product_of_all_but(factors, []))
    found = value(f"{name}(x)", x=np.array(x))
    assert (found[of] if name == "cumprod" else found) == pytest.approx(
        total, rel=1e-13, abs=1e-307
    )


def test_a_long_product_over_all_axes() -> None:
    rng = np.random.default_rng(0)
    x = 10.0 ** rng.uniform(-100, 100, (20, 3, 15))
    x /= np.exp(np.log(x).mean())
    want = float(mp.fprod(map(mp.mpf, x.ravel().tolist())))
    assert value("prod(x)", x=x) == pytest.approx(want, rel=1e-11)
    np.testing.assert_allclose(by("prod(x)", x=x) * x, want, rtol=1e-11)
    np.testing.assert_allclose(
        value("prod(x, [0, 2])", x=x), [value("prod(x)", x=x[:, i]) for i in range(3)], rtol=1e-12
    )


def test_products_of_infinities() -> None:
    inf = math.inf
    np.testing.assert_array_equal(by("prod(x)", x=np.array([inf, 3.0])), [3, inf])
    second = value("hessian(prod(x), x)", x=np.array([inf, 3.0, 2.0]))
    np.testing.assert_array_equal(second, [[0, 2, 3], [2, 0, inf], [3, inf, 0]])
    np.testing.assert_array_equal(by("cumprod(x)[0]", x=np.array([2.0, inf, 3.0])), [1, 0, 0])


@pytest.mark.parametrize("scale", [1e-160, 1e160])
def test_cofactors_at_the_ends_of_the_range(scale: float) -> None:
    """det is below the smallest normal float, or over the largest; its derivatives are not."""
    matrix = scale * np.array([[2.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(
        by("det(A)", A=matrix), scale * np.array([[3.0, -1.0], [-1.0, 2.0]]), rtol=1e-13
    )
    apart = np.diag([1e-200, 1e-200, 1e-200, 1e290])
    np.testing.assert_allclose(np.diag(by("det(A)", A=apart)), [1e-110] * 3 + [0], rtol=1e-13)


# ── shifted data, and the ranges of floats ────────────────────────────────────────────


@given(st.floats(1e-300, 1e300), st.integers(2, 50))
def test_equal_elements_have_no_spread(x: float, count: int) -> None:
    array = np.full(count, x)
    assert value("std(x)", x=array) == value("var(x)", x=array) == 0
    np.testing.assert_array_equal(by("std(x)", x=array), np.zeros(count))
    assert value("mean(x)", x=array) == pytest.approx(x, rel=1e-15)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30), st.integers(-(2**62), 2**62))
def test_integers_are_centred_exactly(steps: list[int], base: int) -> None:
    want = float(np.var(np.array(steps, float)))
    found = TABLE["var"].evaluate(np.array(steps) + base, 0, None, False)
    assert found == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize("name", ["norm", "std"])
@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1e-20, 1.0, 1e20, 1e30, 5e37])
def test_single_precision_is_scaled_too(name: str, scale: float) -> None:
    x = np.array([3.0, 4.0], np.float32) * np.float32(scale)
    graph = Graph(single=True)
    out = apply(graph, TABLE[name], (graph.leaf(x, "x"), *static(name)), None)
    assert isinstance(out, Node)
    with np.errstate(all="ignore"):
        want = float(getattr(np.linalg if name == "norm" else np, name)(x.astype(float)))
    assert float(out.value) == pytest.approx(want, rel=1e-6, abs=2e-45)
    (leaf,) = [node for node in graph.nodes if node.primitive is None]
    found = reverse_sweep(graph.up_to(out), ones_of(out), [leaf])[leaf]
    np.testing.assert_allclose(found, [0.6, 0.8] if name == "norm" else [-0.5, 0.5], rtol=1e-3)
    assert not graph.kinks


def test_mean_of_what_overflows_in_their_sum() -> None:
    assert value("mean(x)", x=np.array([1.5e308, 1.7e308])) == 1.6e308
    assert value("std(x)", x=np.array([1.5e308, 1.7e308])) == pytest.approx(1e307)


# ── integers ──────────────────────────────────────────────────────────────────────────

WHOLE = st.lists(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9)), min_size=1, max_size=6
)


@given(WHOLE)
def test_integers_that_64_bits_do_not_hold_are_floats(x: list[int]) -> None:
    array = np.array(x)
    for name, combine in (("sum", operator.add), ("prod", operator.mul)):
        running = list(itertools.accumulate(x, combine))
        for found, exact in (
            (TABLE[name].evaluate(array, None, False), running[-1:]),
            (TABLE[f"cum{name}"].evaluate(array, 0), running),
            (TABLE[name].evaluate(np.stack([array, array]), 1, False)[0], running[-1:]),
        ):
            found = np.atleast_1d(found)
            assert found.dtype == np.float64 or found.tolist() == exact
            np.testing.assert_allclose(found, np.array(exact, float), rtol=1e-14, atol=1e5)


CLOSE = st.builds(
    lambda base, step: max(-(2**63), min(2**63 - 1, base + step)),
    st.sampled_from([0, 10**16, 2**53, 2**62, 2**63, -(2**63), -(2**53)]),
    st.integers(-3, 3),
)


@given(st.lists(CLOSE, min_size=1, max_size=5), CLOSE, st.data())
def test_integers_and_floats_compare_exactly(x: list[int], near: int, data: Any) -> None:
    other = data.draw(st.sampled_from([float(near), math.inf, -math.inf, math.nan, 0.5]))
    for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
        entry = TABLE[name]
        assert entry.scalar is not None
        want = [entry.scalar(one, other) for one in x]
        back = [entry.scalar(other, one) for one in x]
        for given_as in (other, np.array([other])):
            assert entry.evaluate(np.array(x), given_as).tolist() == want
            assert entry.evaluate(given_as, np.array(x)).tolist() == back
        assert np.asarray(entry.evaluate(np.array(x), other)).dtype == bool


# ── quantiles ─────────────────────────────────────────────────────────────────────────

ELEMENTS = st.lists(
    st.one_of(st.integers(-3, 3).map(float), st.sampled_from([math.inf, -math.inf])),
    min_size=1, max_size=7,
)  # fmt: skip


def interpolated(x: list[float], q: float) -> float:
    """By its definition: an element where it is one, or between two."""
    ordered, position = sorted(x), q * (len(x) - 1)
    low = math.floor(position)
    way = position - low
    if not way:
        return ordered[low]
    return (1 - way) * ordered[low] + way * ordered[low + 1]


@settings(max_examples=300, deadline=None)
@given(ELEMENTS, st.lists(st.sampled_from([0, 0.25, 1 / 3, 0.5, 0.55, 0.75, 1.0]), min_size=1))
def test_quantiles_with_infinities(x: list[float], levels: list[float]) -> None:
    with quiet_numpy():
        found = TABLE["quantile"].evaluate(np.array(x), np.array(levels), None, False)
        assert TABLE["median"].evaluate(np.array(x), None, False) == pytest.approx(
            interpolated(x, 0.5), nan_ok=True
        )
    want = [interpolated(x, level) for level in levels]
    assert found.tolist() == pytest.approx(want, nan_ok=True, abs=1e-12)


def test_a_level_that_rounding_takes_off_an_element_asks_for_it() -> None:
    x = np.arange(101.0)
    x[8:] = math.inf
    assert 0.07 * 100 != 7
    assert value("quantile(x, 0.07)", x=x) == 7
    assert math.isnan(value("quantile(x, 0.5)", x=np.array([1.0, math.nan, 2.0])))


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("levels", [0.3, np.array([0.3, 0.85]), np.array([[0.1], [0.45]])])
def test_derivatives_of_quantiles(levels: Any, axis: Any) -> None:
    """By x and by q, of both orders, by both sweeps, for arrays of levels along every axis."""
    from tests.engine.test_primitives import check_derivatives

    x = np.random.default_rng(1).permutation(12).reshape(3, 4) * 1.0
    for keepdims in (False, True):
        check_derivatives(TABLE["quantile"], [x, levels], [axis, keepdims])
        found = TABLE["quantile"].evaluate(x, levels, axis, keepdims)
        np.testing.assert_allclose(found, np.quantile(x, levels, axis=axis, keepdims=keepdims))


def test_the_level_at_an_element_has_the_smaller_slope() -> None:
    for q, want in ((0.0, 4.0), (0.25, 4.0), (0.5, 4.0), (0.75, 10.0), (1.0, 10.0)):
        assert by("quantile([9, 2, 4], q)", q=q) == want
    graph = Graph()
    x, q = graph.leaf(np.array([9.0, 2.0, 4.0]), "x"), graph.leaf(0.5, "q")
    apply(graph, TABLE["quantile"], (x, 0.5, None, False), None)
    assert not graph.kinks, "by x it is no kink"
    apply(graph, TABLE["quantile"], (value_of(x), q, None, False), None)
    assert len(graph.kinks) == 1
    assert by("quantile([-inf, -inf, 3, 4, 5], q)", q=0.25) == 0
    assert by("quantile([-inf, 3, 4, inf], q)", q=0.5) == 3


@pytest.mark.parametrize(
    ("x", "shared"), [([1, 2, 2], True), ([1, 2, 2, 3], False), ([1, 2, 3], False), ([2, 2], False)]
)
def test_elements_of_which_unequal_parts_are_taken_are_at_a_kink(x: Any, shared: bool) -> None:
    graph = Graph()
    apply(graph, TABLE["median"], (graph.leaf(np.array(x, float), "x"), None, False), None)
    assert bool(graph.kinks) == shared


# ── ties that do not count ────────────────────────────────────────────────────────────

TURNED = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
DOUBLE = TURNED @ np.diag([1.0, 1.0, 4.0]) @ TURNED.T


@pytest.mark.parametrize(
    ("program", "matrix"),
    [
        ("w, V = eigh(A)\nsum(w)", np.eye(3)),
        ("w, V = eigh(A)\nsum(w)", DOUBLE),
        ("w, V = eigh(A)\nw[0] + w[1] + 3 * w[2]", DOUBLE),
        ("sum(svdvals(A))", np.eye(3)),
        ("sum(svdvals(A))", DOUBLE),
        ("sum(svdvals(A))", 2 * TURNED),
    ],
)
def test_sums_of_equal_values_have_second_derivatives(program: str, matrix: Any) -> None:
    """Against differences of the gradient, which rests on no convention there."""
    result = run(load(Source("<test>", program)), {"A": matrix})
    assert result.graph.kinks
    along = np.random.default_rng(5).normal(size=(3, 3))
    *first, last = program.split("\n")
    program = "\n".join([*first, f"y = {last}", "sum(grad(y, A) * D)"])
    (found, _) = by(f"input A, D\n{program}", A=matrix, D=along)
    step = 1e-5
    gradients = [by("\n".join([*first, last]), A=matrix + s * step * along) for s in (1, -1)]
    np.testing.assert_allclose(found, (gradients[0] - gradients[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize(
    ("program", "asked"),
    [
        ("w, V = eigh(x)\nsum(w^2)", False),
        ("w, V = eigh(x)\nw[0]", True),
        ("sum(svdvals(x))", False),
        ("svdvals(x)[0]", True),
        ("sum(sort(flatten(x)))", False),
        ("sort(flatten(x))[0]", True),
    ],
)
def test_a_convention_is_met_where_it_is_asked_for(program: str, asked: bool) -> None:
    from autodiff_cli.engine.sweeps import Kinks

    result = run(load(Source("<test>", program)), {"x": np.eye(2)})
    (output,) = result.outputs.values()
    kinks = Kinks()
    reverse_sweep(result.graph.up_to(output), 1.0, [result.targets["x"]], kinks=kinks)
    assert bool(kinks.met) == asked
