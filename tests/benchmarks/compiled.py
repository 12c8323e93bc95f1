"""Compiled programs: by Python source and as machine code, against C by hand and others.

A program is written once as adiff reads it, once as a step of Python for the peers, and once as
an adjoint in C by hand, for `cc -O3`.
"""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from measure import Row, against, duration, interleaved, is_installed, require_close
from process import _environment, _run

from autodiff_cli.api.program import Program
from autodiff_cli.compiler.engine import Compiled, kinds_of
from autodiff_cli.compiler.form import Loop, everything
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.api.engines import Engine

ROUNDS = 7
PROCESSES = 15
TURNS = 20_000

Step = "Callable[[Any, Any, tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...]]"


@dataclass(frozen=True)
class Case:
    """A program of one loop.

    Attributes:
        c: the body of `void f(const double *in, double *out)`: the value, then the gradient.
        step: `step(m, i, carried, inputs)`, a turn in the functions of `m`; None where a peer
            cannot have it.
        start: what the loop carries at first, of the inputs; its first is the result.
        faster: how many times the interpreter Python source has to be.
    """

    program: str
    inputs: dict[str, float]
    turns: int
    c: str
    step: Any
    start: Any
    faster: float


def _where(m: Any, condition: Any, a: Any, b: Any) -> Any:
    return m.where(condition, a, b) if hasattr(m, "where") else (a if condition else b)


def _logistic(m: Any, i: Any, carried: Any, inputs: Any) -> Any:
    (x,), (_, r, d) = carried, inputs
    y = r * x * (1 - x)
    return (_where(m, x < 0.5, y, y - d * (x - 0.5)),)


def _orbit(m: Any, i: Any, carried: Any, inputs: Any) -> Any:
    h, x, y, u, v = 0.01, *carried

    def motion(x: Any, y: Any, u: Any, v: Any) -> Any:
        q = x * x + y * y
        c = q * m.sqrt(q)
        return u, v, -x / c, -y / c

    a = motion(x, y, u, v)
    b = motion(*(s + h / 2 * k for s, k in zip((x, y, u, v), a, strict=True)))
    c = motion(*(s + h / 2 * k for s, k in zip((x, y, u, v), b, strict=True)))
    d = motion(*(s + h * k for s, k in zip((x, y, u, v), c, strict=True)))
    return tuple(
        s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        for s, k1, k2, k3, k4 in zip((x, y, u, v), a, b, c, d, strict=True)
    )


def _mixture(m: Any, i: Any, carried: Any, inputs: Any) -> Any:
    (s,), (p, a, b) = carried, inputs
    t = 0.001 * i - 10
    one = p * m.exp(-(t - a) * (t - a) / 2)
    return (s + m.log(one + (1 - p) * m.exp(-(t - b) * (t - b) / 2)),)


CASES = {
    "loop": Case(
        f"input x, a, b; for i in range({TURNS}) {{ x = x + 0.001*(sin(x)*a - x*x*b) }}; x",
        {"x": 0.5, "a": 1.5, "b": 0.7},
        TURNS,
        """
        double x = in[0], a = in[1], b = in[2], dx = 1, da = 0, db = 0;
        for (int i = 0; i < n; i++) { tape[i] = x; x = x + 0.001*(sin(x)*a - x*x*b); }
        out[0] = x;
        for (int i = n; i-- > 0;) {
            double y = tape[i], g = dx * 0.001;
            da += g * sin(y); db -= g * y * y; dx += g * (cos(y) * a - 2 * y * b);
        }
        out[1] = dx; out[2] = da; out[3] = db;""",
        lambda m, i, carried, inputs: (
            carried[0]
            + 0.001 * (m.sin(carried[0]) * inputs[1] - carried[0] * carried[0] * inputs[2]),
        ),
        lambda x, a, b: (x,),
        12,
    ),
    "logistic": Case(
        f"input x, r, d; for i in range({TURNS}) {{ y = r*x*(1 - x); "
        "if x < 0.5 { x = y } else { x = y - d*(x - 0.5) } }; x",
        {"x": 0.3, "r": 3.2, "d": 0.1},
        TURNS,
        """
        double x = in[0], r = in[1], d = in[2], dx = 1, dr = 0, dd = 0;
        for (int i = 0; i < n; i++) {
            double y = r*x*(1 - x);
            tape[i] = x;
            x = x < 0.5 ? y : y - d*(x - 0.5);
        }
        out[0] = x;
        for (int i = n; i-- > 0;) {
            double y = tape[i], g = dx;
            dr += g * y * (1 - y); dx = g * r * (1 - 2 * y);
            if (!(y < 0.5)) { dd -= g * (y - 0.5); dx -= g * d; }
        }
        out[1] = dx; out[2] = dr; out[3] = dd;""",
        _logistic,
        lambda x, r, d: (x,),
        12,
    ),
    "orbit": Case(
        "input x, y, u, v\nh = 0.01\nfn g(x, y) { q = x*x + y*y; q*sqrt(q) }\n"
        "for i in range(2000) {\n"
        "c = g(x, y); a1 = -x/c; b1 = -y/c\n"
        "x2 = x + h/2*u; y2 = y + h/2*v; u2 = u + h/2*a1; v2 = v + h/2*b1\n"
        "c = g(x2, y2); a2 = -x2/c; b2 = -y2/c\n"
        "x3 = x + h/2*u2; y3 = y + h/2*v2; u3 = u + h/2*a2; v3 = v + h/2*b2\n"
        "c = g(x3, y3); a3 = -x3/c; b3 = -y3/c\n"
        "x4 = x + h*u3; y4 = y + h*v3; u4 = u + h*a3; v4 = v + h*b3\n"
        "c = g(x4, y4); a4 = -x4/c; b4 = -y4/c\n"
        "x += h/6*(u + 2*u2 + 2*u3 + u4); y += h/6*(v + 2*v2 + 2*v3 + v4)\n"
        "u += h/6*(a1 + 2*a2 + 2*a3 + a4); v += h/6*(b1 + 2*b2 + 2*b3 + b4)\n}\nx",
        {"x": 1.0, "y": 0.0, "u": 0.0, "v": 1.1},
        2000,
        """
        const double h = 0.01, w[4] = {0, h/2, h/2, h}, e[4] = {h/6, h/3, h/3, h/6};
        double s[4], d[4] = {1, 0, 0, 0};
        for (int k = 0; k < 4; k++) s[k] = in[k];
        for (int i = 0; i < n; i++) {
            double slope[4] = {0, 0, 0, 0}, sum[4] = {0, 0, 0, 0};
            for (int k = 0; k < 4; k++) tape[4*i + k] = s[k];
            for (int j = 0; j < 4; j++) {
                double z[4];
                for (int k = 0; k < 4; k++) z[k] = s[k] + w[j]*slope[k];
                double q = z[0]*z[0] + z[1]*z[1], c = q*sqrt(q);
                slope[0] = z[2]; slope[1] = z[3]; slope[2] = -z[0]/c; slope[3] = -z[1]/c;
                for (int k = 0; k < 4; k++) sum[k] += e[j]*slope[k];
            }
            for (int k = 0; k < 4; k++) s[k] += sum[k];
        }
        out[0] = s[0];
        for (int i = n; i-- > 0;) {
            double z[4][4], slope[4] = {0, 0, 0, 0}, ds[4], dz[4] = {0, 0, 0, 0};
            for (int j = 0; j < 4; j++) {
                for (int k = 0; k < 4; k++) z[j][k] = tape[4*i + k] + w[j]*slope[k];
                double q = z[j][0]*z[j][0] + z[j][1]*z[j][1], c = q*sqrt(q);
                slope[0] = z[j][2]; slope[1] = z[j][3];
                slope[2] = -z[j][0]/c; slope[3] = -z[j][1]/c;
            }
            for (int k = 0; k < 4; k++) ds[k] = d[k];
            for (int j = 3; j >= 0; j--) {
                double g[4], q = z[j][0]*z[j][0] + z[j][1]*z[j][1], c = q*sqrt(q);
                for (int k = 0; k < 4; k++) g[k] = e[j]*d[k] + (j < 3 ? w[j+1]*dz[k] : 0);
                double along = 3*(g[2]*z[j][0] + g[3]*z[j][1])/(c*q);
                dz[0] = -g[2]/c + along*z[j][0]; dz[1] = -g[3]/c + along*z[j][1];
                dz[2] = g[0]; dz[3] = g[1];
                for (int k = 0; k < 4; k++) ds[k] += dz[k];
            }
            for (int k = 0; k < 4; k++) d[k] = ds[k];
        }
        for (int k = 0; k < 4; k++) out[1 + k] = d[k];""",
        _orbit,
        lambda x, y, u, v: (x, y, u, v),
        50,
    ),
    "Newton": Case(
        "input a, b; s = 0.0; for i in range(1000) { c = a + 0.001*i*b; x = c; step = 1.0; "
        "while abs(step) > 1e-12 { step = (x*x - c)/(2*x); x = x - step }; s = s + x }; s",
        {"a": 2.0, "b": 1.0},
        1000,
        """
        double a = in[0], b = in[1], s = 0, da = 0, db = 0;
        int *count = (int *)(tape + 64*n), top = 0;
        for (int i = 0; i < n; i++) {
            double c = a + 0.001*i*b, x = c, step = 1;
            int m = 0;
            while (fabs(step) > 1e-12) {
                tape[top++] = x; step = (x*x - c)/(2*x); x = x - step; m++;
            }
            count[i] = m; s += x;
        }
        out[0] = s;
        for (int i = n; i-- > 0;) {
            double c = a + 0.001*i*b, dx = 1, dc = 0;
            for (int m = count[i]; m > 0; m--) {
                double x = tape[--top];
                dc += dx/(2*x); dx *= 0.5 - c/(2*x*x);
            }
            dc += dx; da += dc; db += 0.001*i*dc;
        }
        out[1] = da; out[2] = db;""",
        None,
        None,
        50,
    ),
    "mixture": Case(
        f"input p, a, b; s = 0.0; for i in range({TURNS}) {{ t = 0.001*i - 10; "
        "s = s + log(p*exp(-(t - a)*(t - a)/2) + (1 - p)*exp(-(t - b)*(t - b)/2)) }; s",
        {"p": 0.3, "a": -1.0, "b": 2.0},
        TURNS,
        """
        double p = in[0], a = in[1], b = in[2], s = 0, dp = 0, da = 0, db = 0;
        for (int i = 0; i < n; i++) {
            double t = 0.001*i - 10, e = exp(-(t - a)*(t - a)/2), f = exp(-(t - b)*(t - b)/2);
            double q = p*e + (1 - p)*f;
            s += log(q); dp += (e - f)/q; da += p*e*(t - a)/q; db += (1 - p)*f*(t - b)/q;
        }
        out[0] = s; out[1] = dp; out[2] = da; out[3] = db; (void)tape;""",
        _mixture,
        lambda p, a, b: (0.0 * p,),
        50,
    ),
}
PYTHON_NS, NATIVE_NS = 60.0, 4.0
"""An operation may take."""
WRITTEN_IN = 10e-3
BYTES_OF_PYTHON, BYTES_OF_A_TURN = 35, 20
Answer = tuple[float, ...]


def rows() -> list[Row]:
    found = []
    for name, case in CASES.items():
        found += _case(name, case)
    return found + _tapes() + _processes()


def _case(name: str, case: Case) -> list[Row]:
    engines: tuple[Engine, ...] = ("graph", "python", "native")
    subjects: dict[str, Callable[[], Answer]] = {}
    for engine in engines:
        run, ran = _adiff(case, engine)
        if ran.startswith(engine) and "not " not in ran:
            subjects[engine] = run
        else:
            print(f"  {name}: {ran}")
    if shutil.which("cc"):
        subjects["C by hand"] = _c(case)
    if case.step is not None:
        makers = {"numba": _numba, "jax": _jax, "casadi": _casadi, "torch": _torch}
        for peer, make in makers.items():
            if is_installed(peer) and (peer not in ("numba", "casadi") or name == "loop"):
                subjects[peer] = make(case)
    want = subjects["graph"]()
    for peer, subject in subjects.items():
        require_close(peer, subject(), want)
    slow = {one: subjects.pop(one) for one in ("graph", "torch") if one in subjects}
    seconds = interleaved({**subjects, **slow}, 3) if slow else {}
    quick = interleaved(subjects, ROUNDS)
    operations = _evaluation(case, "graph")[0].nodes
    per = 1e9 / operations
    told = []
    if "python" in subjects:
        ns = statistics.median(quick["python"]) * per
        row = (
            against(
                f"{name}: Python source",
                quick["python"],
                "C by hand",
                quick.get("C by hand", [1.0]),
            )
            if "C by hand" in quick
            else Row(what=f"{name}: Python source", measured="")
        )
        row.measured = f"{ns:.3g} ns an operation"
        row.target, row.met = f"≤ {PYTHON_NS:g} ns", ns <= PYTHON_NS
        told.append(row)
        row = against(
            f"{name}: Python source",
            seconds["python"],
            "interpreter",
            seconds["graph"],
            1 / case.faster,
            f"({case.faster:g} times faster)",
        )
        told.append(row)
        start = perf_counter()
        _compiled(case)
        taken = perf_counter() - start
        told.append(
            Row(
                what=f"{name}: Python source, written",
                measured=duration(taken),
                target=f"≤ {duration(WRITTEN_IN)}",
                met=taken <= WRITTEN_IN,
            )
        )
    for peer in ("C by hand", "jax", "numba", "casadi", "torch"):
        times = quick if peer in quick else seconds
        if "native" not in quick or peer not in times:
            continue
        most = {"C by hand": 1.25, "jax": 1.0}.get(peer)
        row = against(f"{name}: native", times["native"], peer, times[peer], most)
        ns = statistics.median(quick["native"]) * per
        row.measured = f"{ns:.3g} ns an operation"
        row.met = row.met and (peer != "C by hand" or ns <= NATIVE_NS) if most else None
        told.append(row)
    return told


# ── adiff ─────────────────────────────────────────────────────────────────────────────


def _evaluation(case: Case, engine: Engine) -> Any:
    return Program(Source("bench.ad", case.program), engine=engine).evaluate(case.inputs)


def _adiff(case: Case, engine: Engine) -> tuple[Callable[[], Answer], str]:
    program = Program(Source("bench.ad", case.program), engine=engine)

    def run() -> Answer:
        (found,) = program.evaluate(case.inputs)
        return (found.value, *(found.gradient[name] for name in case.inputs))

    return run, program.evaluate(case.inputs)[0].engine


def _compiled(case: Case) -> Compiled:
    program = Program(Source("bench.ad", case.program)).prepared
    prepared = program.prepared(tuple(case.inputs), True, None, False, False)
    return Compiled(program, prepared, kinds_of(case.inputs))


# ── peers ─────────────────────────────────────────────────────────────────────────────


def _c(case: Case) -> Callable[[], Answer]:
    size = 1 + len(case.inputs)
    text = (
        "#include <math.h>\nstatic double tape[1 << 20];\n"
        f"void f(const double *in, double *out) {{ enum {{ n = {case.turns} }}; {case.c} }}\n"
    )
    folder = Path(tempfile.mkdtemp())
    (folder / "f.c").write_text(text)
    command = ["cc", "-O3", "-std=c99", "-shared", "-fPIC", "-o", "f.so", "f.c", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "f.so"))
    given = (ctypes.c_double * size)(*case.inputs.values())
    out = (ctypes.c_double * size)()

    def run() -> Answer:
        library.f(given, out)
        return tuple(out)

    return run


def _numba(case: Case) -> Callable[[], Answer]:
    """The loop's adjoint by hand."""
    import numba
    import numpy as np

    def by_hand(x: float, a: float, b: float) -> Answer:
        tape = np.empty(TURNS)
        for i in range(TURNS):
            tape[i] = x
            x = x + 0.001 * (math.sin(x) * a - x * x * b)
        value, dx, da, db = x, 1.0, 0.0, 0.0
        for i in range(TURNS - 1, -1, -1):
            x, g = tape[i], dx * 0.001
            da += g * math.sin(x)
            db -= g * x * x
            dx += g * (math.cos(x) * a - 2 * x * b)
        return value, dx, da, db

    compiled = numba.njit(by_hand)
    return lambda: tuple(compiled(*case.inputs.values()))


def _jax(case: Case) -> Callable[[], Answer]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def function(*inputs: Any) -> Any:
        start = tuple(jnp.float64(one) for one in case.start(*inputs))
        end = jax.lax.fori_loop(
            0, case.turns, lambda i, carried: case.step(jnp, i, carried, inputs), start
        )
        return end[0]

    gradient = jax.jit(jax.value_and_grad(function, argnums=tuple(range(len(case.inputs)))))

    def run() -> Answer:
        value, found = gradient(*case.inputs.values())
        return (value.item(), *(one.item() for one in found))

    return run


def _casadi(case: Case) -> Callable[[], Answer]:
    import casadi

    inputs = [casadi.SX.sym(name) for name in case.inputs]
    carried = casadi.SX.sym("carried")
    (after,) = case.step(casadi, 0, (carried,), inputs)
    step = casadi.Function("step", [carried, *inputs[1:]], [after])
    point = [casadi.MX.sym(name) for name in case.inputs]
    every = step.mapaccum(case.turns)
    end = every(point[0], *(casadi.repmat(one, 1, case.turns) for one in point[1:]))[-1]
    gradient = casadi.Function(
        "gradient", point, [end, *(casadi.gradient(end, one) for one in point)]
    )
    return lambda: tuple(float(one) for one in gradient(*case.inputs.values()))


def _torch(case: Case) -> Callable[[], Answer]:
    import torch

    torch.set_num_threads(1)

    def run() -> Answer:
        inputs = [
            torch.tensor(one, dtype=torch.float64, requires_grad=True)
            for one in case.inputs.values()
        ]
        carried = case.start(*inputs)
        for i in range(case.turns):
            carried = case.step(torch, i, carried, inputs)
        carried[0].backward()
        return (carried[0].item(), *(0.0 if x.grad is None else x.grad.item() for x in inputs))

    return run


# ── the tape, and whole processes ─────────────────────────────────────────────────────


def _tapes() -> list[Row]:
    case = CASES["loop"]
    run, _ = _adiff(case, "python")
    operations = _evaluation(case, "graph")[0].nodes
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    each = peak / operations
    saved = 8 * sum(
        len(op.saved)
        for op in everything(_compiled(case).form.lowered.function.body)
        if isinstance(op, Loop)
    )
    return [
        Row(
            what="loop: tape of Python source",
            measured=f"{each:.3g} bytes an operation",
            target=f"≤ {BYTES_OF_PYTHON}",
            met=each <= BYTES_OF_PYTHON,
        ),
        Row(
            what="loop: tape of machine code",
            measured=f"{saved} bytes a turn",
            target=f"≤ {BYTES_OF_A_TURN}",
            met=saved <= BYTES_OF_A_TURN,
        ),
    ]


def _processes() -> list[Row]:
    script = str(Path(sys.executable).parent / "adiff")
    most = {"loop": {"native": 1.2, "python": 1.7}, "orbit": {"native": 1.7, "python": 2.3}}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**_environment(folder), "XDG_CACHE_HOME": os.path.join(folder, "cache")}
        commands: dict[str, Sequence[str]] = {
            "import numpy": [sys.executable, "-c", "import numpy"]
        }
        for name, targets in most.items():
            case = CASES[name]
            text = case.program.replace("range(2000)", f"range({TURNS})")
            path = os.path.join(folder, f"{name}.ad")
            Path(path).write_text(text)
            given = [f"{key}={value}" for key, value in case.inputs.items()]
            for engine in targets:
                commands[f"{name}, {engine}"] = [
                    sys.executable,
                    script,
                    "eval",
                    path,
                    *given,
                    "--engine",
                    engine,
                    "--json",
                ]

        def runner(command: Sequence[str]) -> Callable[[], None]:
            return lambda: _run(list(command), environment)

        seconds = interleaved({name: runner(one) for name, one in commands.items()}, PROCESSES)
    for name, targets in most.items():
        for engine, at_most in targets.items():
            found.append(
                against(
                    f"process: {name} of {TURNS:,} steps, {engine}",
                    seconds[f"{name}, {engine}"],
                    "import numpy",
                    seconds["import numpy"],
                    at_most,
                )
            )
    return found
