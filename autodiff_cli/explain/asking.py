"""What a program could be differentiated by, where nobody has said by what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff_cli.language import syntax
from autodiff_cli.language.names import DIFFERENTIATED, BuiltIn, Variable, walk

if TYPE_CHECKING:
    from autodiff_cli.language.names import Resolved

MOST = 3


def by_what(resolved: Resolved) -> str:
    """What to write for a derivative; "" where no variable is made of constants alone."""
    names: dict[str, None] = {}
    for statement in resolved.tree.body.statements:
        if isinstance(statement, syntax.Assign) and not statement.operator:
            read = [node for value in statement.values for node in walk(value)]
            if not any(isinstance(resolved.bindings.get(node), Variable) for node in read) and (
                not any(isinstance(node, (syntax.Function, syntax.String)) for node in read)
            ):
                targets = (each for each in statement.targets if isinstance(each, syntax.Name))
                names.update((target.name, None) for target in targets)
    free = [name for name in names if name not in resolved.results][:MOST]
    return f"--wrt {','.join(free)}" if free else ""


def asks_by_itself(resolved: Resolved) -> bool:
    """Whether a program differentiates: then nobody need be told how to."""
    return any(
        isinstance(binding, BuiltIn) and name.name in (*DIFFERENTIATED, "backward")
        for name, binding in resolved.bindings.items()
    )
