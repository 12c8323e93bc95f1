"""Random programs of loops, branches, calls and arrays: value, gradient and Hessian are right.

Each is written twice as it is made up: as adiff reads it, and in Python, for the referee.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hypothesis import assume
from hypothesis import strategies as st

from autodiff_cli.api.program import Program
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.language.source import Source
from tests.fuzz.referee import KNOWN, OutsideError, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.engine.primitive import Primitive
    from tests.fuzz.referee import Truth

INPUTS = ("x", "y")
SIZE = 3
"""Elements of every array."""
DEEPEST = 3
"""Levels of an expression, and of statements in one another."""

Both = tuple[str, str]
"""An expression as adiff reads it, and in Python."""

ELEMENTWISE = [name for name in KNOWN if TABLE[name].kind == "elementwise" and name != "where"]
REDUCTIONS = [name for name in KNOWN if TABLE[name].kind == "reduction"]
RUNNING = ["cumsum", "cumprod", "softmax", "log_softmax", "flip"]
"""Functions that make an array of an array."""


class Writer:
    """A program as it is made up: what has been written, and the names that are bound."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.adiff: list[str] = []
        self.python: list[str] = []
        self.numbers = [*INPUTS]
        self.arrays: list[str] = []
        self.functions: list[str] = []
        self.fixed: set[str] = set(INPUTS)
        """Names that may not be bound anew: inputs, and what counts a loop's turns."""
        self._made = 0
        self._indent = 0

    # ── writing ───────────────────────────────────────────────────────────────────────

    def line(self, adiff: str, python: str) -> None:
        self.adiff.append("  " * self._indent + adiff)
        self.python.append("  " * self._indent + python)

    def block(self, head: Both, body: Callable[[], None], foot: str = "}") -> None:
        """Statements in braces; names that they bind are not seen behind them."""
        self.line(head[0] + " {", head[1] + ":")
        bound = self.numbers[:], self.arrays[:], self.functions[:]
        self._indent += 1
        body()
        self._indent -= 1
        self.numbers, self.arrays, self.functions = bound
        self.adiff.append("  " * self._indent + foot)

    def name(self, kind: str) -> str:
        self._made += 1
        return f"{kind}{self._made}"

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    # ── expressions ───────────────────────────────────────────────────────────────────

    def number(self, depth: int = DEEPEST) -> Both:
        kinds = ["name", "name", "literal"]
        if depth:
            kinds += ["sum", "product", "quotient", "power", "function", "function", "branch"]
            kinds += ["reduction", "element"] if self.arrays else []
            kinds += ["call"] if self.functions else []
        kind = self.one_of(*kinds)
        if kind == "name":
            return (self.one_of(*self.numbers),) * 2
        if kind == "literal":
            return (repr(self.draw(st.integers(-20, 20)) / 8),) * 2
        if kind == "branch":
            condition = self.condition(depth - 1)
            (a, pa), (b, pb) = self.number(depth - 1), self.number(depth - 1)
            if self.draw(st.booleans()):
                return f"where({condition[0]}, {a}, {b})", f"where({condition[1]}, {pa}, {pb})"
            return f"(if {condition[0]} {{ {a} }} else {{ {b} }})", (
                f"({pa} if {condition[1]} else {pb})"
            )
        if kind == "call":
            function = self.one_of(*self.functions)
            (a, pa), (b, pb) = self.number(depth - 1), self.number(depth - 1)
            return f"{function}({a}, {b})", f"{function}({pa}, {pb})"
        if kind == "reduction":
            entry = self.one_of(*REDUCTIONS)
            a, pa = self.array(depth - 1)
            return f"{entry}({a})", f"{entry}({pa})"
        if kind == "element":
            array, at = self.one_of(*self.arrays), self.draw(st.integers(0, SIZE - 1))
            return (f"{array}[{at}]",) * 2
        return self._computed(kind, self.number, depth)

    def array(self, depth: int = DEEPEST) -> Both:
        kinds = ["literal"] + ["name"] * (2 * bool(self.arrays))
        if depth:
            kinds += ["sum", "product", "quotient", "function", "running"]
        kind = self.one_of(*kinds)
        if kind == "name":
            return (self.one_of(*self.arrays),) * 2
        if kind == "literal":
            elements = [self.number(min(depth, 1)) for _ in range(SIZE)]
            return (
                f"[{', '.join(a for a, _ in elements)}]",
                f"array({', '.join(p for _, p in elements)})",
            )
        if kind == "running":
            entry = self.one_of(*RUNNING)
            a, pa = self.array(depth - 1)
            return f"{entry}({a})", f"{entry}({pa})"
        return self._computed(kind, self.array, depth)

    def _computed(self, kind: str, operand: Callable[[int], Both], depth: int) -> Both:
        if kind == "function":
            return self._call(TABLE[self.one_of(*ELEMENTWISE)], operand, depth)
        a, pa = operand(depth - 1)
        if kind == "power":
            power = self.one_of("2", "3", "0.5", "-1.5")
            if power in ("2", "3"):
                return f"({a})^{power}", f"(0.0 + {pa})**{power}"
            return f"(0.5 + ({a})^2)^{power}", f"(0.5 + (0.0 + {pa})**2)**{power}"
        b, pb = self.number(depth - 1) if self.draw(st.booleans()) else operand(depth - 1)
        if kind == "quotient":
            return f"{a} / (1.5 + ({b})^2)", f"({pa}) / (1.5 + (0.0 + {pb})**2)"
        sign = "*" if kind == "product" else self.one_of("+", "-")
        return f"({a} {sign} {b})", f"({pa} {sign} {pb})"

    def _call(self, entry: Primitive, operand: Callable[[int], Both], depth: int) -> Both:
        """A call whose operands are brought into the intervals of which the entry is sampled."""
        arguments = []
        first = next(i for i, s in enumerate(entry.sample) if not isinstance(s, range))
        for position, sample in enumerate(entry.sample):
            if isinstance(sample, range):
                arguments.append((str(self.draw(st.sampled_from(sample))),) * 2)
                continue
            a, pa = self.number(depth - 1) if position > first else operand(depth - 1)
            low, high = sample
            middle, half = (low + high) / 2, 0.45 * (high - low)
            arguments.append(
                (f"{middle!r} + {half!r} * tanh({a})", f"{middle!r} + {half!r} * tanh({pa})")
            )
        return (
            f"{entry.name}({', '.join(a for a, _ in arguments)})",
            f"{entry.name}({', '.join(p for _, p in arguments)})",
        )

    def condition(self, depth: int) -> Both:
        (a, pa), (b, pb) = self.number(depth), self.number(depth)
        sign = self.one_of("<", ">")
        return f"{a} {sign} {b}", f"0.0 + {pa} {sign} {pb}"

    # ── statements ────────────────────────────────────────────────────────────────────

    def statement(self, depth: int = DEEPEST) -> None:
        kinds = ["number", "number", "array", "update"]
        kinds += ["put"] if self.arrays else []
        kinds += ["if", "for", "while"] if depth else []
        kinds += ["function", "recursion"] if depth == DEEPEST else []
        getattr(self, "_" + self.one_of(*kinds))(depth)

    def _number(self, depth: int) -> None:
        a, pa = self.number()
        name = self.name("v")
        self.line(f"{name} = {a}", f"{name} = 0.0 + {pa}")
        self.numbers.append(name)

    def _array(self, depth: int) -> None:
        a, pa = self.array()
        name = self.name("u")
        self.line(f"{name} = {a}", f"{name} = {pa}")
        self.arrays.append(name)

    def _changed(self) -> str | None:
        return self.one_of(None, *(name for name in self.numbers if name not in self.fixed))

    def _update(self, depth: int) -> None:
        name = self._changed()
        if name is None:
            return self._number(depth)
        a, pa = self.number(depth=2)
        if self.draw(st.booleans()):
            return self.line(f"{name} += {a}", f"{name} = {name} + {pa}")
        return self.line(f"{name} = 0.5 * {name} + {a}", f"{name} = 0.5 * {name} + {pa}")

    def _put(self, depth: int) -> None:
        array, at = self.one_of(*self.arrays), self.draw(st.integers(0, SIZE - 1))
        a, pa = self.number(depth=2)
        self.line(f"{array}[{at}] = {a}", f"{array} = {array}.put({at}, {pa})")

    def _body(self, depth: int) -> Callable[[], None]:
        def statements() -> None:
            for _ in range(self.draw(st.integers(1, 2))):
                self.statement(depth - 1)

        return statements

    def _if(self, depth: int) -> None:
        condition = self.condition(1)
        self.block((f"if {condition[0]}", f"if {condition[1]}"), self._body(depth))
        if self.draw(st.booleans()):
            self.adiff.pop()
            self.block(("} else", "else"), self._body(depth))

    def _for(self, depth: int) -> None:
        name, turns = self.name("i"), self.draw(st.integers(0, 4))
        head = f"for {name} in range({turns})"
        self.block((head, head), self._turn(depth))

    def _while(self, depth: int) -> None:
        name, turns = self.name("n"), self.draw(st.integers(0, 4))
        condition = self.condition(1)
        self.line(f"{name} = 0", f"{name} = 0")

        def turn() -> None:
            self.line(f"{name} += 1", f"{name} += 1")
            self._turn(depth)()

        self.block(
            (
                f"while {name} < {turns} and {condition[0]}",
                f"while {name} < {turns} and {condition[1]}",
            ),
            turn,
        )

    def _turn(self, depth: int) -> Callable[[], None]:
        def statements() -> None:
            self._body(depth)()
            if self.draw(st.booleans()):
                condition, leave = self.condition(1), self.one_of("break", "continue")
                self.block(
                    (f"if {condition[0]}", f"if {condition[1]}"), lambda: self.line(leave, leave)
                )
                self._body(depth)()

        return statements

    def _function(self, depth: int) -> None:
        name = self.name("f")
        bound = self.numbers, self.arrays
        self.numbers, self.arrays = [*INPUTS, "t", "s"], []
        (early, early_python), (a, pa) = self.number(depth=2), self.number()
        condition = self.condition(1)
        self.line(f"fn {name}(t, s) {{", f"def {name}(t, s):")
        self.line(f"  if {condition[0]} {{ return {early} }}", f"  if {condition[1]}:")
        self.python.append(f"    return {early_python}")
        self.line(f"  {a}", f"  return {pa}")
        self.adiff.append("}")
        self.numbers, self.arrays = bound
        self.functions.append(name)

    def _recursion(self, depth: int) -> None:
        name, turns = self.name("f"), self.draw(st.integers(0, 5))
        bound = self.numbers, self.arrays
        self.numbers, self.arrays = [*INPUTS, "t"], []
        a, pa = self.number(depth=2)
        self.line(
            f"fn {name}(t, n) {{ if n <= 0 {{ t }} else {{ {name}({a}, n - 1) }} }}",
            f"def {name}(t, n): return t if n <= 0 else {name}({pa}, n - 1)",
        )
        self.numbers, self.arrays = bound
        start, value = self.number(depth=1), self.name("v")
        self.line(
            f"{value} = {name}({start[0]}, {turns})", f"{value} = 0.0 + {name}({start[1]}, {turns})"
        )
        self.numbers.append(value)


@st.composite
def programs(draw: st.DrawFn) -> dict[str, Any]:
    """A program in both languages, with its inputs."""
    writer = Writer(draw)
    for _ in range(draw(st.integers(1, 6))):
        writer.statement()
    a, pa = writer.number()
    writer.line(f"result = {a}", f"result = 0.0 + {pa}")
    return {
        "program": "\n".join([f"input {', '.join(INPUTS)}", *writer.adiff]),
        "python": "\n".join(writer.python),
        "inputs": {name: draw(st.integers(-40, 40)) / 16 + 0.01 for name in INPUTS},
    }


def check(case: dict[str, Any]) -> None:
    """What adiff says of a program is what the referee says, to what rounding may do.

    It is so by every engine, and the value is the same to the last bit; a C compiler is asked
    about some programs only, as it takes longer than all the rest.
    """
    inputs = case["inputs"]
    try:
        want = truth(case["python"], inputs)
    except OutsideError:
        assume(False)
    reference, *others = (
        Program(Source("<random>", case["program"]), list(inputs), engine=engine)
        for engine in ("graph", "python", "native")
        if engine != "native" or len(case["program"]) % 8 == 0
    )
    first = reference(inputs)
    for program in (reference, *others):
        result, second = program(inputs), program.hessian(inputs)
        assert result.value == second.value == first.value
        assert [one.what for one in result.warnings] == [one.what for one in first.warnings]
        got = [result.value, *(result.gradient[a] for a in inputs)]
        require(want, got + [second.hessian[a][b] for a in inputs for b in inputs])


def require(want: Truth, got: Sequence[Any]) -> None:
    for one, number, slack in zip(got, want.numbers, want.slack, strict=False):
        assert math.isclose(one, number, rel_tol=0, abs_tol=slack), (got, want)
