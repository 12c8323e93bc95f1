"""What overflow and underflow do to a gradient is told, and what is to be written instead is right.

The referee is mpmath: the recorded graph of the program as it stands, at 80 digits, where
nothing overflows.
"""

from __future__ import annotations

import math
import re
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli.engine import precise
from autodiff_cli.engine.graph import below
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.replay import replay
from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.explain.reasons import explain
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source
from tests.commands.shell import adiff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autodiff_cli.errors import Finding
    from autodiff_cli.explain.evaluation import Evaluation

IDENTITY = TABLE["identity"]
POINTS = 4
"""At which each program is tried."""


def evaluated(text: str, inputs: Mapping[str, Any], **options: Any) -> Evaluation:
    settings = Settings(single=options.pop("single", False))
    program = load(Source("<test>", text))
    [evaluation] = evaluate(program, inputs, settings=settings, question=Question(**options))
    return evaluation


def told(text: str, inputs: Mapping[str, Any], **options: Any) -> list[Finding]:
    """What is said of nan, inf and overflow."""
    findings = evaluated(text, inputs, **options).findings
    return [finding for finding in findings if finding.kind in ("non-finite", "overflow")]


# ── what to write instead ─────────────────────────────────────────────────────────────


def exponents(rng: Random) -> float:
    """exp of it overflows."""
    return rng.uniform(720.0, 1500.0)


def negative(rng: Random) -> float:
    """exp of it is 0."""
    return -rng.uniform(760.0, 1500.0)


def exponents_of_roots(rng: Random) -> float:
    return rng.uniform(720.0, 1400.0)


def large_roots(rng: Random) -> float:
    return 10.0 ** rng.uniform(80.0, 150.0)


def counts(rng: Random) -> float:
    """beta of two such is 0."""
    return rng.uniform(800.0, 2000.0)


def squares(rng: Random) -> float:
    """Its square overflows."""
    return rng.choice((-1.0, 1.0)) * 10.0 ** rng.uniform(155.0, 300.0)


def large(rng: Random) -> float:
    return 10.0 ** rng.uniform(155.0, 300.0)


def alike(rng: Random) -> float:
    return rng.uniform(1e200, 2e200)


def tiny(rng: Random) -> float:
    """Its square is 0."""
    return 10.0 ** -rng.uniform(165.0, 300.0)


def middling(rng: Random) -> float:
    return rng.uniform(0.5, 3.0)


def vector(draw: Callable[[Random], float], other: Callable[[Random], float]) -> Any:
    return lambda rng: np.array([draw(rng), other(rng), draw(rng)])


NORMAL = "-x^2 / 2 - log(2 * pi) / 2"

BETTER: dict[str, tuple[dict[str, Callable[[Random], Any]], str]] = {
    # program: where each input is drawn from, what is to be written
    "log(1 + exp(x))": ({"x": exponents}, "softplus(x)"),
    "log(exp(x) + 1) / 2": ({"x": exponents}, "softplus(x)"),
    "log1p(exp(x))": ({"x": exponents}, "softplus(x)"),
    "log(y + exp(x))": ({"x": exponents, "y": middling}, "logaddexp(log(y), x)"),
    "log(exp(x))": ({"x": negative}, "x"),
    "log(y * exp(x))": ({"x": exponents, "y": middling}, "log(y) + x"),
    "log(exp(x) + exp(y))": ({"x": exponents, "y": middling}, "logaddexp(x, y)"),
    "log(exp(x) + exp(y)) + 0": ({"x": negative, "y": negative}, "logaddexp(x, y)"),
    "log(exp(x) + exp(2*y) + exp(z))": (
        {"x": middling, "y": exponents, "z": exponents},
        "logsumexp([x, 2*y, z])",
    ),
    "log(exp(x) - 1)": ({"x": exponents}, "x + log(-expm1(-x))"),
    "log(expm1(x))": ({"x": exponents}, "x + log(-expm1(-x))"),
    "log(cosh(x))": ({"x": exponents}, "logaddexp(x, -x) - log(2)"),
    "log(sigmoid(x))": ({"x": negative}, "logsigmoid(x)"),
    "log(1 / (1 + exp(-x)))": ({"x": negative}, "-softplus(-x)"),
    "log(exp2(x))": ({"x": lambda rng: rng.uniform(1100.0, 3000.0)}, "x * log(2)"),
    "log(normal_pdf(x))": ({"x": lambda rng: rng.uniform(40.0, 60.0)}, NORMAL),
    "log(beta(x, y))": ({"x": counts, "y": counts}, "lgamma(x) + lgamma(y) - lgamma(x + y)"),
    "log(softmax(x))[0]": ({"x": lambda rng: np.array([-800.0, 1.0])}, "log_softmax(x, -1)"),
    "log10(exp(x) * y^3)": ({"x": exponents, "y": middling}, "(x + 3 * log(y)) / log(10)"),
    "log(x^2)": ({"x": squares}, "2 * log(abs(x))"),
    "log(x * y)": ({"x": large, "y": large}, "log(x) + log(y)"),
    "log2(1 + exp(x))": ({"x": exponents}, "softplus(x) / log(2)"),
    "log(sum(exp(x)))": ({"x": vector(exponents, middling)}, "logsumexp(x)"),
    "log(sum(exp(x))) + 1": ({"x": vector(negative, negative)}, "logsumexp(x)"),
    "log(mean(exp(x)))": ({"x": vector(exponents, negative)}, "logsumexp(x) - log(3)"),
    "log(prod(x))": ({"x": vector(large, large)}, "sum(log(x))"),
    "sum(log(1 + exp(x)))": ({"x": vector(exponents, middling)}, "softplus(x)"),
    "log(sum(x^2))": ({"x": vector(squares, middling)}, "logsumexp(2 * log(abs(x)))"),
    "sqrt(x^2 + y^2)": ({"x": squares, "y": squares}, "hypot(x, y)"),
    "sqrt(x^2 + y^2) * 2": ({"x": tiny, "y": tiny}, "hypot(x, y)"),
    "(x*x + 1)^0.5": ({"x": squares}, "hypot(x, 1)"),
    "x / sqrt(x^2 + y^2)": ({"x": squares, "y": squares}, "hypot(x, y)"),
    "sqrt(x^2 + y^2 + z^2)": ({"x": squares, "y": middling, "z": squares}, "norm([x, y, z])"),
    "sqrt(x^2)": ({"x": tiny}, "abs(x)"),
    "sqrt(x^2 - y^2)": ({"x": lambda rng: 3e200, "y": alike}, "sqrt(x - y) * sqrt(x + y)"),
    "sqrt(sum(x^2))": ({"x": vector(squares, middling)}, "norm(x)"),
    "sqrt(dot(x, x))": ({"x": vector(tiny, tiny)}, "norm(x)"),
    "sqrt(mean(x^2))": ({"x": vector(squares, squares)}, "norm(x) / sqrt(3)"),
    "sqrt(exp(x))": ({"x": exponents_of_roots}, "exp(x / 2)"),
    "sqrt(x^4)": ({"x": large_roots}, "abs(x)^2"),
    "sqrt(x * y)": ({"x": large, "y": large}, "sqrt(x) * sqrt(y)"),
    "1 / (1 + exp(-x))": ({"x": lambda rng: -rng.uniform(710.0, 740.0)}, "sigmoid(x)"),
    "exp(x) / (1 + exp(x))": ({"x": exponents}, "sigmoid(x)"),
    "exp(x) / (exp(x) + exp(y))": ({"x": exponents, "y": exponents}, "sigmoid(x - y)"),
    "exp(x) / exp(y)": ({"x": lambda rng: 800.5, "y": lambda rng: 801.25}, "exp(x - y)"),
    "exp(lgamma(x)) / (exp(lgamma(y)) * exp(lgamma(x - y)))": (
        {"x": lambda rng: 400.0, "y": lambda rng: rng.uniform(180.0, 220.0)},
        "exp(lgamma(x) - (lgamma(y) + lgamma(x - y)))",
    ),
    "exp(x)^0.5": ({"x": exponents_of_roots}, "exp(x / 2)"),
    "exp(x)^0.25": ({"x": exponents_of_roots}, "exp(0.25 * x)"),
    "exp(x) * exp(y)": ({"x": exponents, "y": lambda rng: -1600.0}, "exp(x + y)"),
    "(exp(x) - exp(-x)) / (exp(x) + exp(-x))": ({"x": exponents}, "tanh(x)"),
    "sinh(x) / cosh(x)": ({"x": exponents}, "tanh(x)"),
    "sum((exp(x) / sum(exp(x)))^2)": ({"x": lambda rng: 800.0 + np.arange(3.0)}, "softmax(x)"),
    "x * y / z": ({"x": alike, "y": alike, "z": alike}, "x / z * y"),
    "atan(y / x)": ({"x": tiny, "y": large}, "atan2(y, x)"),
}


DIGITS = 2000
"""Of the referee: exp(1500) beside exp(-1500) takes 1,303."""


def truth(text: str, inputs: Mapping[str, Any]) -> tuple[float, dict[str, list[float]]]:
    """The value, and the derivatives by the elements of each input, by central differences."""
    outcome = run(load(Source("<test>", text)), inputs)
    (output,) = outcome.outputs.values()
    order = below(output)
    with precise.mp.workdps(DIGITS):
        leaves = {
            node: precise.compute(IDENTITY, [node.value])
            for node in order
            if node.primitive is None
        }

        def moved(target: Any, step: Any) -> Any:
            return replay(order, {**leaves, target: leaves[target] + step}, precise.compute)[output]

        gradient = {}
        for name, target in outcome.targets.items():
            assert target is not None
            gradient[name] = []
            for unit in [1] if not np.shape(target.value) else np.eye(len(target.value), dtype=int):
                size = np.abs(target.value * unit).max()
                step = precise.mp.mpf(10) ** -350 * precise.mp.mpf(float(size)) * unit
                change = moved(target, step) - moved(target, -step)
                gradient[name].append(float(change / (2 * np.max(step))))
        value = float(moved(next(iter(leaves)), 0))
    return value, gradient


@pytest.mark.parametrize("text", BETTER)
def test_what_is_to_be_written_instead_has_the_true_value_and_gradient(text: str) -> None:
    draws, better = BETTER[text]
    rng = Random(text)
    for _ in range(POINTS):
        inputs = {name: draw(rng) for name, draw in draws.items()}
        first, *_ = told(text, inputs)
        match = re.fullmatch(r"write (.*) for (.*)", first.help)
        assert match, first.help
        assert match[1] == better
        assert match[2] in text
        instead = evaluated(text.replace(match[2], f"({better})"), inputs)
        assert not any(finding.kind == "overflow" for finding in instead.findings)
        value, gradient = truth(text, inputs)
        assert instead.value == pytest.approx(value, rel=1e-12, abs=1e-300)
        for name, slopes in gradient.items():
            assert np.ravel(instead.gradient[name]) == pytest.approx(slopes, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("text", BETTER)
def test_a_gradient_that_is_lost_is_named(text: str) -> None:
    """Each derivative that is not what it should be stands in a finding."""
    draws, _ = BETTER[text]
    rng = Random(text)
    for _ in range(POINTS):
        inputs = {name: draw(rng) for name, draw in draws.items()}
        evaluation = evaluated(text, inputs)
        heading = " ".join(finding.what for finding in told(text, inputs))
        _, gradient = truth(text, inputs)
        for name, slopes in gradient.items():
            for got, want in zip(np.ravel(evaluation.gradient[name]), slopes, strict=True):
                if not math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-300):
                    assert f"dresult/d{name}" in heading, (inputs, got, want)


# ── where nothing is lost ─────────────────────────────────────────────────────────────

HARMLESS = [
    # An infinity on a path that is not taken.
    ("where(x > 30, x, log(1 + exp(x)))", {"x": 800.0}),
    ("if x > 30 { x } else { log(1 + exp(x)) }", {"x": 800.0}),
    ("min(x, exp(x))", {"x": 800.0}),
    ("sum(where(x > 30, x, log(1 + exp(x))))", {"x": np.array([800.0, 2.0])}),
    ("sum(minimum(x, x * 1e300))", {"x": np.array([1e200, 2.0])}),
    # One that is infinite in truth, or whose effect dies down faster than it grows.
    ("exp(-exp(x))", {"x": 800.0}),
    ("tanh(exp(x)) + x", {"x": 800.0}),
    ("sum(erf(x^2))", {"x": np.array([1e200, 1e160])}),
    # A 0 that is one.
    ("x * exp(-x)", {"x": 800.0}),
    ("exp(-x^2)", {"x": 1e3}),
    ("softplus(x) + sigmoid(-x)", {"x": 800.0}),
    ("hypot(x, y)", {"x": 1e200, "y": 1e200}),
    ("norm(x)", {"x": np.array([1e200, 1e-200])}),
    # What is infinite was given so, and the derivative is the limit.
    ("atan(x)", {"x": math.inf}),
    ("clamp(x, 0, hi)", {"x": 1.0, "hi": math.inf}),
    # A run of constants that does not reach the output.
    ("a = exp(800); b = 1 / exp(-800); x", {"x": 1.0}),
]


@pytest.mark.parametrize(("text", "inputs"), HARMLESS)
def test_nothing_is_told_where_nothing_is_lost(text: str, inputs: dict[str, Any]) -> None:
    found = told(text, inputs)
    assert [finding.what for finding in found] == []


# ── what is lost, and is told ─────────────────────────────────────────────────────────

LOST = [
    # program, inputs, what is said of it, and where
    (
        "log(1 + exp(x))",
        {"x": 800.0},
        "the value of `result` is inf, and dresult/dx = 0.0 rests on that; it begins here",
        "`exp` of 800.0 overflows to inf",
    ),
    (
        "y = x^2\nz = 1 + y\nx / sqrt(z)",
        {"x": -1e180},
        "`result` = -0.0 and dresult/dx = 0.0 rest on an overflow; it begins here",
        "`^` of -1e+180, 2.0 overflows to inf",
    ),
    (
        "z * x / (1 + exp(y))",
        {"x": 1e300, "y": 720.0, "z": 1e3},
        "`result` = 0.0, dresult/dz = 0.0, dresult/dx = 0.0 and dresult/dy = 0.0 rest on an "
        "overflow; it begins here",
        "`exp` of 720.0 overflows to inf",
    ),
    (
        "z + x + 1 / log(1 + exp(y * x))",
        {"x": 800.0, "y": 1.0, "z": 1.0},
        "`result` = 801.0, dresult/dx = 1.0 and dresult/dy = 0.0 rest on an overflow; "
        "it begins here",
        "`exp` of 800.0 overflows to inf",
    ),
    (
        "sum(w * x / sqrt((w * x)^2 + 1))",
        {"w": 1.0, "x": np.array([1.0, 1e200])},
        "`result` = 0.7071067811865475, dresult/dw = 0.3535533905932738 and dresult/dx rest on "
        "an overflow; it begins here",
        "`^` of 1e+200, 2.0 overflows to inf, at [1]",
    ),
    (
        "x = 800; grad(log(1 + exp(x)), x)",
        {},
        "`result` = 0.0 rests on an overflow; it begins here",
        "`exp` of 800.0 overflows to inf",
    ),
    (
        "x = [800, 1]; backward(sum(log(1 + exp(x)))); x.grad[0]",
        {},
        "what `backward` found rests on an overflow; it begins here",
        "`exp` of 800.0 overflows to inf, at [0]",
    ),
    (
        "1 / (1 + 1 / x)",
        {"x": 0.0},
        "`result` = 0.0 and dresult/dx = 0.0 rest on an infinity; it begins here",
        "`/` of 1.0, 0.0 is inf",
    ),
    (
        "log(exp(x))",
        {"x": -800.0},
        "the value of `result` is -inf, and dresult/dx = nan rests on that; it begins here",
        "`log` of 0.0 is -inf",
    ),
    (
        "1 / x",
        {"x": 1e-200},
        "dresult/dx is not finite, though the value is; it begins here",
        "the derivative of `/` at 1.0, 1e-200 overflows to -inf",
    ),
    (
        "sum(1 / x)",
        {"x": np.array([1.0, 1e-200])},
        "dresult/dx is not finite, though the value is; it begins here",
        "the derivative of `/` at 1.0, 1e-200 overflows to -inf, at [1]",
    ),
]


@pytest.mark.parametrize(("text", "inputs", "what", "label"), LOST)
def test_what_is_lost_is_told(text: str, inputs: dict[str, Any], what: str, label: str) -> None:
    [finding] = told(text, inputs)
    assert (finding.what, finding.label) == (what, label)


def test_what_two_overflows_take_is_told_of_each() -> None:
    first, second = told("log(1 + exp(x)) + log(1 + exp(y)) + z", {"x": 8e2, "y": 9e2, "z": 1.0})
    assert first.what.startswith("the value of `result` is inf, and dresult/dx = 0.0 rests")
    assert second.what == "dresult/dy = 0.0 rests on an overflow; it begins here"
    assert (first.help, second.help) == (
        "write softplus(x) for log(1 + exp(x))",
        "write softplus(y) for log(1 + exp(y))",
    )


def test_single_precision_overflows_earlier() -> None:
    assert told("log(1 + exp(x))", {"x": 100.0}) == []
    [finding] = told("log(1 + exp(x))", {"x": 100.0}, single=True)
    assert finding.label == "`exp` of 100.0 overflows to inf"
    assert finding.help == "write softplus(x) for log(1 + exp(x))"
    [finding] = told("x^2 + 1", {"x": 2e19}, single=True)
    assert "float32 ends at 3.4e38" in finding.help


def test_the_same_text_with_another_value_is_not_repeated() -> None:
    """In a loop, `x[i]` is now one number and now another: there is no remedy in these words."""
    text = "s = 0; for i in range(3) { s = s + exp(x[i]) }; log(s)"
    [finding] = told(text, {"x": np.array([800.0, 1.0, 2.0])})
    assert "x[i]" not in finding.help
    assert "logsumexp" in finding.help


@pytest.mark.parametrize("text", BETTER)
def test_eval_and_why_name_the_same_origin(text: str) -> None:
    draws, better = BETTER[text]
    rng = Random(text)
    inputs = {name: draw(rng) for name, draw in draws.items()}
    first, *_ = told(text, inputs)
    for explanation in explain(load(Source("<test>", text)), inputs):
        words = [word for reason in explanation.reasons for word in (reason.label, *reason.notes)]
        if explanation.label in first.what:
            assert any(first.label in word for word in words), words
            assert any(better in reason.help for reason in explanation.reasons)


@pytest.mark.parametrize("text", ["x^(1 + x)", "sqrt(x)^2", "x^2.5"])
def test_a_higher_derivative_that_is_not_finite_is_told(text: str) -> None:
    done = adiff("eval", "-e", text, "x=0", "--order", "3", "--json")
    (result,) = done.objects
    odd = any(not isinstance(each, float) for each in result["derivatives"])
    assert odd
    assert "not finite" in str(result["warnings"])
