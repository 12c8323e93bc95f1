"""From Python: the same results, errors and warnings as the commands give."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize, rosen, rosen_der

import autodiff_cli as adiff
from autodiff_cli.report import diagnostics
from autodiff_cli.report.result import as_json
from tests.commands.shell import adiff as command

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli import Program, Result

ASKED: dict[str, tuple[list[str], Callable[[Program, dict[str, Any]], Result]]] = {
    "gradient": ([], lambda f, x: f(x)),
    "cotangent": (["--cotangent", "ones"], lambda f, x: f.vjp("ones", x)),
    "jacobian": (["--jacobian"], lambda f, x: f.jacobian(x)),
    "hessian": (["--hessian"], lambda f, x: f.hessian(x)),
    "jvp": (["--jvp", "x=1"], lambda f, x: f.jvp({"x": 1}, x)),
    "hvp": (["--hvp", "x=2"], lambda f, x: f.hvp({"x": 2}, x)),
    "order": (["--order", "3", "--wrt", "x"], lambda f, x: f.derivatives(3, x)),
}
PROGRAMS = {
    "product": ("x^2 * sin(x * k)", {"x": 3.0, "k": 0.5}),
    "loop": ("y = x; for i in range(4) { y = y * x + k }; y", {"x": 0.3, "k": 2.0}),
    "kink": ("abs(x) * k", {"x": 0.0, "k": 2.0}),
    "nan": ("sqrt(x) * k", {"x": 0.0, "k": 0.0}),
    "no dependence": ("detach(x) * k", {"x": 1.0, "k": 2.0}),
    "array": ("dot(k, [x, x^2])", {"x": 2.0, "k": [1.0, 3.0]}),
    "vector": ("k * x", {"x": 2.0, "k": [1.0, 3.0]}),
    "unset": ("if x > 9 { z = x }; z + k", {"x": 2.0, "k": 1.0}),
    "assert": ('assert x > k, "too small"; x', {"x": 2.0, "k": 3.0}),
    "shape": ("x * dot(k, [1, 2, 3])", {"x": 2.0, "k": [1.0, 2.0]}),
    "missing": ("x * q + k", {"x": 2.0, "k": 1.0}),
    "unknown": ("x * 2", {"x": 2.0, "k": 1.0}),
    "syntax": ("x * (k", {"x": 2.0, "k": 1.0}),
    "unknown function": ("sine(x) * k", {"x": 2.0, "k": 1.0}),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_gives_what_the_command_gives(name: str, asked: str) -> None:
    text, inputs = PROGRAMS[name]
    options, ask = ASKED[asked]
    words = [f"{key}={value}" for key, value in inputs.items()]
    want = command("eval", "-e", text, *words, *options, "--json")
    by = "x" if asked == "order" else None
    try:
        result = ask(adiff.program(text, wrt=by, name="<-e>"), inputs)
    except adiff.AdiffError as error:
        assert f"{diagnostics.as_json(error)}\n" == want.err
        assert error.status == want.status
    else:
        assert as_json([result.evaluation]) == want.out


def test_the_face_of_it() -> None:
    f = adiff.program("y = a * exp(-b * t)", wrt=["a", "b"])
    r = f(a=2.0, b=0.5, t=1)
    assert r.output == "y"
    assert r.value == pytest.approx(2 * np.exp(-0.5))
    assert r.gradient["a"] == pytest.approx(np.exp(-0.5))
    assert r.at == {"a": 2.0, "b": 0.5}
    assert r.warnings == []
    assert f.inputs == ["a", "b", "t"]
    value, gradient = f.value_and_gradient(a=2.0, b=0.5, t=1)
    assert (value, gradient) == (r.value, r.gradient)
    j = f.jacobian(a=2.0, b=0.5, t=[0, 1, 2])
    np.testing.assert_allclose(j.jacobian["a"], np.exp([0, -0.5, -1]))
    with pytest.raises(AttributeError, match=r"call `\.hessian"):
        _ = j.hessian
    assert f.check(a=2.0, b=0.5, t=1).passed
    assert [one.label for one in f.why(a=2.0, b=0.5, t=1)] == ["dy/da", "dy/db"]
    assert repr(r) == f"y = {r.value!r}\ndy/da = {r.gradient['a']!r}\ndy/db = {r.gradient['b']!r}"
    assert "dy/d…" in r._repr_html_()


@pytest.mark.parametrize(
    "given",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3]),
        np.array([1, 2, 3], np.float32),
        pd.Series([1.0, 2.0, 3.0]),
        pd.DataFrame({"x": [1, 2, 3]})["x"],
        [np.float64(1), 2, 3],
        range(1, 4),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_makes_an_array_is_an_input(given: Any) -> None:
    result = adiff.program("sum(x^2)")(x=given)
    assert result.value == 14.0
    np.testing.assert_array_equal(result.gradient["x"], [2.0, 4.0, 6.0])


@pytest.mark.parametrize("given", [2, 2.0, np.float64(2), np.float32(2), np.int64(2), np.array(2)])
def test_what_is_a_number_is_an_input(given: Any) -> None:
    result = adiff.program("x^2")(x=given)
    assert (type(result.value), result.value, result.gradient) == (float, 4.0, {"x": 4.0})


def test_booleans_are_carried_and_not_differentiated() -> None:
    f = adiff.program("if use { x^2 } else { sum(where(m, x, 0)) }")
    assert f(x=3.0, use=np.bool_(True), m=[True]).gradient == {"x": 6.0}
    assert f(x=3.0, use=False, m=[True, False, True]).gradient == {"x": 2.0}


@pytest.mark.parametrize(
    "given",
    ["3", None, 1j, object(), {"a": 1}, ["a"], [[1], [1, 2]], [None], sum, b"1"],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_number_is_refused(given: Any) -> None:
    with pytest.raises(adiff.UsageError, match=r"input `x`: got a value of type .*, want numbers"):
        adiff.program("x^2")(x=given)


def test_names_that_are_none_of_pythons() -> None:
    f = adiff.program("lambda * σ + self + inputs")
    r = f({"lambda": 2.0}, σ=3.0, self=1.0, inputs=4.0)
    assert r.value == 11.0
    assert r.gradient == {"lambda": 3.0, "σ": 2.0, "self": 1.0, "inputs": 1.0}


def test_several_outputs() -> None:
    f = adiff.program("a = x^2; b = x^3", of="a, b")
    with pytest.raises(adiff.UsageError, match="got the outputs a, b"):
        f(x=2.0)
    results = f.outputs(x=2.0)
    assert {name: result.gradient["x"] for name, result in results.items()} == {"a": 4.0, "b": 12.0}


def test_settings() -> None:
    assert type(adiff.program("x / 3", dtype="float32")(x=1).value) is np.float32
    random = adiff.program("x * rand()", seed=7)
    assert random(x=1).value == random(x=1).value
    with pytest.raises(adiff.DomainError):
        adiff.program("abs(x)", at_kink="error")(x=0)
    assert np.isnan(adiff.program("abs(x)", at_kink="nan")(x=0).gradient["x"])
    with pytest.raises(adiff.NonFiniteError):
        adiff.program("log(x)", strict=True)(x=-1)
    with pytest.raises(adiff.LimitError):
        adiff.program("input x; while true { x = x + 1 }; x", max_steps=10)(x=1)
    lines: list[str] = []
    adiff.program('print("x is", x); x', on_print=lines.append)(x=2)
    assert lines == ["x is 2.0"]


def test_a_program_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "line.ad"
    path.write_text("a * x + b", encoding="utf-8")
    assert adiff.load(path, wrt="a")(a=2, x=3, b=1).gradient == {"a": 3.0}
    with pytest.raises(adiff.UsageError):
        adiff.load(tmp_path / "none.ad")


def test_an_error_tells_in_a_traceback_what_the_command_tells() -> None:
    with pytest.raises(adiff.ShapeError) as caught:
        adiff.program("y = 2\ndot(x, [1, 2])")(x=[1, 2, 3])
    error = caught.value
    assert (error.where.line, error.where.column) == (2, 1)
    told = "\n".join([error.what, *error.__notes__])
    assert f"error: {told}\n" == diagnostics.as_text(error)


def test_where_only_numbers_are_given_back_warnings_are_pythons() -> None:
    f = adiff.program("abs(x) + 0 * k")
    with pytest.warns(adiff.AdiffWarning, match="`abs` is at a kink"):
        f.value_and_gradient(x=0, k=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adiff.program("x^2").value_and_gradient(x=1)


# ── as a function of one vector ───────────────────────────────────────────────────────


def test_scipy_minimises() -> None:
    f = adiff.program("sum(100 * (x[1:] - x[:-1]^2)^2 + (1 - x[:-1])^2)")
    function = f.as_function("x")
    start = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
    value, gradient = function(start)
    assert value == pytest.approx(rosen(start))
    np.testing.assert_allclose(gradient, rosen_der(start))
    np.testing.assert_allclose(minimize(function, start, jac=True).x, np.ones(5), atol=1e-4)


def test_several_names_in_one_vector() -> None:
    f = adiff.program("sum((W @ x + b - y)^2) * scale")
    shapes = {"W": np.arange(6.0).reshape(2, 3), "b": [1.0, -1.0], "scale": 0.5}
    fixed = {"x": [1.0, 2.0, 3.0], "y": [0.0, 1.0]}
    function = f.as_function(shapes, **fixed)
    assert function.start is not None
    assert function.start.shape == (9,)
    assert all(np.array_equal(v, shapes[n]) for n, v in function.unpack(function.start).items())
    np.testing.assert_array_equal(function.pack(shapes), function.start)
    value, gradient = function(function.start)
    result = f(**shapes, **fixed)
    assert value == result.value
    np.testing.assert_array_equal(gradient[:6].reshape(2, 3), result.gradient["W"])
    np.testing.assert_array_equal(gradient[6:8], result.gradient["b"])
    assert gradient[8] == result.gradient["scale"]
    numbers = adiff.program("a^2 * b").as_function("a", "b")
    assert numbers([3.0, 2.0])[1].tolist() == [12.0, 9.0]
    for wrong in ([1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]):
        with pytest.raises(adiff.ShapeError, match="got a vector of shape"):
            numbers(wrong)
    for names in ((), ("q",)):
        with pytest.raises(adiff.UsageError):
            f.as_function(*names)


# ── traces ────────────────────────────────────────────────────────────────────────────

FORMS = ("table", "tree", "steps", "plain", "json", "dot", "mermaid", "svg", "html")


@pytest.mark.parametrize("form", FORMS)
def test_a_trace_is_the_commands(form: Any, tmp_path: Path) -> None:
    text = "y = x; for i in range(3) { y = y * sin(x) }; y"
    trace = adiff.program(text, name="<-e>").trace(x=0.7)
    want = command("trace", "-e", text, "x=0.7", "--format", form)
    assert trace.text(form, width=80) == want.out
    assert trace.gradient == {"x": pytest.approx(trace.gradient["x"])}


def test_a_trace_is_saved_by_its_ending(tmp_path: Path) -> None:
    trace = adiff.program("x^2").trace(x=3)
    for ending in ("svg", "html", "dot", "gv", "mmd", "json", "txt"):
        trace.save(tmp_path / f"graph.{ending}")
        assert (tmp_path / f"graph.{ending}").stat().st_size > 50
    with pytest.raises(adiff.UsageError, match="whose ending no format has"):
        trace.save(tmp_path / "graph.png")
    assert "<svg" in trace._repr_mimebundle_()["image/svg+xml"]


# ── what it costs ─────────────────────────────────────────────────────────────────────


def loaded_by(code: str) -> set[str]:
    probe = f"import sys; before = set(sys.modules)\n{code}\n"
    probe += "print(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_it_loads_nothing_else() -> None:
    loaded = loaded_by("import autodiff_cli")
    assert loaded <= {"__future__", "autodiff_cli", "autodiff_cli.version"}


def test_scalars_load_no_numpy() -> None:
    loaded = loaded_by("import autodiff_cli as a; a.program('x^2')(x=3.0).gradient['x']")
    assert {"numpy", "rich", "click", "lark"}.isdisjoint(loaded)


def test_every_name_that_is_exported_is_there() -> None:
    for name in adiff.__all__:
        assert getattr(adiff, name) is not None
    with pytest.raises(AttributeError, match="no attribute"):
        _ = adiff.nothing
    # Loading a part of the package would put it in the place of a function of that name.
    parts = {path.stem for path in Path(adiff.__file__).parent.iterdir()}
    assert parts.isdisjoint(adiff.__all__)


def test_it_is_called_in_many_threads() -> None:
    f = adiff.program("y = x; for i in range(30) { y = sin(y) * k + x }; y")
    want = {k: f(x=0.3, k=k).gradient for k in (0.1, 0.5, 0.9)}
    wrong: list[Any] = []

    def job(k: float) -> None:
        for _ in range(30):
            got = f(x=0.3, k=k).gradient
            if got != want[k]:
                wrong.append((k, got))

    threads = [threading.Thread(target=job, args=(k,)) for k in (*want, *want)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
