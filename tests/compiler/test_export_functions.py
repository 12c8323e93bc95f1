"""Every function of numbers can be exported, and is as exact there as the file says."""

from __future__ import annotations

import ctypes
import functools
import json
import shutil
import subprocess
from random import Random

import numpy as np
import pytest

from autodiff_cli.api.exports import export
from autodiff_cli.api.program import Program
from autodiff_cli.compiler.special import SPECIAL
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.language.source import Source

FUNCTIONS = [
    name
    for name, one in TABLE.items()
    if one.scalar is not None and not one.internal and not one.options and not one.draws
]
NOT_BY = {"gammainc": ("a",)}
"""Operands by which no file has the derivative."""
POINTS = 5


@functools.cache
def exported(name):
    """A program with one function in it, and points to try it at."""
    primitive = TABLE[name]
    random = Random(name)
    points = [
        [
            float(random.choice(one)) if isinstance(one, range) else random.uniform(*one)
            for one in primitive.sample
        ]
        for _ in range(POINTS)
    ]
    by = [
        operand
        for operand, one in zip(primitive.operands, primitive.sample, strict=True)
        if not isinstance(one, range) and operand not in NOT_BY.get(name, ())
    ]
    names = ", ".join(primitive.operands)
    f = Program(Source(f"{name}.ad", f"input {names}\n{name}({names})"), wrt=by, engine="graph")
    wanted = []
    for point in points:
        found = f.evaluate(f.values(dict(zip(primitive.operands, point, strict=True))))[0]
        wanted.append([found.value, *found.gradient.values()])
    return f, points, wanted


def compare(got, wanted, name):
    np.testing.assert_allclose(
        np.array(got, float), np.array(wanted, float), rtol=1e-12, atol=2e-14, err_msg=name
    )


def test_in_python():
    for name in FUNCTIONS:
        f, points, wanted = exported(name)
        space: dict = {}
        exec(export(f, {}, "python"), space)
        found = [space["value_and_gradient"](*point) for point in points]
        compare([[value, *gradient] for value, gradient in found], wanted, name)


@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")
def test_in_c(tmp_path):
    files = []
    for name in FUNCTIONS:
        f, *_ = exported(name)
        text = export(f, {}, "c").replace("int value_and_gradient(", f"int {name}_and_gradient(")
        (tmp_path / f"{name}.c").write_text(text, "utf-8")
        files.append(f"{name}.c")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    done = subprocess.run(
        ["cc", *flags, "-o", "all.so", *files, "-lm"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    library = ctypes.CDLL(str(tmp_path / "all.so"))
    for name in FUNCTIONS:
        _, points, wanted = exported(name)
        got = []
        for point in points:
            value, gradient = ctypes.c_double(), (ctypes.c_double * 4)()
            given = (ctypes.c_double * len(point))(*point)
            function = getattr(library, f"{name}_and_gradient")
            assert function(given, ctypes.byref(value), gradient) == 0
            got.append([value.value, *gradient][: len(wanted[0])])
        compare(got, wanted, name)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_in_javascript(tmp_path):
    calls = []
    for name in FUNCTIONS:
        f, points, _ = exported(name)
        (tmp_path / f"{name}.mjs").write_text(export(f, {}, "js"), "utf-8")
        calls.append(
            f"{{ const {{ value_and_gradient }} = await import('./{name}.mjs');\n"
            f"for (const point of {json.dumps(points)}) {{\n"
            "const { value, gradient } = value_and_gradient(...point);\n"
            "console.log(JSON.stringify([value, ...Object.values(gradient)])); } }\n"
        )
    (tmp_path / "main.mjs").write_text("".join(calls), "utf-8")
    done = subprocess.run(
        ["node", "main.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for k, name in enumerate(FUNCTIONS):
        compare(lines[k * POINTS : (k + 1) * POINTS], exported(name)[2], name)


def test_what_a_file_brings_along_says_how_exact_it_is():
    f = Program(Source("p.ad", "digamma(x)"))
    for language in ("python", "c", "js"):
        text = export(f, {}, language).lower()
        assert SPECIAL["digamma"].remark.lower() in text
        assert SPECIAL["polygamma"].remark.lower() in text
