"""Every elementwise entry to its last digits, and what may be scaled, scaled.

`accuracy` measures; the limits, and what is known not to keep to them, stand there too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli.engine.graph import Graph, apply
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import reverse_sweep
from tests.engine.accuracy import (
    KNOWN,
    LIMITS,
    Point,
    array_values,
    errors,
    known_limit,
    reference,
    scalar_values,
    ulps,
)

if TYPE_CHECKING:
    from autodiff_cli.engine.primitive import Primitive

ELEMENTWISE = [
    pytest.param(entry, id=name) for name, entry in TABLE.items() if entry.kind == "elementwise"
]


@pytest.mark.parametrize("entry", ELEMENTWISE)
def test_values_and_derivatives_are_exact_to_the_last_digits(entry: Primitive) -> None:
    found = 0
    for path, orders, error in errors(entry):
        found += 1
        assert error.ulps <= known_limit(entry.name, len(orders)), (path, orders, error)
    assert found > 20


def test_what_is_known_to_be_worse_is_in_the_table() -> None:
    for (name, order), (limit, reason) in KNOWN.items():
        assert name in TABLE
        assert limit > LIMITS[order]
        assert reason


def test_every_elementwise_entry_has_a_counterpart_of_high_precision() -> None:
    assert all(entry.values[0].precise for entry in ELEMENTWISE)


TAILS: dict[str, list[Point]] = {
    "tanh": [(20.0,), (-20.0,), (350.0,), (1e-300,)],
    "sigmoid": [(800.0,), (-800.0,), (-745.0,), (37.0,)],
    "softplus": [(800.0,), (-800.0,), (-745.0,), (37.0,)],
    "logsigmoid": [(800.0,), (-800.0,), (745.0,), (-37.0,)],
    "logaddexp": [(800.0, -800.0), (-800.0, -800.0), (800.0, 800.0), (0.0, -745.0)],
    "erf": [(5.9,), (26.0,), (1e-300,)],
    "erfc": [(5.9,), (26.0,), (27.0,), (-26.0,)],
    "gelu": [(-30.0,), (-37.5,), (37.5,)],
    "normal_cdf": [(-30.0,), (-37.5,), (8.0,)],
    "log1p": [(1e-300,), (1e-18,), (-1 + 2**-53,), (1e18,)],
    "expm1": [(1e-300,), (-1e-18,), (-800.0,), (709.0,)],
    "sinc": [(1e-300,), (1e-9,), (-1e-3,), (0.0,), (2.5,)],
    "xlogy": [(0.0, 1e-300), (1e-300, 1e300), (0.0, 2.0)],
    "asin": [(1 - 2**-53,), (-1 + 2**-53,), (1e-300,)],
    "acos": [(1 - 2**-53,), (-1 + 2**-53,)],
    "acosh": [(1 + 2**-52,), (1e300,)],
    "hypot": [(3e200, 4e200), (3e-200, 4e-200), (1e-200, 1e200)],
    "atan2": [(3e200, 4e200), (3e-200, 4e-200), (1e-200, -1e100)],
    "pow": [(1e-300, 0.5), (1e300, 0.75), (1e-18, 2.0), (2.0, 1023.0), (-3.0, 5.0), (1e154, 2.0)],
}
"""Where other systems give zero, inf, nan or noise. Here no condition excuses an error."""


@pytest.mark.parametrize(
    ("name", "point"), [(name, point) for name, at in TAILS.items() for point in at]
)
def test_tails_are_exact(name: str, point: Point) -> None:
    entry = TABLE[name]
    with np.errstate(all="ignore"):
        for values in (scalar_values(entry, [point]), array_values(entry, [point])):
            for order in ((), *((i,) for i in range(len(point)))):
                want = reference(name, point, order)
                if want is not None:
                    assert ulps(float(values[order][0]), want) <= LIMITS[len(order)], order


SCALES = (1e-200, 1e200)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("static", [(None, False), (0, False), (1, True)])
@pytest.mark.parametrize("name", ["norm", "std"])
def test_norms_of_huge_and_tiny_numbers(name: str, static: tuple[Any, ...], scale: float) -> None:
    """Neither overflow nor underflow: the value scales with its argument, the gradient stays."""
    x = np.random.default_rng(5).uniform(-3, 3, (4, 5))
    head = tuple(TABLE[name].options.values())[:-2]

    def sum_and_gradient(x: Any) -> tuple[float, Any]:
        graph = Graph()
        leaf = graph.leaf(x, "x")
        out = apply(graph, TABLE[name], (leaf, *head, *static), None)
        total = apply(graph, TABLE["sum"], (out, None, False), None)
        adjoints = reverse_sweep(graph.up_to(total), 1.0, [leaf])
        return float(total.value), adjoints[leaf]

    value, slopes = sum_and_gradient(x)
    scaled_value, scaled_slopes = sum_and_gradient(x * scale)
    assert scaled_value == pytest.approx(value * scale, rel=1e-14)
    np.testing.assert_allclose(scaled_slopes, slopes, rtol=1e-12)


def test_what_is_known_to_be_worse_is_told_with_its_reason() -> None:
    told = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    for (name, _), (limit, reason) in KNOWN.items():
        assert any(
            line.startswith(f"- `{name}`") and line.endswith(f"held to {limit:g}: {reason}.")
            for line in told.splitlines()
        )
