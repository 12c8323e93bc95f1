"""Whatever a program hands to an entry of the table: an answer, or one clear error of ours."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from autodiff_cli.engine.derivatives import gradient
from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.lazy import quiet_numpy
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.errors import AdiffError, LimitError, RunError
from autodiff_cli.interpreter.builtins import INTERNAL
from autodiff_cli.interpreter.expressions import OPERATORS
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

RECORDED = {
    "s": 0.5,
    "v": np.array([1.0, 2.0, 3.0]),
    "m": np.array([[2.0, 1.0], [1.0, 3.0]]),
    "hole": np.array([[np.nan, 1.0], [np.inf, -1.0]]),
    "none": np.zeros((0, 3)),
}
ODD = (
    *RECORDED,
    '"text"',
    "sin",
    "fn(t) { t }",
    "true",
    "[]",
    "zeros([2, 0])",
    "zeros([0, 0])",
    "-1",
    "0",
    "0.5",
    "2",
    "1e300",
    "2^62",
    "9223372036854775807",
    "inf",
    "nan",
    "[-1, 2]",
    "[0.5, inf]",
    "[1, 1, 2]",
    "[true, false]",
    "[[1, 2], [2, 4]]",
    "zeros([2, 3, 2])",
    "1e5 * ones(1000)",
    '"full"',
    '"ij,jk->ik"',
    '"...i->i..."',
    "eigh([[1, 2], [2, 1]])",
)
LIMITS = Limits(steps=10_000, nodes=10_000, memory=2**20)
CALLED = [name for name in TABLE if name not in INTERNAL]


def check(program: str) -> None:
    """Runs it, and its derivatives."""
    settings = Settings(limits=LIMITS, seed=1)
    try:
        with quiet_numpy():
            outcome = run(load(Source("<test>", program)), RECORDED, settings=settings)
            (output,) = outcome.outputs.values()
            if isinstance(output, Node):
                targets = [target for target in outcome.targets.values() if target is not None]
                gradient(outcome.graph, output, targets)
    except RunError as error:
        if error.where is None:
            pytest.fail(f"{program}\n  an error without a place: {error.what}")
    except AdiffError:
        return
    except Exception as error:
        pytest.fail(f"{program}\n  {type(error).__name__}: {error}")


def used(expression: str) -> str:
    """A program that reads every input, so that all may be given, and whose output is a number."""
    return f"input {', '.join(RECORDED)}\nsum({expression})"


@pytest.mark.parametrize("name", CALLED)
def test_a_call(name: str) -> None:
    most = 3 if TABLE[name].variadic else len(TABLE[name].parameters)
    pick = random.Random(name)
    for count in range(most + 1):
        if count <= 1:
            calls = list(itertools.product(ODD, repeat=count))
        else:
            calls = [tuple(pick.choices(ODD, k=count)) for _ in range(30)]
        for arguments in calls:
            check(used(f"{name}({', '.join(arguments)})"))


@pytest.mark.parametrize("symbol", sorted({*OPERATORS, "and", "or"} - {"not"}))
def test_an_operator(symbol: str) -> None:
    pick = random.Random(symbol)
    for _ in range(60):
        a, b = pick.choices(ODD, k=2)
        check(used(f"({a}) {symbol} ({b})"))


@pytest.mark.parametrize("prefix", ["-", "not "])
def test_a_prefix(prefix: str) -> None:
    for a in ODD:
        check(used(f"{prefix}({a})"))


def test_a_subscript() -> None:
    pick = random.Random("subscript")
    for _ in range(150):
        array, value = pick.choices(ODD, k=2)
        key = ", ".join(pick.choices([*ODD, ":", "1:", "::-1", "::0"], k=pick.choice([1, 1, 2])))
        check(used(f"({array})[{key}]"))
        check(f"input {', '.join(RECORDED)}\nz = {array}\nz[{key}] = {value}\nsum(z)")


@pytest.mark.parametrize(
    "expression",
    [
        "zeros([1000, 1000])",
        "eye(2000)",
        "full(1e6, 1)",
        "range(1e9)",
        "arange(0, 1, 1e-300)",
        "linspace(0, 1, 1e7)",
        "linspace(ones(1000), 0, 1e4)",
        "rand([1e3, 1e3])",
        "randint(0, 9, 1e9)",
        "ones([1000, 1]) + ones(1000)",
        "ones([1000, 1]) < ones(1000)",
        "where(ones([1000, 1]), ones(1000), 0)",
        "clamp(ones([1000, 1]), -1, ones(1000))",
        "ones([1000, 1]) @ ones([1, 1000])",
        "outer(ones(1000), ones(1000))",
        "kron(ones(1000), ones(1000))",
        'einsum("i,j->ij", ones(1000), ones(1000))',
        "tile(ones(1000), 1000)",
        "repeat(ones(1000), 1e9)",
        "diag(ones(1000))",
        "diag([1], 1e9)",
        "ones([2, 1000])[zeros(1000)]",
        "gather(ones([1, 1000]), zeros([1000, 1]), 0)",
        "concat(ones(1e5), ones(1e5))",
        "append(ones(1e5), ones(1e5))",
        "stack(ones(1e5), ones(1e5))",
        "convolve(ones(1e5), ones(1e5))",
        "solve(ones([1000, 1, 1]), ones([1, 1000]))",
        "cross(ones([1000, 1, 3]), ones([1, 1000, 3]))",
    ],
)
def test_memory_is_refused_before_it_is_taken(expression: str) -> None:
    names = load(Source("<test>", expression))
    with pytest.raises(LimitError, match=r"would take .* --max-memory allows 1 MiB") as caught:
        run(names, {}, settings=Settings(limits=LIMITS))
    assert caught.value.where is not None
