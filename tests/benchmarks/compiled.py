"""Adjoint code against the same written by hand in C, and against what others compile.

A figure is of value and gradient, in nanoseconds for each operation that the interpreter records.
"""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from measure import Row, against, interleaved, is_installed, require_close

from autodiff_cli.api.program import Program
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STEPS = 20_000
ROUNDS = 7
MOST_PYTHON, MOST_CC = 60.0, 4.0
"""Nanoseconds of an operation."""
FASTER_THAN_GRAPH = {"loop": 12.0, "logistic": 12.0, "orbit": 50.0, "newton": 50.0}
MOST_OF_C = 1.25

PROGRAMS = {
    "loop": (
        f"input x, a, b\nfor i in range({STEPS}) {{ x = x + 0.001*(sin(x)*a - x*x*b) }}\nx",
        {"x": 0.5, "a": 1.5, "b": 0.7},
    ),
    "logistic": (
        f"input x, r\nfor i in range({STEPS}) {{\n"
        "    if x > 0.5 { x = r*x*(1-x) } else { x = r*x*(1-x)*0.99 + 0.001 }\n}\nx",
        {"x": 0.3, "r": 3.0},
    ),
    "newton": (
        f"input a\ns = 0\nfor k in range({STEPS // 10}) {{\n"
        "    c = a + k*0.001; x = c; step = 1.0\n"
        "    while abs(step) > 1e-12*x { step = (x*x - c) / (2*x); x = x - step }\n"
        "    s = s + x\n}\ns",
        {"a": 2.0},
    ),
    "orbit": (
        "input v\nx = 1; y = 0; p = 0; q = v; h = 0.01\n"
        "fn pull(x, y, z) { r = sqrt(x*x + y*y); -z / (r*r*r) }\n"
        f"for i in range({STEPS // 10}) {{\n"
        "    x1 = x + h/2*p; y1 = y + h/2*q\n"
        "    p1 = p + h/2*pull(x, y, x); q1 = q + h/2*pull(x, y, y)\n"
        "    x = x + h*p1; y = y + h*q1\n"
        "    p = p + h*pull(x1, y1, x1); q = q + h*pull(x1, y1, y1)\n}\nx + 2*y",
        {"v": 1.1},
    ),
}

BY_HAND = r"""
#include <math.h>
#include <stdlib.h>

static double xs[%(steps)d], ts[%(steps)d * 40], us[%(steps)d * 40];
static int counts[%(steps)d];

void loop(const double *in, double *out)
{
    double x = in[0], a = in[1], b = in[2], xb = 1, ab = 0, bb = 0;
    for (int i = 0; i < %(steps)d; i++) {
        xs[i] = x;
        x += 0.001 * (sin(x) * a - x * x * b);
    }
    out[0] = x;
    for (int i = %(steps)d - 1; i >= 0; i--) {
        double g = 0.001 * xb;
        x = xs[i];
        ab += g * sin(x);
        bb -= g * x * x;
        xb += g * (a * cos(x) - 2 * x * b);
    }
    out[1] = xb; out[2] = ab; out[3] = bb;
}

void logistic(const double *in, double *out)
{
    double x = in[0], r = in[1], xb = 1, rb = 0;
    for (int i = 0; i < %(steps)d; i++) {
        xs[i] = x;
        x = x > 0.5 ? r * x * (1 - x) : r * x * (1 - x) * 0.99 + 0.001;
    }
    out[0] = x;
    for (int i = %(steps)d - 1; i >= 0; i--) {
        double g = xb;
        x = xs[i];
        if (x <= 0.5)
            g *= 0.99;
        rb += g * x * (1 - x);
        xb = g * r * (1 - 2 * x);
    }
    out[1] = xb; out[2] = rb;
}

void newton(const double *in, double *out)
{
    double a = in[0], s = 0, ab = 0;
    long top = 0;
    for (int k = 0; k < %(steps)d / 10; k++) {
        double c = a + k * 0.001, x = c, step = 1;
        int n = 0;
        while (fabs(step) > 1e-12 * x) {
            xs[top] = x;
            step = (x * x - c) / (2 * x);
            ts[top++] = step;
            x -= step;
            n++;
        }
        counts[k] = n;
        s += x;
    }
    out[0] = s;
    for (int k = %(steps)d / 10 - 1; k >= 0; k--) {
        double xb = 1, cb = 0;
        for (int n = counts[k]; n > 0; n--) {
            double x = xs[--top], w = -xb / (2 * x);
            cb -= w;
            xb += w * 2 * x - w * 2 * ts[top];
        }
        ab += cb + xb;
    }
    out[1] = ab;
}
"""


def rows() -> list[Row]:
    found: list[Row] = []
    by_hand = _by_hand()
    for name, (text, inputs) in PROGRAMS.items():
        subjects = {e: _adiff(text, inputs, e) for e in ("graph", "python", "native")}
        nodes = Program(Source(name, text), engine="graph").evaluate(inputs)[0].nodes
        if name in by_hand:
            subjects["C by hand"] = by_hand[name]
        if name == "loop":
            subjects |= _others()
        want = subjects["graph"]()
        for other, subject in subjects.items():
            require_close(other, subject(), want)
        seconds = interleaved(subjects, ROUNDS)
        graph = seconds.pop("graph")
        for engine, most in (("python", MOST_PYTHON), ("native", MOST_CC)):
            each = median(seconds[engine]) / nodes * 1e9
            found.append(
                Row(
                    what=f"{name}: {engine}, an operation",
                    measured=f"{each:.3g} ns",
                    target=f"≤ {most:g} ns",
                    met=each <= most,
                )
            )
        most = 1 / FASTER_THAN_GRAPH[name]
        found.append(against(f"{name}: python", seconds["python"], "graph", graph, most))
        native = seconds["native"]
        for other in seconds.keys() - {"python", "native"}:
            most = MOST_OF_C if other == "C by hand" else 1.0
            found.append(against(f"{name}: native", native, other, seconds[other], most))
    return found


Answer = tuple[float, ...]


def _adiff(text: str, inputs: dict[str, float], engine: Any) -> Callable[[], Answer]:
    limits = Limits(nodes=10**8)
    program = Program(Source("p.ad", text), settings=Settings(limits=limits), engine=engine)

    def run() -> Answer:
        (found,) = program.evaluate(inputs)
        return (found.value, *found.gradient.values())

    return run


def _by_hand() -> dict[str, Callable[[], Answer]]:
    """What there is in C, compiled as whoever wants it fast does it."""
    if shutil.which("cc") is None:
        print("  there is no cc: C by hand is skipped")
        return {}
    folder = Path(tempfile.mkdtemp())
    source, made = folder / "hand.c", folder / "hand.so"
    source.write_text(BY_HAND % {"steps": STEPS})
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", "-o", made, source, "-lm"], check=True)
    library = ctypes.CDLL(str(made))
    shutil.rmtree(folder)

    def subject(name: str) -> Callable[[], Answer]:
        given = list(PROGRAMS[name][1].values())
        size = len(given) + 1

        def run() -> Answer:
            values, out = (ctypes.c_double * len(given))(*given), (ctypes.c_double * size)()
            getattr(library, name)(values, out)
            return tuple(out)

        return run

    return {name: subject(name) for name in ("loop", "logistic", "newton")}


def _others() -> dict[str, Callable[[], Answer]]:
    """The loop by others that compile."""
    given: Sequence[float] = list(PROGRAMS["loop"][1].values())
    subjects: dict[str, Callable[[], Answer]] = {}
    if is_installed("numba"):
        subjects["numba by hand"] = _numba(given)
    if is_installed("jax"):
        subjects["jax, jit"] = _jax(given)
    if is_installed("casadi"):
        subjects["casadi"] = _casadi(given)
    return subjects


def _numba(given: Sequence[float]) -> Callable[[], Answer]:
    import numba
    import numpy as np

    @numba.njit
    def both(x: float, a: float, b: float) -> Answer:
        xs = np.empty(STEPS)
        for i in range(STEPS):
            xs[i] = x
            x += 0.001 * (math.sin(x) * a - x * x * b)
        xb, ab, bb = 1.0, 0.0, 0.0
        for i in range(STEPS - 1, -1, -1):
            g, y = 0.001 * xb, xs[i]
            ab += g * math.sin(y)
            bb -= g * y * y
            xb += g * (a * math.cos(y) - 2 * y * b)
        return x, xb, ab, bb

    return lambda: both(*given)


def _jax(given: Sequence[float]) -> Callable[[], Answer]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def value(x: Any, a: Any, b: Any) -> Any:
        def step(x: Any, _: Any) -> Any:
            return x + 0.001 * (jnp.sin(x) * a - x * x * b), None

        return jax.lax.scan(step, x, None, length=STEPS)[0]

    both = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2)))

    def run() -> Answer:
        out, gradient = both(*given)
        return (float(out), *map(float, gradient))

    return run


def _casadi(given: Sequence[float]) -> Callable[[], Answer]:
    import casadi

    x, a, b = (casadi.SX.sym(name) for name in "xab")
    step = casadi.Function("step", [x, a, b], [x + 0.001 * (casadi.sin(x) * a - x * x * b)])
    args = [casadi.MX.sym(name) for name in "xab"]
    a_row, b_row = casadi.repmat(args[1], 1, STEPS), casadi.repmat(args[2], 1, STEPS)
    value = step.mapaccum(STEPS)(args[0], a_row, b_row)[-1]
    both = casadi.Function("both", args, [value, *(casadi.gradient(value, one) for one in args)])
    return lambda: tuple(float(one) for one in both(*given))
