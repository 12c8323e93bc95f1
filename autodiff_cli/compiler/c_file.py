"""A file of C99 with a program's value and gradient."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.c import CPrinter
from autodiff_cli.compiler.c_calls import TYPES
from autodiff_cli.compiler.exported import NO_LINES, body_of, is_array, line_of, plain, remark
from autodiff_cli.compiler.form import Check, Loop, NotCompiled, Note, Value, called, everything
from autodiff_cli.compiler.printing import COMPARED
from autodiff_cli.compiler.special import SPECIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.exported import Exported
    from autodiff_cli.compiler.form import Function, Operand
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span


class CFile(CPrinter):
    """Writes the function for readers, without what only a run of adiff needs."""

    def __init__(self, function: Function, outer: CFile | None = None) -> None:
        super().__init__(function, keep_named=True)
        self.line = 0
        self.outer = outer
        self.pushes: bool = _pushes(function) if outer is None else outer.pushes
        self.tape = "tape." if outer is None else "tape->"
        self.at: Span | None = None

    def remark(self, op: Any) -> None:
        text = remark(self, op)
        if text:
            self.add(f"/* {text} */")

    def note(self, op: Note) -> None:
        self.line = 0
        self.add("")
        self.add(f"/* {op.text} */")

    def called(self, primitive: Primitive) -> str:
        # Readers have no use for how Python computes these.
        if primitive.name in ("hypot", "lgamma"):
            return primitive.name
        try:
            return super().called(primitive)
        except NotCompiled:
            return self.brought(primitive, "C")

    def brought(self, primitive: Primitive, language: str) -> str:
        """The name of a function that the file brings along."""
        name = f"{primitive.name}_of"
        if name not in self.helpers:
            function = body_of(primitive, language, self.span)
            self.helpers[name] = ""  # of which it may be made itself
            inner = type(self)(function, self.outer or self)
            inner.helpers = self.helpers
            inner.depth = 1
            for param in function.params:
                inner.known.add(inner.names[param])
            inner.line = NO_LINES
            inner.ops(function.body)
            inner.add(f"return {inner.as_double(function.body.yields[0])};")
            remark = SPECIAL[primitive.name].remark if primitive.name in SPECIAL else ""
            params = [inner.names[param] for param in function.params]
            del self.helpers[name]  # it comes after what it calls
            self.helpers[name] = self.helper(name, params, inner, remark)
        return name

    def helper(self, name: str, params: list[str], inner: Any, remark: str) -> str:
        given = ", ".join(f"double {param}" for param in params)
        comment = f"/* {remark[0].upper()}{remark[1:]}. */\n" if remark else ""
        unread = [p for p in inner.function.params if not inner.inlining.is_read(p)]
        ignored = "".join(f"    (void){inner.names[param]};\n" for param in unread)
        body = f"{inner.locals()}{ignored}{inner.text()}"
        return f"\n{comment}static double {name}({given})\n{{\n{body}}}\n"

    def check(self, op: Check) -> None:
        self.at = op.span
        if isinstance(op.finite, Value):
            self.flag_if(f"!isfinite({self.text_of(op.finite)})")
        else:
            if op.error:
                self.add(f"/* {plain(op.error)} */")
            super().check(op)
        self.at = None

    def flag_if(self, condition: str) -> None:
        self.fail_if(condition, str(line_of(self.at or self.span)))

    def fail_if(self, condition: str, status: str) -> None:
        """Goes no further where a condition holds."""
        if not self.pushes or self.outer is not None:
            self.add(f"if ({condition})")
            self.add(f"    return {status};")
            return
        self.add(f"if ({condition}) {{")
        self.add(f"    status = {status};")
        self.add("    goto end;")
        self.add("}")

    def exact(self, whole: Operand) -> None:
        # An integer becomes the double that is nearest, as everywhere.
        pass

    def compared(self, sign: str, a: Operand, b: Operand) -> tuple[str, int]:
        return self.infix(sign, COMPARED, a, b)

    def count_turn(self) -> None:
        pass

    def loop(self, op: Loop) -> None:
        self.names.suggest(op.trips, "count")
        if op.tape is not None:
            self.names.suggest(op.tape, "kept")
        super().loop(op)

    def push(self, saved: Sequence[Value]) -> None:
        if not saved:
            return
        room = f"{self.tape}end - {self.tape}top < {len(saved)}"
        self.fail_if(f"{room} && !grow({self.whole_tape})", "-1")
        for value in saved:
            self.declare(value)
            self.add(f"*{self.tape}top++ = {self.as_double(value)};")

    @property
    def whole_tape(self) -> str:
        return "&tape" if self.outer is None else "tape"

    def restore(self, saved: Sequence[Value]) -> None:
        for value in reversed(saved):
            self.pop(value)

    def pop(self, value: Value) -> None:
        cast = "" if value.type == "float" else f"({TYPES[value.type]})"
        self.add(f"{self.declare(value)} = {cast}*--{self.tape}top;")

    # ── functions ─────────────────────────────────────────────────────────────────────

    def alike(self, function: Function) -> CFile:
        made = CFile(function, self.outer or self)
        made.shared = "struct tape *tape" * self.pushes
        return made

    def enter(self) -> None:
        pass

    def enter_back(self) -> None:
        pass

    def leave_function(self) -> None:
        if self.pushes and not any("tape" in line for line, _ in self.lines):
            self.add("(void)tape;")
        self.add("return 0;")

    def called_with(
        self, function: Function, args: list[str], outs: Sequence[Value], levels: int
    ) -> None:
        given = [self.whole_tape] * self.pushes + args
        given += [f"&{self.declare(out)}" for out in outs]
        call = f"{self.callees[function]}({', '.join(given)})"
        if self.pushes and self.outer is None:
            self.add(f"status = {call};")
            self.add("if (status)")
            self.add("    goto end;")
            return
        self.declare_as("int", "status")
        self.add(f"status = {call};")
        self.add("if (status)")
        self.add("    return status;")

    def mark_tape(self) -> None:
        self.declare_as("long", "used")
        self.add(f"used = (long)({self.tape}top - {self.tape}start);")

    def drop_tape(self) -> None:
        self.add(f"{self.tape}top = {self.tape}start + used;")

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **CPrinter.writers,
        Check: check,
        Loop: loop,
        Note: note,
    }


def _pushes(function: Function) -> bool:
    """Whether anything is kept for a way back."""
    functions = [function, *called(function.body)]
    return any(one.saved for one in functions) or any(
        op.saved for one in functions for op in everything(one.body) if isinstance(op, Loop)
    )


TAPE = """
struct tape {
    double *start, *top, *end;
};

/* Makes room on the tape; gives 0 where there is no memory. */
static int grow(struct tape *tape)
{
    size_t used = (size_t)(tape->top - tape->start), size = used < 2048 ? 4096 : 2 * used;
    double *start = realloc(tape->start, size * sizeof *start);
    if (!start)
        return 0;
    tape->start = start;
    tape->top = start + used;
    tape->end = start + size;
    return 1;
}
"""


def c_file(exported: Exported) -> str:
    """The file's text.

    Raises:
        NotCompiled: a function that C has not, and that nothing stands for.
    """
    printer = CFile(exported.function)
    functions = printer.functions()
    place = 0
    lines = []
    for name, held in exported.inputs.items():
        items = held.items if is_array(held) else [held]
        lines.append(f"    in[{_range(place, len(items))}] is {name}{_default(exported, name)}")
        for item in items:
            if printer.inlining.is_read(item):
                test = " != 0.0" if item.type == "bool" else ""
                printer.add(f"{printer.declare(item)} = in[{place}]{test};")
            place += 1
    printer.ops(exported.function.body)
    count = len(exported.gradient)
    printer.add("")
    printer.add(f"*value = {printer.as_double(exported.value)};")
    for at, one in enumerate(exported.gradient):
        printer.add(f"gradient[{at}] = {printer.as_double(one)};")
    body, printer.lines = printer.lines, []
    start = 0
    for name, shape in exported.by.items():
        size = math.prod(shape)
        lines.append(f"    gradient[{_range(start, size)}] is d{exported.output}/d{name}")
        start += size
    call = [
        f"    double in[{place or 1}], value, gradient[{count or 1}];",
        "    int status = value_and_gradient(in, &value, gradient);",
    ]
    remarks = exported.remarks("The status is 0; it is -1 where there is no memory, and the line")
    head = [exported.title, "", *call, "", *lines, "", *remarks]
    text = "\n".join([f"/* {head[0]}", *(f"   {line}".rstrip() for line in head[1:]), "*/"])
    text += "\n#include <math.h>\n" + "#include <stdlib.h>\n" * printer.pushes
    prototype = (
        f"int value_and_gradient(const double in[{place or 1}], double *value, "
        f"double gradient[{count or 1}])"
    )
    printer.add(prototype + ";")
    printer.add("")
    printer.add(prototype)
    printer.add("{")
    printer.depth = 1
    for kind, names in printer.declared.items():
        for first in range(0, len(names), 8):
            printer.add(f"{kind} {', '.join(f'{n} = 0' for n in names[first : first + 8])};")
    if printer.pushes:
        printer.add("struct tape tape = {NULL, NULL, NULL};")
        printer.add("int status = 0;")
    if not any("in[" in line for line, _ in body):
        printer.add("(void)in;")
    if not count:
        printer.add("(void)gradient;")
    printer.depth = 0
    printer.lines += [(f"    {line}" if line else line, span) for line, span in body]
    if printer.pushes:
        printer.add("end:")
    printer.depth = 1
    if printer.pushes:
        printer.add("free(tape.start);")
    printer.add("return status;" if printer.pushes else "return 0;")
    printer.depth = 0
    printer.add("}")
    text += TAPE * printer.pushes + "".join(printer.helpers.values()) + functions
    return text + "\n" + printer.text()


def _default(exported: Exported, name: str) -> str:
    if name not in exported.defaults:
        return ""
    value = exported.defaults[name]
    text = json.dumps(value).replace("true", "1").replace("false", "0")
    return f", in the program {text} unless it is given"


def _range(start: int, size: int) -> str:
    return f"{start}..{start + size - 1}" if size > 1 else f"{start}"
