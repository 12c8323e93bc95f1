"""A program's value and gradient as source of another language."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.engine import kinds_of
from autodiff_cli.compiler.export import export as written
from autodiff_cli.compiler.form import NotCompiled
from autodiff_cli.errors import AdiffError, RunError, UsageError
from autodiff_cli.interpreter.run import evaluate_constant, unknown_input
from autodiff_cli.language.source import Source
from autodiff_cli.language.syntax import InputItem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff_cli.api.program import Program


def export(program: Program, inputs: Mapping[str, Any], language: str) -> str:
    """The source in a language: "python", "c" or "js".

    Args:
        inputs: values, whose shapes those of the parameters are; others are single numbers, or
            have the shape of their default.

    Raises:
        UsageError: an input is unknown, or there are several outputs.
        RunError: the program cannot be exported.
    """
    resolved = program.prepared.resolved
    for name in inputs:
        if name not in resolved.inputs:
            raise unknown_input(resolved, name)
    kinds = {}
    given = kinds_of(inputs)
    for name, known in resolved.inputs.items():
        if name in given:
            kinds[name] = given[name]
        elif not known.has_default:
            kinds[name] = "float"
    defaults = _defaults(program)
    kinds |= kinds_of({n: v for n, v in defaults.items() if n not in kinds})
    # In the order in which the program names them.
    kinds = {name: kinds[name] for name in resolved.inputs if name in kinds}
    by = program.wrt
    if by is None:
        by = [name for name, kind in kinds.items() if kind != "bool"]
    of = None if program.of is None else tuple(program.of)
    prepared = program.prepared.prepared(tuple(by), False, of, False, False)
    if len(prepared.outputs) != 1:
        raise UsageError(
            f"got the outputs {', '.join(output.name for output in prepared.outputs)}, and a file "
            "has the value and the gradient of one",
            help="name it with --of",
            kind="output",
        )
    try:
        fitting = {n: v for n, v in defaults.items() if kinds_of({n: v})[n] == kinds[n]}
        return written(program.prepared, prepared, kinds, language, fitting)
    except NotCompiled as error:
        raise RunError(
            f"this cannot be exported: {error.what}", error.where, kind="export"
        ) from None


def _defaults(program: Program) -> dict[str, Any]:
    """The defaults that are made of numbers alone; others are worked out in what is exported."""
    found = {}
    resolved = program.prepared.resolved
    for node in resolved.nodes[resolved.tree]:
        if isinstance(node, InputItem) and node.default is not None:
            with suppress(AdiffError):
                value = evaluate_constant(Source("default", node.default.span.text))
                found[node.name.name] = value if isinstance(value, bool) else value * 1.0
    return found
