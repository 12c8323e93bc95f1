"""adiff: values and exact derivatives of small programs.

    import autodiff_cli as adiff

    f = adiff.program("y = a * exp(-b * t)", wrt=["a", "b"])
    r = f(a=2.0, b=0.5, t=1.0)
    r.value, r.gradient["a"], r.warnings

The language is that of the command line; `adiff --help` and `grammar/README.md` describe it.
"""

from __future__ import annotations

from autodiff_cli.version import __version__

TYPE_CHECKING = False  # to import `typing` takes longer than all the rest
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from typing import Any, Literal

    from autodiff_cli.api.packing import Packed
    from autodiff_cli.api.program import Program
    from autodiff_cli.api.results import AdiffWarning, Result
    from autodiff_cli.api.session import Reply, Session
    from autodiff_cli.api.traces import Trace
    from autodiff_cli.errors import (
        AdiffError,
        AssertFailed,
        DomainError,
        Finding,
        LimitError,
        NonFiniteError,
        ProgramError,
        RunError,
        ShapeError,
        TypeMismatch,
        UsageError,
    )
    from autodiff_cli.explain.evaluation import Question
    from autodiff_cli.interpreter.machine import Limits, Settings

    AtKink = Literal["subgradient", "nan", "error"]

_HOMES = {
    "Packed": "api.packing",
    "Program": "api.program",
    "AdiffWarning": "api.results",
    "Result": "api.results",
    "Question": "explain.evaluation",
    "Limits": "interpreter.machine",
    "Settings": "interpreter.machine",
    "Trace": "api.traces",
    "Session": "api.session",
    "Reply": "api.session",
    "AdiffError": "errors",
    "AssertFailed": "errors",
    "DomainError": "errors",
    "Finding": "errors",
    "LimitError": "errors",
    "NonFiniteError": "errors",
    "ProgramError": "errors",
    "RunError": "errors",
    "ShapeError": "errors",
    "TypeMismatch": "errors",
    "UsageError": "errors",
}
"""Where each name is, which is loaded when it is asked for: importing adiff takes no time."""

__all__ = [
    "AdiffError",
    "AdiffWarning",
    "AssertFailed",
    "DomainError",
    "Finding",
    "LimitError",
    "Limits",
    "NonFiniteError",
    "Packed",
    "Program",
    "ProgramError",
    "Question",
    "Reply",
    "Result",
    "RunError",
    "Session",
    "Settings",
    "ShapeError",
    "Trace",
    "TypeMismatch",
    "UsageError",
    "__version__",
    "load",
    "load_ipython_extension",
    "program",
]


def program(
    text: str,
    *,
    wrt: str | Sequence[str] | None = None,
    of: str | Sequence[str] | None = None,
    dtype: Literal["float64", "float32"] = "float64",
    seed: int | None = None,
    at_kink: AtKink = "subgradient",
    strict: bool = False,
    max_steps: int | None = None,
    max_nodes: int | None = None,
    max_depth: int | None = None,
    max_memory: float | None = None,
    on_print: Callable[[str], None] = print,
    name: str = "<program>",
) -> Program:
    """Prepares a program that is called with its inputs, as often as there are points.

    Args:
        wrt: names to differentiate by, `"a, b"` or a list; every floating input if left out.
        of: what to give out; the last statement's value if left out.
        seed: starts the random numbers, the same at each call.
        at_kink: what a derivative at a kink is: a stated subgradient, nan, or an error.
        strict: a value or a derivative that is nan or inf is an error.
        max_steps, max_nodes, max_depth, max_memory: limits, as those of the commands.
        on_print: is given every line that the program prints.
        name: what messages call the text.

    Raises:
        ProgramError: the text is no program, or a name in it means nothing.
    """
    from autodiff_cli.api.program import Program
    from autodiff_cli.interpreter.machine import Limits, Settings
    from autodiff_cli.language.source import Source

    limits: dict[str, Any] = {
        "steps": max_steps,
        "nodes": max_nodes,
        "depth": max_depth,
        "memory": max_memory,
    }
    settings = Settings(
        Limits(**{limit: most for limit, most in limits.items() if most is not None}),
        dtype == "float32",
        seed,
        on_print,
        at_kink,
    )
    return Program(Source(name, text), _names(wrt), _names(of), settings, strict)


def load(path: str | os.PathLike[str], **options: Any) -> Program:
    """Prepares the program of a file; `options` as for `program`.

    Raises:
        UsageError: the file cannot be read; ProgramError: it holds no program.
    """
    from os import fspath

    from autodiff_cli.data.files import read_program

    return program(read_program(fspath(path)), name=fspath(path), **options)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext autodiff_cli` gives a notebook the cell magic `%%adiff`."""
    from autodiff_cli.magic import register

    register(shell)


def _names(given: str | Sequence[str] | None) -> list[str] | None:
    if given is None:
        return None
    names = given.split(",") if isinstance(given, str) else given
    return list(dict.fromkeys(stripped for name in names if (stripped := name.strip())))


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
