"""What all printers share: names, and which operations are written inside of others."""

from __future__ import annotations

import keyword
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.form import (
    Apply,
    Loop,
    Move,
    Note,
    Region,
    Unwind,
    Value,
    called,
    defined_by,
    everything,
    reads,
    regions,
    values_of,
    with_ways_back,
    writes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from autodiff_cli.compiler.form import Function, If, Operand
    from autodiff_cli.language.source import Span

DEEPEST = 30
"""How many operations one expression may have inside each other."""

CHOICE, OR, AND, NOT, COMPARED, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)
"""How tightly an expression binds."""

INFIX = {
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/"), PRODUCT),
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), COMPARED),
}
"""Signs between two operands that all languages write alike, and how tightly they bind."""


STEPS = frozenset(("+", "-", "*", "/"))
"""Signs that all languages write before `=`, too."""


class Names:
    """A name of its own for every value, the program's where it has one."""

    def __init__(self, taken: Iterable[str], spelt: Callable[[str], str] = str) -> None:
        self._taken = set(taken)
        self._spelt = spelt
        self._names: dict[Value, str] = {}
        self._next: Counter[str] = Counter()

    def __getitem__(self, value: Value) -> str:
        if value not in self._names:
            self._names[value] = self.fresh(value.name)
        return self._names[value]

    def suggest(self, value: Value, wanted: str) -> None:
        """Calls a value something, if it has no name yet."""
        if value not in self._names:
            self._names[value] = self.fresh(wanted)

    def take(self, names: Iterable[str]) -> None:
        """Keeps names for something else."""
        self._taken.update(names)

    def fresh(self, wanted: str) -> str:
        """A name that nothing else has."""
        stem = self._spelt(wanted) if wanted else "v"
        name = stem if wanted else "v1"
        while name in self._taken or keyword.iskeyword(name):
            self._next[stem] += 1
            name = f"{stem}{self._next[stem] + bool(wanted)}"
        self._taken.add(name)
        return name


class Inlining:
    """Which operations are written where their result is used, as that is the only place."""

    def __init__(self, function: Function, keep_named: bool = False) -> None:
        self.into: dict[Value, Any] = {}
        """The operation of each value that has no variable."""
        self._keep_named = keep_named
        self._handed_on: set[Value] = set()
        """What is only computed to be the next of a variable that is called the same."""
        self._uses: Counter[Value] = Counter()
        self._made: Counter[Value] = Counter(function.params)
        self._depth: dict[Value, int] = {}
        self._count(function.body)
        self._uses.update(values_of(function.body.yields))
        for value in function.saved:
            self._uses[value] += 2
        self._choose(function.body)

    def is_read(self, value: Value) -> bool:
        """Whether anything uses a value."""
        return self._uses[value] > 0

    def _count(self, region: Region) -> None:  # recurses: the program's blocks
        self._made.update(region.params)
        for op in region.ops:
            self._uses.update(values_of(reads(op)))
            self._made.update(writes(op))
            if isinstance(op, Apply) and op.primitive.name == "gated":
                self._uses.update(values_of(op.args[:1]))
            if isinstance(op, Loop):
                self._made.update(values_of([op.index]))
                for value in values_of([op.leave, *op.saved]):
                    self._uses[value] += 2
            if isinstance(op, Unwind):
                self._made.update(op.loop.saved)
            for inner in regions(op):
                self._count(inner)
                self._uses.update(values_of(inner.yields))
                targets = op.body.params if isinstance(op, Loop) else getattr(op, "outs", [])
                self._handed_on.update(
                    one
                    for one, target in zip(inner.yields, targets, strict=False)
                    if isinstance(one, Value) and one.name == target.name
                )

    def _choose(self, region: Region) -> None:  # recurses: the program's blocks
        """An operation moves to its use only over what writes nothing that it reads."""
        ready: dict[Value, tuple[Any, set[Value]]] = {}
        for op in region.ops:
            self._take(values_of(reads(op)), ready)
            written = set(writes(op))
            for inner in regions(op):
                self._choose(inner)
            if regions(op):
                for inner_op in everything(Region(ops=[op])):
                    written.update(writes(inner_op))
                    written.update(defined_by(inner_op) if regions(inner_op) else ())
            for value in [v for v, (_, read) in ready.items() if not read.isdisjoint(written)]:
                del ready[value]
            if isinstance(op, (Apply, Move)) and self._may_move(op):
                ready[op.out] = (op, self._read_by(op))
        self._take(values_of(region.yields), ready)

    def _may_move(self, op: Any) -> bool:
        out = op.out
        is_kept = self._keep_named and out.name and out not in self._handed_on
        # Whether an integer has left 64 bits, or is no double, is looked at where it is assigned.
        is_counted = isinstance(op, Apply) and out.type == "int" and op.span is not None
        is_counted = is_counted or is_quotient(op)
        if self._uses[out] != 1 or self._made[out] != 1 or is_kept or is_counted:
            return False
        if out.shape:
            return False
        depth = 1 + max([self._depth.get(arg, 0) for arg in values_of(reads(op))], default=0)
        self._depth[out] = depth
        if depth > DEEPEST:
            self._depth[out] = 0
            return False
        return True

    def _read_by(self, op: Any) -> set[Value]:  # recurses: the program's blocks
        """The variables that an expression reads, and that are written more than once."""
        found: set[Value] = set()
        for value in values_of(reads(op)):
            if value in self.into:
                found |= self._read_by(self.into[value])
            else:
                found.add(value)
        return found

    def _take(self, values: list[Value], ready: dict[Value, tuple[Any, set[Value]]]) -> None:
        for value in values:
            if value in ready:
                self.into[value] = ready.pop(value)[0]


def is_quotient(op: Any) -> bool:
    """Whether it divides integers, which Python does exactly."""
    if not isinstance(op, Apply) or op.primitive.sign != "/":
        return False
    return all(_kind(arg) == "int" for arg in op.args)


def _kind(operand: Operand) -> str:
    return operand.type if isinstance(operand, Value) else type(operand).__name__


class Lines:
    """Text that grows line by line, in blocks.

    Attributes:
        span: the place in the program that the next lines come from.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[str, Span | None]] = []
        self.depth = 0
        self.span: Span | None = None

    def add(self, line: str) -> None:
        self.lines.append(("    " * self.depth + line if line else "", self.span))

    def text(self) -> str:
        return "".join(f"{line}\n" for line, _ in self.lines)

    def place(self, number: int) -> Span | None:
        """Where in the program a line comes from, counted from 1."""
        known = [span for _, span in self.lines[:number] if span is not None]
        return known[-1] if known else None


def unset_at_first(function: Function) -> list[Value]:
    """What a turn of a loop, or a call, may save without having set it.

    That is what a branch or a loop in it sets.
    """
    found: dict[Value, None] = {}
    set_by_call = {*function.params}
    for op in function.body.ops:
        set_by_call.update(writes(op))
    found.update((value, None) for value in function.saved if value not in set_by_call)
    for op in everything(function.body):
        if isinstance(op, Loop):
            set_by_turn = {*defined_by(op)}
            for inner in op.body.ops:
                set_by_turn.update(writes(inner))
            found.update((value, None) for value in op.saved if value not in set_by_turn)
    return list(found)


def phi_order(
    pairs: list[tuple[Value, Operand]], reads_of: Callable[[Operand], set[Value]]
) -> bool:
    """Whether the assignments of `pairs` can be made one after the other."""
    done: set[Value] = set()
    for target, source in pairs:
        if not done.isdisjoint(reads_of(source)):
            return False
        done.add(target)
    return True


class Printer(Lines):
    """Writes a function, operation by operation; a language says how.

    Attributes:
        used: what the text calls by name.
    """

    def __init__(self, function: Function, names: Names, keep_named: bool = False) -> None:
        super().__init__()
        self.function = function
        self.names = names
        self.inlining = Inlining(function, keep_named)
        self.used: dict[str, Any] = {}
        self.callees: dict[Function, str] = {}
        """What functions that are called, and their ways back, are called."""

    def name_callees(self) -> list[Function]:
        """Names the functions that the program calls; gives them, without their ways back."""
        functions = called(self.function.body)
        for each in with_ways_back(functions):
            self.callees[each] = self.names.fresh(each.name)
        return functions

    def inside(self, function: Function, names: Names | None = None) -> Any:
        """Of the kind of this printer one for a function that is called; for a way back, with
        the names of the function whose it is."""
        inner = self.alike(function)
        inner.callees, inner.used = self.callees, self.used
        if names is None:
            inner.names.take(self.callees.values())
        else:
            inner.names = names
        return inner

    def alike(self, function: Function) -> Any:
        """Another printer of this kind."""
        raise NotImplementedError

    def ops(self, region: Region) -> None:  # recurses: the program's blocks
        for op in region.ops:
            self.span = getattr(op, "span", None) or self.span
            self.remark(op)
            if not isinstance(op, (Apply, Move)):
                self.writers[type(op)](self, op)
            elif op.out not in self.inlining.into:
                self.assigned(op)

    def remark(self, op: Any) -> None:
        """Says before an operation, to readers, where in the program it comes from."""

    def note(self, op: Note) -> None:
        """A comment that only readers of exported code have use for."""

    def assigned(self, op: Any) -> None:
        raise NotImplementedError

    def expression(self, op: Any) -> tuple[str, int]:
        """The text of an operation, and how tightly it binds."""
        raise NotImplementedError

    def move(self, targets: Sequence[Value], sources: Sequence[Operand]) -> None:
        """Assigns all of `sources` at once."""
        raise NotImplementedError

    def literal(self, number: Any) -> tuple[str, int]:
        raise NotImplementedError

    def block(self, write: Callable[[], None]) -> list[tuple[str, Span | None]]:
        """The lines that are written, indented; they are taken off again."""
        start = len(self.lines)
        self.depth += 1
        write()
        self.depth -= 1
        lines = self.lines[start:]
        del self.lines[start:]
        return lines

    def way(
        self, op: If, region: Region
    ) -> list[tuple[str, Span | None]]:  # recurses: the program's blocks
        """The lines of one of the ways of an `if`, with what comes of it."""

        def write() -> None:
            self.ops(region)
            self.move(op.outs, region.yields)

        return self.block(write)

    def text_of(  # recurses: the program's blocks
        self, operand: Operand, at_least: int = CHOICE
    ) -> str:
        """An operand's text, in parentheses where it binds too loosely."""
        text, binds = self.operand(operand)
        return text if binds >= at_least else f"({text})"

    def operand(self, operand: Operand) -> tuple[str, int]:  # recurses: the program's blocks
        if not isinstance(operand, Value):
            return self.literal(operand)
        op = self.inlining.into.get(operand)
        return (self.names[operand], ATOM) if op is None else self.expression(op)

    def infix(  # recurses: the program's blocks
        self, sign: str, binds: int, a: Operand, b: Operand
    ) -> tuple[str, int]:
        left = binds + 1 if binds == COMPARED else binds
        return f"{self.text_of(a, left)} {sign} {self.text_of(b, binds + 1)}", binds

    def after(self, op: Loop) -> tuple[list[Value], list[Value]]:
        """What a loop leaves behind that anything reads, and where its last turn has it."""
        pairs = zip(op.outs, op.body.params, strict=True)
        used = [(out, param) for out, param in pairs if self.inlining.is_read(out)]
        return [out for out, _ in used], [param for _, param in used]

    def stepped(self, target: Value, source: Operand) -> str:
        """The assignment of a source to a variable: `x += 1` for `x = x + 1`."""
        name = self.names[target]
        op = self.inlining.into.get(source) if isinstance(source, Value) else None
        sign, args = (op.primitive.sign, op.args) if isinstance(op, Apply) else ("", ())
        if sign in STEPS and len(args) == 2 and args[0] is target:
            return f"{name} {sign}= {self.text_of(args[1])}"
        return f"{name} = {self.text_of(source)}"

    def reads_of(self, operand: Operand) -> set[Value]:  # recurses: the program's blocks
        """The variables in an operand's text."""
        if not isinstance(operand, Value):
            return set()
        op = self.inlining.into.get(operand)
        if op is None:
            return {operand}
        args = op.args if isinstance(op, Apply) else [op.source]
        return set().union(*map(self.reads_of, args))

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]]
