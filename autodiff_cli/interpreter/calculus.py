"""Derivatives inside a program: `grad` and its like, and gradients that accumulate."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.derivatives import recorded_gradient, recorded_jacobian
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import describe, shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import Kinks, ones_of, reverse_sweep, zeros_of
from autodiff_cli.errors import RunError, ShapeError, TypeMismatch
from autodiff_cli.interpreter.values import (
    NOTHING,
    RUN,
    BuiltInFunction,
    Returned,
    UserFunction,
    describe_value,
    is_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.interpreter.machine import Machine
    from autodiff_cli.interpreter.values import Frame
    from autodiff_cli.language.source import Span

_WAYS_OUT = (
    "there are three ways out: a cotangent of that shape as the last argument, "
    "`sum(…)` of the output, or `jacobian(y, x)`"
)
_WAYS_OUT_OF_HESSIAN = (
    "take `sum(…)` of the output, one element, or `jacobian(g, x)` of g = `jacobian(y, x)`"
)


def grad(machine: Machine, args: list[Any], span: Span) -> Any:
    """`grad(y, x)`, `grad(y, x, cotangent)`; shape: x's."""
    output, target, *rest = args
    seed = _seed(output, rest[0] if rest else None, span, "grad")
    with _kinks_noted(machine) as kinks:
        return recorded_gradient(machine.graph, output, seed, [target], kinks)[0]


def jacobian(machine: Machine, args: list[Any], span: Span) -> Any:
    """`jacobian(y, x)`; shape: y's, then x's."""
    output, target = args
    _require_numbers(output, "an output", span, "jacobian")
    with _kinks_noted(machine) as kinks:
        return recorded_jacobian(machine.graph, output, target, kinks)


def hessian(machine: Machine, args: list[Any], span: Span) -> Any:
    """`hessian(y, x)`; shape: x's, twice."""
    output, target = args
    seed = _seed(output, None, span, "hessian")
    with _kinks_noted(machine) as kinks:
        gradient = recorded_gradient(machine.graph, output, seed, [target], kinks)[0]
    return recorded_jacobian(machine.graph, gradient, target)


def backward(machine: Machine, args: list[Any], span: Span) -> Any:
    """`backward(y)`, `backward(y, cotangent)`: adds to `x.grad` for every name x below y.

    A name that was given what another was made of has a node of its own, as in `machine.mark`.
    """
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
    targets = [node for node in nodes if node.primitive in (None, TABLE["identity"])]
    with _kinks_noted(machine) as kinks:
        adjoints = reverse_sweep(nodes, seed, targets, kinks=kinks)
    machine.swept = output
    sums: list[tuple[Node, Any, Any]] = []
    for target in targets:
        added = adjoints.get(target, zeros_of(target))
        total = machine.accumulated.get(target, zeros_of(target)) + added
        machine.accumulated[target] = total
        sums.append((target, added, total))
    if machine.journal is not None:
        machine.journal.backward(span, output, seed, sums)
    return NOTHING


def zero_grad(machine: Machine, args: list[Any], span: Span) -> Any:
    """`zero_grad(x)`, `zero_grad()`."""
    targets = [t for t in args or machine.accumulated if t in machine.accumulated]
    for target in targets:
        machine.accumulated[target] = zeros_of(target)
    if machine.journal is not None:
        machine.journal.cleared(span, targets)
    return NOTHING


def accumulated(machine: Machine, target: Node, span: Span) -> Any:
    """`x.grad`, for the node of `x`."""
    if target not in machine.accumulated:
        raise RunError(
            f"`{span.text}` is read before any `backward` that reached it",
            span,
            help="a gradient accumulates there when `backward(y)` has run, for a y made of it",
            kind="name",
        )
    return machine.accumulated[target]


# ── history ───────────────────────────────────────────────────────────────────────────


def forgetting(body: Callable[[Frame], Any]) -> Callable[[Frame], Any]:
    """The body of a function that differentiates by variables of its own.

    When the outermost such call has returned, nobody can name those any more. Where it used
    nothing else that is differentiated by, what it recorded is dropped: a thousand calls keep no
    more than one.
    """

    def run(frame: Frame) -> Any:
        machine = frame[RUN]
        if machine.differentiates or machine.journal is not None:
            return body(frame)
        machine.differentiates = True
        start, size = len(machine.graph.nodes), machine.array_bytes
        try:
            result = body(frame)
        finally:
            machine.differentiates = False
        value = result.value if type(result) is Returned else result
        parts = value if isinstance(value, tuple) else (value,)
        if not all(part is NOTHING or is_number(value_of(part)) for part in parts):
            # A function holds on to the variables of the one that it was made in.
            return result
        if not _is_closed(machine, start):
            return result
        machine.graph.cut(start)
        machine.array_bytes = size
        plain = tuple(map(value_of, parts))
        value = plain if isinstance(value, tuple) else plain[0]
        return Returned(value) if type(result) is Returned else value

    return run


def _is_closed(machine: Machine, start: int) -> bool:
    """Whether the nodes from `start` on were made of each other alone, and are all finite.

    What is not finite may have to be explained.
    """
    machine.graph.number()
    nodes = machine.graph.nodes
    first = nodes[start].order if start < len(nodes) else 0
    for place in range(start, len(nodes)):
        node = nodes[place]
        for parent in node.parents:
            if parent.order < first:
                return False
        value = node.value
        odd = value - value != 0 if type(value) is float else not np.isfinite(value).all()
        if odd:
            return False
    return True


@contextmanager
def _kinks_noted(machine: Machine) -> Iterator[Kinks]:
    """What a sweep of the program meets is the run's to tell of."""
    kinks = Kinks(machine.at_kink)
    yield kinks
    machine.absorbed |= kinks.absorbed
    # What a `grad` recorded has no place in the source, and so nothing to tell.
    machine.kinks_met.update((node, None) for node in kinks.met if node.span is not None)


def _seed(output: Any, cotangent: Any, span: Span, function: str) -> Any:
    """The cotangent of an output: the one given, in its shape, or 1 for a single number."""
    _require_numbers(output, "an output", span, function)
    shape = shape_of(value_of(output))
    if cotangent is None:
        if all(size == 1 for size in shape):
            return ones_of(output) if isinstance(output, Node) else 1.0
        raise ShapeError(
            f"`{function}` got an output of shape {shape}, want a single number",
            span,
            help=_WAYS_OUT_OF_HESSIAN if function == "hessian" else _WAYS_OUT,
        )
    _require_numbers(cotangent, "a cotangent", span, function)
    given = shape_of(value_of(cotangent))
    if given != shape:
        raise ShapeError(
            f"`{function}` got a cotangent of shape {given} for an output of shape {shape}",
            span,
            help="the cotangent has one number for each of the output's",
        )
    return float(cotangent) if isinstance(cotangent, (bool, int)) else cotangent


def _require_numbers(given: Any, role: str, span: Span, function: str) -> None:
    value = value_of(given)
    if isinstance(value, (bool, int, float)) or hasattr(value, "shape"):
        return
    raise TypeMismatch(
        f"`{function}` got {describe_value(value)} as {role}, want a number or an array",
        span,
        help="differentiate the value of a function: `f(x)`"
        if isinstance(value, (UserFunction, BuiltInFunction))
        else "",
    )
