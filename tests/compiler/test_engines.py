"""Every engine gives what the interpreter gives: values, gradients, counts, warnings, errors."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import numpy as np
import pytest

import autodiff_cli as adiff
from autodiff_cli.api.program import Program
from autodiff_cli.compiler.native import compiler
from autodiff_cli.errors import AdiffError
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.language.source import Source
from tests.compiler import array_programs
from tests.compiler.programs import program

LIMITS = Limits(steps=3_000, nodes=30_000, depth=500)
PROGRAMS = 24
ARRAY_PROGRAMS = 12

ORBIT = """
input v
h = 0.01
x = 1; y = 0; vx = 0; vy = v
fn pull(x, y, z) { r = sqrt(x*x + y*y); -z / (r*r*r) }
for i in range(200) {
    hx = x + h/2 * vx; hy = y + h/2 * vy
    hvx = vx + h/2 * pull(x, y, x); hvy = vy + h/2 * pull(x, y, y)
    x = x + h * hvx; y = y + h * hvy
    vx = vx + h * pull(hx, hy, hx); vy = vy + h * pull(hx, hy, hy)
}
x + 2*y
"""

QUADRATURE = """
input x, k
fn simpson(f, a, b) { (b - a)/6 * (f(a) + 4*f((a + b)/2) + f(b)) }
fn quad(f, a, b, tolerance) {
    m = (a + b)/2
    whole = simpson(f, a, b); both = simpson(f, a, m) + simpson(f, m, b)
    if abs(both - whole) < tolerance { return both }
    quad(f, a, m, tolerance/2) + quad(f, m, b, tolerance/2)
}
quad(fn(t) { exp(-k*t*t) * sin(9*t) }, 0, x, 1e-3)
"""

COMPILED = {
    "straight": ("x^2 * sin(x)", {"x": 3.0}),
    "loop": ("for i in range(50) { x = x + 0.01*(sin(x)*a - x*x) }; x", {"x": 0.5, "a": 1.5}),
    "if": (
        "for i in range(50) { if x > 0.5 { x = r*x*(1-x) } else { x = r*x*(1-x)*0.9 + 0.1 } }; x",
        {"x": 0.3, "r": 3.7},
    ),
    "while": (
        "s = 1.0; while abs(s) > 1e-12*a { s = (x*x - a)/(2*x); x -= s }; x",
        {"x": 3.0, "a": 2.0},
    ),
    "orbit": (ORBIT, {"v": 1.1}),
    "signs": (
        "for i in range(9) { y = -(x - a); x = -x/-(a + 2) - y*y/-3 + -(y*a)*-y - -sin(-x) }; x",
        {"x": 0.4, "a": 1.5},
    ),
    "twice": (
        "s = 0; for i in range(9) { s += exp(-(i - a)*(i - a)/2) * (1 - a) * (a*x) + "
        "(a*x)/(a*x) }; s",
        {"x": 0.4, "a": 1.5},
    ),
    "counting": (
        "n = 0; for i in range(30) { if x < 0.5 { x = 2*x } else { x = x/3 + 0.1; n += 1 }; "
        "for j in range(i) { if j > 3 { x = x*1.01; break } } }; x + n",
        {"x": 0.3},
    ),
    "chosen last": (
        "for i in range(9) { t = x; if x > 1 { x = y/2; y = t } else { x = y*1.5; y = x + t } }; "
        "x - y",
        {"x": 0.3, "y": 0.8},
    ),
    "nested": (
        "s = 0; for i in range(9) { t = 0; for j in range(i + 1) { t = t + x*j }; s += sin(t) }; s",
        {"x": 0.9},
    ),
    "break": (
        "s = 0; for i in range(9) { if i*x > 5 { break }; if i == 3 { continue }; s += x*i }; s",
        {"x": 0.9},
    ),
    "return": (
        "fn f(x) { for i in range(9) { if x > 5 { return 2*x }; x = x*x }; x }; f(x) + x",
        {"x": 1.3},
    ),
    "array": (
        "s = 0; for i in range(len(w)) { s += w[i]^2 * x }; s",
        {"x": 0.9, "w": [1.0, 2.0, 3.0]},
    ),
    "closure": ("fn make(a) { fn(t) { a*t + x } }; f = make(x*2); f(3) * f(x)", {"x": 0.4}),
    "steps": ("for i in range(5) { x = -x; if x < 0 { x = x/2 } else { x = x*3 } }; x", {"x": 0.4}),
    "function of itself": ("for i in range(5) { x = hypot(x, 1) }; x", {"x": 0.4}),
    "of two": ("for i in range(5) { x = atan2(x, 3*y); y = max(y, x) }; x*y", {"x": 0.4, "y": 0.3}),
    "late": ("y = 0; for i in range(9) { y = y*0.5 + x }; y", {"x": 2.0}),
    "changing": ("if x > 1 { y = x } else { y = 0 }; z = y*2 + x; z", {"x": 0.9}),
    "named": ("z = x^2; y = z * x; y", {"x": 3.0}),
    "default": ("input x = 2\nx^3", {}),
    "detach": ("x * detach(x^2)", {"x": 3.0}),
    "sum_over": ("sum_over(5, fn(i) { x^i })", {"x": 0.7}),
    "choices": ("max(x, 1) + where(x > 2, x, x*x) + clamp(x, 0, 5) + relu(x)", {"x": 0.9}),
    "tree": (
        "fn f(n, x) { if n < 2 { x^n } else { f(n-1, x) + f(n-2, x)*sin(x) } }; f(9, x)",
        {"x": 0.7},
    ),
    "squaring": (
        "fn p(b, n) { if n == 0 { return 1 }; h = p(b, n // 2); if n % 2 == 0 { h*h } "
        "else { h*h*b } }; p(x, 13) + p(x, 4)",
        {"x": 1.1},
    ),
    "each other": (
        "fn a(m, n) { if m == 0 { n + x } else { b(m, n) } }\n"
        "fn b(m, n) { if n < 1 { a(m - 1, 1) * 1.01 } else { a(m - 1, a(m, n - 1)) } }\na(2, 2)",
        {"x": 1.0},
    ),
    "quadrature": (QUADRATURE, {"x": 1.3, "k": 0.8}),
    "loop in a recursion": (
        "fn f(n) { s = 1; for i in range(n) { if i > 3 { break }; s += x*f(i)/(1 + i) }; s }; f(6)",
        {"x": 0.3},
    ),
    "recursion in a loop": (
        "fn f(n) { if n <= 0 { return x }; s = 0; while s < 3 { s += abs(f(n - 1)) + 0.5 }; s }\n"
        "for i in range(4) { x += f(2)/9 }; x",
        {"x": 0.3},
    ),
    "shorter and shorter": (
        "fn f(w) { if len(w) == 1 { w[0]^2 } else { w[0]*x + f(w[1:]) } }; f(w)",
        {"w": [1.0, 2.0, 3.0, 4.0], "x": 0.5},
    ),
    "a sum of -0": ("atan2(sum(w), -1) + atan2(dot(w, [1, x]), -1)", {"w": [-0.0, -0.0], "x": 2.0}),
    "two results": (
        "fn f(n) { if n == 0 { return 1.5, 1 }; a, b = f(n - 1); return a*x, b + a }\n"
        "p, q = f(5); p*q",
        {"x": 0.9},
    ),
    "a total that is handed on": (
        "fn f(n, so_far) { if n == 0 { so_far } else { f(n - 1, so_far*x + n) } }; f(10, 1)",
        {"x": 0.8},
    ),
    "a function in a function": (
        "fn f(n) { k = n*x; fn g(m) { if m < 1 { k } else { g(m - 1)*k + x } }\n"
        "if n < 1 { g(2) } else { g(n) + f(n - 1) } }; f(3)",
        {"x": 0.5},
    ),
    "what is around it changes": (
        "a = 2; fn f(n) { if n < 1 { a } else { f(n - 1)*x } }; u = f(3); a = x*3; u + f(4)",
        {"x": 0.5},
    ),
    "only its value is used": (
        "fn f(n) { if n < 1 { x*x } else { f(n - 1)*x } }; if f(2) > 0.1 { x *= f(3) }; x",
        {"x": 0.9},
    ),
}
"""Programs that run as compiled code, and what there is to tell is nothing."""

TOLD = {
    "nan": ("s = x; for i in range(9) { s = s * log(x - i) }; s", {"x": 3.5}),
    "inf by 0": ("s = 0; for i in range(9) { x = x + sqrt(s * x) }; x", {"x": 3.5}),
    "swallowed": ("s = x; for i in range(99) { s = s * 1e9 }; x / s", {"x": 3.5}),
    "swallowed after": ("s = x; for i in range(99) { s = s * 1e9 }; x + 1/s", {"x": 3.5}),
    "swallowed on a way": (
        "s = x; for i in range(99) { if s > 1 { s = s * 1e9 } else { s = 2 } }; exp(-s)",
        {"x": 3.5},
    ),
    "large": ("s = 0; for i in range(9) { s += exp(-x*x*i) }; s", {"x": 1e180}),
    "kink": ("for i in range(9) { x = x + abs(x - 1) }; x", {"x": 1.0}),
    "lost": ("for i in range(9) { x = x + floor(x) / 9 }; x", {"x": 1.3}),
    "equality": ("for i in range(9) { if x == 1 { x = 2*x } }; x", {"x": 1.0}),
    "independent": ("y = 1; for i in range(9) { if x > 5 { y = x } }; y * 2", {"x": 1.0}),
    "assert": ('for i in range(9) { x = x*2; assert x < 100, "too large" }; x', {"x": 1.0}),
    "steps": ("while x > 0 { x = x + 1 }; x", {"x": 1.0}),
    "unset": ("for i in range(0) { y = x }; y", {"x": 1.0}),
    "dot of what differ": ("dot([w, w], [x, 1, x, 1])", {"w": [1.0, 2.0], "x": 1.0}),
    "dot of matrices": ("dot([w, w], [w, w])", {"w": [1.0, 2.0]}),
    "dot of numbers": ("dot(x, x)", {"x": 1.0}),
    "a slice from an array": ("sum(w[w:])", {"w": [1.0, 2.0]}),
    "a slice from a function": ("sum(w[sin:])", {"w": [1.0, 2.0]}),
    "index": ("s = 0; for i in range(4) { s += w[i] }; s", {"w": [1.0, 2.0]}),
    "step 0": ("n = x; for i in range(1, n, n - 2) { x += 1 }; x", {"x": 2.0}),
    "fraction": ("for i in range(x) { x += 1 }; x", {"x": 2.5}),
    "an integer on the way": (
        "s = 1; for i in range(62) { s = s * 2 }; s*4*3 + s*8//8 + x",
        {"x": 1.0},
    ),
    "depth": ("fn f(n) { if n < 1 { x } else { f(n - 1)*x } }; f(1e5)", {"x": 0.9}),
    "depth of what is inlined": (
        "fn g(x) { x*x }; fn f(n) { if n < 1 { g(x) } else { f(n - 1) } }; f(499)",
        {"x": 0.9},
    ),
    "no end": ("fn f(n) { f(n + 1)*x }; f(1)", {"x": 0.9}),
    "many calls": ("fn f(n) { if n < 2 { x } else { f(n - 1) + f(n - 2) } }; f(30)", {"x": 0.9}),
    "a nan in a recursion": (
        "fn f(n) { if n < 0 { x } else { f(n - 1)*log(n - 2) } }; f(4)",
        {"x": 0.9},
    ),
    "a kink in a recursion": (
        "fn f(n) { if n < 1 { x } else { abs(f(n - 1) - 1) } }; f(4)",
        {"x": 1.0},
    ),
    "a quotient of integers that are no doubles": (
        "n = 9007199254740988; for i in range(5) { n = n + 1 }; n/3 + x",
        {"x": 1.5},
    ),
    "an integer beside the double that is nearest": (
        "n = 9007199254740988; for i in range(5) { n = n + 1 }\n"
        "if n > 9007199254740992.0 { x += 1 }; if y < n { x += 2 }; if y == 9007199254740993 "
        "{ x += 4 }; m = n * 1023 + n; if m < 9.3e18 { x += 8 }; x + y",
        {"x": 1.0, "y": 9007199254740992.0},
    ),
    "integer": ("s = 0; for i in range(x) { s = s + x }; s", {"x": 0.0}),
}
"""Programs of which the interpreter has something to tell."""


def outcome(engine, text, inputs, **asked):
    """All that comes of a run: the numbers, or the error, with what was printed."""
    printed: list[str] = []
    settings = Settings(limits=LIMITS, on_print=printed.append)
    if inputs and not text.lstrip().startswith("input"):
        text = f"input {', '.join(inputs)}\n{text}"
    f = Program(Source("p.ad", text), settings=settings, engine=engine, **asked)
    try:
        (found,) = f.evaluate(f.values(inputs))
    except AdiffError as error:
        return type(error), error.what, error.where and error.where.text, printed
    findings = [(one.kind, one.what, one.where and one.where.text) for one in found.findings]
    return found, findings, printed


def numbers(found):
    return found.value, type(found.value), found.nodes, found.leaves, sorted(found.gradient)


def magnitudes(found):
    return {name: np.abs(value).max() for name, value in found.gradient.items()}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(params=["python", "cc", "tcc"])
def engine(request, monkeypatch):
    """Each of the ways to run compiled code."""
    if request.param == "python":
        return "python"
    monkeypatch.setenv("CC", {"cc": "cc", "tcc": "there-is-no-such-compiler"}[request.param])
    maker = compiler()
    if maker is None or maker.name != request.param:
        pytest.skip(f"{request.param} is not installed")
    return "native"


def test_random_programs_come_to_the_same(engine, request):
    # A call of cc takes a hundred times that of the others.
    programs = PROGRAMS // 3 if "[cc]" in request.node.name else PROGRAMS
    seen: Counter[str] = Counter()
    for seed in range(programs):
        random = Random(seed)
        inputs = {"x": random.uniform(-1, 1), "y": random.uniform(-2, 2)}
        inputs["w"] = [random.uniform(-1, 1) for _ in range(3)]
        come_to_the_same(engine, program(seed), inputs, seen)
    assert seen["compiled"] > 0
    assert seen["bit for bit"] >= 0.98 * seen["compiled"]


def come_to_the_same(engine, text, inputs, seen):
    """Holds a program to what the interpreter gives; counts in `seen` what was compiled."""
    want, got = (outcome(one, text, inputs) for one in ("graph", engine))
    if isinstance(want[0], type):
        assert got == want, text
        return
    assert got[1:] == want[1:], text
    np.testing.assert_equal(numbers(got[0]), numbers(want[0]), text)
    for name, value in want[0].gradient.items():
        least = 1e-13 * np.max(np.abs(value), initial=0.0, where=np.isfinite(value))
        np.testing.assert_allclose(got[0].gradient[name], value, 1e-12, least, err_msg=text)
    same = all(np.array_equal(got[0].gradient[k], v) for k, v in want[0].gradient.items())
    if got[0].engine.startswith(engine):
        seen["compiled"] += 1
        seen["bit for bit"] += same


def test_random_programs_of_arrays_come_to_the_same():
    seen: Counter[str] = Counter()
    for seed in range(ARRAY_PROGRAMS):
        text, inputs = array_programs.program(seed), array_programs.inputs(seed)
        come_to_the_same("python", text, inputs, seen)
    assert seen["compiled"] >= ARRAY_PROGRAMS / 3
    assert seen["bit for bit"] >= 0.98 * seen["compiled"]


@pytest.mark.parametrize("name", COMPILED)
def test_what_can_be_compiled_is(name, engine):
    text, inputs = COMPILED[name]
    want, *_ = outcome("graph", text, inputs)
    got, findings, _ = outcome(engine, text, inputs)
    assert got.engine.startswith(engine)
    assert not findings
    assert numbers(got) == numbers(want)
    for by, value in want.gradient.items():
        np.testing.assert_array_equal(got.gradient[by], value)
        np.testing.assert_array_equal(got.at[by], want.at[by])


@pytest.mark.parametrize("name", TOLD)
def test_what_there_is_to_tell_is_told(name, engine):
    text, inputs = TOLD[name]
    want, got = (outcome(one, text, inputs) for one in ("graph", engine))
    if isinstance(want[0], type):
        assert got == want
    else:
        np.testing.assert_equal(numbers(got[0]), numbers(want[0]))
        assert got[1:] == want[1:]


def test_an_input_of_minus_zero_stays_one(engine):
    got, *_ = outcome(engine, "x + 1", {"x": -0.0})
    assert got.engine.startswith(engine)
    assert math.copysign(1, got.at["x"]) == -1


@pytest.mark.parametrize("ask", ["jacobian", "hessian"])
def test_there_may_be_nothing_to_differentiate_by(ask, engine):
    f = Program(Source("p.ad", "input x\nif x { 2 } else { 3 }"), engine=engine)
    found = getattr(f, ask)(x=True)
    assert found.value == 2
    assert getattr(found, ask) == {}


def test_a_derivative_along_a_direction_is_a_number(engine):
    f = Program(Source("p.ad", "input x\nx^2"), engine=engine)
    assert repr(f.jvp({"x": 1.0}, x=-0.0).evaluation.found) == "0.0"


@pytest.mark.parametrize("by", ["auto", "python", "native"])
def test_print_writes_once(by):
    text = "for i in range(2000) { x = x + 1e-3; if i % 900 == 0 { print(i, x) } }; abs(x - x)"
    want, got = (outcome(one, text, {"x": 1.0}) for one in ("graph", by))
    assert got[-1] == want[-1]
    assert len(want[-1]) == 3


def test_a_long_run_goes_over_by_itself():
    text = "for i in range(2500) { x = x + 1e-3*sin(x) }; x"
    found, *_ = outcome("auto", text, {"x": 1.0})
    assert found.engine.startswith(("python", "native, by tcc"))


def test_a_program_that_is_called_often_goes_over_by_itself():
    f = adiff.program("x^2 * sin(x)")
    engines = {f(x=float(i + 1)).evaluation.engine.split(":")[0] for i in range(3000)}
    assert len(engines) == 2
    assert "graph" in engines


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("l, v = eigh([[x, 1], [1, x]]); sum(l)", "`eigh` is not compiled, in line 2"),
        ("sum(w[w > 1])", "a mask or an array of subscripts as the program goes, in line 2"),
        ("y = x; grad(y^2, x)", "it takes derivatives itself"),
        ("fn f(n) { f(n - 1) * x }; if x < 0 { x = f(3) }; x", "`f` never comes back, in line 2"),
        (
            "fn f(n, g) { if n < 1 { g(x) } else { f(n - 1, fn(t) { g(t)*n }) } }\nf(3, sin)",
            "a call of what is not known beforehand, in line 2",
        ),
    ],
)
def test_what_cannot_be_compiled_says_why(text, why):
    inputs = {"w": [1.0, 2.0]} if "w" in text else {"x": 2.0}
    found, *_ = outcome("python", text, inputs)
    assert found.engine == f"graph: not compiled, because {why}"
