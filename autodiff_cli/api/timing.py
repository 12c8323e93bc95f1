"""How long a program takes by each engine: its value alone, and with the gradient."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, get_args

from autodiff_cli.api.engines import Engine, Engines
from autodiff_cli.errors import UsageError
from autodiff_cli.records import replace
from autodiff_cli.report.timing import Time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autodiff_cli.api.program import Program


def timed(program: Program, inputs: Mapping[str, Any], engine: Engine, runs: int) -> list[Time]:
    """The times of an engine, or of all where it is "auto".

    All take turns, so that what else the machine does falls on all alike. Nothing is printed.

    Raises:
        AdiffError: as a run of the program does.
    """
    engines = [one for one in get_args(Engine) if one != "auto"] if engine == "auto" else [engine]
    subjects: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {}
    times = {}
    for one in engines:
        value = _runner(program, inputs, one, only_value=True)
        gradient = _runner(program, inputs, one)
        first, why = _first(gradient)
        if not why:
            _, why = _first(value)
        times[one] = Time(one, None if why else first, why_not=why)
        if not why:
            subjects[one] = value, gradient
    seconds: dict[str, tuple[list[float], list[float]]] = {one: ([], []) for one in subjects}
    for _ in range(runs):
        for one, functions in subjects.items():
            for function, taken in zip(functions, seconds[one], strict=True):
                start = perf_counter()
                function()
                taken.append(perf_counter() - start)
    for one, (values, gradients) in seconds.items():
        times[one] = replace(times[one], value=median(values), gradient=median(gradients))
    return list(times.values())


def _runner(
    program: Program, inputs: Mapping[str, Any], engine: str, only_value: bool = False
) -> Callable[[], str]:
    """A run by one engine, which says what did run."""
    engines = Engines(program.prepared, engine)  # type: ignore[arg-type]
    settings = replace(program.settings, on_print=lambda text: None)
    wrt = () if only_value else program.wrt

    def run() -> str:
        return engines.evaluate(inputs, wrt, program.of, settings, None)[0].engine

    return run


def _first(run: Callable[[], str]) -> tuple[float, str]:
    """Seconds of the first run, and why it was not by the engine that was asked for."""
    start = perf_counter()
    try:
        ran = run()
    except UsageError as error:
        if not error.what.startswith("--engine"):
            raise
        return 0.0, error.what.partition(": ")[2]
    _, _, why = ran.partition("because ")
    return perf_counter() - start, why
