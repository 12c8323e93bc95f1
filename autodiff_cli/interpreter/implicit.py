"""`root`, `fixed_point` and `argmin`: a value that equations define.

What was done to find it is not recorded. It is one node, whose derivative is that of the
implicit function theorem: of F(x, θ) = 0 it is dx/dθ = -(∂F/∂x)⁻¹ ∂F/∂θ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine import derivatives
from autodiff_cli.engine.graph import Graph, Node, below, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.numerics.solving import (
    CLOSE,
    CLOSE_IN_SINGLE,
    Found,
    find_minimum,
    find_root,
)
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import Primitive, plain, shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.rules import unit_arrays
from autodiff_cli.engine.sweeps import Kinks, ones_of, recorded_reverse_sweep, reverse_sweep
from autodiff_cli.errors import DomainError, RunError, ShapeError, TypeMismatch
from autodiff_cli.interpreter.lifting import (
    Aside,
    Lifted,
    as_float,
    in_words,
    is_finite,
    marked,
    name_of,
    not_finite,
    reached,
    recorded_aside,
)
from autodiff_cli.interpreter.values import describe_value, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.interpreter.lifting import Bound, Family
    from autodiff_cli.interpreter.machine import Machine
    from autodiff_cli.language.source import Span

Equations = Any
"""`equations(graph, bound, x)`: F, in the shape of x, recorded where x is a node."""

ITERATIONS = 50
"""Of a fixed point, before Newton's method has it."""


def root(machine: Machine, args: list[Any], span: Span) -> Any:
    """`root(fn, start)`: an x near `start` at which fn(x) is 0."""
    return Implicit(machine, args, span, _zero).node()


def fixed_point(machine: Machine, args: list[Any], span: Span) -> Any:
    """`fixed_point(fn, start)`: an x with fn(x) = x."""
    return FixedPoint(machine, args, span, _unmoved).node()


def argmin(machine: Machine, args: list[Any], span: Span) -> Any:
    """`argmin(fn, start)`: where fn(x) has a minimum near `start`."""
    return Argmin(machine, args, span, _flat).node()


def _zero(graph: Graph, bound: Bound, x: Any) -> Any:
    return _like(x, bound(x), "the function")


def _unmoved(graph: Graph, bound: Bound, x: Any) -> Any:
    return TABLE["sub"](x, _like(x, bound(x), "the function"))


def _flat(graph: Graph, bound: Bound, x: Any) -> Any:
    value = bound(x)
    if any(size != 1 for size in shape_of(value_of(value))):
        raise ShapeError(
            f"the function of `argmin` gives {describe_value(value)}, want a single number",
            help="what is least is one number: `sum(…)` makes it of many",
        )
    if not isinstance(value, Node):
        return np.zeros(shape_of(value_of(x)))
    found = recorded_reverse_sweep(graph, since(graph, x, value), ones_of(value), [x])
    return found.get(x, np.zeros(shape_of(value_of(x))))


def _like(x: Any, value: Any, what: str) -> Any:
    want, got = shape_of(value_of(x)), shape_of(value_of(value))
    if got != want:
        raise ShapeError(
            f"{what} gives shape {got} for a start of shape {want}",
            help="there are as many equations as unknowns, in the same shape",
        )
    return value


class Implicit:
    """One call of a solver: what it solves, and how its result is differentiated."""

    def __init__(self, machine: Machine, args: list[Any], span: Span, equations: Equations) -> None:
        function, start = args
        self.machine = machine
        self.span = span
        self.name = name_of(span)
        self.lifted = Lifted(machine, function, span)
        self._equations = equations
        start = value_of(start)
        if not is_number(start):
            raise TypeMismatch(
                f"`{self.name}` got {describe_value(start)} for the start, want numbers", span
            )
        self.start = plain(np.asarray(as_float(start)))
        self.shape = shape_of(self.start)
        self._family: Family = None
        self._known: tuple[list[Any], Any] | None = None

    def node(self) -> Any:
        """The solution, recorded where it depends on anything."""
        outers = self.lifted.nodes
        self._family = self.lifted.family(outers)
        values = [node.value for node in outers]
        x = self.solve(values, self.start)
        if not outers:
            return x
        # Of all that the function closes over, what its equations read at the solution.
        aside = self._aside()
        leaves = aside.leaves(values)
        with aside.run.graph.recording():
            residual = self._equations(aside.run.graph, aside.bound(leaves), aside.leaves([x])[0])
        read = reached(residual, leaves)
        aside.done()
        outers = [node for node, is_read in zip(outers, read, strict=True) if is_read]
        if not outers:
            return x
        self._family = self.lifted.family(outers)
        return self.machine.graph.record(self._primitive(len(outers), x), (*outers,), x, self.span)

    def _aside(self) -> Aside:
        return Aside(self.machine, self._family, self.span)

    def _primitive(self, count: int, solution: Any) -> Primitive:
        return Primitive(
            name=self.name,
            kind="structural",
            operands=tuple(f"x{position}" for position in range(count)),
            array=lambda *values: self.solve(values, solution),
            pullback=self._pullback,
            derivative="by the implicit function theorem",
            domain="where the equations are smooth, and their Jacobian is not singular",
            doc="what equations define",
            example="",
        )

    @property
    def close(self) -> float:
        return CLOSE_IN_SINGLE if self.machine.graph.single else CLOSE

    # ── the solution ──────────────────────────────────────────────────────────────────

    def solve(self, outers: Sequence[Any], start: Any) -> Any:
        """The solution for these values of what the function closes over.

        Raises:
            RunError: there is none near, or none was found.
        """
        aside = self._aside()
        bound = aside.bound(outers)

        def at(x: Any, jacobian: bool = True) -> tuple[Any, Any]:
            """F and its Jacobian, for x of shape (n,)."""
            aside.run.forget()
            with aside.run.graph.recording():
                (leaf,) = aside.leaves([x.reshape(self.shape) if self.shape else x[0]])
                residual = self._equations(aside.run.graph, bound, leaf)
            size = x.size
            slopes = None
            if jacobian:
                ((slopes,), _) = derivatives.jacobian(residual, [leaf], self.shape)
                slopes = slopes.reshape(size, size)
            return np.reshape(value_of(residual), size).astype(float), slopes

        at_start = np.reshape(start, -1).astype(float)
        if not at_start.size:
            raise ShapeError(f"`{self.name}` got an empty start", self.span)
        first, _ = at(at_start, jacobian=False)
        if not is_finite(first):
            raise not_finite(
                aside,
                lambda: at(at_start, jacobian=False),
                f"at the start, {in_words(np.reshape(at_start, self.shape))}, "
                f"it gives {in_words(first.reshape(self.shape))}",
            )
        found = self.search(at, lambda x: self._value(aside, bound, x), at_start)
        aside.done()
        if not found.converged:
            raise self._not_converged(found)
        return self.machine.graph.cast(plain(found.x.reshape(self.shape)))

    def _value(self, aside: Aside, bound: Bound, x: Any) -> float:
        """The function itself, of one number."""
        aside.run.forget()
        value = bound(x.reshape(self.shape) if self.shape else float(x[0]))
        return float(np.reshape(value_of(value), ()))

    def search(self, at: Any, value: Callable[[Any], float], start: Any) -> Found:
        return find_root(at, start, self.close)

    def _not_converged(self, found: Found) -> RunError:
        where = in_words(plain(found.x.reshape(self.shape)))
        return RunError(
            f"`{self.name}` did not converge",
            self.span,
            label=f"at {where} {self.rest} is still {found.size:.3g}",
            help=self.remedy,
            kind="not-converged",
        )

    rest = "the size of the function"
    remedy = "begin nearer to the root; is there one?"

    # ── its derivative ────────────────────────────────────────────────────────────────

    def _pullback(self, g: Any, out: Any, args: Sequence[Any]) -> list[Any]:
        """What the values that were closed over get of the solution's cotangent."""
        if any(isinstance(arg, Operand) for arg in (g, out, *args)):
            return self._recorded(g, out, args)
        nodes, residual, x, leaves = self._linearised(out, args)
        ((slopes,), _) = derivatives.jacobian(residual, [x], self.shape)
        weight = self._solved(slopes, g)
        kinks = Kinks(self.machine.at_kink)
        adjoints = reverse_sweep(nodes, weight, leaves, kinks=kinks)
        self.machine.kinks_met.update(kinks.met)
        return [adjoints.get(leaf, np.zeros(shape_of(leaf.value))) for leaf in leaves]

    def _linearised(self, out: Any, args: Sequence[Any]) -> Any:
        """F at the solution, recorded aside: its nodes, it, and the leaves; once for many rows."""
        values = [out, *args]
        if self._known is not None and all(map(np.array_equal, self._known[0], values)):
            return self._known[1]
        aside = self._aside()
        leaves = aside.leaves([plain(np.asarray(value)) for value in values])
        with aside.run.graph.recording():
            residual = self._equations(aside.run.graph, aside.bound(leaves[1:]), leaves[0])
        found = below(residual), residual, leaves[0], leaves[1:]
        aside.done()
        self._known = values, found
        return found

    def _solved(self, slopes: Any, g: Any) -> Any:
        """-(∂F/∂x)⁻ᵀ g, in the shape of x, recorded where either is."""
        size = int(np.prod(self.shape, dtype=int))
        reshape, solve = TABLE["reshape"], TABLE["solve"]
        if not self.shape:
            if not value_of(slopes):
                raise self._singular()
            return -(g / slopes)
        square = reshape(slopes, (size, size))
        try:
            weight = solve(TABLE["transpose"](square, None), reshape(g, (size,)))
        except DomainError:
            raise self._singular() from None
        return -reshape(weight, self.shape)

    def _singular(self) -> DomainError:
        return DomainError(
            f"the result of `{self.name}` has no derivative",
            self.span,
            label="the equations' Jacobian is singular there",
            help="the solution is not simple: the equations do not tell it from points beside it",
        )

    def _recorded(self, g: Any, out: Any, args: Sequence[Any]) -> list[Any]:
        """The same of nodes, recorded where the sweep records."""
        run = recorded_aside(self.machine)
        graph = run.graph
        x, *outers = [marked(graph, value) for value in (out, *args)]
        residual = self._equations(graph, self._family(run, outers), x)
        nodes = since(graph, x, residual)
        rows = [
            recorded_reverse_sweep(graph, nodes, unit, [x]).get(x, np.zeros(self.shape))
            for unit in unit_arrays(self.shape)
        ]
        slopes = TABLE["stack"](*rows, 0) if self.shape else rows[0]
        weight = self._solved(slopes, g)
        found = recorded_reverse_sweep(graph, nodes, weight, outers)
        self.machine.take_over(run)
        return [found.get(outer, np.zeros(shape_of(outer.value))) for outer in outers]


def since(graph: Graph, first: Node, last: Node) -> list[Node]:
    """The nodes from one up to another, and they.

    What was there before is not gone into: a solution among it would be the one that is asked.
    """
    start = end = len(graph.nodes) - 1
    while graph.nodes[end] is not last:
        end -= 1
    while graph.nodes[start] is not first:
        start -= 1
    return graph.nodes[start : end + 1]


class FixedPoint(Implicit):
    rest = "what the function moves it by"
    remedy = "begin nearer to the fixed point; is there one?"

    def search(self, at: Any, value: Callable[[Any], float], start: Any) -> Found:
        """From where iterating leads, as long as that comes closer; Newton's method goes on."""
        x, step = start, at(start, jacobian=False)[0]
        for _ in range(ITERATIONS):
            new = x - step
            further, _ = at(new, jacobian=False)
            if not np.linalg.norm(further) < np.linalg.norm(step):
                break
            x, step = new, further
        return find_root(at, x, self.close)


class Argmin(Implicit):
    rest = "the gradient's norm"
    remedy = (
        "begin nearer to the minimum; is there one, with a smooth function around it? "
        "`adiff minimize` tells more"
    )

    def search(self, at: Any, value: Callable[[Any], float], start: Any) -> Found:
        return find_minimum(value, at, start, self.close)
