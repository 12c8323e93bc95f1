"""Random numbers: their ranges, the seed, and the gradient through a shuffle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autodiff_cli.engine.derivatives import gradient
from autodiff_cli.engine.graph import value_of
from autodiff_cli.errors import AdiffError, DomainError, ShapeError, TypeMismatch
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source


def value(program: str, seed: int | None = 5, **inputs: Any) -> Any:
    (output,) = run(
        load(Source("<test>", program)), inputs, settings=Settings(seed=seed)
    ).outputs.values()
    return value_of(output)


DRAWS = ["rand(4)", "randn([2, 2])", "randint(0, 1000, 4)", "shuffle(range(10))"]


@pytest.mark.parametrize("call", DRAWS)
def test_a_seed_gives_the_same_numbers_again(call: str) -> None:
    first = value(call)
    np.testing.assert_array_equal(first, value(call))
    assert not np.array_equal(first, value(call, seed=6))
    assert not np.array_equal(first, value(f"{call}\n{call}")), "one draw goes on from the other"


@pytest.mark.parametrize("call", DRAWS)
def test_without_a_seed_they_differ(call: str) -> None:
    drawn = {str(value(call, seed=None)) for _ in range(5)}
    assert len(drawn) > 1


def test_ranges_and_shapes() -> None:
    uniform = value("rand(1000)")
    assert ((uniform >= 0) & (uniform < 1)).all()
    assert abs(uniform.mean() - 0.5) < 0.05
    normal = value("randn(1000)")
    assert abs(normal.mean()) < 0.15
    assert abs(normal.std() - 1) < 0.1
    whole = value("randint(-2, 3, 1000)")
    assert set(whole.tolist()) == {-2, -1, 0, 1, 2}
    assert value("randn([2, 3])").shape == (2, 3)
    assert isinstance(value("rand()"), float)
    assert isinstance(value("randint(0, 9)"), int)
    assert value("rand([2, 0])").shape == (2, 0)


def test_a_shuffle_is_a_permutation_and_its_gradient_goes_back_through_it() -> None:
    x, weights = np.arange(5.0), np.array([1.0, 10.0, 100.0, 1e3, 1e4])
    result = run(
        load(Source("<test>", "y = shuffle(x)\ns = sum(y * W)")),
        {"x": x, "W": weights},
        wrt=["x"],
        of=["y", "s"],
        settings=Settings(seed=5),
    )
    y = value_of(result.outputs["y"])
    assert sorted(y) == sorted(x)
    assert not np.array_equal(y, x)
    target = result.targets["x"]
    assert target is not None
    (by,) = gradient(result.graph, result.outputs["s"], [target])
    # x holds its own indices, so that weight i belongs to the element y[i].
    np.testing.assert_array_equal(by[y.astype(int)], weights)


def test_a_shuffle_keeps_rows_together() -> None:
    y = value("shuffle(x)", x=np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]))
    np.testing.assert_array_equal(y[:, 1], 10 * y[:, 0])
    assert sorted(y[:, 0]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        ("rand(-1)", ShapeError, "want sizes of 0 or more"),
        ("rand(0.5)", TypeMismatch, "want a whole number"),
        ('randn("a")', TypeMismatch, "got a string"),
        ("randint(3, 3)", DomainError, "want one that is not empty"),
        ("randint(0.5, 3)", TypeMismatch, "want a whole number"),
        ("shuffle(3)", TypeMismatch, "`shuffle` got the number 3, want an array"),
        ("shuffle(sin)", TypeMismatch, "`shuffle` got a function"),
    ],
)
def test_bad_input(call: str, kind: type[AdiffError], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        value(call)
    assert caught.value.where is not None
