"""A module of JavaScript with a program's value and gradient."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.c import in_library
from autodiff_cli.compiler.c_file import CFile
from autodiff_cli.compiler.exported import error_of, is_array, line_of, nested, remark
from autodiff_cli.compiler.form import Check, Note, Value
from autodiff_cli.compiler.printing import ATOM, COMPARED, SIGN
from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.exported import Exported
    from autodiff_cli.compiler.form import Apply, Function, Move, Operand
    from autodiff_cli.engine.primitive import Primitive

SCRIPTS = {
    "mod": """
function mod_of(a, b) {
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}
""",
    "floordiv": """
function floordiv_of(a, b) {
    const rest = a % b, whole = (a - rest) / b;
    return Math.round(rest !== 0 && rest < 0 !== b < 0 ? whole - 1 : whole);
}
""",
}
"""What JavaScript has otherwise, or not."""


RINT = """
/* The nearest integer, the even one of two. */
function rint(x) {
    const below = Math.floor(x), rest = x - below;
    return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}
"""
ERF = """
/* By its series, whose terms are all above 0: to 1e-14 of its size. */
function erf(x) {
    if (Math.abs(x) > 6) return Math.sign(x);
    let term = x, sum = 0;
    for (let n = 0; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
        sum += term;
        term *= (2 * x * x) / (2 * n + 3);
    }
    return 1.1283791670955126 * Math.exp(-x * x) * sum;
}
"""
ERFC = """
/* From 0.5 on by its continued fraction: to 1e-12 of its size. */
function erfc(x) {
    if (!(x > 0.5)) return 1 - erf(x);
    if (x > 27.3) return 0;
    let rest = x;
    for (let n = Math.ceil(20 + 180 / (x * x)); n > 0; n--) rest = x + n / 2 / rest;
    const high = Math.round(x * 65536) / 65536;
    const power = Math.exp(-high * high) * Math.exp(-(x - high) * (x + high));
    return (0.5641895835477563 * power) / rest;
}
"""
EXP2 = """
function exp2(x) {
    return Math.pow(2, x);
}
"""
LACKING = {
    text.partition("function ")[2].partition("(")[0]: text for text in (ERF, ERFC, EXP2, RINT)
}
"""What JavaScript's `Math` lacks, by name."""
FINITE = """
function finite(number, line) {
    if (!Number.isFinite(number)) throw new RangeError(`line ${line}: ${number} is not finite`);
}
"""
SHAPED = """
function shaped(array, [size, ...rest]) {
    if (array.length !== size) throw new RangeError(`got ${array.length} elements, want ${size}`);
    if (rest.length) array.forEach((part) => shaped(part, rest));
}
"""
WHOLE = """
function whole(number, line) {
    if (!(Math.abs(number) <= Number.MAX_SAFE_INTEGER))
        throw new RangeError(`line ${line}: ${number} is too large for an integer`);
}
"""


class ScriptFile(CFile):
    """Writes a module of JavaScript, whose expressions are those of C."""

    def check(self, op: Check) -> None:
        error = json.dumps(error_of(op), ensure_ascii=False)
        if isinstance(op.finite, Value):
            self.helpers["finite"] = FINITE
            self.add(f"finite({self.text_of(op.finite)}, {line_of(op.span)});")
        elif isinstance(op.holds, Value):
            self.add(f"if (!{self.text_of(op.holds, SIGN + 1)}) throw new RangeError({error});")
        else:
            self.add(f"throw new RangeError({error});")

    def whole(self, op: Apply) -> None:
        """Throws where an integer has left those that a number holds."""
        self.helpers["whole"] = WHOLE
        self.add(f"whole({self.expression(op)[0]}, {line_of(self.span)});")

    def converting(self, op: Move) -> None:
        if op.out.type == "int":
            self.helpers["whole"] = WHOLE
            self.add(f"whole({self.text_of(op.source)}, {line_of(self.span)});")

    def remark(self, op: Any) -> None:
        text = remark(self, op)
        if text:
            self.add(f"// {text}")

    def note(self, op: Note) -> None:
        self.line = 0
        self.add("")
        self.add(f"// {op.text}")

    def push(self, saved: Sequence[Value]) -> None:
        if saved:
            for value in saved:
                self.declare(value)
            self.add(f"tape.push({', '.join(self.names[value] for value in saved)});")

    def pop(self, value: Value) -> None:
        self.add(f"{self.declare(value)} = tape.pop();")

    def literal(self, number: Any) -> tuple[str, int]:
        if isinstance(number, float) and not math.isfinite(number):
            if math.isnan(number):
                return "NaN", ATOM
            return ("Infinity", ATOM) if number > 0 else ("-Infinity", SIGN)
        return super().literal(number)

    def as_double(self, operand: Operand) -> str:
        return self.text_of(operand) if isinstance(operand, Value) else self.literal(operand)[0]

    def converted(self, op: Any) -> tuple[str, int]:
        kind = op.source.type if isinstance(op.source, Value) else type(op.source).__name__
        if op.out.type == "bool":
            return f"{self.text_of(op.source, COMPARED + 1)} != 0", COMPARED
        if kind == "bool":
            return f"Number({self.text_of(op.source)})", ATOM
        return self.operand(op.source)

    def on_integers(self, name: str, args: Sequence[Operand]) -> tuple[str, int]:
        return f"{self.called(TABLE[name])}({', '.join(map(self.text_of, args))})", ATOM

    def called(self, primitive: Primitive) -> str:
        name = in_library(primitive)
        if name in LACKING:
            for needed, text in LACKING.items():
                if f"{needed}(" in LACKING[name]:
                    self.helpers[needed] = text
            return name
        if name or primitive.name == "hypot":
            return f"Math.{primitive.name if primitive.c else name or 'hypot'}"
        name = f"{primitive.name}_of"
        if primitive.name in SCRIPTS:
            self.helpers[name] = SCRIPTS[primitive.name]
            return name
        return self.brought(primitive, "JavaScript")

    def helper(self, name: str, params: list[str], inner: Any, remark: str) -> str:
        comment = f"/* {remark[0].upper()}{remark[1:]}. */\n" if remark else ""
        head = f"\n{comment}function {name}({', '.join(params)})"
        return f"{head} {{\n{inner.locals()}{inner.text()}}}\n"

    def locals(self) -> str:
        return _declared(self.declared)

    # ── functions ─────────────────────────────────────────────────────────────────────

    def alike(self, function: Function) -> ScriptFile:
        return ScriptFile(function, self.outer or self)

    def defined(self) -> tuple[str, str]:
        names = [self.names[param] for param in self.function.params]
        results = [self.as_double(result) for result in self.function.body.yields]
        self.add(f"return [{', '.join(results)}];")
        given = ", ".join(["tape"] * self.pushes + names)
        declared = _declared(self.declared)
        return (
            f"function {self.callees[self.function]}({given})",
            f"{{\n{declared}{self.text()}}}\n",
        )

    def functions(self) -> str:
        """The text of the functions that the program calls, and of their ways back."""
        return "".join(f"\n{head} {text}" for head, text in self.definitions())

    def called_with(
        self, function: Function, args: list[str], outs: Sequence[Value], levels: int
    ) -> None:
        given = ", ".join(["tape"] * self.pushes + args)
        targets = ", ".join(self.declare(out) for out in outs)
        self.add(f"{f'[{targets}] = ' * bool(outs)}{self.callees[function]}({given});")

    def mark_tape(self) -> None:
        self.declare_as("let", "used")
        self.add("used = tape.length;")

    def drop_tape(self) -> None:
        self.add("tape.length = used;")

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **CFile.writers,
        Check: check,
        Note: note,
    }


def javascript_file(exported: Exported) -> str:
    printer = ScriptFile(exported.function)
    functions = printer.functions()
    names = printer.names
    params = []
    for name, held in exported.inputs.items():
        if is_array(held):
            params.append(names.fresh(name))
            items = ", ".join(printer.declare(item) for item in held.items)
            printer.helpers["shaped"] = SHAPED
            printer.add(f"shaped({params[-1]}, {list(held.shape)});")
            printer.add(f"[{items}] = {params[-1]}{'.flat(Infinity)' * (len(held.shape) > 1)};")
        else:
            params.append(names[held])
            printer.known.add(names[held])
    printer.ops(exported.function.body)
    rest, results = list(exported.gradient), []
    for name, shape in exported.by.items():
        size = math.prod(shape)
        derivatives = nested([printer.as_double(one) for one in rest[:size]], shape)
        results.append(f"{json.dumps(name, ensure_ascii=False)}: {derivatives}")
        del rest[:size]
    value = printer.as_double(exported.value)
    printer.add("")
    printer.add(f"return {{ value: {value}, gradient: {{ {', '.join(results)} }} }};")
    calls = [
        '    import { value_and_gradient } from "./THIS_FILE.mjs";',
        f"    const {{ value, gradient }} = value_and_gradient({', '.join(params)});",
    ]
    remarks = exported.remarks("It throws a RangeError")
    lines_of_head = [exported.title, "", *calls, "", *remarks]
    head = "".join(f"{f'// {line}'.rstrip()}\n" for line in lines_of_head)
    given = [
        f"{param} = {json.dumps(exported.defaults[name])}" if name in exported.defaults else param
        for param, name in zip(params, exported.inputs, strict=True)
    ]
    text = f"\nexport function value_and_gradient({', '.join(given)}) {{\n"
    text += _declared(printer.declared)
    if printer.pushes:
        text += "    const tape = [];\n"
    lines = "".join(f"    {line}\n" if line else "\n" for line, _ in printer.lines)
    return f"{head}{''.join(printer.helpers.values())}{functions}{text}{lines}}}\n"


def _declared(variables: dict[str, list[str]]) -> str:
    names = [name for of_type in variables.values() for name in of_type]
    return "".join(
        f"    let {', '.join(f'{n} = 0' for n in names[first : first + 8])};\n"
        for first in range(0, len(names), 8)
    )
