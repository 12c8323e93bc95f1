"""Value and gradient as a file that stands alone: Python, C99, or a module of JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.arrays import MOST_ELEMENTS
from autodiff_cli.compiler.c_file import c_file
from autodiff_cli.compiler.compiled import has_arrays
from autodiff_cli.compiler.exported import prepare
from autodiff_cli.compiler.form import NotCompiled, TooLong
from autodiff_cli.compiler.javascript import javascript_file
from autodiff_cli.compiler.python_file import python_file
from autodiff_cli.compiler.statements import lower
from autodiff_cli.engine.lazy import np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff_cli.interpreter.program import Prepared, Program

NAMES = {"c": "C", "js": "JavaScript"}
WRITERS = {"python": python_file, "c": c_file, "js": javascript_file}


def export(
    program: Program,
    prepared: Prepared,
    kinds: Mapping[str, Any],
    language: str,
    defaults: Mapping[str, Any],
) -> str:
    """The source of a program's value and gradient: `language` is one of `WRITERS`.

    Args:
        defaults: what inputs are where they are not given.

    Raises:
        NotCompiled: the form cannot hold the program, or the language has no such function.
    """
    write = WRITERS[language]
    try:
        lowered = lower(program, prepared, kinds, as_numpy=False)
    except NotCompiled as error:
        if isinstance(error, TooLong) or not has_arrays(program, kinds):
            raise
        from autodiff_cli.compiler.numpy_file import numpy_file
        from autodiff_cli.compiler.whole_arrays import WholeArrayForm

        if language != "python":
            error.what += (
                f"; {NAMES[language]} has arrays of {MOST_ELEMENTS} elements at most, and "
                "subscripts that are known beforehand: --to python calls NumPy"
            )
            raise
        lowered, write = lower(program, prepared, kinds, made=WholeArrayForm), numpy_file
    name = program.resolved.tree.span.source.name
    exported = prepare(lowered, prepared, name, lean=language != "python")
    exported.defaults = {
        name: np.asarray(value).tolist()
        for name, value in defaults.items()
        if np.isfinite(value).all()
    }
    return write(exported)
