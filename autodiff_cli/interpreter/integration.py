"""`integrate` and `odeint`: one node each, whose derivatives are integrals and solutions too.

∂/∂θ ∫ f(x, θ) dx is ∫ ∂f/∂θ dx, and the sensitivities S = dy/dθ of dy/dt = f(t, y, θ) solve
dS/dt = ∂f/∂y S + ∂f/∂θ beside it. Where a sweep records, these are nodes of the same kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine import derivatives
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.numerics.integrating import Stuck, integral, solution
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import Primitive, plain, shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.rules import unit_arrays
from autodiff_cli.engine.sweeps import Kinks, ones_of, recorded_reverse_sweep, reverse_sweep
from autodiff_cli.errors import RunError, ShapeError, TypeMismatch
from autodiff_cli.interpreter.implicit import since
from autodiff_cli.interpreter.lifting import (
    Aside,
    Lifted,
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
    from collections.abc import Sequence

    from autodiff_cli.interpreter.lifting import Bound, Family
    from autodiff_cli.interpreter.machine import Machine
    from autodiff_cli.language.source import Span


def integrate(machine: Machine, args: list[Any], span: Span) -> Any:
    """`integrate(fn, a, b)`: ∫ fn(x) dx from a to b."""
    function, low, high = args
    for end, name in ((low, "a"), (high, "b")):
        _require(value_of(end), f"{name}, a single number", span, ())
    lifted = Lifted(machine, function, span)
    found = Integral(machine, lifted.family(lifted.nodes), span)
    return found.node([low, high], lifted.nodes)


def odeint(machine: Machine, args: list[Any], span: Span) -> Any:
    """`odeint(fn, y0, t)`: y at the times t, for dy/dt = fn(t, y) and y(t[0]) = y0."""
    function, start, times = args
    _require(value_of(start), "y0, numbers", span)
    _require(value_of(times), "t, an array of times", span)
    at = np.asarray(value_of(times), float)
    steps = np.diff(at) if at.ndim == 1 else np.zeros(1)
    if not at.size or not ((steps > 0).all() or (steps < 0).all()):
        raise TypeMismatch(
            f"`odeint` got {describe_value(times)} for the times, want a row that rises or falls",
            span,
            help="the first is that of y0: linspace(0, 1, 11), or [0, 1]",
        )
    lifted = Lifted(machine, function, span)
    found = Flow(machine, lifted.family(lifted.nodes), span, shape_of(value_of(start)))
    return found.node([start, times], lifted.nodes)


def _require(value: Any, want: str, span: Span, shape: tuple[int, ...] | None = None) -> None:
    if not is_number(value) or (shape is not None and shape_of(value) != shape):
        raise TypeMismatch(
            f"`{name_of(span)}` got {describe_value(value)} for {want.partition(',')[0]}, "
            f"want {want.partition(', ')[2]}",
            span,
        )


class _Solver:
    """One call: what is solved, of which values, and how the result is differentiated.

    Its arguments are its own, then the values of the nodes that its function closes over.
    """

    name: str
    own: tuple[str, ...]
    derivative: str

    def __init__(self, machine: Machine, family: Family, span: Span) -> None:
        self.machine = machine
        self.family = family
        self.span = span
        self.touched: list[bool] = []
        """Which of what the function closes over it has read so far."""

    def node(self, own: Sequence[Any], outers: Sequence[Any]) -> Any:
        """The value, recorded where it depends on anything."""
        self.touched = [False] * len(outers)
        args = [*own, *outers]
        value = self.value([value_of(arg) for arg in args])
        read = [True] * len(own) + self.touched
        args = [arg if used else value_of(arg) for arg, used in zip(args, read, strict=True)]
        if not any(isinstance(arg, Node) for arg in args):
            return value
        primitive = Primitive(
            name=self.name,
            kind="structural",
            operands=(*self.own, *(f"x{position}" for position in range(len(outers)))),
            array=lambda *args: self.value(args),
            pullback=self.pullback,
            derivative=self.derivative,
            domain="where its function is smooth",
            doc="what is integrated",
            example="",
        )
        return self.machine.graph.record(primitive, tuple(args), value, self.span)

    def value(self, args: Sequence[Any]) -> Any:
        raise NotImplementedError

    def pullback(self, g: Any, out: Any, args: Sequence[Any]) -> Sequence[Any]:
        if any(isinstance(arg, Operand) for arg in (g, out, *args)):
            return self.recorded(g, out, args)
        return self.computed(g, out, [plain(np.asarray(arg)) for arg in args])

    def computed(self, g: Any, out: Any, args: Sequence[Any]) -> Sequence[Any]:
        """What each argument gets of the cotangent g."""
        raise NotImplementedError

    def recorded(self, g: Any, out: Any, args: Sequence[Any]) -> Sequence[Any]:
        """The same, recorded where the sweep records."""
        raise NotImplementedError

    def aside(self) -> Aside:
        return Aside(self.machine, self.family, self.span)

    def note(self, value: Any, leaves: Sequence[Node]) -> None:
        """Which leaves the function has read at a point."""
        if not all(self.touched):
            self.touched = [
                a or b for a, b in zip(self.touched, reached(value, leaves), strict=True)
            ]


# ── integrals ─────────────────────────────────────────────────────────────────────────


class Integral(_Solver):
    name = "integrate"
    own = ("a", "b")
    derivative = "by the integral of the function's derivative, and by its values at the ends"

    def value(self, args: Sequence[Any]) -> Any:
        low, high, *outers = args
        aside = self.aside()
        leaves = aside.leaves(outers)
        bound = aside.bound(leaves)
        kept = len(aside.run.graph.nodes)

        def at(x: float) -> Any:
            _forget(aside, kept)
            with aside.run.graph.recording():
                value = bound(float(x))
            self.note(value, leaves)
            return np.asarray(self._finite(aside, bound, x, value), float)

        found = self._integral(at, low, high)
        aside.done()
        return self.machine.graph.cast(plain(found))

    def _finite(self, aside: Aside, bound: Bound, x: float, value: Any) -> Any:
        number = value_of(value)
        if not is_finite(number):
            raise not_finite(
                aside,
                lambda: bound(marked(aside.run.graph, float(x))),
                f"at {float(x):.10g} it gives {in_words(number)}",
            )
        return number

    def _integral(self, at: Any, low: Any, high: Any) -> Any:
        low, high = float(low), float(high)
        if low == high:
            return np.zeros_like(at(low)) if abs(low) < np.inf else 0.0
        found, error, good = integral(at, low, high)
        if not good:
            raise RunError(
                "`integrate` did not converge",
                self.span,
                label=f"the integral is about {in_words(plain(np.asarray(found)))}, "
                f"give or take {error:.2g}",
                help="does it exist? split it where the function jumps or goes to infinity",
                kind="not-converged",
            )
        return found

    def computed(self, g: Any, out: Any, args: Sequence[Any]) -> Sequence[Any]:
        low, high, *outers = args
        aside = self.aside()
        leaves = aside.leaves(outers)
        bound = aside.bound(leaves)
        kept = len(aside.run.graph.nodes)
        sizes = [np.size(outer) for outer in outers]
        kinks = Kinks(self.machine.at_kink)

        def slopes(x: float) -> Any:
            """Of the function, weighed by g, by all that it closes over, in one row."""
            _forget(aside, kept)
            with aside.run.graph.recording():
                value = bound(float(x))
            if not isinstance(value, Node):
                return np.zeros(sum(sizes))
            seed = float(g) if isinstance(value.value, float) else np.asarray(g)
            found = reverse_sweep(below(value), seed, leaves, kinks=kinks)
            return np.concatenate(
                [np.ravel(found.get(leaf, np.zeros(shape_of(leaf.value)))) for leaf in leaves]
            )

        ends = []
        for end, sign in ((low, -1.0), (high, 1.0)):
            _forget(aside, kept)
            finite = abs(end) < np.inf
            ends.append(sign * float(np.sum(g * value_of(bound(float(end))))) if finite else 0.0)
        row = self._integral(slopes, low, high) if sum(sizes) else np.zeros(0)
        self.machine.kinks_met.update(kinks.met)
        aside.done()
        parts = np.split(row, np.cumsum(sizes)[:-1]) if outers else []
        shaped = [part.reshape(shape_of(outer)) for part, outer in zip(parts, outers, strict=True)]
        return [*ends, *shaped]

    def recorded(self, g: Any, out: Any, args: Sequence[Any]) -> Sequence[Any]:
        low, high, *outers = args
        sum_, reshape, index = TABLE["sum"], TABLE["reshape"], TABLE["index"]
        run = recorded_aside(self.machine)
        bound = self.family(run, outers)
        ends = []
        for end, sign in ((low, -1.0), (high, 1.0)):
            finite = abs(value_of(end)) < np.inf
            at_end = sum_(bound(as_argument(end)) * g, None, False) if finite else 0.0
            ends.append(at_end * sign)
        self.machine.take_over(run)
        sizes = [np.size(value_of(outer)) for outer in outers]
        if not sum(sizes):
            return ends
        slopes = Integral(run, _weighed_slopes(self.family), self.span)
        row = slopes.node([low, high], [g, *outers])
        starts = np.cumsum([0, *sizes])
        return ends + [
            reshape(index(row, (slice(int(start), int(start) + size),)), shape_of(value_of(outer)))
            for start, size, outer in zip(starts, sizes, outers, strict=False)
        ]


# ── differential equations ────────────────────────────────────────────────────────────


class Flow(_Solver):
    """Of y in `shape`; arrays of it are rows of y, flattened."""

    name = "odeint"
    own = ("y0", "t")
    derivative = "by the sensitivity equations"

    def __init__(
        self, machine: Machine, family: Family, span: Span, shape: tuple[int, ...]
    ) -> None:
        super().__init__(machine, family, span)
        self.shape = shape
        self.size = int(np.prod(shape, dtype=int))
        self._known: tuple[list[Any], Any] | None = None

    def value(self, args: Sequence[Any]) -> Any:
        start, times, *outers = args
        aside = self.aside()
        leaves = aside.leaves(outers)
        bound = aside.bound(leaves)
        kept = len(aside.run.graph.nodes)

        def slope(t: float, y: Any) -> Any:
            _forget(aside, kept)
            value = self._rate(aside, bound, t, y)
            self.note(value, leaves)
            return np.reshape(value_of(value), -1)

        def jacobian(t: float, y: Any) -> Any:
            _forget(aside, kept)
            return self._slopes(aside, bound, t, y, [])[1]

        rows = self._solved(slope, jacobian, np.reshape(start, -1), times)
        aside.done()
        return self.machine.graph.cast(rows.reshape(len(rows), *self.shape))

    def _at(self, y: Any) -> Any:
        """y as the function takes it."""
        return y.reshape(self.shape) if self.shape else float(y[0])

    def _rate(self, aside: Aside, bound: Bound, t: float, y: Any) -> Any:
        with aside.run.graph.recording():
            value = bound(float(t), self._at(y))
        if shape_of(value_of(value)) != self.shape:
            raise ShapeError(
                f"the function of `odeint` gives shape {shape_of(value_of(value))}, "
                f"and y has shape {self.shape}",
                self.span,
                help="it is called with t and y, and gives dy/dt",
            )
        if not is_finite(value_of(value)):
            graph = aside.run.graph
            raise not_finite(
                aside,
                lambda: bound(float(t), marked(graph, self._at(y))),
                f"at t = {t:.6g}, y = {in_words(plain(np.asarray(self._at(y))))}",
            )
        return value

    def _slopes(
        self, aside: Aside, bound: Bound, t: float, y: Any, leaves: list[Node]
    ) -> list[Any]:
        """dy/dt, and its derivatives by y and each of the leaves; shapes: (n,), (n, …)."""
        (at,) = aside.leaves([self._at(y)])
        with aside.run.graph.recording():
            rate = bound(float(t), at)
        blocks, _ = derivatives.jacobian(rate, [at, *leaves], self.shape)
        return [np.reshape(value_of(rate), -1), *(b.reshape(self.size, -1) for b in blocks)]

    def _solved(self, slope: Any, jacobian: Any, start: Any, times: Any) -> Any:
        try:
            return solution(slope, jacobian, np.asarray(start, float), np.asarray(times, float))
        except Stuck as stuck:
            raise RunError(
                f"`odeint` did not get beyond t = {stuck.at:.6g}",
                self.span,
                label=f"the steps become too small on the way to {float(times[-1]):g}",
                help="does the solution grow without bound there? end before",
                kind="not-converged",
            ) from None

    def _sensitivities(self, args: Sequence[Any]) -> Any:
        """dy/d(y0, outers) at each time; shape: (times, n, of y0 and of all outers in a row)."""
        if self._known is not None and all(map(np.array_equal, self._known[0], args)):
            return self._known[1]
        start, times, *outers = args
        aside = self.aside()
        leaves = aside.leaves(outers)
        bound = aside.bound(leaves)
        kept = len(aside.run.graph.nodes)
        size, width = self.size, self.size + sum(np.size(outer) for outer in outers)

        def slope(t: float, z: Any) -> Any:
            _forget(aside, kept)
            rate, by_y, *by_outers = self._slopes(aside, bound, t, z[:size], leaves)
            moved = by_y @ z[size:].reshape(size, width)
            moved[:, size:] += np.concatenate([np.zeros((size, 0)), *by_outers], axis=1)
            return np.concatenate([rate, moved.ravel()])

        def jacobian(t: float, z: Any) -> Any:
            """But for how the sensitivities move with y: as near as Newton's method needs."""
            _forget(aside, kept)
            _, by_y = self._slopes(aside, bound, t, z[:size], [])
            whole = np.kron(by_y, np.eye(width + 1))
            order = np.arange(len(whole)).reshape(size, width + 1)
            order = np.concatenate([order[:, 0], order[:, 1:].ravel()])
            return whole[np.ix_(order, order)]

        first = np.concatenate([np.reshape(start, -1), np.eye(size, width).ravel()])
        rows = self._solved(slope, jacobian, first, times)
        found = rows[:, size:].reshape(-1, size, width)
        aside.done()
        self._known = list(args), found
        return found

    def computed(self, g: Any, out: Any, args: Sequence[Any]) -> Sequence[Any]:
        _, times, *outers = args
        moved = self._sensitivities(args)
        g = np.reshape(g, (len(times), self.size))
        row = np.einsum("ti,tik->k", g, moved)
        parts = _split(row, [self.size, *map(np.size, outers)])
        aside = self.aside()
        bound = aside.bound(outers)
        states = np.reshape(out, (len(times), self.size))
        rates = [
            np.reshape(self._rate(aside, bound, t, y), -1)
            for t, y in zip(times, states, strict=True)
        ]
        by_times = np.einsum("ti,ti->t", g, rates)
        # A later start is one from where the solution would have come from.
        by_times[0] = -(row[: self.size] - g[0]) @ rates[0]
        aside.done()
        shapes = [self.shape, *map(shape_of, outers)]
        first, *rest = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return [first, by_times, *rest]

    def recorded(self, g: Any, out: Any, args: Sequence[Any]) -> Sequence[Any]:
        start, times, *outers = args
        reshape, index, concat = TABLE["reshape"], TABLE["index"], TABLE["concat"]
        run = recorded_aside(self.machine)
        sizes = [self.size, *(int(np.size(value_of(outer))) for outer in outers)]
        width, count = sum(sizes), int(np.size(value_of(times)))
        eye = np.eye(self.size, width).ravel()
        flow = Flow(run, _with_sensitivities(self, sizes), self.span, (self.size + eye.size,))
        first = concat(reshape(start, (self.size,)), eye, 0)
        rows = flow.node([first, times], outers)
        moved = reshape(
            index(rows, (slice(None), slice(self.size, None))), (count * self.size, width)
        )
        row = TABLE["matmul"](reshape(g, (count * self.size,)), moved)
        bound = self.family(run, outers)
        flat = reshape(out, (count, *self.shape))
        rates = TABLE["stack"](
            *[bound(index(times, (i,)), index(flat, (i,))) for i in range(count)], 0
        )
        weighed = reshape(TABLE["mul"](rates, reshape(g, (count, *self.shape))), (count, self.size))
        by_times = TABLE["sum"](weighed, 1, False)
        of_first = index(reshape(g, (count, self.size)), (0,))
        later = TABLE["sub"](index(row, (slice(0, self.size),)), of_first)
        rate = reshape(index(rates, (0,)), (self.size,))
        at_start = -TABLE["sum"](TABLE["mul"](later, rate), None, False)
        by_times = concat(reshape(at_start, (1,)), index(by_times, (slice(1, None),)), 0)
        self.machine.take_over(run)
        starts = np.cumsum([0, *sizes])
        shapes = [self.shape, *(shape_of(value_of(outer)) for outer in outers)]
        first, *rest = [
            reshape(index(row, (slice(int(at), int(at) + size),)), shape)
            for at, size, shape in zip(starts, sizes, shapes, strict=False)
        ]
        return [first, by_times, *rest]


def _with_sensitivities(flow: Flow, sizes: Sequence[int]) -> Family:
    """Of y and its derivatives in a row, the rate: of y, and by the sensitivity equations."""
    size, width = flow.size, sum(sizes)
    reshape, index, add = TABLE["reshape"], TABLE["index"], TABLE["add"]

    def bind(machine: Machine, outers: Sequence[Any]) -> Bound:
        def at(t: Any, z: Any) -> Any:
            graph = machine.graph
            y = marked(graph, reshape(index(z, (slice(0, size),)), flow.shape))
            targets = [y, *(marked(graph, outer) for outer in outers)]
            rate = flow.family(machine, targets[1:])(t, y)
            rows = []
            for unit in unit_arrays(flow.shape):
                found: dict[Node, Any] = {}
                if isinstance(rate, Node):
                    found = recorded_reverse_sweep(graph, since(graph, y, rate), unit, targets)
                rows.append(_in_a_row([found.get(n, np.zeros(shape_of(n.value))) for n in targets]))
            slopes = TABLE["stack"](*rows, 0)
            by_y = index(slopes, (slice(None), slice(0, size)))
            moved = reshape(index(z, (slice(size, None),)), (size, width))
            direct = index(slopes, (slice(None), slice(size, None)))
            padded = TABLE["concat"](np.zeros((size, size)), direct, 1)
            total = add(TABLE["matmul"](by_y, moved), padded)
            return TABLE["concat"](reshape(rate, (size,)), reshape(total, (size * width,)), 0)

        return at

    return bind


def _split(row: Any, sizes: Sequence[int]) -> list[Any]:
    return list(np.split(row, np.cumsum(sizes)[:-1]))


def as_argument(value: Any) -> Any:
    """What a function of the program is called with: a node, a Python number, or an array."""
    return value if isinstance(value, Node) else plain(np.asarray(value))


def _forget(aside: Aside, kept: int) -> None:
    """Drops what a point recorded, and keeps the leaves."""
    aside.run.graph.cut(kept)
    aside.run.array_bytes = 0
    aside.run.keep_journal(aside.run.journal)


def _weighed_slopes(family: Family) -> Family:
    """The derivatives by the other outers of a function's values weighed by the first, in a row."""

    def bind(machine: Machine, outers: Sequence[Any]) -> Bound:
        g, *others = outers

        def at(x: Any) -> Any:
            graph = machine.graph
            targets = [marked(graph, other) for other in others]
            value = family(machine, targets)(x)
            total = TABLE["sum"](TABLE["mul"](value, g), None, False)
            found: dict[Node, Any] = {}
            if isinstance(total, Node) and targets:
                nodes = since(graph, targets[0], total)
                found = recorded_reverse_sweep(graph, nodes, ones_of(total), targets)
            return _in_a_row(
                [found.get(target, np.zeros(shape_of(target.value))) for target in targets]
            )

        return at

    return bind


def _in_a_row(parts: Sequence[Any]) -> Any:
    rows = [TABLE["reshape"](part, (int(np.size(value_of(part))),)) for part in parts]
    return TABLE["concat"](*rows, 0)
