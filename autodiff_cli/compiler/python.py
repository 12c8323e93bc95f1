"""The form as Python source: plain floats, and one tuple on the tape for every turn of a loop."""

from __future__ import annotations

import builtins
import math
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.form import (
    Apply,
    Call,
    Check,
    If,
    Loop,
    Move,
    Note,
    Print,
    Uncall,
    Unwind,
    Value,
)
from autodiff_cli.compiler.printing import (
    AND,
    ATOM,
    CHOICE,
    INFIX,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Names,
    Printer,
    phi_order,
    unset_at_first,
)
from autodiff_cli.compiler.sharing import share_variables, turn_parts
from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.form import Function, Operand
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span

TOO_LARGE = 2**63
SIGNS = INFIX | dict.fromkeys(("//", "%"), PRODUCT)
RESERVED = {
    *dir(builtins),
    *dir(math),
    *TABLE,
    "math",
    "finite",
    "Flag",
    "Long",
    "budget",
    "room",
    "say",
    "_",
    "push",
    "repeat",
}


class PythonPrinter(Printer):
    """Writes a function of Python.

    Attributes:
        extras: what functions take besides their parameters; the first they give back too.
    """

    extras: tuple[str, ...] = ("budget", "room", "say")

    def __init__(self, function: Function) -> None:
        share_variables(function.body)
        super().__init__(function, Names(RESERVED))

    def printed(self, name: str) -> str:
        """`name(parameters, budget, room, say)`, which gives the results as a tuple.

        `budget` is how many turns the loops, and calls, may take in all; `room` is how many calls
        may be inside each other; `say` writes a line.
        """
        self.functions()
        params = ", ".join([*(self.names[param] for param in self.function.params), *self.extras])
        self.add(f"def {name}({params}):")
        self.depth += 1
        self.set_at_first()
        self.ops(self.function.body)
        results = ", ".join(self.text_of(result) for result in self.function.body.yields)
        self.add(f"return {results},")
        return self.text()

    # ── functions ─────────────────────────────────────────────────────────────────────

    def alike(self, function: Function) -> PythonPrinter:
        return PythonPrinter(function)

    def functions(self) -> None:
        """Writes the functions that the program calls, and their ways back."""
        for function in self.name_callees():
            forward = self.inside(function)
            forward.defined([forward.names[param] for param in function.params], self.extras)
            forward.within()
            forward.set_at_first()
            forward.ops(function.body)
            results = [forward.text_of(result) for result in function.body.yields]
            kept = [forward.names[value] for value in function.saved]
            tape = [] if function.back is None else [f"({', '.join(kept)}{',' * (len(kept) == 1)})"]
            forward.returned([*results, *self.extras[:1], *tape])
            self.lines += forward.lines
            if function.back is not None:
                self.lines += self.way_back(function.back, kept, forward.names)

    def way_back(
        self, back: Function, kept: list[str], names: Names
    ) -> list[tuple[str, Span | None]]:
        """The lines of a function's way back."""
        printer = self.inside(back, names)
        tape = names.fresh("tape")
        printer.defined([tape, *(names[param] for param in back.params)], ())
        if kept:
            printer.add(f"{', '.join(kept)}{',' * (len(kept) == 1)} = {tape}")
        printer.ops(back.body)
        printer.returned([printer.text_of(result) for result in back.body.yields])
        return list(printer.lines)

    def defined(self, params: Sequence[str], extras: Sequence[str]) -> None:
        """The head of a function, and what comes before it."""
        self.add(f"def {self.callees[self.function]}({', '.join((*params, *extras))}):")
        self.depth += 1

    def within(self) -> None:
        """Looks whether one more call may be."""
        self.add("budget -= 1")
        self.add("if budget < 0: raise Long")
        self.add(f"if room < {self.function.deepest}: raise Flag")

    def returned(self, results: Sequence[str]) -> None:
        if results:
            self.add(f"return {', '.join(results)}")
        elif self.lines[-1][0].endswith(":"):
            self.add("pass")

    def call(self, op: Call) -> None:
        function = op.function
        args = [self.text_of(arg) for arg in op.args]
        extras = [f"room - {op.levels}" if name == "room" else name for name in self.extras]
        tape = [] if function.back is None else [op.tape]
        targets = [self.target(out) for out in op.outs]
        targets += [*self.extras[:1], *(self.target(value) for value in tape)]
        self.unpacked(targets, f"{self.callees[function]}({', '.join((*args, *extras))})")

    def uncall(self, op: Uncall) -> None:
        assert op.call.tape is not None
        assert op.call.function.back is not None
        args = [self.names[op.call.tape], *map(self.text_of, op.args)]
        targets = [self.target(out) for out in op.outs]
        self.unpacked(targets, f"{self.callees[op.call.function.back]}({', '.join(args)})")

    def target(self, out: Value | None) -> str:
        """A variable for a result; one that nothing reads is dropped."""
        return "_" if out is None or not self.inlining.is_read(out) else self.names[out]

    def unpacked(self, targets: Sequence[str], text: str) -> None:
        self.add(f"{', '.join(targets)} = {text}" if targets else text)

    def set_at_first(self) -> None:
        """Gives a value to what a turn of a loop may save without having set it."""
        for value in unset_at_first(self.function):
            self.add(f"{self.names[value]} = {'()' if value.type == 'tape' else '0.0'}")

    # ── operations ────────────────────────────────────────────────────────────────────

    def assigned(self, op: Any) -> None:
        name = self.names[op.out]
        if isinstance(op, Apply) and op.primitive.name == "add" and op.args[0] is op.out:
            self.add(f"{name} += {self.text_of(op.args[1], SUM + 1)}")
        else:
            self.add(f"{name} = {self.expression(op)[0]}")
        if isinstance(op, Apply) and op.out.type == "int" and op.span is not None:
            self.add(f"if not {-TOO_LARGE} <= {name} < {TOO_LARGE}: {self.too_large(name)}")

    def too_large(self, name: str) -> str:
        """What is done where an integer leaves 64 bits."""
        return "raise Flag"

    def check(self, op: Check) -> None:
        where = self.text_of(op.where, AND) if isinstance(op.where, Value) else ""
        if op.where == 0.0:
            return
        if isinstance(op.finite, Value):
            # nan, and so true, of a nan or an inf.
            condition = f"0.0 * {self.text_of(op.finite, PRODUCT + 1)}"
        elif op.fails is not False:
            condition = self.text_of(op.fails, AND)
        elif isinstance(op.holds, Value):
            condition = f"not {self.text_of(op.holds, NOT)}"
        else:
            condition = "" if where else "True"
        self.add(f"if {' and '.join(filter(None, (where, condition)))}: raise Flag")

    def print(self, op: Print) -> None:
        parts = [repr(p) if isinstance(p, str) else self.text_of(p) for p in op.parts]
        self.add(f"say({', '.join(parts)})")

    def branches(self, op: If) -> None:  # recurses: the program's blocks
        then, otherwise = self.way(op, op.then), self.way(op, op.otherwise)
        if then:
            self.add(f"if {self.text_of(op.condition)}:")
            self.lines += then
            if otherwise:
                self.add("else:")
                self.lines += otherwise
        elif otherwise:
            self.add(f"if not {self.text_of(op.condition, NOT)}:")
            self.lines += otherwise

    def move(self, targets: Sequence[Value], sources: Sequence[Operand]) -> None:
        """Assigns all of `sources` at once."""
        pairs = [(t, s) for t, s in zip(targets, sources, strict=True) if t is not s]
        if not pairs:
            return
        if phi_order(pairs, self.reads_of):
            for target, source in pairs:
                self.add(self.stepped(target, source))
            return
        left = ", ".join(self.names[target] for target, _ in pairs)
        self.add(f"{left} = {', '.join(self.text_of(source) for _, source in pairs)}")

    def loop(self, op: Loop) -> None:  # recurses: the program's blocks
        self.move(op.body.params, op.inits)
        if op.tape is not None:
            self.add(f"{self.names[op.tape]} = []")
        push = self.pushing(op)
        trips = self.names[op.trips]
        self.begin(op, trips)
        self.depth += 1
        before, after = turn_parts(op)
        self.ops(before)
        if op.saved:
            saved = ", ".join(self.names[value] for value in op.saved)
            self.add(f"{push}({saved})" if len(op.saved) == 1 else f"{push}(({saved}))")
        self.ops(after)
        self.move(op.body.params, op.body.yields)
        self.turned(op, trips)
        if op.leave is not False:
            self.leave(op, trips)
        elif self.lines[-1][0].endswith(":"):
            self.add("pass")
        self.depth -= 1
        self.ended(op, trips)
        self.move(*self.after(op))

    def pushing(self, op: Loop) -> str:
        """What puts a turn on the tape."""
        if op.tape is None:
            return ""
        push = self.names.fresh("push")
        self.add(f"{push} = {self.names[op.tape]}.append")
        return push

    def bounds(self, op: Loop) -> str:
        """The arguments of a `range`, those that it may do without left out."""
        start, stop, step = (self.text_of(bound) for bound in (op.start, op.stop, op.step))
        if op.step == 1:
            return stop if op.start == 0 else f"{start}, {stop}"
        return f"{start}, {stop}, {step}"

    def begin(self, op: Loop, trips: str) -> None:  # recurses: the program's blocks
        """The head of a loop, and what comes before it, and before every turn."""
        if op.head is None:
            assert op.index is not None
            self.add(f"{trips} = len(range({self.bounds(op)}))")
            self.add(f"budget -= {trips}")
            self.add("if budget < 0: raise Long")
            if self.inlining.is_read(op.index) or op.leave is not False:
                self.add(f"for {self.names[op.index]} in range({self.bounds(op)}):")
            else:
                self.used["repeat"] = repeat
                self.add(f"for _ in repeat(None, {trips}):")
            return
        self.add(f"for {trips} in range(budget):")
        self.depth += 1
        self.ops(op.head)
        if op.head.yields != [True]:
            self.add(f"if not {self.text_of(op.head.yields[0], NOT)}: break")
        self.depth -= 1

    def turned(self, op: Loop, trips: str) -> None:
        """What comes after every turn."""

    def ended(self, op: Loop, trips: str) -> None:
        """What comes after a loop."""
        if op.head is not None:
            self.add("else:")
            self.add("    raise Long")
            self.add(f"budget -= {trips}")

    def leave(self, op: Loop, trips: str) -> None:
        if isinstance(op.leave, Value):
            self.add(f"if {self.text_of(op.leave)}:")
            self.depth += 1
        self.counted(op, trips)
        self.add("break")
        if isinstance(op.leave, Value):
            self.depth -= 1

    def counted(self, op: Loop, trips: str) -> None:
        """Sets how many turns there were, in the last one."""
        if op.head is None:
            assert op.index is not None
            start, step = self.text_of(op.start), self.text_of(op.step)
            self.add(f"{trips} = len(range({start}, {self.names[op.index]}, {step})) + 1")
        else:
            self.add(f"{trips} += 1")

    def unwind(self, op: Unwind) -> None:  # recurses: the program's blocks
        loop = op.loop
        if loop.tape is None:
            self.add(f"for _ in range({self.names[loop.trips]}):")
        else:
            saved = ", ".join(self.names[value] for value in loop.saved)
            self.add(f"for {saved} in reversed({self.names[loop.tape]}):")
        self.depth += 1
        start = len(self.lines)
        self.ops(op.body)
        if len(self.lines) == start:
            self.add("pass")
        self.depth -= 1

    # ── expressions ───────────────────────────────────────────────────────────────────

    def literal(self, number: Any) -> tuple[str, int]:
        if isinstance(number, float) and not math.isfinite(number):
            name = "nan" if math.isnan(number) else "inf"
            self.used[name] = getattr(math, name)
            return (f"-{name}", SIGN) if number < 0 else (name, ATOM)
        return repr(number), SIGN if math.copysign(1, number) < 0 else ATOM

    def expression(self, op: Any) -> tuple[str, int]:  # recurses: the program's blocks
        """The text of an operation, and how tightly it binds."""
        if isinstance(op, Move):
            return self.converted(op)
        name, sign, args = op.primitive.name, op.primitive.sign, op.args
        if sign in SIGNS and len(args) == 2:
            return self.infix(sign, SIGNS[sign], *self.plainest(*args))
        if name == "neg":
            return f"-{self.text_of(args[0], SIGN + 1)}", SIGN
        if name == "logical_and":
            return f"{self.text_of(args[0], AND)} and {self.text_of(args[1], AND)}", AND
        if name == "logical_or":
            return f"{self.text_of(args[0], OR)} or {self.text_of(args[1], OR)}", OR
        if name == "logical_not":
            return f"not {self.text_of(args[0], NOT)}", NOT
        if name == "identity":
            return self.operand(args[0])
        if name == "where":
            condition, a, b = (self.text_of(arg, OR) for arg in args)
            return f"{a} if {condition} else {b}", CHOICE
        if name == "gated":
            factor = self.text_of(args[0], PRODUCT)
            return f"{factor} * {self.text_of(args[1], SIGN)} if {factor} else 0.0", CHOICE
        if name == "pow" and isinstance(args[1], float) and args[1].is_integer():
            return f"{self.text_of(args[0], ATOM)} ** {self.text_of(args[1], SIGN)}", POWER
        called = self.called(op.primitive)
        return f"{called}({', '.join(self.text_of(arg) for arg in args)})", ATOM

    def plainest(self, a: Operand, b: Operand) -> tuple[Operand, Operand]:
        """Operands of an operator that converts an integer beside a float itself."""
        for one, other in ((a, b), (b, a)):
            op = self.inlining.into.get(one) if isinstance(one, Value) else None
            if isinstance(op, Move) and isinstance(op.source, Value) and op.source.type == "int":
                inner = self.inlining.into.get(other) if isinstance(other, Value) else None
                if not isinstance(inner, Move):
                    return (op.source, b) if one is a else (a, op.source)
        return a, b

    def converted(self, op: Move) -> tuple[str, int]:  # recurses: the program's blocks
        source = op.source.type if isinstance(op.source, Value) else op.out.type
        if op.out.type == source:
            return self.operand(op.source)
        return f"{op.out.type}({self.text_of(op.source)})", ATOM

    def called(self, primitive: Primitive) -> str:
        """The name by which the text calls a primitive."""
        scalar: Any = primitive.scalar
        name = scalar.__name__ if getattr(scalar, "__module__", "") == "math" else primitive.name
        self.used[name] = scalar
        return str(name)

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        Check: check,
        Note: Printer.note,
        Print: print,
        If: branches,
        Loop: loop,
        Unwind: unwind,
        Call: call,
        Uncall: uncall,
    }
