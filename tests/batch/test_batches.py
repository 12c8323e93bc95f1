"""Many records at once come to what each comes to by itself."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from autodiff_cli.batch.evaluator import Answer, Evaluator, Task
from autodiff_cli.batch.sums import Sum, sum_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.explain.evaluation import Question
from autodiff_cli.interpreter.batched import is_quick
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

ROWS = 60


def evaluator(text: str, kind: Any = "gradient", **shared: Any) -> Evaluator:
    tangents = {"x": 1.0, "y": -2.0} if kind == "jvp" else {}
    question = Question(kind, tangents=tangents)
    return Evaluator(Task(load(Source("<test>", text)), None, None, Settings(), question, shared))


def compare(text: str, columns: dict[str, Any], kind: Any = "gradient", **shared: Any) -> Answer:
    """Evaluates records at once and one by one, and compares what both come to."""
    inputs = load(Source("<test>", text)).resolved.inputs
    columns = {name: column for name, column in columns.items() if name in inputs}
    count = len(next(iter(columns.values())))
    together = evaluator(text, kind, **shared)
    found = together.evaluate(columns, count)
    alone = evaluator(text, kind, **shared)
    want = [alone.evaluate({k: v[i : i + 1] for k, v in columns.items()}, 1) for i in range(count)]
    assert all(one.ways.alone == 1 for one in want)
    assert set(found.errors) == {i for i, one in enumerate(want) if one.errors}, text
    for i, one in enumerate(want):
        if one.errors:
            assert found.errors[i].what == one.errors[0].what
            continue
        assert one.columns.keys() == found.columns.keys()
        assert found.kinks[i] == one.kinks[0], (text, {k: v[i] for k, v in columns.items()})
        for name, column in one.columns.items():
            got, wanted = np.float64(found.columns[name][i]), np.float64(column[0])
            is_value = name == "result"
            slack = np.nan_to_num(np.spacing(np.abs(wanted))) if is_value else 1e-13
            close = np.isclose(got, wanted, rtol=0 if is_value else 1e-13, atol=slack)
            same = (got == wanted) | (np.isnan(got) & np.isnan(wanted)) | close
            assert same.all(), (text, name, got, wanted)
    return found


class Programs:
    """Random programs of two inputs, with branches, loops and functions."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def expression(self, depth: int) -> str:
        pick = self.random.random()
        if depth == 0 or pick < 0.2:
            return self.random.choice(["x", "y", "r", "0.5", "2", "-1.5", "3"])
        one = self.expression(depth - 1)
        if pick < 0.4:
            return f"{self.random.choice(['sin', 'exp', 'abs', 'sqrt', 'f', 'relu'])}({one} / 3)"
        other = self.expression(depth - 1)
        if pick < 0.5:
            return f"{self.random.choice(['max', 'min'])}({one}, {other})"
        if pick < 0.55:
            return f"where({self.condition()}, {one}, {other})"
        if pick < 0.6:
            return f"if {self.condition()} {{ {one} }} else {{ {other} }}"
        if pick < 0.65:
            return f"sum([{one}, {other}] * [1, 2])"
        return f"({one} {self.random.choice('+-*/')} {other})"

    def condition(self) -> str:
        less = self.random.choice(["<", ">", "<=", "!="])
        one = f"{self.expression(1)} {less} {self.random.choice(['0', '0.5', 'y', 'r'])}"
        if self.random.random() < 0.3:
            return f"{one} {self.random.choice(['and', 'or'])} not (x < {self.expression(1)})"
        return one

    def statement(self, depth: int) -> str:
        pick = self.random.random()
        if depth == 0 or pick < 0.4:
            return f"r = {self.expression(2)}"
        inside = self.statement(depth - 1)
        if pick < 0.65:
            other = f" else {{ {self.statement(depth - 1)} }}" if pick < 0.55 else ""
            return f"if {self.condition()} {{ {inside} }}{other}"
        if pick < 0.8:
            leave = f"; if {self.condition()} {{ break }}" if pick < 0.72 else ""
            return f"for i in range(3) {{ {inside}; r = r / 2 + i{leave} }}"
        if pick < 0.9:
            return f"k = 0; while abs(r) > 0.3 and k < 6 {{ r = r * 0.6; k += 1 }}; {inside}"
        return f"for i in range(floor(abs(x))) {{ {inside} }}"

    def program(self) -> str:
        body = "; ".join(self.statement(2) for _ in range(self.random.randint(1, 3)))
        return f"fn f(t) {{ if t > 0 {{ t^2 }} else {{ 1 - t }} }}; r = x; {body}; r"


@pytest.mark.parametrize("seed", range(80))
def test_a_random_program_comes_to_the_same_at_once(seed: int) -> None:
    text = Programs(seed).program()
    rng = np.random.default_rng(seed)
    columns = {name: rng.uniform(-3, 3, ROWS) for name in "xy"}
    columns["x"][:6] = [0, -1, 1, 2, 0.5, 3]  # kinks, ties and edges
    columns["y"][:6] = [0, 1, 1, 0, 0.5, -3]
    compare(text, columns)


ARRAYS = [
    "x * sum(v) + mean(v^2) - max(v)",
    "dot(v, w) + v @ w + norm(v - w)",
    "sum(M @ v * w) + sum(v @ M)",
    "a = [x, y, x * y]; a[1] = 3; a[2] *= x; p, q, s = a; p * q + s + len(a) + sum(a[1:])",
    "total = 0; for e in v { total += if e > 0 { e * x } else { -e } }; total",
    "logsumexp(v) + prod(v) + std(v) + var(v) + min(v * x)",
    "v[-1] * v[0] + w[floor(abs(x)) % 3]",
    "sum(concat(v, w) * 2) + sum(if any(v > 1) { v } else { w })",
    "z = detach(x) * x; z + (x > 0) + (y > 0) * 2 + (x > 0) * (y > 0)",
    "n = 0; while n < 3 and (x > 0 or y > 0) { n += 1 }; n * x",
    "s = 0; for i in range(5) { if i > abs(x) { continue }; s += i * y }; s",
    "sum_over(3, fn(i) { x^i * y })",
    "fn g(n) { if n <= 0 { 1 } else { x * g(n - 1) } }; g(floor(abs(y)))",
    "log(x) * 0 + sqrt(y)",
    'assert x < 2, "too large"; x * y',
    "v[floor(x)] * y",
]


@pytest.mark.parametrize("text", ARRAYS)
def test_arrays_of_each_record(text: str) -> None:
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {name: rng.uniform(-3, 3, ROWS) for name in "xy"}
    columns |= {name: rng.normal(size=(ROWS, 3)) for name in "vw"}
    compare(text, columns, **({"M": rng.normal(size=(3, 3))} if "M" in text else {}))


FUNCTIONS = sorted(
    name for name, entry in TABLE.items() if entry.kind == "elementwise" and not entry.internal
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_columns_has_the_digits_that_it_has_of_a_record(name: str) -> None:
    entry = TABLE[name]
    rng = np.random.default_rng(0)
    operands = [
        rng.choice(one, ROWS) * 1.0 if isinstance(one, range) else rng.uniform(*one, ROWS)
        for one in entry.sample
    ]
    columns = {f"x{i}": operand for i, operand in enumerate(operands)}
    found = evaluator(f"{name}({', '.join(columns)})").evaluate(columns, ROWS)
    assert found.ways.together == ROWS
    with np.errstate(all="ignore"):
        want = [entry.evaluate(*row) for row in np.transpose(operands).tolist()]
    ulps = 0 if is_quick(entry) else 4
    np.testing.assert_array_max_ulp(found.columns["result"] * 1.0, np.array(want) * 1.0, ulps)


AT_TIES = ["max([x, y, 2])", "min([x, 2 * y])", "median([x, y, 4])", "norm([x - 1, y - 2])"]


@pytest.mark.parametrize("at_kink", ["subgradient", "nan"])
@pytest.mark.parametrize("text", AT_TIES)
def test_a_kink_of_an_array_is_its_record_s_own(text: str, at_kink: Any) -> None:
    columns = {"x": np.arange(10) % 5.0, "y": np.full(10, 2.0)}
    task = Task(load(Source("<test>", text)), None, None, Settings(), Question(at_kink=at_kink), {})
    together = Evaluator(task).evaluate(columns, 10)
    assert together.ways.together == 10
    for i in range(10):
        alone = Evaluator(task).evaluate({k: v[i : i + 1] for k, v in columns.items()}, 1)
        assert together.kinks[i] == alone.kinks[0]
        for name, column in alone.columns.items():
            np.testing.assert_array_equal(together.columns[name][i], column[0])
    assert 0 < together.kinks.sum() < 10


def test_an_error_keeps_nothing_of_its_run() -> None:
    question = Question(at_kink="error")
    task = Task(load(Source("<test>", "abs(x)")), None, None, Settings(), question, {})
    errors = Evaluator(task).evaluate({"x": np.zeros(10)}, 10).errors.values()
    assert len(errors) == 10
    assert not any(one.__traceback__ or one.__context__ or one.__cause__ for one in errors)


@pytest.mark.parametrize("kind", ["hessian", "jvp", "jacobian"])
def test_other_derivatives(kind: str) -> None:
    rng = np.random.default_rng(2)
    text = "if x > 0 { x^3 * sin(y) } else { exp(x) * y^2 + abs(x) }"
    found = compare(text, {name: rng.uniform(-2, 2, ROWS) for name in "xy"}, kind)
    assert found.ways.together == ROWS


ALONE = ["grad(x^3, x) * y", "rand() * 0 + x * y", "print(x); x * y", "sum(cumsum([x, y]))"]


@pytest.mark.parametrize("text", ALONE)
def test_what_has_no_meaning_for_columns_goes_record_by_record(text: str) -> None:
    rng = np.random.default_rng(3)
    found = compare(text, {name: rng.uniform(1, 2, 12) for name in "xy"})
    assert found.ways.why_alone
    assert found.ways.alone == 12


def test_a_long_run_takes_fewer_records_at_once() -> None:
    text = "y = x; for i in range(2000) { y = sin(y) + x }; y"
    task = evaluator(text)
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 1, 20_000)
    found = task.evaluate({"x": x}, len(x))
    alone = evaluator(text).evaluate({"x": x[:1]}, 1)
    assert found.columns["result"][0] == alone.columns["result"][0]
    assert math.isclose(found.columns["dresult_dx"][0], alone.columns["dresult_dx"][0])
    assert found.ways.together == len(x)


def test_a_sum_does_not_depend_on_its_parts() -> None:
    rng = np.random.default_rng(5)
    terms = rng.normal(size=10_001) * 10.0 ** rng.integers(-8, 8, 10_001)
    whole = sum_of(terms).value
    assert whole == math.fsum(terms)
    for size in (1, 7, 1000):
        total = Sum()
        for start in range(0, len(terms), size):
            total.add(sum_of(terms[start : start + size]))
        assert total.value == whole
