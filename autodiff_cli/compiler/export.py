"""Value and gradient as a file that stands alone: Python, C99, or a module of JavaScript."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.adjoint import add_adjoint
from autodiff_cli.compiler.c import LIBRARY, CPrinter
from autodiff_cli.compiler.form import (
    Check,
    Function,
    NotCompiled,
    Note,
    Print,
    Region,
    Unwind,
    Value,
    regions,
)
from autodiff_cli.compiler.printing import ATOM, COMPARED, INFIX, NOT, SIGN, Inlining
from autodiff_cli.compiler.pruning import prune
from autodiff_cli.compiler.python import PythonPrinter
from autodiff_cli.compiler.rules import emitted, simplified, symbols
from autodiff_cli.compiler.statements import lower
from autodiff_cli.compiler.variables import Array
from autodiff_cli.records import record
from autodiff_cli.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.compiler.form import Loop, Operand
    from autodiff_cli.compiler.statements import Lowered
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.interpreter.program import Prepared, Program


@record
class Exported:
    """What an exported function takes and gives.

    Attributes:
        program: what the source is called.
        inputs: by name, a value or an array of values.
        output: what the program calls its result.
        by: the names that it is differentiated by, each with its shape.
        gradient: the derivatives by their numbers, one after the other.
    """

    program: str
    function: Function
    inputs: dict[str, Any]
    output: str
    by: dict[str, tuple[int, ...]]
    gradient: list[Operand]

    @property
    def value(self) -> Operand:
        return self.function.body.yields[0]


def export(program: Program, prepared: Prepared, kinds: Mapping[str, Any], language: str) -> str:
    """The source of a program's value and gradient: `language` is python, c or js.

    Raises:
        NotCompiled: the form cannot hold the program, or the language has no such function.
    """
    lowered = lower(program, prepared, kinds, as_numpy=False)
    name = program.resolved.tree.span.source.name
    exported = _prepare(lowered, prepared, name, lean=language != "python")
    return {"python": _python, "c": _c, "js": _javascript}[language](exported)


def _prepare(lowered: Lowered, prepared: Prepared, name: str, lean: bool) -> Exported:
    function = lowered.function
    function.body.yields = function.body.yields[:1]
    _keep_errors(function.body)
    prune(function)
    by: dict[str, tuple[int, ...]] = {}
    targets: list[Value] = []
    for target in prepared.by:
        held = lowered.targets[target]
        by[target] = held.shape if isinstance(held, Array) else ()
        targets += held.items if isinstance(held, Array) else [held]
    gradient = add_adjoint(function, targets, careful=True, lean=lean)
    function.body.yields += gradient
    _keep_errors(function.body)
    prune(function)
    (output,) = prepared.outputs
    return Exported(name, function, lowered.inputs, output.name, by, gradient)


def _keep_errors(region: Region) -> None:  # recurses: the program's blocks
    """Drops what is only for the interpreter to tell, and what prints."""
    region.ops = [
        op
        for op in region.ops
        if not isinstance(op, Print) and not (isinstance(op, Check) and not op.error)
    ]
    for op in region.ops:
        for inner in regions(op):
            _keep_errors(inner)


def _title(exported: Exported) -> str:
    return f"{exported.output} and its gradient, from {exported.program}"


def _remark(printer: Any, op: Any) -> str:
    """The line of the program that an operation comes from, where it is another one than before."""
    span = getattr(op, "span", None)
    if span is None or span.line == printer.line:
        return ""
    printer.line = span.line
    return f"line {span.line}: {span.source.line(span.line).strip()}"


# ── Python ────────────────────────────────────────────────────────────────────────────


class PythonFile(PythonPrinter):
    """Writes the function as a person would, who reads it."""

    def __init__(self, function: Function, helpers: dict[str, str]) -> None:
        super().__init__(function)
        self.inlining = Inlining(function, keep_named=True)
        self.helpers = helpers
        self.line = 0

    def remark(self, op: Any) -> None:
        text = _remark(self, op)
        if text:
            self.add(f"# {text}")

    def note(self, op: Note) -> None:
        self.line = 0
        self.add("")
        self.add(f"# {op.text}")

    def check(self, op: Check) -> None:
        where = f"line {op.span.line}: " if op.span is not None else ""
        self.add(f"if {self.negated(op.holds)}:")
        self.add(f"    raise ValueError({where + op.error!r})")

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
        if primitive.name in ("abs", "round"):
            return primitive.name
        if primitive.name not in self.helpers:
            self._define(primitive)
        return primitive.name

    def _define(self, primitive: Primitive) -> None:
        if primitive.c in ("floor", "ceil", "trunc"):
            self.helpers[primitive.name] = (
                f"def {primitive.name}(x):\n    return float(math.{primitive.c}(x))\n"
            )
            self.used["math"] = math
            return
        function = body_of(primitive)
        inner = PythonFile(function, self.helpers)
        inner.used = self.used
        inner.depth = 1
        inner.ops(function.body)
        inner.add(f"return {inner.text_of(function.body.yields[0])}")
        names = ", ".join(inner.names[param] for param in function.params)
        self.helpers[primitive.name] = f"def {primitive.name}({names}):\n{inner.text()}"

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **PythonPrinter.writers,
        Check: check,
        Note: note,
    }


def body_of(primitive: Primitive) -> Function:
    """The scalar body of a primitive as a function.

    Raises:
        NotCompiled: its entry has none.
    """
    if primitive.body is None:
        raise NotCompiled(f"`{primitive.name}` is in no library of the language")
    params = [Value("float", operand) for operand in primitive.operands]
    region = Region()
    tree = simplified(primitive.body(*symbols(params)))
    region.yields = [emitted(tree, region.ops.append, {})]
    return Function(params, region)


def _python(exported: Exported) -> str:
    printer = PythonFile(exported.function, {})
    names = printer.names
    shown = {name: names.fresh(name) for name, held in exported.inputs.items() if _is_array(held)}
    params = [
        shown[name] if _is_array(held) else names[held] for name, held in exported.inputs.items()
    ]
    gradient = [f"d{name}" for name in exported.by]
    printer.depth = 1
    printer.add(f'"""{exported.output}, and its derivatives by {", ".join(exported.by)}."""')
    for name, held in exported.inputs.items():
        if _is_array(held):
            items = ", ".join(names[item] for item in held.items)
            flat = (
                shown[name]
                if len(held.shape) == 1
                else f"(x for row in {shown[name]} for x in row)"
            )
            printer.add(f"{items}, = {flat}")
    printer.ops(exported.function.body)
    results, rest = [], list(exported.gradient)
    for shape in exported.by.values():
        texts = [printer.text_of(one) for one in rest[: math.prod(shape)]]
        del rest[: math.prod(shape)]
        results.append(_nested(texts, shape))
    value = printer.text_of(exported.value)
    printer.add("")
    printer.add(f"return {value}, ({', '.join(results)}{',' * (len(results) == 1)})")
    body = printer.text()
    imported = sorted(name for name in printer.used if name != "math")
    head = f'"""{_title(exported)}; written by adiff {__version__}.\n\n'
    head += f"    {exported.output}, ({', '.join(gradient)}{',' * (len(gradient) == 1)}) = "
    head += f'value_and_gradient({", ".join(exported.inputs)})\n"""\n\n'
    if "math" in printer.used:
        head += "import math\n"
    if imported:
        head += f"from math import {', '.join(imported)}\n"
    helpers = "".join(f"\n\n{text}" for text in printer.helpers.values())
    return f"{head.rstrip()}\n{helpers}\n\ndef value_and_gradient({', '.join(params)}):\n{body}"


def _is_array(held: Any) -> bool:
    return isinstance(held, Array)


def _nested(texts: Sequence[str], shape: Sequence[int]) -> str:  # recurses: an array's axes
    if not shape:
        return texts[0]
    size = len(texts) // shape[0]
    parts = [_nested(texts[i : i + size], shape[1:]) for i in range(0, len(texts), size)]
    return f"[{', '.join(parts)}]"


# ── C ─────────────────────────────────────────────────────────────────────────────────


class CFile(CPrinter):
    """Writes the function for readers, without what only a run of adiff needs."""

    def __init__(self, function: Function) -> None:
        super().__init__(function, keep_named=True)
        self.line = 0
        self.pushes = False
        self.fails = False

    def remark(self, op: Any) -> None:
        text = _remark(self, op).replace("*/", "* /")
        if text:
            self.add(f"/* {text} */")

    def note(self, op: Note) -> None:
        self.line = 0
        self.add("")
        self.add(f"/* {op.text} */")

    def called(self, primitive: Primitive) -> str:
        # Readers have no use for how Python computes it.
        return "hypot" if primitive.name == "hypot" else super().called(primitive)

    def flag_if(self, condition: str) -> None:
        self.fails = True
        super().flag_if(condition)

    def converting(self, op: Any) -> None:
        pass

    def whole(self, op: Any) -> None:
        pass

    def count_turn(self) -> None:
        pass

    def push(self, saved: Sequence[Value]) -> None:
        self.pushes = self.pushes or bool(saved)
        self.fails = self.fails or bool(saved)
        super().push(saved)

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {**CPrinter.writers, Note: note}


C_TAPE = """
struct tape {
    double *start, *end;
};

/* Makes room on the tape, and gives the place that `top` has now. */
static double *grow(struct tape *run, double *top)
{
    size_t used = (size_t)(top - run->start), size = used < 2048 ? 4096 : 2 * used;
    double *start = realloc(run->start, size * sizeof *start);
    if (!start)
        return NULL;
    run->start = start;
    run->end = start + size;
    return start + used;
}
"""


def _c(exported: Exported) -> str:
    printer = CFile(exported.function)
    place = 0
    lines = []
    for name, held in exported.inputs.items():
        for item in held.items if _is_array(held) else [held]:
            printer.declare(item)
            printer.add(f"{printer.names[item]} = in[{place}];")
            place += 1
        last = f"..{place - 1}" if _is_array(held) else ""
        first = place - (len(held.items) if _is_array(held) else 1)
        lines.append(f"   in[{first}{last}] is {name}")
    printer.ops(exported.function.body)
    value = printer.as_double(exported.value)
    count = len(exported.gradient)
    printer.add("")
    printer.add(f"*value = {value};")
    for at, one in enumerate(exported.gradient):
        printer.add(f"gradient[{at}] = {printer.as_double(one)};")
    body, printer.lines = printer.lines, []
    start = 0
    for name, shape in exported.by.items():
        size = math.prod(shape)
        last = f"..{start + size - 1}" if shape else ""
        lines.append(f"   gradient[{start}{last}] is d{exported.output}/d{name}")
        start += size
    what = f"{_title(exported)}; written by adiff {__version__}."
    head = (
        f"/* {what.replace('*/', '* /')}\n\n       double in[{place}], value, gradient[{count}];\n"
    )
    head += "       int status = value_and_gradient(in, &value, gradient);\n\n"
    head += "\n".join(lines).replace("*/", "* /")
    head += (
        "\n   The status is 0, or 1 where an assertion does not hold or there is no memory.\n*/\n"
    )
    head += "#include <math.h>\n" + "#include <stdlib.h>\n" * printer.pushes
    prototype = (
        f"int value_and_gradient(const double in[{place}], double *value, double gradient[{count}])"
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
        printer.add("struct tape tape = {NULL, NULL}, *run = &tape;")
        printer.add("double *top = NULL, *end = NULL;")
    printer.depth = 0
    printer.lines += [(f"    {line}" if line else line, span) for line, span in body]
    printer.depth = 1
    if printer.pushes:
        printer.add("free(tape.start);")
    printer.add("return 0;")
    if printer.fails:
        printer.depth = 0
        printer.add("flag:")
        printer.depth = 1
        if printer.pushes:
            printer.add("free(tape.start);")
        printer.add("return 1;")
    printer.depth = 0
    printer.add("}")
    helpers = "".join(printer.helpers.values())
    return head + C_TAPE * printer.pushes + helpers + "\n" + printer.text()


# ── JavaScript ────────────────────────────────────────────────────────────────────────

SCRIPTS = {
    "mod": """
function mod_of(a, b) {
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}
""",
    "floordiv": """
function floordiv_of(a, b) {
    return Math.round((a - mod_of(a, b)) / b);
}
""",
}
"""What JavaScript has otherwise, or not."""


class ScriptFile(CFile):
    """Writes a module of JavaScript, whose expressions are those of C."""

    def flag_if(self, condition: str) -> None:
        raise NotCompiled("a check that JavaScript has no place for")

    def check(self, op: Check) -> None:
        holds = f"!{self.text_of(op.holds, SIGN + 1)}" if isinstance(op.holds, Value) else "true"
        where = f"line {op.span.line}: " if op.span is not None else ""
        self.add(f'if ({holds}) throw new RangeError("{where}{op.error}");')

    def remark(self, op: Any) -> None:
        text = _remark(self, op)
        if text:
            self.add(f"// {text}")

    def note(self, op: Note) -> None:
        self.line = 0
        self.add("")
        self.add(f"// {op.text}")

    def push(self, saved: Sequence[Value]) -> None:
        if saved:
            self.pushes = True
            for value in saved:
                self.declare(value)
            self.add(f"tape.push({', '.join(self.names[value] for value in saved)});")

    def unwind(self, op: Unwind) -> None:
        loop = op.loop
        left = self.names.fresh("left")
        self.declare_as("long long", left)
        count = self.declare(loop.tape or loop.trips)
        self.add(f"for ({left} = {count}; {left} > 0; {left}--) {{")
        self.depth += 1
        for value in reversed(loop.saved):
            self.add(f"{self.declare(value)} = tape.pop();")
        self.ops(op.body)
        self.depth -= 1
        self.add("}")

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
            return f"{self.text_of(op.source, COMPARED + 1)} != 0", INFIX["not_equal"][1]
        if kind == "bool":
            return f"Number({self.text_of(op.source)})", ATOM
        return self.operand(op.source)

    def called(self, primitive: Primitive) -> str:
        scalar: Any = primitive.scalar
        name = getattr(scalar, "__name__", "")
        if primitive.name == "hypot":
            return f"Math.{name}"
        if getattr(scalar, "__module__", "") == "math" and name in LIBRARY:
            if name in ("erf", "erfc", "exp2"):
                raise NotCompiled(f"JavaScript has no `{name}`")
            return f"Math.{name}"
        if primitive.c in ("fabs", "floor", "ceil", "trunc"):
            return f"Math.{primitive.c.replace('fabs', 'abs')}"
        name = f"{primitive.name}_of"
        if primitive.name in SCRIPTS:
            for needed in ("mod", primitive.name):
                self.helpers[f"{needed}_of"] = SCRIPTS[needed]
        elif primitive.body is None:
            raise NotCompiled(f"JavaScript has no `{primitive.title}`")
        if name not in self.helpers:
            function = body_of(primitive)
            inner = ScriptFile(function)
            inner.helpers = self.helpers
            inner.depth = 1
            for param in function.params:
                inner.known.add(inner.names[param])
            inner.ops(function.body)
            inner.add(f"return {inner.as_double(function.body.yields[0])};")
            given = ", ".join(inner.names[param] for param in function.params)
            declared = "".join(f"    let {', '.join(n)};\n" for n in inner.declared.values())
            self.helpers[name] = f"\nfunction {name}({given}) {{\n{declared}{inner.text()}}}\n"
        return name

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **CFile.writers,
        Check: check,
        Note: note,
        Unwind: unwind,
    }


def _javascript(exported: Exported) -> str:
    printer = ScriptFile(exported.function)
    names = printer.names
    params = []
    for name, held in exported.inputs.items():
        if _is_array(held):
            params.append(names.fresh(name))
            items = ", ".join(printer.declare(item) for item in held.items)
            printer.add(f"[{items}] = {params[-1]}{'.flat(Infinity)' * (len(held.shape) > 1)};")
        else:
            params.append(names[held])
            printer.known.add(names[held])
    printer.ops(exported.function.body)
    rest, results = list(exported.gradient), []
    for name, shape in exported.by.items():
        size = math.prod(shape)
        results.append(f"{name}: {_nested([printer.as_double(o) for o in rest[:size]], shape)}")
        del rest[:size]
    value = printer.as_double(exported.value)
    printer.add("")
    printer.add(f"return {{ value: {value}, gradient: {{ {', '.join(results)} }} }};")
    head = f"// {_title(exported)}; written by adiff {__version__}.\n//\n"
    head += '//     import { value_and_gradient } from "./THIS_FILE.mjs";\n'
    head += f"//     const {{ value, gradient }} = value_and_gradient({', '.join(params)});\n"
    text = f"\nexport function value_and_gradient({', '.join(params)}) {{\n"
    declared = [name for names in printer.declared.values() for name in names]
    for first in range(0, len(declared), 8):
        text += f"    let {', '.join(f'{n} = 0' for n in declared[first : first + 8])};\n"
    if printer.pushes:
        text += "    const tape = [];\n"
    lines = "".join(f"    {line}\n" if line else "\n" for line, _ in printer.lines)
    return f"{head}{''.join(printer.helpers.values())}{text}{lines}}}\n"
