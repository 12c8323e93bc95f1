"""Derivatives inside a program: `grad` and its like, and gradients that accumulate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.derivatives import recorded_gradient, recorded_jacobian
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.primitive import describe, shape_of
from autodiff_cli.engine.sweeps import ones_of, reverse_sweep
from autodiff_cli.errors import RunError, ShapeError
from autodiff_cli.runtime.values import NOTHING

if TYPE_CHECKING:
    from autodiff_cli.language.source import Span
    from autodiff_cli.runtime.machine import Machine


def grad(machine: Machine, args: list[Any], span: Span) -> Any:
    """`grad(y, x)`, `grad(y, x, cotangent)`; shape: x's."""
    output, target, *rest = args
    seed = _seed(output, rest[0] if rest else None, span, "grad")
    return recorded_gradient(machine.graph, output, seed, [target])[0]


def jacobian(machine: Machine, args: list[Any], span: Span) -> Any:
    """`jacobian(y, x)`; shape: y's, then x's."""
    output, target = args
    return recorded_jacobian(machine.graph, output, target)


def hessian(machine: Machine, args: list[Any], span: Span) -> Any:
    """`hessian(y, x)`; shape: x's, twice."""
    output, target = args
    seed = _seed(output, None, span, "hessian")
    gradient = recorded_gradient(machine.graph, output, seed, [target])[0]
    return recorded_jacobian(machine.graph, gradient, target)


def backward(machine: Machine, args: list[Any], span: Span) -> Any:
    """`backward(y)`, `backward(y, cotangent)`: adds to the gradient of every leaf below y."""
    output, *rest = args
    seed = value_of(_seed(output, rest[0] if rest else None, span, "backward"))
    if not isinstance(output, Node):
        raise RunError(
            f"`backward` got {describe(value_of(output))}, which depends on no leaf",
            span,
            help="a leaf is a name with a `.grad`, such as `x` where the program reads `x.grad`",
            kind="backward",
        )
    nodes = below(output)
    leaves = [node for node in nodes if node.primitive is None]
    adjoints = reverse_sweep(nodes, seed, leaves)
    for leaf in leaves:
        before = machine.accumulated.get(leaf, value_of(leaf) * 0.0)
        machine.accumulated[leaf] = before + adjoints.get(leaf, 0.0)
    return NOTHING


def zero_grad(machine: Machine, args: list[Any], span: Span) -> Any:
    """`zero_grad(x)`, `zero_grad()`."""
    for leaf in args or list(machine.accumulated):
        if leaf in machine.accumulated:
            machine.accumulated[leaf] = value_of(leaf) * 0.0
    return NOTHING


def accumulated(machine: Machine, leaf: Node, span: Span) -> Any:
    """`x.grad`, for the leaf of `x`."""
    if leaf not in machine.accumulated:
        raise RunError(
            f"`{span.text}` is read before any `backward` that reached it",
            span,
            help="a gradient accumulates there when `backward(y)` has run, for a y made of it",
            kind="name",
        )
    return machine.accumulated[leaf]


def _seed(output: Any, cotangent: Any, span: Span, function: str) -> Any:
    """The cotangent of an output: the one given, in its shape, or 1 for a single number."""
    shape = shape_of(value_of(output))
    if cotangent is None:
        if all(size == 1 for size in shape):
            return ones_of(output) if isinstance(output, Node) else 1.0
        raise ShapeError(
            f"`{function}` got an output of shape {shape}, want a single number",
            span,
            help="there are three ways out: a cotangent of that shape as the last argument, "
            "`sum(…)` of the output, or `jacobian(y, x)`",
        )
    given = shape_of(value_of(cotangent))
    if given != shape:
        raise ShapeError(
            f"`{function}` got a cotangent of shape {given} for an output of shape {shape}",
            span,
            help="the cotangent has one number for each of the output's",
        )
    return float(cotangent) if isinstance(cotangent, (bool, int)) else cotangent
