"""Whole matrices of derivatives: a Hessian, a wide Jacobian and a tall one."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from measure import Row, against, duration, interleaved, is_installed, require_close

from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLES = 200
LONG = 1_000
ROUNDS = 15
LINEAR = 2.5
"""When n doubles, a Hessian of n sweeps costs at most twice as many gradients, one of n² four
times as many."""


@dataclass(slots=True, frozen=True)
class Problem:
    """A function of `x`, and the matrix that is asked of it.

    Attributes:
        kind: what Python's peers call it too.
        function: the program for the peers; takes their NumPy, their logsumexp, and x.
    """

    what: str
    kind: Literal["hessian", "jacobian"]
    program: str
    function: Callable[[Any, Any, Any], Any]
    point: np.ndarray


def _rosenbrock(variables: int) -> Problem:
    return Problem(
        f"Hessian of a {variables}-variable Rosenbrock",
        "hessian",
        "100 * sum((x[1:] - x[:-1]^2)^2) + sum((1 - x[:-1])^2)",
        lambda xp, _, x: 100 * xp.sum((x[1:] - x[:-1] ** 2) ** 2) + xp.sum((1 - x[:-1]) ** 2),
        np.linspace(-1.0, 1.5, variables),
    )


PROBLEMS = (
    _rosenbrock(VARIABLES),
    Problem(
        f"Jacobian {LONG:,} → 3",
        "jacobian",
        "[mean(x), var(x), logsumexp(x)]",
        lambda xp, logsumexp, x: xp.array([xp.mean(x), xp.var(x), logsumexp(x)]),
        np.linspace(-1.0, 1.5, LONG),
    ),
    Problem(
        f"Jacobian 3 → {LONG:,}",
        "jacobian",
        f"x[0] * exp(-x[1] * linspace(0, 4, {LONG})) + x[2]",
        lambda xp, _, x: x[0] * xp.exp(-x[1] * np.linspace(0, 4, LONG)) + x[2],
        np.array([2.0, 0.7, -0.3]),
    ),
)


def rows() -> list[Row]:
    beside_peers = [row for problem in PROBLEMS for row in _beside_peers(problem)]
    return [*beside_peers, *_growth()]


def _beside_peers(problem: Problem) -> list[Row]:
    subjects = {"adiff": _adiff(problem, problem.kind)}
    if is_installed("autograd"):
        subjects["autograd"] = _autograd(problem)
    if is_installed("jax"):
        subjects["jax, eager"] = _jax(problem, compiled=False)
        subjects["jax, jit"] = _jax(problem, compiled=True)
    want = subjects["adiff"]()
    for name, subject in subjects.items():
        start = perf_counter()
        got = subject()
        if name == "jax, jit":
            compiling = duration(perf_counter() - start)
            print(f"  {problem.what}: the first call of jax, which compiles, takes {compiling}")
        require_close(name, got, want)
    seconds = interleaved(subjects, ROUNDS)
    mine = seconds.pop("adiff")
    at_most = {"autograd": 1.0}
    return [
        against(problem.what, mine, name, theirs, at_most.get(name))
        for name, theirs in seconds.items()
    ]


def _growth() -> list[Row]:
    """How many gradients a Hessian costs, and how that grows with the variables."""
    sizes = VARIABLES, 2 * VARIABLES
    subjects = {
        (size, kind): _adiff(_rosenbrock(size), kind)
        for size in sizes
        for kind in ("hessian", "gradient")
    }
    seconds = interleaved(subjects, ROUNDS)
    gradients = {
        size: [
            hessian / gradient
            for hessian, gradient in zip(
                seconds[size, "hessian"], seconds[size, "gradient"], strict=True
            )
        ]
        for size in sizes
    }
    once, twice = gradients.values()
    growth = median(b / a for a, b in zip(once, twice, strict=True))
    return [
        *(
            Row(what=f"Hessian, n = {size}", measured=f"{median(costs):.3g} gradients")
            for size, costs in gradients.items()
        ),
        Row(
            what=f"gradients at n = {sizes[1]} over those at {sizes[0]}",
            measured=f"{growth:.3g}",
            target=f"≤ {LINEAR} (n sweeps: 2, n²: 4)",
            met=growth <= LINEAR,
        ),
    ]


def _adiff(problem: Problem, kind: Literal["hessian", "jacobian", "gradient"]) -> Callable[[], Any]:
    names = load(Source("matrices.ad", problem.program))
    question = Question(kind)

    def run() -> Any:
        (evaluation,) = evaluate(names, {"x": problem.point}, question=question)
        found = evaluation.found["x"]
        return found["x"] if kind == "hessian" else found

    return run


def _autograd(problem: Problem) -> Callable[[], Any]:
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    derivative = getattr(autograd, problem.kind)(lambda x: problem.function(anp, logsumexp, x))
    return lambda: derivative(problem.point)


def _jax(problem: Problem, compiled: bool) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    jax.config.update("jax_enable_x64", True)
    derivative = getattr(jax, problem.kind)(lambda x: problem.function(jnp, logsumexp, x))
    if compiled:
        derivative = jax.jit(derivative)
    return lambda: np.asarray(derivative(problem.point))
