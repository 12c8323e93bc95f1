"""A loop over scalars, by adiff, by its peers, and by hand."""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING

from measure import Row, against, duration, interleaved, is_installed, require_close

from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 20_000
H = 1e-3
POINT = (0.5, 1.5, 0.7)
ROUNDS = 5

PROGRAM = f"""
input x, a, b
h = {H}
for i in range({STEPS}) {{ x = x + h*(sin(x)*a - x*x*b) }}
x
"""

Gradient = tuple[float, ...]


def rows() -> list[Row]:
    adiff = _adiff()
    subjects: dict[str, Callable[[], Gradient]] = {"adiff": adiff, "Python by hand": _by_hand}
    at_most = {"torch, eager": 1 / 6, "autograd": 1 / 30}
    remarks = {"torch, eager": "(6 times faster)", "autograd": "(30 times faster)"}
    if is_installed("torch"):
        subjects["torch, eager"] = _torch()
    if is_installed("autograd"):
        subjects["autograd"] = _autograd()
    if is_installed("jax"):
        subjects["jax, jit"] = _jax()
    want = adiff()
    for name, subject in subjects.items():
        start = perf_counter()
        got = subject()
        if name == "jax, jit":
            print(
                f"  jax: the first call, which compiles, takes {duration(perf_counter() - start)}"
            )
        require_close(name, got, want)
    seconds = interleaved(subjects, ROUNDS, warm_up=False)
    mine = seconds.pop("adiff")
    return [
        against(
            "value and 3 partials", mine, name, theirs, at_most.get(name), remarks.get(name, "")
        )
        for name, theirs in seconds.items()
    ]


def _adiff() -> Callable[[], Gradient]:
    names = load(Source("scalar_loop.ad", PROGRAM))
    inputs = dict(zip("xab", POINT, strict=True))

    def run() -> Gradient:
        (evaluation,) = evaluate(names, inputs)
        return tuple(evaluation.gradient[name] for name in "xab")

    return run


def _by_hand() -> Gradient:
    sin, cos = math.sin, math.cos
    x, a, b = POINT
    h = H
    trail = []
    for _ in range(STEPS):
        trail.append(x)
        x = x + h * (sin(x) * a - x * x * b)
    dx, da, db = 1.0, 0.0, 0.0
    for x in reversed(trail):
        dg = dx * h
        da += dg * sin(x)
        db -= dg * x * x
        dx += dg * (cos(x) * a - 2 * x * b)
    return dx, da, db


def _torch() -> Callable[[], Gradient]:
    import torch

    torch.set_num_threads(1)

    def run() -> Gradient:
        x0, a, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in POINT)
        x = x0
        for _ in range(STEPS):
            x = x + H * (torch.sin(x) * a - x * x * b)
        x.backward()
        return x0.grad.item(), a.grad.item(), b.grad.item()

    return run


def _autograd() -> Callable[[], Gradient]:
    import autograd
    import autograd.numpy as np

    def function(x: float, a: float, b: float) -> float:
        for _ in range(STEPS):
            x = x + H * (np.sin(x) * a - x * x * b)
        return x

    gradient = autograd.value_and_grad(lambda point: function(*point))
    return lambda: gradient(POINT)[1]


def _jax() -> Callable[[], Gradient]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def function(x: float, a: float, b: float) -> jax.Array:
        return jax.lax.fori_loop(
            0, STEPS, lambda _, x: x + H * (jnp.sin(x) * a - x * x * b), jnp.float64(x)
        )

    gradient = jax.jit(jax.value_and_grad(function, argnums=(0, 1, 2)))
    return lambda: tuple(partial.item() for partial in gradient(*POINT)[1])
