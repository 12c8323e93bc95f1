"""The reverse pass of a form: each operation's adjoint handed on to its operands, the last first.

The order in which contributions add up is that of the interpreter's sweep. What the way back
needs of a turn of a loop, that turn writes on the loop's tape.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.array_rules import ArrayRules
from autodiff_cli.compiler.dependence import needed, reached
from autodiff_cli.compiler.form import (
    AddAt,
    Apply,
    ArrayCall,
    Call,
    Check,
    Function,
    If,
    Loop,
    Move,
    Note,
    Region,
    Uncall,
    Unwind,
    Value,
    called,
    everything,
    reads,
    regions,
    values_of,
    writes,
)
from autodiff_cli.compiler.pruning import prune
from autodiff_cli.compiler.rules import Code, emitted, is_nothing, is_safe, kink, partial
from autodiff_cli.compiler.simplifying import simplify
from autodiff_cli.compiler.tape import save_for_way_back
from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.language.source import Span


def add_adjoint(
    function: Function, targets: Sequence[Value], careful: bool = False, lean: bool = False
) -> list[Operand]:
    """Appends the reverse pass of a function's first result; the gradient by `targets`.

    Args:
        careful: an adjoint of 0 contributes nothing, whatever the partial is. Where it is not so,
            the nan that comes of it must be seen.
        lean: what is cheap is computed again, and not kept on a tape.
    """
    seeds = [(function.body.yields[0], 1.0)]
    return finished(function, add_reverse(function, targets, seeds, careful, lean), lean)


def finished(function: Function, results: list[Operand], lean: bool) -> list[Operand]:
    """Simplifies a function whose derivatives are written, and has it save what their ways back
    read; gives these, as they are called then."""
    if not called(function.body) and not _has_arrays(function.body):
        results = simplify(function.body, results)
    prune(function, results)
    save_for_way_back(function, lean)
    return results


def _has_arrays(body: Region) -> bool:
    return any(value.shape for op in everything(body) for value in writes(op))


def add_reverse(
    function: Function,
    targets: Sequence[Value],
    seeds: Sequence[tuple[Operand, Operand]],
    careful: bool = False,
    lean: bool = False,
    again: bool = False,
) -> list[Operand]:
    """As `add_adjoint`, from the cotangents of several results; nothing is saved for it yet.

    Args:
        seeds: results, each with its cotangent.
        again: what it computes is to be differentiated.
    """
    body = function.body
    outputs = [output for output, _ in seeds if isinstance(output, Value)]
    bodies = [body, *(one.body for one in called(body))]
    active = reached(bodies, targets, _varies) & needed(bodies, outputs)
    reverse = _Reverse(active, sum(map(_uses, bodies), Counter()), careful, lean, again)
    for output, seed in seeds:
        reverse.start(output, seed)
    reverse.back(body.ops)
    gradient = [reverse.adjoint(one) if one in reverse.known else 0.0 for one in targets]
    body.ops += [Note("the way back"), *reverse.region.ops]
    reverse.back_of_functions()
    return gradient


def _varies(op: Apply | Move, found: set[Value]) -> bool:
    """Whether what an operation computes varies with those found."""
    if not isinstance(op, Apply) or op.primitive.kind == "constant":
        return False
    return not found.isdisjoint(values_of(op.args))


def _uses(region: Region) -> Counter[Value]:  # recurses: the program's blocks
    """How often values are read, by operations and as what regions yield."""
    uses = Counter(values_of(region.yields))
    for op in region.ops:
        uses.update(values_of(reads(op)))
        for inner in regions(op):
            uses.update(_uses(inner))
    return uses


class _Reverse:
    """Writes the way back.

    Attributes:
        known: the values whose adjoint is set where the writing is.
    """

    def __init__(
        self, active: set[Value], uses: Counter[Value], careful: bool, lean: bool, again: bool
    ) -> None:
        self.active = active
        self.careful = careful
        self.lean = lean
        self.again = again
        self._called: dict[Function, None] = {}
        """The functions that calls are undone of."""
        self._span: Span | None = None
        self._doubtful: set[Value] = set()
        """The values whose adjoint is 0 where a path was not taken."""
        self.region = Region()
        self.known: set[Value] = set()
        self._adjoints: dict[Value, Operand] = {}
        self._uses = uses
        self._here: set[Value] = set()
        """What the operations that are gone through define, outside of their regions."""
        self._arrays = ArrayRules(self)
        self._holds: dict[Value, Value] = {}
        """The values whose adjoint is another one's, until it is set."""

    def adjoint(self, value: Value) -> Any:
        if value not in self._adjoints:
            name = f"{value.name}_bar" if value.name else ""
            self._adjoints[value] = Value("float", name, shape=value.shape)
        return self._adjoints[value]

    def emit(self, op: Any) -> None:
        if isinstance(op, (Apply, ArrayCall, Move, AddAt)):
            op.span = self._span
        self.region.ops.append(op)

    def contribute(self, operand: Operand, what: Operand, doubtful: bool = False) -> None:
        """Adds to an operand's adjoint, where it has one."""
        if not isinstance(operand, Value) or operand not in self.active:
            return
        if not doubtful:
            self._doubtful.discard(operand)
        elif operand not in self.known:
            self._doubtful.add(operand)
        if operand in self.known:
            adjoint = self.adjoint(operand)
            self.emit(Apply(adjoint, TABLE["add"], (adjoint, what)))
            self._arrays.owned.add(operand)
            return
        self.known.add(operand)
        self._arrays.owned.discard(operand)
        if self._uses[operand] == 1 and operand in self._here:
            # All that it ever gets.
            self._adjoints[operand] = what
        elif self._holds.get(operand) is not what:
            self.emit(Move(self.adjoint(operand), what))

    def start(self, output: Operand, seed: Operand) -> None:
        """Adds to the adjoint of a result."""
        self._here = {output}
        self.contribute(output, seed)

    def begin(self, value: Value) -> None:
        """Sets an adjoint to 0, where nothing has set it yet."""
        if value in self.active and value not in self.known:
            self.known.add(value)
            self._doubtful.add(value)
            self._arrays.owned.add(value)
            self.emit(Move(self.adjoint(value), 0.0))

    def back(self, ops: Sequence[Any]) -> None:  # recurses: the program's blocks
        outer, self._here = self._here, {value for op in ops for value in writes(op)}
        for op in reversed(ops):
            if isinstance(op, Apply):
                if op.out in self.known and op.out in self.active:
                    self._apply(op)
            elif isinstance(op, If):
                self._if(op)
            elif isinstance(op, Loop):
                self._loop(op)
            elif isinstance(op, Call):
                self._call(op)
        self._here = outer

    def _apply(self, op: Apply) -> None:
        g = self.adjoint(op.out)
        self._span = op.span
        doubtful = op.out in self._doubtful
        primitive = op.primitive
        live = [i for i, arg in enumerate(op.args) if isinstance(arg, Value) and arg in self.active]
        if op.is_of_arrays:
            self._arrays.back(op, live)
            return
        if self.careful and not isinstance(g, Value) and g == 0:
            return
        if primitive.has_edges:
            # A sweep that is recorded meets a kink with an adjoint of 0 too.
            check_edges(op, 1.0 if self.again else g, live, self.emit)
        done: dict[Any, Operand] = {}
        for position in live:
            recorded = self.active if self.again else ()
            rule = partial(primitive, position, op.out, op.args, recorded)
            if is_nothing(primitive, position, rule):
                continue
            arg = op.args[position]
            if not isinstance(rule, Code) and rule == 1:
                self.contribute(arg, g, doubtful)
                continue
            unsafe = isinstance(rule, Code) and (doubtful or not is_safe(rule))
            if self.careful and unsafe and isinstance(g, Value):
                product = Value("float")
                factor = emitted(rule, self.emit, done)
                self.emit(Apply(product, TABLE["gated"], (g, factor)))
                self.contribute(arg, product, doubtful)
                continue
            factor = emitted(rule, self.emit, done)
            gated = primitive.chooses and isinstance(factor, Value)
            self.contribute(arg, self._product(g, factor, gated), doubtful or gated)

    def _product(self, g: Operand, factor: Operand, gated: bool) -> Operand:
        """g·factor, as the sweep computes it."""
        if not isinstance(g, Value):
            if g == 1.0:
                return factor
            if not isinstance(factor, Value):
                return g * factor
        product = Value("float")
        if not isinstance(factor, Value) and factor == -1:
            self.emit(Apply(product, TABLE["neg"], (g,)))
        elif gated:
            self.emit(Apply(product, TABLE["gated"], (factor, g)))
        else:
            self.emit(Apply(product, TABLE["mul"], (g, factor)))
        return product

    def _if(self, op: If) -> None:  # recurses: the program's blocks
        taken = [k for k, out in enumerate(op.outs) if out in self.known and out in self.active]
        if not taken:
            return
        before = self.region, self.known, self._doubtful, self._here
        owned = set(self._arrays.owned)
        ends = []
        for way in (op.then, op.otherwise):
            self.region, self.known = Region(), set(before[1])
            self._doubtful = set(before[2])
            self._here = {value for inner in way.ops for value in writes(inner)}
            for k in taken:
                self.contribute(way.yields[k], self.adjoint(op.outs[k]))
            self.back(way.ops)
            ends.append((self.region, self.known, self._doubtful))
            self._arrays.owned &= owned
        self.region, self.known, _, self._here = before
        self._doubtful = ends[0][2] | ends[1][2]
        # What only one way adds to is 0 after the other.
        for value in _outside(op, self.active):
            lacking = [region for region, known, _ in ends if value not in known]
            if len(lacking) < 2:
                self.known.add(value)
            if len(lacking) == 1:
                self._doubtful.add(value)
                lacking[0].ops.append(Move(self.adjoint(value), 0.0))
        then, otherwise = (region for region, _, _ in ends)
        self.emit(If(op.condition, then, otherwise, span=op.span, way_back_of=op))

    def _loop(self, op: Loop) -> None:  # recurses: the program's blocks
        carried = [k for k, param in enumerate(op.body.params) if param in self.active]
        if not any(op.outs[k] in self.known for k in carried):
            return
        for value in _outside(op, self.active):
            self.begin(value)
            self._arrays.own(value)
        for k in carried:
            out = op.outs[k]
            source = self.adjoint(out) if out in self.known and out in self.active else 0.0
            self.emit(Move(self.adjoint(op.body.params[k]), source))
        outer, before = self.region, set(self.known)
        self.region = Region()
        arriving = {}
        for k in carried:
            param = op.body.params[k]
            if op.body.yields[k] is not param:
                arriving[k] = self._holds[param] = Value("float", shape=param.shape)
                self.emit(Move(arriving[k], self.adjoint(param)))
            else:
                self.known.add(param)
                self._arrays.owned.discard(param)
        here, self._here = self._here, {value for inner in op.body.ops for value in writes(inner)}
        for k, g in arriving.items():
            self.contribute(op.body.yields[k], g)
        self._here = here
        self.back(op.body.ops)
        for k in carried:
            self.begin(op.body.params[k])
        turn, self.region, self.known = self.region, outer, before
        self.emit(Unwind(op, turn))
        for k in carried:
            self.contribute(op.inits[k], self.adjoint(op.body.params[k]))

    def _call(self, op: Call) -> None:
        function = op.function
        given: list[Operand] = []
        for k, result in enumerate(function.body.yields):
            if result in self.active:
                out = op.outs[k]
                is_known = out in self.known and out in self.active
                given.append(self.adjoint(out) if is_known else 0.0)
        if not any(isinstance(one, Value) or one for one in given):
            return
        op.undone = True
        op.tape = None if self.lean else Value("tape", "tape")
        if function.back is None:
            function.back = Function([], Region(), name=f"{function.name}_back")
            self._called[function] = None
        # Each argument's adjoint goes in and comes back with what the call adds to it, in the order
        # of the interpreter; a second time it stands for, what that adds is added at the end.
        outs: list[Value] = []
        more: list[tuple[Operand, Value]] = []
        for param, arg in zip(function.params, op.args, strict=True):
            if param not in self.active:
                continue
            if arg in self.active and all(self._adjoints.get(arg) is not out for out in outs):
                given.append(self.adjoint(arg) if arg in self.known else 0.0)
                if arg not in self.known:
                    self.known.add(arg)
                    self._doubtful.add(arg)
                outs.append(self.adjoint(arg))
            else:
                given.append(0.0)
                outs.append(Value("float"))
                more.append((arg, outs[-1]))
        self.region.ops.append(Uncall(outs, op, given, op.span))
        for arg, what in more:
            self.contribute(arg, what, doubtful=True)

    def back_of_functions(self) -> None:
        """Writes the ways back of all functions that are called."""
        while self._called:
            function, _ = self._called.popitem()
            back = function.back
            assert back is not None
            self.region, self.known = back.body, set()
            self._span = None
            self._here = {value for op in function.body.ops for value in writes(op)}
            inward = [param for param in function.params if param in self.active]
            self.known.update(inward)
            self._doubtful.update(inward)
            for result in function.body.yields:
                if result in self.active:
                    arriving = Value("float", f"{result.name}_bar" if result.name else "")
                    back.params.append(arriving)
                    self.contribute(result, arriving, doubtful=True)
            back.params += [self.adjoint(param) for param in inward]
            self.back(function.body.ops)
            back.body.yields = [self.adjoint(param) for param in inward]


def check_edges(
    op: Apply, where: Operand, live: Sequence[int], emit: Callable[[Any], None]
) -> None:
    """Flags a kink, or the end of a gradient, that a derivative that is not 0 rests on.

    Args:
        where: that derivative.
        live: the positions of the operands that anything is differentiated by.
    """
    primitive = op.primitive
    if primitive.edges_by is not None and not set(primitive.edges_by).intersection(live):
        return
    if primitive.flat or not primitive.counts.isdisjoint(live):
        emit(Check(holds=False, where=where))
        return
    positions = [None] if callable(primitive.kink) else live
    for position in positions:
        at = emitted(kink(primitive, position, op.args), emit, {})
        if at is not False:
            emit(Check(fails=at, where=where))


def _outside(op: Any, active: set[Value]) -> list[Value]:
    """The active values that an operation's regions read and do not define."""
    inside: set[Value] = set()
    read: dict[Value, None] = {}
    for region in regions(op):
        inside.update(region.params)
        read.update(dict.fromkeys(values_of(region.yields)))
        for inner in everything(region):
            inside.update(writes(inner))
            for part in regions(inner):
                inside.update(part.params)
                read.update(dict.fromkeys(values_of(part.yields)))
            read.update(dict.fromkeys(values_of(reads(inner))))
    if isinstance(op, Loop):
        inside.update(op.body.params)
    return [value for value in read if value in active and value not in inside]
