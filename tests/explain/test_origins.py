"""Where a nan or an inf begins: what is said of it holds, and `eval` and `why` say the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff_cli.engine import precise
from autodiff_cli.engine.graph import value_of
from autodiff_cli.explain import words
from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.explain.numbers import is_finite, operands_of
from autodiff_cli.explain.origins import Origin, Origins
from autodiff_cli.explain.reasons import explain
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

inf, nan = math.inf, math.nan
LARGEST, SMALLEST = 1.7976931348623157e308, 5e-324

BEGUN = [
    # program, inputs, what is said of the origin, and of where its operands come from
    ("clamp(x, 0, hi) + log(y)", {"x": 1.0, "hi": inf, "y": -2.0}, "`log` of -2.0 is nan", []),
    (
        "2 * x + 0 * y",
        {"x": inf, "y": -inf},
        "`*` of 0.0, -inf is nan",
        ["the -inf is that of input `y`"],
    ),
    ("x - y", {"x": inf, "y": inf}, "`-` of inf, inf is nan", ["x", "y"]),
    ("min(x, y) + z", {"x": inf, "y": 1, "z": nan}, "input `z` is nan", []),
    ("where(x > 0, y, z) * 2", {"x": 1, "y": nan, "z": inf}, "input `y` is nan", []),
    ("where(x > 0, y, z) * 2", {"x": 0, "y": nan, "z": inf}, "input `z` is inf", []),
    ("max(log(x), y) + log(y)", {"x": 0, "y": -1}, "`log` of -1.0 is nan", []),
    ("x + log(y)", {"x": inf, "y": 0}, "`+` of inf, -inf is nan", ["x", "`log` of 0.0 is -inf"]),
    ("y + 1/x", {"x": 0, "y": 2}, "`/` of 1.0, 0.0 is inf", []),
    ("1 / (x * y)", {"x": 1e-200, "y": 1e-200}, "`/` of 1.0, 0.0 is inf", ["underflows to 0.0"]),
    ("1 / (x / exp(y))", {"x": 2, "y": 800}, "`/` of 1.0, 0.0 is inf", ["`exp` of 800.0 overfl"]),
    ("1 / (x - y)", {"x": 2, "y": 2}, "`/` of 1.0, 0.0 is inf", []),
    ("(1e200)^2 * x", {"x": 1}, "`^` of 1e+200, 2.0 overflows to inf", []),
    ("x / 1e-200^2", {"x": 1}, "`/` of 1.0, 0.0 is inf", ["`^` of 1e-200, 2.0 underflows to 0.0"]),
    ("c = 1 / 0; d = log(-1) * 0; x * c", {"x": 1}, "`/` of 1.0, 0.0 is inf", []),
    ("x * inf", {"x": 2}, "`*` takes what is not finite: inf", []),
    ("lgamma(x)", {"x": -1}, "`lgamma` of -1.0 is inf", []),
    ("lgamma(x)", {"x": 1e308}, "`lgamma` of 1e+308 overflows to inf", []),
    ("(-x)^3", {"x": 1e200}, "`^` of -1e+200, 3.0 overflows to -inf", []),
    ("polygamma(1, x)", {"x": 1e-200}, "`polygamma` of 1.0, 1e-200 overflows to inf", []),
    # Of an array, the element that leads there.
    (
        "sum(x / y)",
        {"x": np.array([1.0, inf, 2.0]), "y": np.array([inf, 1.0, 0.0])},
        "`/` of 2.0, 0.0 is inf, at [2]",
        [],
    ),
    (
        "v = 1 / x; w = log(y); v[0] + w[2] * 2",
        {"x": np.array([1.0, 0.0]), "y": np.array([-1.0, 1.0, 0.0])},
        "`log` of 0.0 is -inf, at [2]",
        [],
    ),
    (
        "u = [x, y, log(x)]; sum(u * z)",
        {"x": -1.0, "y": inf, "z": np.array([1.0, 1.0, 0.0])},
        "`log` of -1.0 is nan",
        [],
    ),
    (
        "A = [[x, 1], [0, 0]]; sum(A @ [0, y])",
        {"x": inf, "y": 2.0},
        "`@` of an array of shape (2, 2), an array of shape (2,) is nan, at [0]",
        ["the inf is that of input `x`"],
    ),
    ("prod(x)", {"x": np.full(3, 1e200)}, "`prod` of an array of shape (3,) overflows to inf", []),
    ("1 / sum(x^2)", {"x": np.array([0.0, 1e-200])}, "`/` of 1.0, 0.0 is inf", ["underflows"]),
]


@pytest.mark.parametrize(("text", "inputs", "label", "sources"), BEGUN)
def test_the_origin_and_its_sources(
    text: str, inputs: Mapping[str, Any], label: str, sources: list[str]
) -> None:
    program = load(Source("<test>", text))
    outcome = run(
        program,
        {
            name: np.float64(value).tolist() if np.ndim(value) == 0 else value
            for name, value in inputs.items()
        },
    )
    (output,) = outcome.outputs.values()
    origin = Origins(outcome.machine.odd_constants).of(output)
    assert origin is not None
    assert words.origin_text(origin) == label
    notes = words.sources_text(origin)
    assert len(notes) == len(sources), notes
    for note, part in zip(notes, sources, strict=True):
        assert part in note


def test_sources_of_sources_end() -> None:
    """Where inf and 0 make one another, over and over."""
    [evaluation] = evaluate(
        load(Source("<test>", "y = x; for i in range(9999) { y = 1 / y }; y")), {"x": 0.0}
    )
    [finding] = [f for f in evaluation.findings if f.kind == "non-finite"]
    assert finding.label == "`/` of 1.0, 0.0 is inf"
    assert len(finding.notes) < 12


# ── any expression ────────────────────────────────────────────────────────────────────

SPECIAL = (0.0, 1.0, -1.0, 2.0, -3.0, 0.5, 1e200, -1e200, 1e-200, 800.0, -800.0, inf, -inf, nan)
NAMES = ("x", "y", "z")


def expressions() -> st.SearchStrategy[str]:
    leaves = st.sampled_from([*NAMES, "2", "0", "1e160"])

    def larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        unary = st.sampled_from(["exp", "log", "sqrt", "atan", "tanh", "-", "1 / ", "abs"])
        binary = st.sampled_from("+-*/^")
        pair = st.tuples(parts, parts)
        return st.one_of(
            st.tuples(unary, parts).map(lambda p: f"{p[0]}({p[1]})"),
            st.tuples(binary, pair).map(lambda p: f"(({p[1][0]}) {p[0]} ({p[1][1]}))"),
            st.tuples(st.sampled_from(["min", "max", "hypot"]), pair).map(
                lambda p: f"{p[0]}({p[1][0]}, {p[1][1]})"
            ),
        )

    return st.recursive(leaves, larger, max_leaves=8)


points = st.fixed_dictionaries({name: st.sampled_from(SPECIAL) for name in NAMES})


def all_of(origin: Origin) -> Iterator[Origin]:
    yield origin
    for _, source in origin.sources:
        yield from all_of(source)


def holds(origin: Origin) -> None:
    """What an origin claims, by its operands and by mpmath."""
    value, operands = origin.value, origin.operands
    if origin.kind in ("input", "given"):
        assert not math.isfinite(value)
        return
    assert origin.primitive is not None
    assert not any(math.isnan(x) for x in operands)
    if origin.kind == "of-infinite":
        assert math.isnan(value)
        assert any(map(math.isinf, operands))
        return
    assert all(map(math.isfinite, operands))
    try:
        exact = precise.compute(origin.primitive, operands)
    except OverflowError:  # so far out that the referee does not go there
        assert origin.kind in ("overflow", "underflow")
        return
    except precise.REFUSED:
        exact = precise.mp.nan
    if origin.kind == "overflow":
        assert math.isinf(value)
        assert precise.mp.isfinite(exact)
        assert abs(exact) > LARGEST
    elif origin.kind == "underflow":
        assert value == 0.0
        assert 0 < abs(exact) < SMALLEST
    else:
        assert not math.isfinite(value)
        assert not precise.mp.isfinite(exact)


@settings(max_examples=300, deadline=None)
@given(expressions(), points)
def test_what_is_said_of_an_origin_holds(text: str, point: dict[str, float]) -> None:
    program = load(Source("<test>", f"input x, y, z\n{text}"))
    outcome = run(program, point)
    (output,) = outcome.outputs.values()
    if is_finite(value_of(output)):
        return
    origin = Origins(outcome.machine.odd_constants).of(output)
    assert origin is not None
    for each in all_of(origin):
        holds(each)
    if origin.node is not None and origin.primitive is not None and origin.kind != "given":
        wrong = math.isnan if math.isnan(origin.value) else math.isinf
        args = [value_of(arg) for _, arg in operands_of(origin.primitive, origin.node.args)]
        assert not any(map(wrong, args)), "it begins further down"


@settings(max_examples=150, deadline=None)
@given(expressions(), points)
def test_eval_and_why_name_the_same(text: str, point: dict[str, float]) -> None:
    """Of a value that is not finite, and of each derivative that is not or rests on such."""
    program = load(Source("<test>", f"input x, y, z\n{text}"))
    [evaluation] = evaluate(program, point)
    found = [f for f in evaluation.findings if f.kind in ("non-finite", "overflow")]
    if not found:
        return
    for explanation in explain(program, point):
        told = [
            text
            for reason in explanation.reasons
            for text in (reason.what, reason.label, *reason.notes)
        ]
        for finding in found:
            if finding.what.startswith("the value of") or explanation.label in finding.what:
                said = finding.label or finding.what.partition(": ")[2]
                assert any(said in text for text in told), (said, told)


@settings(max_examples=150, deadline=None)
@given(expressions(), points)
def test_an_array_of_one_begins_where_the_number_does(text: str, point: dict[str, float]) -> None:
    program = load(Source("<test>", f"input x, y, z\n{text}"))
    said = []
    for wrap in (float, lambda value: np.array([value])):
        outcome = run(program, {name: wrap(value) for name, value in point.items()})
        (output,) = outcome.outputs.values()
        if is_finite(value_of(output)):
            return
        origin = Origins(outcome.machine.odd_constants).of(output)
        assert origin is not None
        # Of 0 and -0 the least may be either.
        said.append(words.origin_text(origin).removesuffix(", at [0]").replace("-0.0", "0.0"))
    assert said[0] == said[1]
