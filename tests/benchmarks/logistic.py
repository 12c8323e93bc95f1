"""Logistic regression: one matrix, where the work is NumPy's and ours is not to add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from measure import Row, against, interleaved, is_installed, require_close

from autodiff_cli.api.program import Program
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, COLUMNS = 20_000, 100
ROUNDS = 30

PROGRAM = """
input w, X, y
z = X @ w
loss = mean(softplus(z) - y * z)
"""

Answer = tuple[float, Any]


def rows() -> list[Row]:
    random = np.random.default_rng(0)
    features = random.normal(size=(ROWS, COLUMNS))
    weights = random.normal(size=COLUMNS) / 10
    labels = (random.random(ROWS) < 0.5).astype(float)
    data = weights, features, labels
    subjects = {
        "adiff": _adiff("auto", *data),
        "adiff, interpreted": _adiff("graph", *data),
        "NumPy by hand": lambda: _by_hand(*data),
    }
    at_most = {"NumPy by hand": 1.0, "torch, eager": 1.0, "autograd": 1.0}
    if is_installed("torch"):
        subjects["torch, eager"] = _torch(*data)
    if is_installed("autograd"):
        subjects["autograd"] = _autograd(*data)
    if is_installed("jax"):
        subjects["jax, jit"] = _jax(*data)
    value, gradient = subjects["adiff"]()
    for name, subject in subjects.items():
        got, by = subject()
        require_close(name, got, value)
        require_close(name, by, gradient)
    seconds = interleaved(subjects, ROUNDS)
    mine = seconds.pop("adiff")
    return [
        against("value and gradient, compiled", mine, name, theirs, at_most.get(name))
        for name, theirs in seconds.items()
    ]


def _adiff(engine: Any, w: Any, x: Any, y: Any) -> Callable[[], Answer]:
    program = Program(Source("logistic.ad", PROGRAM), wrt=["w"], engine=engine)
    inputs = {"w": w, "X": x, "y": y}
    while engine == "auto" and program.evaluate(inputs)[0].engine == "graph":
        pass  # it goes over by itself after some calls

    def run() -> Answer:
        (evaluation,) = program.evaluate(inputs)
        return evaluation.value, evaluation.gradient["w"]

    return run


def _by_hand(w: Any, x: Any, y: Any) -> Answer:
    z = x @ w
    return np.mean(np.logaddexp(0, z) - y * z), (1 / (1 + np.exp(-z)) - y) @ x / len(y)


def _torch(w: Any, x: Any, y: Any) -> Callable[[], Answer]:
    import torch

    torch.set_num_threads(1)
    features, labels = torch.tensor(x), torch.tensor(y)

    def run() -> Answer:
        weights = torch.tensor(w, requires_grad=True)
        z = features @ weights
        loss = torch.mean(torch.nn.functional.softplus(z) - labels * z)
        loss.backward()
        return loss.item(), weights.grad.numpy()

    return run


def _autograd(w: Any, x: Any, y: Any) -> Callable[[], Answer]:
    import autograd
    import autograd.numpy as anp

    def loss(weights: Any) -> Any:
        z = anp.dot(x, weights)
        return anp.mean(anp.logaddexp(0.0, z) - y * z)

    value_and_gradient = autograd.value_and_grad(loss)
    return lambda: value_and_gradient(w)


def _jax(w: Any, x: Any, y: Any) -> Callable[[], Answer]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    features, labels = jnp.asarray(x), jnp.asarray(y)

    def loss(weights: Any, features: Any, labels: Any) -> Any:
        z = features @ weights
        return jnp.mean(jnp.logaddexp(0.0, z) - labels * z)

    value_and_gradient = jax.jit(jax.value_and_grad(loss))

    def run() -> Answer:
        value, gradient = value_and_gradient(w, features, labels)
        return value.item(), np.asarray(gradient)

    return run
