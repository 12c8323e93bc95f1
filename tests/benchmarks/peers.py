"""What the loops of `loops.py` are measured against: value and gradient by other means."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from loops import Case

Answer = tuple[float, ...]


def c(case: Case, turns: int) -> Callable[[], Answer]:
    """The adjoint by hand, by `cc -O3`."""
    size = 1 + len(case.inputs)
    text = (
        "#include <math.h>\nstatic double tape[1 << 20];\n"
        f"void f(const double *in, double *out) {{ enum {{ n = {turns} }}; {case.c} }}\n"
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


def numba(case: Case, turns: int) -> Callable[[], Answer]:
    """The adjoint by hand."""
    import numba
    import numpy as np

    compiled = numba.njit(case.by_hand)
    tape = np.empty(1 << 20)
    return lambda: tuple(compiled(turns, tape, *case.inputs.values()))


def jax(case: Case, turns: int) -> Callable[[], Answer]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def function(*inputs: Any) -> Any:
        start = tuple(jnp.float64(one) for one in case.start(*inputs))
        end = jax.lax.fori_loop(
            0, turns, lambda i, carried: case.step(jnp, i, carried, inputs), start
        )
        return end[0]

    gradient = jax.jit(jax.value_and_grad(function, argnums=tuple(range(len(case.inputs)))))

    def run() -> Answer:
        value, found = gradient(*case.inputs.values())
        return (value.item(), *(one.item() for one in found))

    return run


def casadi(case: Case, turns: int) -> Callable[[], Answer]:
    import casadi

    inputs = [casadi.SX.sym(name) for name in case.inputs]
    carried = [casadi.SX.sym("carried") for _ in case.start(*case.inputs.values())]
    index = casadi.SX.sym("i")
    after = case.step(casadi, index, carried, inputs)
    step = casadi.Function(
        "step", [casadi.vertcat(*carried), index, *inputs], [casadi.vertcat(*after)]
    )
    point = [casadi.MX.sym(name) for name in case.inputs]
    start = casadi.vertcat(*(casadi.MX(one) for one in case.start(*point)))
    every = step.mapaccum(turns)
    each = (casadi.repmat(one, 1, turns) for one in point)
    end = every(start, casadi.DM(range(turns)).T, *each)[0, -1]
    gradient = casadi.Function(
        "gradient", point, [end, *(casadi.gradient(end, one) for one in point)]
    )
    return lambda: tuple(float(one) for one in gradient(*case.inputs.values()))


def torch(case: Case, turns: int) -> Callable[[], Answer]:
    import torch

    torch.set_num_threads(1)

    def run() -> Answer:
        inputs = [
            torch.tensor(one, dtype=torch.float64, requires_grad=True)
            for one in case.inputs.values()
        ]
        carried = case.start(*inputs)
        for i in range(turns):
            carried = case.step(torch, i, carried, inputs)
        carried[0].backward()
        return (carried[0].item(), *(0.0 if x.grad is None else x.grad.item() for x in inputs))

    return run
