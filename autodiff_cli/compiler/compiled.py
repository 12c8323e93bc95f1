"""A program as code of Python that runs: of numbers, or else of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.engine import Compiled
from autodiff_cli.compiler.form import NotCompiled, TooLong
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.language.names import BuiltIn
from autodiff_cli.language.syntax import ArrayLiteral

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff_cli.compiler.engine import Ask
    from autodiff_cli.interpreter.program import Prepared, Program


def compiled(
    program: Program, prepared: Prepared, kinds: Mapping[str, Any], ask: Ask = "gradient"
) -> Compiled:
    """Raises NotCompiled where the form cannot hold it."""
    try:
        return Compiled(program, prepared, kinds, ask)
    except NotCompiled as error:
        if isinstance(error, TooLong) or not has_arrays(program, kinds):
            raise
    from autodiff_cli.compiler.array_engine import CompiledArrays

    return CompiledArrays(program, prepared, kinds, ask)


def has_arrays(program: Program, kinds: Mapping[str, Any]) -> bool:
    """Whether a program may compute with arrays."""
    resolved = program.resolved
    return (
        any(isinstance(kind, tuple) for kind in kinds.values())
        or any(
            isinstance(node, ArrayLiteral) for nodes in resolved.nodes.values() for node in nodes
        )
        or any(
            isinstance(bound, BuiltIn) and bound.name in TABLE and TABLE[bound.name].scalar is None
            for bound in resolved.bindings.values()
        )
    )
