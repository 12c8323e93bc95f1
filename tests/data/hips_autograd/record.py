"""The examples that ship, written by hand for HIPS autograd, and what it says of them.

    pip install -e '.[benchmark]'
    python tests/data/hips_autograd/record.py

writes `records.json` beside this file anew. It knows nothing of adiff: an example's maths is
written here a second time, and only its data files are read.
"""

from __future__ import annotations

import csv
import json
import platform
import re
from dataclasses import dataclass, field
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import autograd.numpy as np
from autograd import grad, hessian, jacobian, make_hvp, make_vjp
from autograd.differential_operators import make_jvp_reversemode
from autograd.scipy.special import erfc, gammaln, logsumexp
from autograd.tracer import getval
from numpy.random import default_rng

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "autodiff_cli" / "examples"


@dataclass(slots=True, frozen=True)
class Example:
    """One example that ships.

    Attributes:
        program: takes the inputs by name, and gives the outputs by name.
        inputs: as they are passed to the example, defaults included.
        wrt: what is differentiated by.
        orders: by output, how many derivatives along the only name of `wrt` are recorded.
    """

    program: Callable[..., dict[str, Any]]
    inputs: dict[str, Any]
    wrt: tuple[str, ...]
    orders: dict[str, int] = field(default_factory=dict)


# ── the examples ──────────────────────────────────────────────────────────────────────


def softplus(z: Any) -> Any:
    return np.logaddexp(0.0, z)


def accumulate(x: Any) -> dict[str, Any]:
    y = x * x
    u = getval(y)
    return {"result": np.sum(u * x), "y": y, "u": u}


def black_scholes(S: Any, K: Any, r: Any, σ: Any, T: Any, t: Any) -> dict[str, Any]:  # noqa: N803
    def normal(x: Any) -> Any:
        return erfc(-x / np.sqrt(2.0)) / 2

    left = T - t
    d1 = (np.log(S / K) + (r + σ**2 / 2) * left) / (σ * np.sqrt(left))
    d2 = d1 - σ * np.sqrt(left)
    return {"call": S * normal(d1) - K * np.exp(-r * left) * normal(d2)}


def control_flow(a: Any) -> dict[str, Any]:
    b = a * 2
    while np.abs(b) < 1000:
        b = b * 2
    d = b if b > 0 else 100 * b
    return {"d": d, "slope": d / a}


def detach(x: Any) -> dict[str, Any]:
    y = x * x
    return {"detached": np.sum(getval(y) * x), "attached": np.sum(y * x), "y": y}


def gaussian_mixture(
    x: Any,
    α: Any,
    μ: Any,
    q: Any,
    l: Any,  # noqa: E741
    γ: Any,
    m: Any,
) -> dict[str, Any]:
    (n, d), k = x.shape, len(α)
    below_diagonal = [(row, column) for column in range(d) for row in range(column + 1, d)]

    def log_likelihood(j: int) -> Any:
        z = (x - μ[j]) * np.exp(q[j])
        for place, (row, column) in enumerate(below_diagonal):
            z = z + np.outer((x - μ[j])[:, column] * l[j, place], np.eye(d)[row])
        return α[j] + np.sum(q[j]) - np.sum(z**2, axis=1) / 2

    def log_wishart() -> Any:
        freedom = d + m + 1
        log_gamma = d * (d - 1) / 4 * np.log(np.pi) + np.sum(
            gammaln(freedom / 2 - np.arange(d) / 2)
        )
        c = freedom * d * (np.log(γ) - np.log(2.0) / 2) - log_gamma
        return γ**2 / 2 * (np.sum(np.exp(2 * q)) + np.sum(l**2)) - m * np.sum(q) - k * c

    mixture = logsumexp(np.stack([log_likelihood(j) for j in range(k)]), axis=0)
    normalization = -n * d / 2 * np.log(2 * np.pi) - n * logsumexp(α)
    return {"posterior": normalization + np.sum(mixture) + log_wishart(), "mixture": mixture}


def gradient_of_dot(x: Any) -> dict[str, Any]:
    return {"y": 2 * np.dot(x, x)}


def gradient_of_squares(x: Any) -> dict[str, Any]:
    return {"total": np.sum(x * x), "y": x * x}


def gradient_of_sum(x: Any) -> dict[str, Any]:
    return {"y": np.sum(x)}


def kepler(M: Any, ecc: Any) -> dict[str, Any]:  # noqa: N803
    def anomaly(M: Any, ecc: Any) -> Any:  # noqa: N803
        E = M  # noqa: N806
        for _ in range(12):  # Newton's steps, of which 5 are enough for the value
            E = E - (E - ecc * np.sin(E) - M) / (1 - ecc * np.cos(E))  # noqa: N806
        return E

    return {"E": anomaly(M, ecc), "speed": grad(anomaly)(M, ecc)}


def legendre(x: Any, n: int) -> dict[str, Any]:
    def polynomial(n: int) -> Any:
        if n < 2:
            return x if n == 1 else 1.0
        return ((2 * n - 1) * x * polynomial(n - 1) - (n - 1) * polynomial(n - 2)) / n

    return {"result": polynomial(n)}


def logistic_regression(X: Any, y: Any, w: Any, b: Any) -> dict[str, Any]:  # noqa: N803
    z = np.dot(X, w) + b
    return {"loss": np.mean(softplus(z) - y * z), "z": z}


def newton(a: Any) -> dict[str, Any]:
    x, step = a, np.inf
    while np.abs(step) > 1e-12 * x:
        step = (x**2 - a) / (2 * x)
        x = x - step
    return {"result": x}


def newton_by_hessian(a: Any) -> dict[str, Any]:
    def f(v: Any) -> Any:
        return np.exp(v[0] + v[1]) + v[0] ** 4 + v[1] ** 2 - a * v[0]

    v = np.array([1.0, 0.0])
    for _ in range(8):
        v = v - np.linalg.solve(hessian(f)(v), grad(f)(v))
    return {"minimum": v}


def ode_sensitivity(start: Any, rate: Any, capacity: Any) -> dict[str, Any]:
    time, steps = 5, 50
    h = time / steps

    def growth(n: Any) -> Any:
        return rate * n * (1 - n / capacity)

    end = start
    for _ in range(steps):
        k1 = growth(end)
        k2 = growth(end + h / 2 * k1)
        k3 = growth(end + h / 2 * k2)
        k4 = growth(end + h * k3)
        end = end + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    exact = capacity / (1 + (capacity / start - 1) * np.exp(-rate * time))
    return {"end": end, "exact": exact}


def orbit(v: Any) -> dict[str, Any]:
    h = 0.05

    def motion(state: Any) -> Any:
        r, v = state[:2], state[2:]
        return np.concatenate([v, -r / np.sqrt(np.sum(r**2)) ** 3])

    state = np.concatenate([np.array([1.0, 0.0]), v])
    for _ in range(100):
        k1 = motion(state)
        k2 = motion(state + h / 2 * k1)
        k3 = motion(state + h / 2 * k2)
        k4 = motion(state + h * k3)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return {"x": state[0], "y": state[1], "state": state}


def poisson_regression(
    mdvis: float, lncoins: float, disea: float, physlm: float, w: Any
) -> dict[str, Any]:
    rate = np.dot(w, np.array([1.0, lncoins, disea, physlm]))
    return {"loss": np.exp(rate) - mdvis * rate}


def ridge_tuning(penalty: Any) -> dict[str, Any]:
    x = np.array([[1, 0.2], [1, 0.9], [1, 1.4], [1, 2.1]])
    y = np.array([1.1, 1.9, 2.2, 3.3])
    new_x, new_y = np.array([[1, 0.5], [1, 1.8]]), np.array([1.5, 2.7])
    w = np.linalg.solve(np.dot(x.T, x) + penalty * np.eye(2), np.dot(x.T, y))
    return {"w": w, "error": np.mean((np.dot(new_x, w) - new_y) ** 2)}


def rosenbrock(x: Any) -> dict[str, Any]:
    return {"y": np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)}


def taylor(x: Any) -> dict[str, Any]:
    def function(x: Any) -> Any:
        return np.exp(np.sin(x))

    polynomial, weight, derivative = function(x), 1.0, function
    for k in range(1, 7):
        derivative = grad(derivative)
        weight = weight * 0.1 / k
        polynomial = polynomial + derivative(x) * weight
    return {"y": function(x), "polynomial": polynomial}


def xor_network(W1: Any, b1: Any, W2: Any, b2: Any) -> dict[str, Any]:  # noqa: N803
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0.0, 1.0, 1.0, 0.0])
    hidden = np.tanh(np.dot(corners, W1) + b1)
    logit = np.dot(hidden, W2) + b2
    return {"loss": np.mean(softplus(logit) - y * logit), "hidden": hidden, "logit": logit}


def _examples() -> dict[str, Example]:
    with (DATA / "iris.csv").open(newline="", encoding="utf-8") as file:
        flowers = list(csv.DictReader(file))
    petals = [[float(row["petal_length"]), float(row["petal_width"])] for row in flowers]
    virginica = [float(row["virginica"]) for row in flowers]
    mixture = json.loads((DATA / "gaussian_mixture.json").read_text(encoding="utf-8"))
    x = {"x": [0.0, 1.0, 2.0, 3.0]}
    growth = {"start": 1.0, "rate": 0.8, "capacity": 10.0}
    market = {"S": 42.0, "K": 40.0, "r": 0.1, "σ": 0.2, "T": 0.5, "t": 0.0}
    network = {
        "W1": [[0.9, -0.8, 0.3], [0.7, -0.6, -0.5]],
        "b1": [-0.1, 0.4, 0.2],
        "W2": [1.1, 0.8, -0.7],
        "b2": 0.1,
    }
    visits = {"mdvis": 2.0, "lncoins": 4.6, "disea": 13.7, "physlm": 0.0}
    visits_and_weights = {**visits, "w": [0.6, -0.05, 0.03, 0.2]}
    flowers_and_weights = {"X": petals, "y": virginica, "w": [5.5, 10.0], "b": -44.0}
    return {
        "accumulate": Example(accumulate, x, ("x",)),
        "black_scholes": Example(black_scholes, market, tuple(market)),
        "control_flow": Example(control_flow, {"a": -0.7}, ("a",), {"d": 2, "slope": 2}),
        "detach": Example(detach, x, ("x",)),
        "gaussian_mixture": Example(gaussian_mixture, mixture, ("α", "μ", "q", "l", "γ", "m")),
        "gradient_of_dot": Example(gradient_of_dot, x, ("x",)),
        "gradient_of_squares": Example(gradient_of_squares, x, ("x",)),
        "gradient_of_sum": Example(gradient_of_sum, x, ("x",)),
        "kepler": Example(kepler, {"M": 0.7, "ecc": 0.4}, ("M", "ecc")),
        "legendre": Example(legendre, {"x": 0.5, "n": 5}, ("x",), {"result": 6}),
        "logistic_regression": Example(logistic_regression, flowers_and_weights, ("w", "b")),
        "newton": Example(newton, {"a": 2.0}, ("a",), {"result": 4}),
        "newton_by_hessian": Example(newton_by_hessian, {"a": 3.0}, ("a",)),
        "ode_sensitivity": Example(ode_sensitivity, growth, tuple(growth)),
        "orbit": Example(orbit, {"v": [0.0, 1.2]}, ("v",)),
        "poisson_regression": Example(poisson_regression, visits_and_weights, ("w",)),
        "ridge_tuning": Example(ridge_tuning, {"penalty": 0.3}, ("penalty",)),
        "rosenbrock": Example(rosenbrock, {"x": [-1.2, 1.0, 0.9, 1.1]}, ("x",)),
        "taylor": Example(taylor, {"x": 0.0}, ("x",), {"y": 6}),
        "xor_network": Example(xor_network, network, tuple(network)),
    }


# ── the records ───────────────────────────────────────────────────────────────────────


def main() -> None:
    records = {
        "about": "Recorded by record.py, which has the programs. README.md says what is here.",
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("autograd", "numpy", "scipy")},
        },
        "examples": {
            name: _record(example, default_rng(0)) for name, example in _examples().items()
        },
    }
    text = json.dumps(records, ensure_ascii=False, indent=1, default=lambda array: array.tolist())
    # A row of numbers stands on one line.
    text = re.sub(r"\[[^\[\]{}]*\]", lambda row: re.sub(r"\s+", " ", row[0]), text)
    (HERE / "records.json").write_text(text + "\n", encoding="utf-8")


def _record(example: Example, random: Generator) -> dict[str, Any]:
    inputs = {name: np.array(value) for name, value in example.inputs.items()}
    shapes = {name: inputs[name].shape for name in example.wrt}
    ends = np.cumsum([prod(shape) for shape in shapes.values()])
    places = {
        name: slice(end - prod(shape), end)
        for (name, shape), end in zip(shapes.items(), ends, strict=True)
    }
    at = np.concatenate([inputs[name].ravel() for name in example.wrt])
    direction = np.round(random.standard_normal(at.size), 2)

    def by_name(flat: Any) -> dict[str, Any]:
        """The parts of the last axis, each in the shape of its name."""
        return {
            name: np.reshape(flat[..., place], (*flat.shape[:-1], *shapes[name]))
            for name, place in places.items()
        }

    def recorded(output: str, value: Any) -> dict[str, Any]:
        def function(flat: Any) -> Any:
            return example.program(**{**inputs, **by_name(flat)})[output]

        if np.ndim(value):
            cotangent = np.round(random.standard_normal(np.shape(value)), 2)
            return {
                "value": value,
                "jacobian": by_name(jacobian(function)(at)),
                "cotangent": cotangent,
                "vjp": by_name(make_vjp(function)(at)[0](cotangent)),
                "jvp": make_jvp_reversemode(function)(at)(direction),
            }
        rows = hessian(function)(at)
        answer = {
            "value": value,
            "gradient": by_name(grad(function)(at)),
            "hvp": by_name(make_hvp(function)(at)[0](direction)),
            "hessian": {
                name: {
                    other: np.reshape(block, (*shapes[name], *shapes[other]))
                    for other, block in by_name(rows[place]).items()
                }
                for name, place in places.items()
            },
        }
        if output in example.orders:
            answer["derivatives"] = []
            for _ in range(example.orders[output]):
                function = _derivative(function)
                answer["derivatives"].append(function(at))
        return answer

    outputs = example.program(**inputs)
    return {
        "inputs": example.inputs,
        "wrt": example.wrt,
        "direction": by_name(direction),
        "outputs": {name: recorded(name, value) for name, value in outputs.items()},
    }


def _derivative(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda at: grad(function)(at)[0]


if __name__ == "__main__":
    main()
