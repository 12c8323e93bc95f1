"""Jacobians, tangents, cotangents and second derivatives are the interpreter's, by every engine."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest

from autodiff_cli.api.program import Program
from autodiff_cli.compiler.native import compiler
from autodiff_cli.errors import AdiffError
from autodiff_cli.explain.evaluation import Question
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.language.source import Source
from tests.compiler.programs import program
from tests.compiler.test_engines import COMPILED, TOLD

LIMITS = Limits(steps=3_000, nodes=30_000)
PROGRAMS = 27
FIRST_ORDER, SECOND_ORDER = 1e-15, 1e-12
"""Of the largest of an output and its derivatives. What is differentiated twice adds up in another
order than the interpreter does it: forward over reverse, and not reverse over reverse."""
TANGENTS = {"x": 0.5, "y": -1.0, "w": np.array([1.0, 0.25, -0.75])}

QUESTIONS = {
    "jvp": (Question("jvp", tangents=TANGENTS), "r"),
    "jvp of several": (Question("jvp", tangents=TANGENTS), "r,q"),
    "gradient of several": (Question("gradient"), "r,q"),
    "hvp": (Question("hvp", tangents=TANGENTS), "r"),
    "hvp of several": (Question("hvp", tangents={"y": 1.5}), "r,q"),
    "hessian": (Question("hessian"), "r"),
    "jacobian, tall": (Question("jacobian"), "tall"),
    "jacobian, wide": (Question("jacobian"), "wide"),
    "cotangent": (Question("gradient", cotangent=np.array([1.0, -2.0])), "wide"),
}
"""Each with the outputs that it is asked of."""

OUTPUTS = """
q = r * tanh(x) + y*w[1]
wide = [r, q]
tall = [r, q, x*y, x, w[0]*r, q - y, y^2]
"""


def outcome(engine, text, inputs, question, of, wrt=None):
    """All that comes of a run: the evaluations, or the error, with what was printed."""
    printed: list[str] = []
    settings = Settings(limits=LIMITS, on_print=printed.append)
    f = Program(Source("p.ad", text), settings=settings, engine=engine, of=of, wrt=wrt)
    try:
        found = f.evaluate(f.values(inputs), question)
    except AdiffError as error:
        return type(error), error.what, error.where and error.where.text, printed
    return found, [told(one) for one in found], printed


def told(found):
    said = [(one.kind, one.what, one.where and one.where.text) for one in found.findings]
    where = {name: np.shape(value) for name, value in found.labelled()}
    return found.output, found.nodes, found.leaves, found.direction, found.several, said, where


def assert_same(want, got, text, kind):
    """Whether there were numbers to compare."""
    rtol = SECOND_ORDER if kind in ("hvp", "hessian") else FIRST_ORDER
    if isinstance(want[0], type):
        assert got == want, text
        return False
    assert got[1:] == want[1:], text
    for one, other in zip(want[0], got[0], strict=True):
        np.testing.assert_array_equal(other.value, one.value, text)
        assert type(other.value) is type(one.value)
        known = np.concatenate([np.ravel(x) for x in (one.value, *dict(one.labelled()).values())])
        size = np.abs(known[np.isfinite(known)]).max(initial=0.0)
        for (_, wanted), (label, value) in zip(one.labelled(), other.labelled(), strict=True):
            message = f"{text}\n{label}"
            np.testing.assert_allclose(value, wanted, 0, rtol * size, err_msg=message)
    return True


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(params=["python", "native"])
def engine(request, monkeypatch):
    """Python source, and the C compiler that takes less time, if there is any."""
    if request.param == "native":
        monkeypatch.setenv("CC", "there-is-no-such-compiler")
        if compiler() is None:
            monkeypatch.delenv("CC")
            if compiler() is None:
                pytest.skip("there is no C compiler")
    return request.param


def random_case(seed):
    random = Random(seed)
    inputs = {"x": random.uniform(-1, 1), "y": random.uniform(-2, 2)}
    inputs["w"] = [random.uniform(-1, 1) for _ in range(3)]
    head, _, last = program(seed).rpartition("\n")
    return f"{head}\nr = {last}{OUTPUTS}", inputs


def test_random_programs_come_to_the_same(engine):
    seen: Counter[str] = Counter()
    for seed in range(PROGRAMS):
        text, inputs = random_case(seed)
        name = list(QUESTIONS)[seed % len(QUESTIONS)]
        question, of = QUESTIONS[name]
        want, got = (outcome(e, text, inputs, question, of.split(",")) for e in ("graph", engine))
        if assert_same(want, got, f"{name} of\n{text}", question.kind):
            seen[got[0][0].engine.partition(",")[0].partition(":")[0]] += 1
    assert seen[engine] > PROGRAMS / 8


def declared(text, inputs):
    """A program with its inputs, and a tangent for each."""
    if inputs and not text.lstrip().startswith("input"):
        text = f"input {', '.join(inputs)}\n{text}"
    given = inputs or {"x": 2.0}
    return text, {name: np.ones(np.shape(value)) * 0.75 for name, value in given.items()}


@pytest.mark.parametrize("kind", ["jvp", "hvp"])
@pytest.mark.parametrize("name", COMPILED)
def test_what_can_be_compiled_is(name, kind, engine):
    text, inputs = COMPILED[name]
    text, tangents = declared(text, inputs)
    question = Question(kind, tangents=tangents)
    want, got = (outcome(one, text, inputs, question, None) for one in ("graph", engine))
    assert got[0][0].engine.startswith(engine)
    assert assert_same(want, got, text, kind)


@pytest.mark.parametrize("kind", ["jvp", "hvp"])
@pytest.mark.parametrize("name", TOLD)
def test_what_there_is_to_tell_is_told(name, kind):
    text, inputs = TOLD[name]
    text, tangents = declared(text, inputs)
    question = Question(kind, tangents=tangents)
    want, got = (outcome(one, text, inputs, question, None) for one in ("graph", "python"))
    if isinstance(want[0], type):
        assert got == want
    else:
        assert got[1:] == want[1:]
        np.testing.assert_equal(got[0][0].found, want[0][0].found)


WRONG = {
    "no such tangent": (Question("hvp", tangents={"z": 1.0}), None),
    "a tangent's shape": (Question("jvp", tangents={"x": np.ones(2)}), None),
    "a cotangent's shape": (Question("gradient", cotangent=np.ones(3)), ["v"]),
    "no number": (Question("hessian"), ["v"]),
    "one of them no number": (Question("gradient"), ["y", "v"]),
    "an infinite tangent": (Question("jvp", tangents={"x": np.inf}), None),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_question_that_does_not_fit_is_refused_alike(name):
    question, of = WRONG[name]
    text = "input x\nv = [x, x^2]\nz = x * v[1]\nfor i in range(9) { x = x + sin(x) }\ny = x"
    wrt = ["x"] if question.kind == "hvp" else None
    want, got = (outcome(e, text, {"x": 1.2}, question, of, wrt) for e in ("graph", "python"))
    if isinstance(want[0], type):
        assert got == want
    else:
        np.testing.assert_equal(got[0][0].found, want[0][0].found)
        assert got[1:] == want[1:]


@pytest.mark.parametrize("question", [Question("jacobian"), Question("jvp", tangents=
    {"x": 1.0, "y": 0.5})], ids=["jacobian", "jvp"])  # fmt: skip
@pytest.mark.parametrize("by", ["graph", "python"])
def test_a_name_that_depends_on_another_moves_with_it(by, question):
    """y = x², so that 2x of each direction along x is also one along y."""
    text = "input x\ny = x^2\n[x * y, y, x, 3*y]"
    (found,), *_ = outcome(by, text, {"x": 3.0}, question, None, ["x", "y"])
    rows = np.array([[27.0, 3.0], [6.0, 1.0], [1.0, 0.0], [18.0, 3.0]])
    if question.kind == "jvp":
        np.testing.assert_array_equal(found.found, rows @ [1.0, 0.5])
    else:
        np.testing.assert_array_equal(np.stack([found.found["x"], found.found["y"]], 1), rows)


def test_rosenbrock_in_a_loop_has_its_hessian(engine):
    """For n = 4: ∂²/∂xᵢ² = 1200xᵢ² − 400xᵢ₊₁ + 2 (+ 200 but for i = 1), ∂²/∂xᵢ∂xᵢ₊₁ = −400xᵢ."""
    text = (
        "input w\ns = 0.0\nfor i in range(3) { s += 100*(w[i + 1] - w[i]^2)^2 + (1 - w[i])^2 }\ns"
    )
    x = np.array([0.5, -1.25, 2.0, 0.75])
    want = np.diag([0.0, 200.0, 200.0, 200.0])
    want[:3, :3] += np.diag(1200 * x[:-1] ** 2 - 400 * x[1:] + 2)
    for i in range(3):
        want[i, i + 1] = want[i + 1, i] = -400 * x[i]
    (found,), *_ = outcome(engine, text, {"w": x}, Question("hessian"), None)
    assert found.engine.startswith(engine)
    np.testing.assert_allclose(found.found["w"]["w"], want, 1e-14)


def test_print_writes_once_for_many_runs():
    text = "input x, y\nfor i in range(3) { x = x * y; print(i, x) }\nr = x\nq = x + y"
    inputs = {"x": 1.5, "y": 0.5}
    for question in (Question("hessian"), Question("gradient")):
        want, got = (outcome(e, text, inputs, question, ["r", "q"]) for e in ("graph", "python"))
        assert got[0][0].engine == "python"
        assert got[-1] == want[-1]
        assert len(want[-1]) == 3


def test_a_long_run_goes_over_by_itself():
    text = "input x, y\nfor i in range(2500) { x = x + 1e-3*sin(x*y) }\nx"
    (found,), *_ = outcome("auto", text, {"x": 1.0, "y": 0.3}, Question("hessian"), None)
    assert found.engine.startswith(("python", "native, by tcc"))
