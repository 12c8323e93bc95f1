"""THE TABLE: every primitive, one entry each. All that is said of a function is said there."""

from __future__ import annotations

from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import Primitive
from autodiff_cli.engine.primitives import (
    arithmetic,
    construction,
    elementwise,
    factors,
    indexing,
    joining,
    linalg,
    logic,
    matrices,
    products,
    quantiles,
    random,
    reductions,
    repeating,
    running,
    sequences,
    shapes,
    softmax,
    special,
    spread,
)
from autodiff_cli.engine.pulls import compile_pull

TABLE: dict[str, Primitive] = {
    entry.name: entry
    for module in (
        arithmetic,
        logic,
        elementwise,
        special,
        reductions,
        running,
        spread,
        softmax,
        quantiles,
        products,
        matrices,
        linalg,
        factors,
        construction,
        shapes,
        indexing,
        joining,
        repeating,
        sequences,
        random,
    )
    for entry in vars(module).values()
    if isinstance(entry, Primitive)
}

Operand.table = TABLE
Primitive.compile_pull = staticmethod(compile_pull)
