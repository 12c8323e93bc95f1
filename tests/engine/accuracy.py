"""How exact the elementwise entries of the table are, in units in the last place.

The referee is mpmath: a plain definition of each function (`engine.precise` has them),
evaluated with as many digits as the question needs, and its differences with a step of 1e-40,
so that no derivative rule is written twice. `test_accuracy` holds the figures to their limits;
run as a program, this file prints them beside PyTorch's and JAX's on the same points:

    python -m tests.engine.accuracy
"""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.engine import precise
from autodiff_cli.engine.graph import Graph, Node, apply
from autodiff_cli.engine.precise import REFUSED, mp
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import recorded_reverse_sweep, reverse_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.engine.primitive import Primitive

Point = tuple[float, ...]

# ── references ────────────────────────────────────────────────────────────────────────

MOST_DIGITS = 1100
"""Enough for a difference of second order at 1e-300."""
ZERO_BY_THEN = 700
"""A difference that is 0 with so many digits is one of a constant, or next to nothing."""


@cache
def reference(name: str, point: Point, orders: tuple[int, ...]) -> Any:
    """The value at `point`, or a partial derivative by the operands in `orders`, or None.

    None stands for a point outside the domain.
    """
    largest = max((abs(math.log10(abs(x))) for x in point if x), default=0)
    digits = 100 + 40 * len(orders) + 2 * math.ceil(largest)
    while True:
        with mp.workdps(digits):
            try:
                result, enough = _differences(name, point, orders, "1e-40")
                if orders and 0 in point:
                    other, _ = _differences(name, point, orders, "1e-35")
                    if not mp.almosteq(result, other, mp.mpf("1e-20")):
                        return None
            except REFUSED:
                return None
        if enough or digits >= MOST_DIGITS:
            return result
        digits = min(3 * digits, MOST_DIGITS)


def _differences(name: str, point: Point, orders: tuple[int, ...], step: str) -> tuple[Any, bool]:
    """A central difference with a step for each of `orders`, and whether the digits sufficed."""
    exact = [mp.mpf(x) for x in point]
    steps = [mp.mpf(step) * (abs(x) if 0 < abs(x) < 1 else 1) for x in exact]
    total, largest = mp.mpf(0), mp.mpf(0)
    for signs in itertools.product((1, -1), repeat=len(orders)):
        at = list(exact)
        for position, sign in zip(orders, signs, strict=True):
            at[position] += sign * steps[position]
        value = mp.mpmathify(precise.compute(TABLE[name], at))
        if not mp.isfinite(value):
            raise ValueError("no finite value")
        total += math.prod(signs) * value
        largest = max(largest, abs(value))
    result = total
    for position in orders:
        result /= 2 * steps[position]
    enough = abs(total) > largest * mp.mpf(10) ** (30 - mp.dps)
    return result, not orders or enough or (not total and mp.dps > ZERO_BY_THEN)


def ulps(got: float, want: Any) -> float:
    """The error of `got` in units in the last place of the float next to `want`."""
    nearest = float(want)
    if math.isinf(nearest) or got == nearest:
        return 0.0 if got == nearest else math.inf
    if not math.isfinite(got):
        return math.inf
    return float(abs(mp.mpf(float(got)) - want) / mp.mpf(math.ulp(nearest)))


# ── points ────────────────────────────────────────────────────────────────────────────

HARD = (1e-300, 1e-160, 1e-18, 1e-9, 1e-3, 0.5, 1 - 2**-53, 1.0, 1 + 2**-52, 2.0, 6.5, 20.0, 27.0)
HARD += (37.0, 100.0, 350.0, 709.0, 745.0, 800.0, 1e4, 1e9, 1e18, 1e154, 1e200, 1e300)


LARGEST = dict.fromkeys(("lgamma", "digamma", "erfinv", "logaddexp"), 1e18)
LARGEST |= dict.fromkeys(("beta", "lbeta", "beta_derivative", "polygamma", "polygamma_step"), 1e4)
LARGEST |= dict.fromkeys(("gammainc", "gammainc_by_a", "gamma_pdf_derivative"), 1e2)
"""Operands of these are no larger, and no closer to 0 than 1 over that: mpmath takes too long."""


RANDOM_POINTS = 15
"""Of each sort: in the entry's own range, of any size, and of hard numbers put together."""

SENSIBLE = dict.fromkeys(("floordiv", "mod"), lambda point: abs(point[0]) < 2**53 * abs(point[1]))
SENSIBLE["pow"] = lambda point: abs(point[1]) < 2**53
"""What floats can tell apart: a whole number from the next."""


def points(entry: Primitive) -> list[Point]:
    """Where the entry is defined: hard points, random ones of all sizes, and those near zeros."""
    rng = np.random.default_rng(zlib.crc32(entry.name.encode()))
    count = len(entry.operands)
    largest = LARGEST.get(entry.name, 1e300)
    decades = math.log10(largest)
    hard = sorted({sign * x for x in HARD for sign in (1, -1) if 1 / largest <= x <= largest})
    candidates: list[Point] = []
    if count == 1:
        candidates += [(x,) for x in hard]
        candidates += [(x,) for x in _near_zeros(entry) if abs(x) >= 1 / largest]
    if entry.special:
        candidates += itertools.product(*(map(float, column) for column in entry.special))
    for _ in range(RANDOM_POINTS):
        candidates.append(tuple(_within(rng, one) for one in entry.sample))
        candidates.append(
            tuple(
                _within(rng, one) if isinstance(one, range) else _of_any_size(rng, decades)
                for one in entry.sample
            )
        )
        if count > 1:
            candidates.append(
                tuple(
                    _within(rng, one) if isinstance(one, range) else float(rng.choice(hard))
                    for one in entry.sample
                )
            )
    return [
        point
        for point in dict.fromkeys(candidates)
        if SENSIBLE.get(entry.name, bool)(point) and reference(entry.name, point, ()) is not None
    ]


def _within(rng: np.random.Generator, one: Any) -> float:
    return float(rng.choice(one) if isinstance(one, range) else rng.uniform(*one))


def _of_any_size(rng: np.random.Generator, decades: float) -> float:
    most = min(decades, rng.choice([20, 300]))
    return float(rng.choice([-1, 1]) * 10 ** rng.uniform(-most, most))


def _near_zeros(entry: Primitive) -> Iterator[float]:
    """The floats beside each change of sign of the value, and of the derivative."""

    def value(x: float) -> float:
        return float(entry.evaluate(x))

    def slope(x: float) -> float:
        return _scalar_partials(entry, (x,))[0]

    grid = [float(x) for x in np.linspace(-9.97, 9.96, 400)]
    for function in (value, slope):
        for low, high in itertools.pairwise(grid):
            before, after = function(low), function(high)
            if before * after < 0:
                while math.nextafter(low, high) < high:
                    middle = (low + high) / 2
                    if not low < middle < high:
                        break
                    low, high = (middle, high) if function(middle) * before > 0 else (low, middle)
                yield low
                yield high


# ── what adiff gives ──────────────────────────────────────────────────────────────────


def _scalar_partials(entry: Primitive, point: Point) -> list[float]:
    graph = Graph()
    leaves = [graph.leaf(x, "x") for x in point]
    out = apply(graph, entry, tuple(leaves), None)
    found = reverse_sweep(graph.up_to(out), 1.0, leaves)
    return [float(found.get(leaf, 0.0)) for leaf in leaves]


def array_values(entry: Primitive, at: Sequence[Point]) -> dict[tuple[int, ...], Any]:
    """By orders, the value and the partial derivatives at all points at once."""
    graph = Graph()
    leaves = [graph.leaf(np.array(column), "x") for column in zip(*at, strict=True)]
    one = np.ones(len(at))
    out = apply(graph, entry, tuple(leaves), None)
    values: dict[tuple[int, ...], Any] = {(): out.value}
    found = reverse_sweep(graph.up_to(out), one, leaves)
    for i, leaf in enumerate(leaves):
        values[i,] = found.get(leaf, 0 * one)
    recorded = recorded_reverse_sweep(graph, graph.up_to(out), one, leaves)
    for i, leaf in enumerate(leaves):
        adjoint = recorded.get(leaf)
        second: dict[Node, Any] = {}
        if isinstance(adjoint, Node):
            second = reverse_sweep(graph.up_to(adjoint), one, leaves)
        for j, other in enumerate(leaves):
            values[i, j] = second.get(other, 0 * one)
    return values


def scalar_values(entry: Primitive, at: Sequence[Point]) -> dict[tuple[int, ...], Any]:
    """The same on floats, one point after the other, without second derivatives."""
    values: dict[tuple[int, ...], Any] = {(): [entry.evaluate(*point) for point in at]}
    partials = [_scalar_partials(entry, point) for point in at]
    for i, column in enumerate(zip(*partials, strict=True)):
        values[i,] = column
    return values


# ── measuring ─────────────────────────────────────────────────────────────────────────

LIMITS = (4.0, 16.0, 64.0)
"""Of the value, the first and the second derivative, in units in the last place."""


@dataclass(slots=True, frozen=True, order=True)
class Error:
    """An error in units in the last place, divided by the condition of the question if above 1."""

    ulps: float = 0.0
    at: Point = ()
    got: float = 0.0
    want: float = 0.0


def condition(name: str, point: Point, orders: tuple[int, ...], want: Any) -> float:
    """How much larger a relative error of the operands becomes in the result."""
    total = mp.mpf(0)
    for j, x in enumerate(point):
        slope = reference(name, point, (*orders, j))
        if slope is not None:
            total += abs(mp.mpf(x) * slope)
    return float(total / abs(want)) if want else 1.0


def scaled(entry: Primitive, point: Point, orders: tuple[int, ...], got: float, want: Any) -> float:
    """An error in units in the last place, over the condition where that matters."""
    error = ulps(got, want)
    if error > LIMITS[len(orders)]:
        error /= max(1.0, condition(entry.name, point, orders, want))
    return error


SECOND_WITHIN = 1e100
"""Second derivatives are asked for where their intermediates, of sizes up to x³, are floats."""


def errors(entry: Primitive) -> Iterator[tuple[str, tuple[int, ...], Error]]:
    """By path (`scalar`, `array`) and orders, the error at each point where it has a reference.

    Derivatives are left out at kinks, where they are a convention.
    """
    at = points(entry)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        computed = {"scalar": scalar_values(entry, at), "array": array_values(entry, at)}
        smooth = [not entry.is_kink([*map(np.float64, x)]) for x in at]
    whole = {i for i, one in enumerate(entry.sample) if isinstance(one, range)}
    for path, values in computed.items():
        for orders, results in values.items():
            if whole.intersection(orders) or math.isinf(known_limit(entry.name, len(orders))):
                continue
            for point, is_smooth, got in zip(at, smooth, results, strict=True):
                if orders and not is_smooth:
                    continue
                if len(orders) == 2 and not all(
                    x == 0 or 1 / SECOND_WITHIN < abs(x) < SECOND_WITHIN for x in point
                ):
                    continue
                # A difference of second order does not see that there is none of first.
                if any(reference(entry.name, point, orders[:k]) is None for k in (1, 2)):
                    continue
                want = reference(entry.name, point, orders)
                error = scaled(entry, point, orders, float(got), want)
                yield path, orders, Error(error, point, float(got), float(want))


def worst(entry: Primitive) -> dict[tuple[str, int], Error]:
    """The largest error of each path and order."""
    found: dict[tuple[str, int], Error] = {}
    for path, orders, error in errors(entry):
        key = path, len(orders)
        found[key] = max(found.get(key, error), error)
    return found


def known_limit(name: str, order: int) -> float:
    """What the error of an entry is held to."""
    return KNOWN.get((name, order), (LIMITS[order], ""))[0]


KNOWN: dict[tuple[str, int], tuple[float, str]] = {
    ("lgamma", 0): (16, "4 below 0, where it is SciPy's; above, it is within the limit"),
    ("beta", 0): (16, "8: the approximation behind it has three factors that are each off by 1"),
    ("polygamma_step", 0): (32, "7 to 13: two values of the library are subtracted"),
    ("gamma_pdf_derivative", 1): (32, "16: a sum of terms of both signs"),
    ("gammainc_by_a", 1): (32, "15: a sum of terms of both signs, near its zeros by a"),
}
"""Where the limits do not hold: by name and order the limit instead, what was measured, and why."""


# ── beside others ─────────────────────────────────────────────────────────────────────

RENAMED = {
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "neg": "negative",
    "mod": "remainder",
    "lgamma": "gammaln",
    "beta": "beta",
    "logsigmoid": "log_sigmoid",
    "clamp": "clip",
}
"""What JAX calls an entry, where it has a name of its own, and PyTorch too where it has none."""


def torch_errors(entry: Primitive) -> Iterator[tuple[int, float]]:
    """By order, PyTorch's errors at the same points, scaled as adiff's are."""
    import torch

    functions = torch.nn.functional
    places = [(torch, n) for n in (entry.name, RENAMED.get(entry.name, ""))]
    places += [(torch.special, entry.name), (functions, entry.name)]
    found = [getattr(place, name) for place, name in places if name and hasattr(place, name)]
    if not found:
        return
    at = points(entry)
    operands = [
        torch.tensor(column, dtype=torch.float64, requires_grad=True)
        for column in zip(*at, strict=True)
    ]
    out = found[0](*operands)
    out.sum().backward()
    gradients = [x.grad for x in operands]
    yield from _peer(
        entry, at, out.detach().numpy(), [None if g is None else g.numpy() for g in gradients]
    )


def jax_errors(entry: Primitive) -> Iterator[tuple[int, float]]:
    """By order, JAX's errors at the same points, scaled as adiff's are."""
    import jax

    jax.config.update("jax_enable_x64", True)
    name = RENAMED.get(entry.name, entry.name)
    places = (jax.numpy, jax.nn, jax.scipy.special)
    found = [getattr(place, name) for place in places if hasattr(place, name)]
    if not found:
        return
    exactly = {"approximate": False} if name == "gelu" else {}
    at = points(entry)
    operands = [np.array(column) for column in zip(*at, strict=True)]
    out = found[0](*operands, **exactly)
    by = tuple(range(len(operands)))
    gradients = jax.grad(lambda *args: found[0](*args, **exactly).sum(), argnums=by)(*operands)
    yield from _peer(entry, at, np.asarray(out), [np.asarray(g) for g in gradients])


def _peer(
    entry: Primitive, at: list[Point], out: Any, gradients: list[Any]
) -> Iterator[tuple[int, float]]:
    for orders, results in {(): out, **{(i,): g for i, g in enumerate(gradients)}}.items():
        if results is None:
            continue
        for point, got in zip(at, results, strict=True):
            if orders and entry.is_kink([*map(np.float64, point)]):
                continue
            want = reference(entry.name, point, orders)
            if want is not None:
                yield len(orders), scaled(entry, point, orders, float(got), want)


def table(names: Sequence[str]) -> Iterator[str]:
    """The lines of a table in Markdown: the worst error of each entry, and of its peers."""
    yield "| function | value | first | second | PyTorch value | first | JAX value | first |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in names:
        entry = TABLE[name]
        own = worst(entry)
        largest: dict[int, float] = {}
        for (_, order), error in own.items():
            largest[order] = max(largest.get(order, 0.0), error.ulps)
        cells = [f"{largest[k]:.2g}" if k in largest else "–" for k in range(3)]
        for peer in (torch_errors, jax_errors):
            largest = {}
            with contextlib.suppress(TypeError, RuntimeError, ValueError):
                for order, ulps_ in peer(entry):
                    largest[order] = max(largest.get(order, 0.0), ulps_)
            cells += [f"{largest[k]:.2g}" if k in largest else "–" for k in range(2)]
        yield f"| `{name}` | {' | '.join(cells)} |"


if __name__ == "__main__":
    shown = [
        name
        for name, entry in TABLE.items()
        if entry.kind == "elementwise" and not entry.flat and entry.example
    ]
    for line in table(sys.argv[1:] or shown):
        print(line, flush=True)
