"""A file of Python with a program's value and gradient, which needs nothing but `math`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.exported import (
    NO_LINES,
    body_of,
    error_of,
    is_array,
    line_of,
    nested,
    remark,
)
from autodiff_cli.compiler.form import Check, Note, Value
from autodiff_cli.compiler.printing import NOT, Inlining
from autodiff_cli.compiler.python import PythonPrinter
from autodiff_cli.compiler.special import SPECIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.exported import Exported
    from autodiff_cli.compiler.form import Function, Loop, Operand
    from autodiff_cli.engine.primitive import Primitive

FINITE = """\
def finite(number, line):
    if not isfinite(number):
        raise ArithmeticError(f"line {line}: {number} is not finite")
"""


class PythonFile(PythonPrinter):
    """Writes the function as a person would, who reads it."""

    extras = ()
    imports: tuple[str, ...] = ()
    decorator = ""

    def __init__(self, function: Function, helpers: dict[str, str]) -> None:
        super().__init__(function)
        self.inlining = Inlining(function, keep_named=True)
        self.helpers = helpers
        self.line = 0

    def take(self, shown: str, held: Any) -> None:
        """Makes of an input, that is shown by a name, the values that it is."""
        if is_array(held):
            items = ", ".join(self.names[item] for item in held.items)
            flat = shown if len(held.shape) == 1 else f"(x for row in {shown} for x in row)"
            self.add(f"{items}, = {flat}")

    def given_back(self, shape: tuple[int, ...], rest: list[Operand]) -> str:
        """The text of a derivative of a shape, whose numbers are taken off the rest."""
        texts = [self.text_of(one) for one in rest[: math.prod(shape)]]
        del rest[: math.prod(shape)]
        return nested(texts, shape)

    def alike(self, function: Function) -> PythonFile:
        return PythonFile(function, self.helpers)

    def defined(self, params: Sequence[str], extras: Sequence[str]) -> None:
        self.add("")
        self.add("")
        super().defined(params, extras)

    def within(self) -> None:
        pass

    def remark(self, op: Any) -> None:
        text = remark(self, op)
        if text:
            self.add(f"# {text}")

    def note(self, op: Note) -> None:
        self.line = 0
        self.add("")
        self.add(f"# {op.text}")

    def check(self, op: Check) -> None:
        if isinstance(op.finite, Value):
            self.used["isfinite"] = math.isfinite
            self.helpers["finite"] = FINITE
            self.add(f"finite({self.text_of(op.finite)}, {line_of(op.span)})")
            return
        self.add(f"if {self.negated(op.holds)}:")
        self.add(f"    raise ValueError({error_of(op)!r})")

    def too_large(self, name: str) -> str:
        return f"raise OverflowError('line {line_of(self.span)}: an integer leaves 64 bits')"

    def negated(self, holds: Operand) -> str:
        return f"not {self.text_of(holds, NOT)}" if isinstance(holds, Value) else "True"

    def pushing(self, op: Loop) -> str:
        return "" if op.tape is None else f"{self.names[op.tape]}.append"

    def begin(self, op: Loop, trips: str) -> None:
        counts = self.inlining.is_read(op.trips)
        if op.head is None:
            assert op.index is not None
            if counts:
                self.add(f"{trips} = len(range({self.bounds(op)}))")
            self.add(f"for {self.names[op.index]} in range({self.bounds(op)}):")
            return
        if counts:
            self.add(f"{trips} = 0")
        start = len(self.lines)
        self.depth += 1
        self.ops(op.head)
        self.depth -= 1
        head = self.lines[start:]
        del self.lines[start:]
        condition = op.head.yields[0]
        if not head:
            self.add(f"while {self.text_of(condition)}:")
            return
        self.add("while True:")
        self.lines += head
        self.add(f"    if not {self.text_of(condition, NOT)}:")
        self.add("        break")

    def turned(self, op: Loop, trips: str) -> None:
        if op.head is not None and self.inlining.is_read(op.trips):
            self.add(f"{trips} += 1")

    def counted(self, op: Loop, trips: str) -> None:
        if op.head is None and self.inlining.is_read(op.trips):
            super().counted(op, trips)

    def ended(self, op: Loop, trips: str) -> None:
        pass

    def called(self, primitive: Primitive) -> str:
        scalar: Any = primitive.scalar
        name = getattr(scalar, "__name__", "")
        if getattr(scalar, "__module__", "") == "math":
            self.used[name] = scalar
            return str(name)
        if primitive.name == "lgamma":
            self.used["lgamma"] = math.lgamma
            return "lgamma"
        if primitive.name in ("abs", "round"):
            return primitive.name
        if primitive.name not in self.helpers:
            self._define(primitive)
        return primitive.name

    def _define(self, primitive: Primitive) -> None:
        if primitive.c:
            self.helpers[primitive.name] = (
                f"def {primitive.name}(x):\n    return float(math.{primitive.c}(x))\n"
            )
            self.used["math"] = math
            return
        function = body_of(primitive, "Python", self.span)
        self.helpers[primitive.name] = ""  # of which it may be made itself
        inner = PythonFile(function, self.helpers)
        inner.used = self.used
        inner.depth = 1
        inner.line = NO_LINES
        if primitive.name in SPECIAL:
            inner.add(f'"""{SPECIAL[primitive.name].remark}"""')
        inner.ops(function.body)
        inner.add(f"return {inner.text_of(function.body.yields[0])}")
        names = ", ".join(inner.names[param] for param in function.params)
        self.helpers[primitive.name] = f"def {primitive.name}({names}):\n{inner.text()}"

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **PythonPrinter.writers,
        Check: check,
        Note: note,
    }


def python_file(exported: Exported) -> str:
    return written(exported, PythonFile(exported.function, {}))


def written(exported: Exported, printer: PythonFile) -> str:
    """The file, of which a printer writes the function."""
    printer.functions()
    functions, printer.lines = printer.text(), []
    names = printer.names
    shown = {name: names.fresh(name) for name, held in exported.inputs.items() if is_array(held)}
    params = [
        shown[name] if is_array(held) else names[held] for name, held in exported.inputs.items()
    ]
    given, others = _with_defaults(params, exported)
    gradient = [f"d{name}" for name in exported.by]
    printer.depth = 1
    printer.add(f'"""{exported.output}, and its derivatives by {", ".join(exported.by)}."""')
    for name, held in exported.inputs.items():
        printer.take(shown.get(name, ""), held)
    printer.set_at_first()
    printer.ops(exported.function.body)
    results, rest = [], list(exported.gradient)
    for shape in exported.by.values():
        results.append(printer.given_back(shape, rest))
    value = printer.text_of(exported.value)
    printer.add("")
    printer.add(f"return {value}, ({', '.join(results)}{',' * (len(results) == 1)})")
    body = printer.text()
    imported = sorted(name for name in printer.used if name != "math")
    decorated = f"{printer.decorator}\n" if printer.decorator else ""
    head = f'"""{exported.title}\n\n'
    head += f"    {exported.output}, ({', '.join(gradient)}{',' * (len(gradient) == 1)}) = "
    head += f"value_and_gradient({', '.join(exported.inputs)})\n\n"
    raised = "It raises a ValueError or an ArithmeticError"
    goes_on = "So do Python's own operations, as at 1.0 / 0.0."
    head += "\n".join([*exported.remarks(raised, goes_on), *others]) + '\n"""\n\n'
    lines = ["import math"] if "math" in printer.used else []
    lines += [f"from math import {', '.join(imported)}"] if imported else []
    needed = ["\n".join(part) for part in (lines, printer.imports) if part]
    head = "\n\n".join([head.rstrip(), *needed])
    helpers = "".join(f"\n\n{text}" for text in printer.helpers.values()) + functions
    entry = f"{decorated}def value_and_gradient({', '.join(given)}):"
    return f"{head}\n{helpers}\n\n{entry}\n{body}"


def _with_defaults(params: list[str], exported: Exported) -> tuple[list[str], list[str]]:
    """The parameters with their defaults, and remarks on those that Python lets have none.

    Those have none that stand before a parameter without.
    """
    given, others = list(params), []
    last = max(
        [k for k, name in enumerate(exported.inputs) if name not in exported.defaults] + [-1]
    )
    for k, name in enumerate(exported.inputs):
        if name in exported.defaults:
            text = repr(_as_tuples(exported.defaults[name]))
            if k > last:
                given[k] = f"{params[k]}={text}"
            else:
                others.append(f"In the program, {params[k]} is {text} unless it is given.")
    return given, others


def _as_tuples(value: Any) -> Any:  # recurses: an array's axes
    """What nobody can change."""
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
