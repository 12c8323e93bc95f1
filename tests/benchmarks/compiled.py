"""Compiled programs: by Python source and as machine code, against C by hand and others."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import tracemalloc
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import peers
from loops import CASES
from measure import Row, against, duration, interleaved, is_installed, require_close
from process import _environment, _run

from autodiff_cli.api.program import Program
from autodiff_cli.compiler.engine import Compiled, kinds_of
from autodiff_cli.compiler.form import Loop, everything
from autodiff_cli.compiler.native import Native, compiler
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from loops import Case
    from peers import Answer

    from autodiff_cli.api.engines import Engine

ROUNDS = 9
FEW_ROUNDS = 3
"""Of what takes microseconds for each operation."""
FEWER = 20
"""How many times fewer turns PyTorch and CasADi are given; their time is taken as many times."""
PROCESSES = 15
TURNS = 20_000
"""Of the loops that whole processes run."""
PYTHON_NS, NATIVE_NS, TCC_NS = 60.0, 4.0, 12.0
"""An operation may take."""
WRITTEN_IN = 10e-3
OVER_C, OVER_JAX = 1.25, 1.0
BYTES_OF_PYTHON, BYTES_OF_A_TURN = 35, 20
OVER_NUMPY = {
    "loop": {"native, compiled": 1.5, "native": 1.2, "python": 1.7},
    "orbit": {"native": 1.7, "python": 2.3},
}
"""What a whole process may take over `import numpy`; `compiled` with the call of `cc`."""


def rows() -> list[Row]:
    found = [_python_itself()]
    for name, case in CASES.items():
        found += [*_python(name, case), *_native(name, case)]
    return found + _processes()


def _python_itself() -> Row:
    """What Python takes for the least that it can do: to compare machines and their load by."""

    def run() -> None:
        a, b = 1.5, 0.7
        for _ in range(TURNS):
            a * b * a * b * a * b * a * b * a * b * a

    seconds = interleaved({"": run}, ROUNDS)[""]
    each = statistics.median(seconds) / TURNS / 10
    return Row(what="Python itself: a product of floats", measured=f"{each * 1e9:.3g} ns")


# ── Python source ─────────────────────────────────────────────────────────────────────


def _python(name: str, case: Case) -> list[Row]:
    text = case.program(case.turns[0])
    graph, python = _adiff(text, case, "graph"), _adiff(text, case, "python")
    operations = _nodes(text, case)
    subjects = {"graph": graph, "python": python}
    _require_same(subjects)
    few = case.turns[0] // FEWER
    if is_installed("torch"):
        subjects["PyTorch"] = peers.torch(case, few)
        short = _adiff(case.program(few), case, "python")
        _require_same({"python": short, "PyTorch": subjects["PyTorch"]})
    seconds = interleaved(subjects, FEW_ROUNDS)
    quick = interleaved({"python": python}, ROUNDS)["python"]
    what = f"{name}: Python source"
    ns = statistics.median(quick) * 1e9 / operations
    found = [
        Row(
            what=what,
            measured=f"{ns:.3g} ns an operation",
            target=f"≤ {PYTHON_NS:g} ns",
            met=ns <= PYTHON_NS,
        ),
        against(
            what,
            seconds["python"],
            "interpreter",
            seconds["graph"],
            1 / case.faster,
            f"({case.faster:g} times faster)",
        ),
    ]
    if "PyTorch" in seconds:
        as_many = [FEWER * one for one in seconds["PyTorch"]]
        found.append(against(what, seconds["python"], "PyTorch", as_many))
    written = _writing(text, case)
    found.append(
        Row(
            what=f"{what}, written",
            measured=duration(written),
            target=f"≤ {duration(WRITTEN_IN)}",
            met=written <= WRITTEN_IN,
        )
    )
    each = _peak(python) / operations
    found.append(
        Row(
            what=f"{what}, its tape",
            measured=f"{each:.3g} bytes an operation",
            target=f"≤ {BYTES_OF_PYTHON}",
            met=each <= BYTES_OF_PYTHON,
        )
    )
    return found


def _writing(text: str, case: Case) -> float:
    """Seconds that it takes from the program to source that Python has compiled."""
    program = Program(Source("bench.ad", text)).prepared
    prepared = program.prepared(tuple(case.inputs), True, None, False, False)
    seconds = []
    for _ in range(ROUNDS):
        start = perf_counter()
        Compiled(program, prepared, kinds_of(case.inputs))
        seconds.append(perf_counter() - start)
    return statistics.median(seconds)


def _peak(run: Callable[[], Answer]) -> int:
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


# ── machine code ──────────────────────────────────────────────────────────────────────


def _native(name: str, case: Case) -> list[Row]:
    turns = case.turns[1]
    text = case.program(turns)
    subjects: dict[str, Callable[[], Answer]] = {}
    for maker, command in (("cc", "cc"), ("tcc", "no-such-compiler")):
        with _calling(command):
            made = compiler()
            if made is not None and made.name == maker:
                subjects[maker] = _adiff(text, case, "native")
            else:
                print(f"  {maker} is not installed: skipped")
    if "cc" in subjects:
        subjects["C by hand"] = peers.c(case, turns)
    if case.is_traceable and is_installed("jax"):
        subjects["jax.jit"] = peers.jax(case, turns)
    if case.by_hand is not None and is_installed("numba"):
        subjects["Numba by hand"] = peers.numba(case, turns)
    _require_same(subjects)
    if case.is_traceable and is_installed("casadi"):
        subjects["CasADi"] = peers.casadi(case, turns // FEWER)
        short = _adiff(case.program(turns // FEWER), case, "python")
        _require_same({"python": short, "CasADi": subjects["CasADi"]})
    seconds = interleaved(subjects, ROUNDS)
    if "CasADi" in seconds:
        seconds["CasADi"] = [FEWER * one for one in seconds["CasADi"]]
    each = 1e9 / _nodes(text, case)
    found = []
    targets = {"C by hand": OVER_C, "jax.jit": OVER_JAX}
    for peer in subjects:
        if peer in ("cc", "tcc") or "cc" not in subjects:
            continue
        most = targets.get(peer)
        found.append(against(f"{name}: cc", seconds["cc"], peer, seconds[peer], most))
    for maker, most in (("cc", NATIVE_NS), ("tcc", TCC_NS)):
        if maker in subjects:
            ns = statistics.median(seconds[maker]) * each
            found.append(
                Row(
                    what=f"{name}: {maker}",
                    measured=f"{ns:.3g} ns an operation",
                    target=f"≤ {most:g} ns",
                    met=ns <= most,
                )
            )
    if "cc" in subjects:
        found.append(_tape_of_machine_code(name, case, text))
    return found


def _tape_of_machine_code(name: str, case: Case, text: str) -> Row:
    """What the turns of the outer loop keep, and the most that those of another do."""
    program = Program(Source("bench.ad", text)).prepared
    prepared = program.prepared(tuple(case.inputs), True, None, False, False)
    maker = compiler()
    assert maker is not None
    form = Native(program, prepared, kinds_of(case.inputs), maker).form
    kept = [
        8 * len(op.saved) for op in everything(form.lowered.function.body) if isinstance(op, Loop)
    ]
    is_asked = name == "loop"
    return Row(
        what=f"{name}: tape of machine code",
        measured=f"{' and '.join(map(str, kept))} bytes a turn",
        target=f"≤ {BYTES_OF_A_TURN}" if is_asked else "",
        met=max(kept) <= BYTES_OF_A_TURN if is_asked else None,
    )


# ── adiff ─────────────────────────────────────────────────────────────────────────────


@contextmanager
def _calling(command: str) -> Iterator[None]:
    """Has another C compiler called."""
    before = os.environ.get("CC")
    os.environ["CC"] = command
    try:
        yield
    finally:
        del os.environ["CC"]
        if before is not None:
            os.environ["CC"] = before


def _nodes(text: str, case: Case) -> int:
    (found,) = Program(Source("bench.ad", text), engine="python").evaluate(case.inputs)
    nodes: int = found.nodes
    return nodes


def _adiff(text: str, case: Case, engine: Engine) -> Callable[[], Answer]:
    program = Program(Source("bench.ad", text), engine=engine)

    def run() -> Answer:
        (found,) = program.evaluate(case.inputs)
        return (found.value, *(found.gradient[name] for name in case.inputs))

    ran = program.evaluate(case.inputs)[0].engine
    if not ran.startswith(engine) or "not " in ran:
        sys.exit(f"{engine} was to run it, not {ran}")
    return run


def _require_same(subjects: dict[str, Callable[[], Answer]]) -> None:
    first, *others = subjects
    want: Any = subjects[first]()
    for peer in others:
        require_close(peer, subjects[peer](), want)


# ── whole processes ───────────────────────────────────────────────────────────────────


def _processes() -> list[Row]:
    script = str(Path(sys.executable).parent / "adiff")
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(folder)
        subjects: dict[str, Callable[[], None]] = {}

        def runner(command: Sequence[str], is_first: bool = False) -> Callable[[], None]:
            def run() -> None:
                at = os.path.join(folder, "empty" if is_first else "cache")
                if is_first:
                    shutil.rmtree(at, ignore_errors=True)
                _run(list(command), {**environment, "XDG_CACHE_HOME": at})

            return run

        subjects["import numpy"] = runner([sys.executable, "-c", "import numpy"])
        for name, targets in OVER_NUMPY.items():
            case = CASES[name]
            path = os.path.join(folder, f"{name}.ad")
            Path(path).write_text(case.program(TURNS))
            given = [f"{key}={value}" for key, value in case.inputs.items()]
            for engine in targets:
                how, _, compiled = engine.partition(", ")
                options = ["--engine", how, "--json"]
                command = [sys.executable, script, "eval", path, *given, *options]
                subjects[f"{name}, {engine}"] = runner(command, bool(compiled))
        seconds = interleaved(subjects, PROCESSES)
    return [
        against(
            f"process: {name} of {TURNS:,} steps, {engine}",
            seconds[f"{name}, {engine}"],
            "import numpy",
            seconds["import numpy"],
            at_most,
        )
        for name, targets in OVER_NUMPY.items()
        for engine, at_most in targets.items()
    ]
