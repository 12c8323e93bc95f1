"""Programs of arrays as calls of NumPy: what they hold, and whose memory it is."""

from __future__ import annotations

import signal
from threading import Thread

import numpy as np
import pytest

from autodiff_cli.api.exports import export
from autodiff_cli.api.program import Program
from autodiff_cli.errors import LimitError, RunError, TimeOver
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.language.source import Source
from tests.commands.shell import adiff
from tests.compiler.test_engines import numbers, outcome

random = np.random.default_rng(1)
w, y, X = random.normal(size=4), random.normal(size=100), random.normal(size=(100, 4))
S = X.T @ X / 100 + np.eye(4)

PROGRAMS = {
    "logistic": ("z = X @ w; mean(softplus(z) - y * z)", {"w": w, "X": X, "y": y}),
    "axes": ("sum(sum(X^2, axis=1) * y) + max(X, axis=0)[1] + std(X)", {"X": X, "y": y}),
    "broadcast": ("sum((X - w) / (1 + X^2) + reshape(y, [100, 1]) * X)", {"X": X, "w": w, "y": y}),
    "choices": ("sum(where(X > 0, X^2, exp(X))) + sum(max(X, w))", {"X": X, "w": w}),
    "masks": ("m = X > 0 and X < 1; sum(X * m) + sum(not m)", {"X": X}),
    "parts": ("sum(X[1:50] * X[50:99]) + X[3, 2] + sum(X[:, 1]) + sum(X[[0, 5, 0]])", {"X": X}),
    "set": ("X[2] = w; X[0, 1] = 3*w[0]; X[5:9, 1] += w; sum(X^3)", {"X": X, "w": w}),
    "power": ("v = w; for i in range(20) { v = tanh(S @ v + 0.1*i) }; sum(v)", {"w": w, "S": S}),
    "descent": (
        "v = 0*w; for i in range(20) { v = 0.9*v - X.T @ (X @ w - y)/1000; w = w + v }; "
        "sum((X @ w - y)^2)",
        {"w": w, "X": X, "y": y},
    ),
    "elements": ("s = 0; for i in range(len(y)) { s += y[i]^2 * w[0] }; s", {"w": w, "y": y}),
    "recurrence": ("for i in range(1, 100) { y[i] = y[i] + 0.5*y[i-1] }; sum(y^2)", {"y": y}),
    "rows": ("s = 0; for row in X { s += dot(row, w)^2 }; s", {"w": w, "X": X}),
    "branch": (
        "v = w; for i in range(9) { if sum(v) > 0.3 { v = v/2 } else { v = v + w } }; sum(v*v)",
        {"w": w},
    ),
    "while": ("v = w; while norm(v) > 0.01 { v = v*0.7 }; sum(v)", {"w": w}),
    "function": ("fn f(a, b) { sin(a) * b }; sum(f(w, 2) + f(S, w))", {"S": S, "w": w}),
    "solve": ("sum(solve(S, w)) + logdet(S) + sum(cholesky(S) @ w)", {"S": S, "w": w}),
    "einsum": ('einsum("ij,jk,ik->", X, S, X) + sum(outer(w, w))', {"X": X, "S": S, "w": w}),
    "sequences": (
        "sum(cumsum(y) * sort(y) * roll(flip(y), 3)) + median(y) + sum(softmax(y) * y)",
        {"y": y},
    ),
    "joined": ("sum(concat(w, y[:5])^3) + sum(stack(w, w*w)) + sum(tile(w, 2))", {"w": w, "y": y}),
    "constant": ("A = [[1, 2], [3, 4]]; b = linspace(0, 1, 2); sum(A @ b * x)", {"x": 0.5}),
    "default": ("input w, y\ninput k = [1, 2, 3, 4]\nsum(w * k) * y[0]", {"w": w, "y": y}),
    "detached": ("sum(w * detach(exp(w)))", {"w": w}),
    "a truth": ("b = w[0] < 9; sum(X * b + (not b)) + sum(w)", {"X": X, "w": w}),
    "a truth that is given": ("sum(X * b)", {"X": X, "b": True}),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_arrays_are_compiled(name):
    text, inputs = PROGRAMS[name]
    want, told, _ = outcome("graph", text, inputs)
    got, findings, _ = outcome("python", text, inputs)
    assert got.engine == "python"
    assert findings == told
    assert numbers(got) == numbers(want)
    for by, value in want.gradient.items():
        np.testing.assert_array_equal(got.gradient[by], value)
        np.testing.assert_array_equal(got.at[by], want.at[by])


TOLD = {
    "nan": ("sum(log(w))", {"w": w}),
    "overflow": ("sum(1 / exp(1000 * w^2 + 800))", {"w": w}),
    "infinite": ("sum(0 * w)", {"w": np.array([1.0, np.inf])}),
    "kink": ("sum(abs(w - w[0]))", {"w": w}),
    "tie": ("max(concat(w, w))", {"w": w}),
    "lost": ("sum(floor(w) * w)", {"w": w}),
    "outside": ("s = 0; for i in range(5) { s += w[i] }; s", {"w": w}),
    "shapes": ("sum(X @ y)", {"X": X, "y": y}),
    "assert": ("for i in range(9) { w = 2*w; assert norm(w) < 20 }; sum(w)", {"w": w}),
    "memory": ("v = w; for i in range(100000) { v = v*0.9999 }; sum(v)", {"w": y}),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_there_is_to_tell_of_arrays_is_told(name):
    text, inputs = TOLD[name]
    want, got = (outcome(one, text, inputs) for one in ("graph", "python"))
    if isinstance(want[0], type):
        assert got == want
    else:
        assert want[1]
        np.testing.assert_equal(numbers(got[0]), numbers(want[0]))
        assert got[1:] == want[1:]


def prepared(text, **inputs):
    source = Source("p.ad", f"input {', '.join(inputs)}\n{text}")
    return Program(source, engine="python")


def test_what_is_given_is_the_callers_own():
    f = prepared("dot(w, v) + sum(w)", w=w, v=w)
    first = f({"w": w, "v": 2 * w})
    kept = {name: np.array(value) for name, value in first.gradient.items()}
    second = f({"w": 3 * w, "v": -w})
    assert first.evaluation.engine == "python"
    for name, value in kept.items():
        np.testing.assert_array_equal(first.gradient[name], value)
        for other in (w, second.gradient[name]):
            assert not np.shares_memory(first.gradient[name], other)


def test_inputs_are_left_as_they_are():
    given = np.array(y)
    f = prepared("y[0] = 3; y = 2*y; for i in range(3) { y[i] = y[i]^2 }; sum(y)", y=y)
    f(y=given)
    np.testing.assert_array_equal(given, y)


def test_threads_have_arrays_of_their_own():
    f = prepared("z = X @ w; mean(softplus(z) - z^2)", w=w, X=X)
    points = [w * k for k in range(1, 9)]
    want = [f(w=point, X=X).gradient["w"] for point in points]
    got = [None] * len(points)

    def run(k):
        for _ in range(20):
            got[k] = f(w=points[k], X=X).gradient["w"]

    threads = [Thread(target=run, args=(k,)) for k in range(len(points))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TimeOver(LimitError("over"))])
def test_a_loop_over_arrays_is_stopped_from_outside(error):
    def stop(*_):
        raise error

    unbounded = Settings(limits=Limits(steps=10**12, nodes=10**12, memory=1e15))
    text = "input w\nv = w; while sum(v) > -1e9 { v = v + sin(v)^2 }; sum(v)"
    f = Program(Source("p.ad", text), settings=unbounded, engine="python")
    f.evaluate({"w": -1e12 * np.ones(9)})
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)  # as time limits do
    try:
        with pytest.raises(type(error)):
            f.evaluate({"w": np.ones(9)})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_tape_of_arrays_keeps_to_the_memory_that_is_allowed():
    text = "input w\nfor i in range(5000) { w = w + 1e-9*w*w }; sum(w)"
    for engine in ("graph", "python"):
        settings = Settings(limits=Limits(memory=1e6))
        f = Program(Source("p.ad", text), settings=settings, engine=engine)
        with pytest.raises(LimitError, match="--max-memory allows"):
            f.evaluate({"w": y})


@pytest.mark.parametrize("order", ["C", "F"])
def test_how_elements_lie_changes_no_digit(order):
    given = {"X": np.array(X, order=order)[::2], "w": w}
    text = "sum((X * 2 - w) @ w) + sum(exp(X).T @ (X @ w))"
    want, got = (outcome(one, text, given)[0] for one in ("graph", "python"))
    assert got.value == want.value
    np.testing.assert_array_equal(got.gradient["X"], want.gradient["X"])


# ── files ─────────────────────────────────────────────────────────────────────────────

NOT_IN_NUMPY = {"axes": "std", "masks": "sum", "solve": "solve", "sequences": "median"}
"""Of the programs, those that call what NumPy alone has not, or not its derivative."""
HIDDEN = {
    "an infinite slope": ("sum(where(v > 0, sqrt(v), 0)) + sum(v)", {"v": np.array([0.0, 4.0])}),
    "a pole": ("sum(where(v > 0, 1 / v, v))", {"v": np.array([0.0, 2.0])}),
}


def program_of(text, inputs):
    if not text.startswith("input"):
        text = f"input {', '.join(inputs)}\n{text}"
    return Program(Source("p.ad", text), engine="graph")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [*(n for n in PROGRAMS if n not in NOT_IN_NUMPY), *HIDDEN])
def test_an_exported_file_computes_the_same_with_numpy(name):
    text, inputs = (PROGRAMS | HIDDEN)[name]
    f = program_of(text, inputs)
    source = export(f, f.values(inputs), "python")
    imported = [line for line in source.splitlines() if line.startswith(("import", "from"))]
    assert all(line.startswith(("import numpy as np", "from math ")) for line in imported)
    namespace = {}
    exec(compile(source, "exported.py", "exec"), namespace)
    value, gradient = namespace["value_and_gradient"](*inputs.values())
    want = f.evaluate(f.values(inputs))[0]
    assert value == want.value
    for (by, derivative), got in zip(want.gradient.items(), gradient, strict=False):
        np.testing.assert_array_equal(got, derivative, err_msg=by)


def test_an_exported_file_holds_to_its_shapes():
    f = program_of("mean(X @ w)", {"X": X, "w": w})
    namespace = {}
    exec(export(f, f.values({"X": X, "w": w}), "python"), namespace)
    with pytest.raises(ValueError, match=r"X: got the shape \(50, 4\), want \(100, 4\)"):
        namespace["value_and_gradient"](X[:50], w)


@pytest.mark.parametrize("name", NOT_IN_NUMPY)
def test_what_numpy_has_not_is_not_exported(name):
    f = program_of(*PROGRAMS[name])
    with pytest.raises(RunError, match=f"no derivative or no value of `{NOT_IN_NUMPY[name]}`"):
        export(f, f.values(PROGRAMS[name][1]), "python")


@pytest.mark.parametrize(("language", "name"), [("c", "C"), ("js", "JavaScript")])
def test_other_languages_have_no_large_arrays(language, name):
    made = adiff("export", "-e", "input w; sum(exp(w))", f"w={[0.1] * 100}", "--to", language)
    assert made.status == 1
    assert f"{name} has arrays of 64 elements at most" in made.err
