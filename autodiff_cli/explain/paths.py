"""The ways by which a derivative flows from an output to a name, and what each is worth.

The chain rule is a sum over paths: a path's product of local derivatives is its part of the
gradient. There may be as many as 2 to the power of the nodes; here they are counted, and the
largest found, in a single pass over the nodes, backwards.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, Scalar
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives.indexing import Scatter
from autodiff_cli.engine.rules import cotangents, rule_arguments
from autodiff_cli.engine.sweeps import dense, reverse_sweep, scalar_partials

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.engine.graph import Graph
    from autodiff_cli.engine.sweeps import Kinks

BEST = 3
"""Paths that are found."""
EXACT = 2**1024
"""Numbers of paths are whole below this, and the logarithm to base 2, a float, above it."""

Count = int | float


@dataclass(slots=True)
class Between:
    """The part of a graph through which a derivative can flow from an output to a target.

    Attributes:
        order: every node that is made of the target and that the output is made of; the target
            first, the output last, operands before what is made of them. Empty where there is
            no way from the one to the other.
        index: the place of each in `order`.
        adjoints: of those whose adjoint is not zero.
        seed: the output's cotangent.
    """

    order: list[Node]
    index: dict[Node, int]
    adjoints: dict[Node, Any]
    seed: Any
    kinks: Kinks

    @property
    def target(self) -> Node:
        return self.order[0]

    @property
    def output(self) -> Node:
        return self.order[-1]

    def edges(self, node: Node) -> list[tuple[int, Node, Any]]:
        """Each operand of a node that leads to the target: its position, and what it gets.

        None where the operand has no derivative, or one that is 0 everywhere. An array's
        contribution may be of the shape that the operand was broadcast to.
        """
        g = self.adjoints[node]
        g = self.kinks.meet(node, g)
        index = self.index
        operands = [
            (position, arg)
            for position, arg in enumerate(node.args)
            if isinstance(arg, Node) and arg in index
        ]
        partials = scalar_partials(node)
        if partials is not None:
            return [(position, arg, g * partials[position]) for position, arg in operands]
        args = rule_arguments(node)
        return [(position, arg, pulled(node, position, g, args)) for position, arg in operands]


def between(graph: Graph, target: Node, output: Any, seed: Any, kinks: Kinks) -> Between:
    """What lies between a target and an output, swept from `seed`."""
    nodes = graph.up_to(output) if isinstance(output, Node) else []
    made = {target}
    for node in nodes:
        for arg in node.args:
            if isinstance(arg, Node) and arg in made:
                made.add(node)
                break
    needed = {output} if isinstance(output, Node) and output in made else set()
    for node in reversed(nodes):
        if node in needed:
            needed.update(arg for arg in node.args if isinstance(arg, Node) and arg in made)
    order = [node for node in nodes if node in needed]
    index = {node: place for place, node in enumerate(order)}
    adjoints = reverse_sweep(nodes, seed, index, kinks=kinks) if order else {}
    return Between(order, index, adjoints, seed, kinks)


def pulled(node: Node, position: int, g: Any, args: list[Any]) -> Any:
    """What an operand gets of a node's adjoint `g`, by the rule; `args` as the rule takes them."""
    assert node.primitive is not None
    (part,) = cotangents(node.primitive, [position], g, node.value, args)
    return part


def pulled_at(node: Node, position: int, g: Any, values: Sequence[Any]) -> Any:
    """What an operand would get of `g` if the node's operands were `values`; in its shape.

    Raises:
        AdiffError: there the primitive has no value.
    """
    primitive = node.primitive
    assert primitive is not None
    if type(node) is Scalar and primitive.kind == "elementwise" and primitive.scalar is not None:
        probe = Scalar()
        probe.primitive = primitive
        probe.args = tuple(map(_leaf, values))
        probe.value = float(primitive.guarded(*(arg.value for arg in probe.args)))
        partials = scalar_partials(probe)
        assert partials is not None
        return g * partials[position]
    options = node.args[len(values) :]
    out = np.asarray(primitive.array(*values, *options))
    (part,) = cotangents(primitive, [position], g, out, [*values, *options])
    return dense(part, shape_of(values[position]))


def _leaf(value: Any) -> Scalar:
    leaf = Scalar()
    leaf.value = float(value)
    leaf.adjoint = 0.0
    return leaf


# ── what is found of the paths ────────────────────────────────────────────────────────


@dataclass(slots=True)
class Path:
    """One way from the target to the output.

    Attributes:
        nodes: the target first.
        partials: ∂nodes[i + 1]/∂nodes[i]; None where that is no number.
        contribution: their product, in the target's shape.
        share: of the gradient; all paths' add up to 1.
    """

    nodes: list[Node]
    partials: list[float | None]
    contribution: Any
    share: float


@dataclass(slots=True)
class Use:
    """What the target gets from the operations of one place in the source.

    Attributes:
        node: the first of them.
        count: how many they are.
    """

    node: Node
    count: int
    contribution: Any
    share: float


@dataclass(slots=True)
class Flow:
    """How a gradient that is not zero comes about.

    Attributes:
        paths: how many there are.
        alive: how many of these are of operations whose derivatives are all not zero.
        losing: of each place in the source the first operation that passes nothing on to an
            operand.
        best: of the largest products, the largest share first.
        uses: by the place that first takes the target, the largest share first.
        opposed: how large the contributions are, in units of what is left of them: those of
            all uses, or of the best paths.
    """

    paths: Count
    alive: Count
    losing: list[Node] = field(default_factory=list)
    best: list[Path] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    opposed: float = 1.0

    @property
    def rest(self) -> float:
        """The share of the paths that are not among the best."""
        return 1.0 - sum(path.share for path in self.best)


Candidate = tuple[float, int, int]
"""The logarithm of a path's gain so far, negated; what it came from, as in `_Trail`; and the
position of the operand that it goes on to."""


class _Trail:
    """For each place in the order, where its best paths came from: a place and a rank there."""

    def __init__(self, size: int) -> None:
        self._sources = array("q", bytes(8 * size * BEST))
        self._positions = array("i", bytes(4 * size * BEST))

    def keep(self, place: int, candidates: Sequence[Candidate]) -> None:
        for rank, (_, source, position) in enumerate(candidates):
            self._sources[place * BEST + rank] = source
            self._positions[place * BEST + rank] = position

    def follow(self, rank: int, last: int) -> Iterator[tuple[int, int]]:
        """The places from the target to the output, each with the position that led to it."""
        at = rank
        while at // BEST != last:
            position = self._positions[at]
            at = self._sources[at]
            yield at // BEST, position


def flow(part: Between) -> Flow:
    """Counts the paths of a gradient that is not zero, and finds the largest.

    A path is as large as the product of its gains: of an operation, the size of what its
    operand gets, over that of its adjoint. It goes through adjoints that are not zero.
    """
    order, index = part.order, part.index
    last = len(order) - 1
    paths = _Counts(last)
    open_: dict[int, list[Candidate]] = {last: [(0.0, 0, 0)]}
    trail = _Trail(len(order))
    uses: dict[int, Use] = {}
    losing: dict[int, Node] = {}
    for place in range(last, 0, -1):
        node = order[place]
        arrived = open_.pop(place, [])
        trail.keep(place, arrived)
        for position, operand, gain in _gains(part, node):
            to = index[operand]
            paths.add(to, place, gain > 0.0)
            if not gain:
                if node in part.adjoints:
                    losing.setdefault(id(node.span), node)
                continue
            step = math.log(gain)
            source = place * BEST
            came = [(negated - step, source, position) for negated, _, _ in arrived[:1]]
            for negated, _, _ in arrived[1:]:
                source += 1
                came.append((negated - step, source, position))
            open_[to] = sorted(open_[to] + came)[:BEST] if to in open_ else came
            if to == 0:
                (contribution,) = (got for at, _, got in part.edges(node) if at == position)
                _add_use(uses, node, dense(contribution, shape_of(operand.value)))
    reached = open_.get(0, [])
    trail.keep(0, reached)
    gradient = part.adjoints[part.target]
    found = Flow(paths.all[0], paths.alive[0], list(losing.values()))
    found.best = [_path(part, trail, rank, gradient) for rank in range(len(reached))]
    found.best.sort(key=lambda path: -abs(path.share))
    found.uses = list(uses.values())
    for use in found.uses:
        use.share = share(use.contribution, gradient)
    found.uses.sort(key=lambda use: -abs(use.share))
    found.best = [path for path in found.best if path.share]
    found.opposed = max(
        sum(abs(use.share) for use in found.uses), sum(abs(path.share) for path in found.best)
    )
    return found


def _gains(part: Between, node: Node) -> list[tuple[int, Node, float]]:
    """The operands of a node that lead to the target, each with its position and its gain.

    The gain is 0 where nothing arrives, and where what arrives cancels with the rest.
    """
    g, index, adjoints = part.adjoints.get(node), part.index, part.adjoints
    partials = None if g is None else scalar_partials(node)
    if partials is not None and g is not None:
        found = []
        for position, arg in enumerate(node.args):
            if isinstance(arg, Node) and arg in index:
                partial = partials[position]
                if g * partial == 0.0 or arg not in adjoints:
                    partial = 0.0
                found.append((position, arg, abs(partial)))
        return found
    if g is None:
        operands = enumerate(node.args)
        return [(i, arg, 0.0) for i, arg in operands if isinstance(arg, Node) and arg in index]
    size = _norm(g)
    return [
        (position, arg, _norm(got) / size if got is not None and arg in adjoints else 0.0)
        for position, arg, got in part.edges(node)
    ]


def _add_use(uses: dict[int, Use], node: Node, contribution: Any) -> None:
    use = uses.get(id(node.span))
    if use is None:
        uses[id(node.span)] = Use(node, 1, contribution, 0.0)
    else:
        use.count += 1
        use.contribution = use.contribution + contribution


def _path(part: Between, trail: _Trail, rank: int, gradient: Any) -> Path:
    places, positions = [0], []
    for place, position in trail.follow(rank, len(part.order) - 1):
        places.append(place)
        positions.append(position)
    nodes = [part.order[place] for place in places]
    partials: list[float | None] = [None] * len(positions)
    contribution = part.seed
    for step in range(len(positions) - 1, -1, -1):
        node, operand, position = nodes[step + 1], nodes[step], positions[step]
        contribution = part.kinks.meet(node, contribution)
        numbers = scalar_partials(node)
        if numbers is not None:
            partials[step] = numbers[position]
            contribution = contribution * numbers[position]
        else:
            got = pulled(node, position, contribution, rule_arguments(node))
            contribution = dense(got, shape_of(operand.value))
    return Path(nodes, partials, contribution, share(contribution, gradient))


def share(contribution: Any, gradient: Any) -> float:
    """How much of a gradient a contribution is: 1 for all of it, below 0 where it opposes it."""
    if isinstance(gradient, float):
        return float(contribution) / gradient
    # Scaled first: squares of large numbers overflow, and those of small ones vanish.
    largest = np.max(np.abs(gradient))
    unit = gradient / largest
    return float(np.sum(contribution / largest * unit) / np.sum(unit * unit))


def _norm(value: Any) -> float:
    if isinstance(value, float):
        return abs(value)
    if type(value) is Scatter:
        value = value.cotangent
    sizes = np.abs(np.ravel(value), dtype=np.float64)
    largest = float(sizes.max(initial=0.0))
    # Scaled first, as in `share`.
    return largest * float(np.linalg.norm(sizes / largest)) if largest else 0.0


# ── numbers of paths ──────────────────────────────────────────────────────────────────


class _Counts:
    """How many paths lead from the output to each place: all, and those that are alive."""

    def __init__(self, last: int) -> None:
        self.all: list[Count] = [*([0] * last), 1]
        self.alive = self.all
        """The same list, until a path is met that is not."""

    def add(self, to: int, place: int, alive: bool) -> None:
        """Counts the paths to `place` as paths to an operand of it."""
        if self.alive is not self.all:
            if alive:
                self.alive[to] = _plus(self.alive[to], self.alive[place])
        elif not alive:
            self.alive = self.all.copy()
        self.all[to] = _plus(self.all[to], self.all[place])


def _plus(a: Count, b: Count) -> Count:
    if not (a and b):
        return a or b
    if type(a) is int and type(b) is int:
        total = a + b
        return total if total < EXACT else math.log2(total)
    low, high = binary_order(a), binary_order(b)
    if low > high:
        low, high = high, low
    return high + math.log2(1.0 + 2.0 ** (low - high))


def binary_order(count: Count) -> float:
    """The logarithm to base 2 of a number of paths."""
    if isinstance(count, float):
        return count
    return math.log2(count) if count else -math.inf
