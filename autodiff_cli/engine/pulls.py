"""The sweep's fast case: an elementwise primitive's partials, written as one function of floats."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Scalar
from autodiff_cli.engine.symbols import Symbol, python_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.engine.primitive import Primitive


def compile_pull(primitive: Primitive) -> Callable[[Scalar, float], None]:
    """Writes the partials into one function over floats: the sweep's fast case."""
    names = list(primitive.operands)
    symbols = [Symbol(name) for name in names]
    used: dict[str, Primitive] = {}
    lines = []
    for name, rule in zip(names, primitive.partials, strict=True):
        formula = rule(Symbol("out"), *symbols) if callable(rule) else rule
        if isinstance(formula, (int, float)) and formula == 0:
            continue
        product = {1: "g", -1: "-g"}.get(formula) if not isinstance(formula, Symbol) else None
        if product is None:
            product = f"g * {python_source(formula, used)}"
        lines.append(f"    if type(_{name}) is Scalar:\n")
        if primitive.chooses:
            lines.append(f"        if partial := {python_source(formula, used)}:\n    ")
            product = "g * partial"
        lines.append(f"        _{name}.adjoint += {product}\n")
    body = "".join(lines)
    nodes = ", ".join(f"_{name}" for name in names)
    source = f"def pull(node, g):\n    {nodes}, = node.args\n"
    for name in names:
        source += f"    {name} = _{name}.value if type(_{name}) is Scalar else _{name}\n"
    source += f"    out = node.value\n{body}"
    namespace: dict[str, Any] = {"Scalar": Scalar, "nan": nan}
    namespace.update((name, other.guarded) for name, other in used.items())
    exec(compile(source, f"<partials of {primitive.name}>", "exec"), namespace)
    pull: Callable[[Scalar, float], None] = namespace["pull"]
    return pull
