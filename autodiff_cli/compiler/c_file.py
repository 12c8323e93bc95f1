"""A file of C99 with a program's value and gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.c import CPrinter
from autodiff_cli.compiler.c_calls import TYPES
from autodiff_cli.compiler.exported import is_array, line_of, plain, remark
from autodiff_cli.compiler.form import Check, Loop, Note, Value, called, everything

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.exported import Exported
    from autodiff_cli.compiler.form import Function, Move
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
        # Readers have no use for how Python computes it.
        return "hypot" if primitive.name == "hypot" else super().called(primitive)

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

    def converting(self, op: Move) -> None:
        # An integer becomes the double that is nearest, as everywhere.
        if op.out.type == "int":
            super().converting(op)

    def count_turn(self) -> None:
        pass

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
        lines.append(f"    in[{_range(place, len(items))}] is {name}")
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


def _range(start: int, size: int) -> str:
    return f"{start}..{start + size - 1}" if size > 1 else f"{start}"
