"""The form as C99: doubles, and one stack for the tapes of all loops.

What it computes is what Python's `math` computes: the same calls of the C library, and no others.
"""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.c_calls import TYPES, CalledInC
from autodiff_cli.compiler.form import (
    Apply,
    Call,
    Check,
    Function,
    If,
    Loop,
    Move,
    NotCompiled,
    Note,
    Print,
    Region,
    Uncall,
    Unwind,
    Value,
    values_of,
)
from autodiff_cli.compiler.printing import (
    AND,
    ATOM,
    CHOICE,
    COMPARED,
    INFIX,
    OR,
    PRODUCT,
    SIGN,
    SUM,
    Names,
    Printer,
    is_quotient,
    phi_order,
)
from autodiff_cli.compiler.rules import emitted, simplified, symbols
from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.engine.primitive import Primitive

_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while main run in out top end flag turns ended status flags j0 j1 jn y0 y1 yn
gamma signgam hypot fabs floor ceil rint trunc fmod copysign ldexp frexp realloc free malloc NULL
let function var new delete this typeof with yield class export import null true false try catch
throw finally await of eval arguments isfinite finite whole shaped array line size_t status
Math Number Infinity NaN value gradient
value_and_gradient grow turned poll most tape base used is_too_deep
"""
WORDS = frozenset(_WORDS.split())
"""What no variable may be called."""

HYPOT = """
/* The square of x: its double, and what that lacks. */
static void square(double x, double *high, double *low)
{
    double t = 134217729.0 * x, a = t - (t - x), b = x - a;
    *high = x * x;
    *low = ((a * a - *high) + 2.0 * a * b) + b * b;
}

/* The root of x*x + y*y as Python computes it: correctly rounded, but for very few. */
static double hypot_of(double x, double y)
{
    double v[2], most, scale, sum = 1.0, first = 0.0, second = 0.0, high, low, next, root;
    int exponent, i;
    v[0] = fabs(x);
    v[1] = fabs(y);
    most = v[0] > v[1] ? v[0] : v[1];
    if (most == HUGE_VAL || most == 0.0)
        return most;
    if (x != x || y != y)
        return x + y;
    frexp(most, &exponent);
    if (exponent < -1023)
        return 2.2250738585072014e-308 * hypot_of(v[0] / 2.2250738585072014e-308,
                                                  v[1] / 2.2250738585072014e-308);
    scale = ldexp(1.0, -exponent);
    for (i = 0; i < 2; i++) {
        square(v[i] * scale, &high, &low);
        next = sum + high;
        second += high - (next - sum);
        sum = next;
        first += low;
    }
    root = sqrt(sum - 1.0 + (first + second));
    square(root, &high, &low);
    next = sum - high;
    second += -high - (next - sum);
    sum = next;
    first -= low;
    root += (sum - 1.0 + (first + second)) / (2.0 * root);
    return root / scale;
}
"""
REMAINDERS = {
    "mod": """
/* The remainder with the sign of b. */
static double mod_of(double a, double b)
{
    double rest = fmod(a, b);
    if (rest == 0.0)
        return copysign(0.0, b);
    return (rest < 0.0) != (b < 0.0) ? rest + b : rest;
}
""",
    "floordiv": """
/* The quotient rounded down, as Python computes it. */
static double floordiv_of(double a, double b)
{
    double rest = fmod(a, b), whole = (a - rest) / b, below;
    if (rest != 0.0 && (rest < 0.0) != (b < 0.0))
        whole -= 1.0;
    if (whole == 0.0)
        return copysign(0.0, a / b);
    below = floor(whole);
    return whole - below > 0.5 ? below + 1.0 : below;
}
""",
}
"""Of floats, as Python computes them."""
OWN = {"hypot": HYPOT, **REMAINDERS}
"""What Python computes by itself, and not by C's library."""

INTEGERS = {
    "mod": """
static long long whole_mod(long long a, long long b)
{
    long long rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
""",
    "floordiv": """
static long long whole_floordiv(long long a, long long b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
""",
}
"""The same of integers, rounded down as Python does."""

LARGEST_EXACT = 2**53
"""Up to here every integer is a double."""
BESIDE = """
/* What has the sign of n - x: rounding keeps the order, but for what becomes equal. */
static double beside(long long n, double x)
{
    double nearest = (double)n;
    if (nearest != x)
        return nearest - x;
    return nearest < 9223372036854775808.0 ? (double)(n - (long long)x) : -1.0;
}
"""


def in_library(primitive: Primitive) -> str:
    """The function of C's library that computes a primitive with Python's digits, if one does."""
    if primitive.c or primitive.body is not None or primitive.name in OWN:
        return primitive.c
    scalar: Any = primitive.scalar
    return scalar.__name__ if getattr(scalar, "__module__", "") == "math" else ""


LIBRARY = {name: len(entry.operands) for entry in TABLE.values() if (name := in_library(entry))}
"""How many numbers each function of C's library takes."""
PROTOTYPES = "".join(
    f"double {name}({', '.join(['double'] * count)});\n"
    for name, count in sorted({**LIBRARY, "fmod": 2, "copysign": 2}.items())
)
"""No header is read: a compiler may have come without any."""

HEAD = f"""\
#define NULL ((void *)0)
#define HUGE_VAL (1.0 / 0.0)
{PROTOTYPES}double ldexp(double, int);
double frexp(double, int *);
void *realloc(void *, __SIZE_TYPE__);
"""
RUN = """
struct run {
    long long turns;          /* that loops may still take */
    int (*poll)(void);        /* asked now and then; what is not 0 ends the run */
    double *tape, *end;
    long long most;           /* doubles that the tape may hold */
    long long depth, stack;   /* calls inside calls, and bytes of the stack, that may be used */
    double *top;              /* of the tape, where one function hands it to another */
    long long left, room;     /* turns until the next poll; calls inside the one that runs */
    char *base;               /* of the stack */
};

/* Makes room on the tape, and gives the place that `top` has now. */
static double *grow(struct run *run, double *top)
{
    long long used = top - run->tape, size = used < 2048 ? 4096 : 2 * used;
    double *tape = size > run->most ? NULL : realloc(run->tape, (__SIZE_TYPE__)size * sizeof *tape);
    if (!tape)
        return NULL;
    run->tape = tape;
    run->end = tape + size;
    return tape + used;
}

/* Another 65,536 turns: 0 where they may be taken. */
static int turned(struct run *run)
{
    run->turns -= 65536;
    if (run->turns < 0)
        return 1;
    return run->poll && run->poll() ? 2 : 0;
}
"""
EXPORT = """
#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED
#endif
"""


class CPrinter(CalledInC):
    """Writes a function of C.

    Attributes:
        helpers: functions that the text needs before it.
    """

    def __init__(self, function: Function, keep_named: bool = False) -> None:
        taken = {*WORDS, *LIBRARY}
        super().__init__(function, Names(taken, spelt), keep_named)
        self.helpers: dict[str, str] = {}
        self.declared: dict[str, list[str]] = {}
        self.known: set[str] = set()

    def module(self, linkage: str = "EXPORTED") -> str:
        """All of a file to compile: `value_and_gradient`, and what it needs."""
        functions = self.functions()
        body = self.body(linkage)
        helpers = "".join(self.helpers.values())
        return HEAD + RUN + EXPORT + helpers + functions + "\n" + body

    def body(self, linkage: str) -> str:
        for place, param in enumerate(self.function.params):
            self.declare(param)
            self.add(f"{self.names[param]} = in[{place}]{' != 0.0' * (param.type == 'bool')};")
        self.ops(self.function.body)
        for place, result in enumerate(self.function.body.yields):
            self.add(f"out[{place}] = {self.as_double(result)};")
        lines, self.lines = self.lines, []
        given = "const double *in, double *out, struct run *run"
        self.add(f"{linkage} int value_and_gradient({given})")
        self.add("{")
        self.depth = 1
        for kind, names in self.declared.items():
            for start in range(0, len(names), 8):
                self.add(f"{kind} {', '.join(f'{n} = 0' for n in names[start : start + 8])};")
        self.add("double *top = run->tape, *end = run->end;")
        if self.callees:
            self.add("char base;")
            self.add("run->base = &base, run->room = run->depth;")
        self.add("long long turns = 65536;")
        self.depth = 0
        self.lines += [(f"    {line}" if line else line, span) for line, span in lines]
        self.depth = 1
        self.add("run->turns -= 65536 - turns;")
        self.add("return run->turns < 0 || end < top;")
        self.depth = 0
        self.add("flag:")
        self.add("    return 1;")
        self.add("}")
        text = self.text()
        return text if "goto flag" in text else text.replace("flag:\n    return 1;\n", "")

    def alike(self, function: Function) -> CPrinter:
        return CPrinter(function)

    def declare(self, value: Value) -> str:
        """A variable's name; it is declared at the head of the function."""
        name = self.names[value]
        self.declare_as(TYPES[value.type], name)
        return name

    def declare_as(self, kind: str, name: str) -> None:
        if name not in self.known:
            self.known.add(name)
            self.declared.setdefault(kind, []).append(name)

    # ── operations ────────────────────────────────────────────────────────────────────

    def assigned(self, op: Any) -> None:
        name = self.declare(op.out)
        if isinstance(op, Apply) and op.out.type == "int" and op.span is not None:
            self.whole(op)
        if isinstance(op, Move) and op.out.type != _type(op.source):
            self.converting(op)
        if is_quotient(op):
            for one in values_of(op.args):
                self.exact(one)
        if isinstance(op, Apply) and op.primitive.name == "add" and op.args[0] is op.out:
            self.add(f"{name} += {self.text_of(op.args[1])};")
        else:
            self.add(f"{name} = {self.expression(op)[0]};")

    def whole(self, op: Apply) -> None:
        """Flags an operation on integers that would leave 64 bits, or divide by 0."""
        sign, args = op.primitive.sign, op.args
        if sign in ("//", "%"):
            self.flag_if(f"{self.text_of(args[1], SIGN)} == 0")
        elif sign in INFIX and len(args) == 2:
            a, b = (f"(double){self.text_of(arg, ATOM)}" for arg in args)
            self.flag_if(f"fabs({a} {sign} {b}) > 9e18")

    def converting(self, op: Move) -> None:
        """Flags what has no place in another type."""
        source = _type(op.source)
        if op.out.type == "int" and source == "float":
            self.flag_if(f"!(fabs({self.text_of(op.source)}) < 9e18)")
        elif op.out.type == "float" and source == "int":
            self.exact(op.source)

    def exact(self, whole: Operand) -> None:
        """Flags an integer that is no double."""
        text = self.text_of(whole, ATOM)
        self.flag_if(f"{text} > {LARGEST_EXACT} || {text} < -{LARGEST_EXACT}")

    def flag_if(self, condition: str) -> None:
        self.add(f"if ({condition})")
        self.add("    goto flag;")

    def check(self, op: Check) -> None:
        if op.where == 0.0:
            return
        parts = []
        if isinstance(op.where, Value):
            parts.append(f"{self.text_of(op.where, SUM)} != 0.0")
        if isinstance(op.finite, Value):
            # nan, and so no 0, of a nan or an inf.
            parts.append(f"0.0 * {self.text_of(op.finite, PRODUCT + 1)} != 0.0")
        elif op.fails is not False:
            parts.append(self.text_of(op.fails, AND + 1))
        elif isinstance(op.holds, Value):
            parts.append(f"!{self.text_of(op.holds, SIGN + 1)}")
        self.flag_if(" && ".join(parts) or "1")

    def print(self, op: Print) -> None:
        raise NotCompiled("it prints")

    def branches(self, op: If) -> None:  # recurses: the program's blocks
        then, otherwise = self.way(op, op.then), self.way(op, op.otherwise)
        if then:
            self.add(f"if ({self.text_of(op.condition)}) {{")
            self.lines += then
            if otherwise:
                self.add("} else {")
                self.lines += otherwise
            self.add("}")
        elif otherwise:
            self.add(f"if (!{self.text_of(op.condition, SIGN + 1)}) {{")
            self.lines += otherwise
            self.add("}")

    def move(self, targets: Sequence[Value], sources: Sequence[Operand]) -> None:
        """Assigns all of `sources` at once."""
        pairs = [(t, s) for t, s in zip(targets, sources, strict=True) if t is not s]
        names = [self.declare(target) for target, _ in pairs]
        if not phi_order(pairs, self.reads_of):
            held = []
            for (target, source), name in zip(pairs, names, strict=True):
                held.append(self.names.fresh(f"next_{name}"))
                self.declare_as(TYPES[target.type], held[-1])
                self.add(f"{held[-1]} = {self.text_of(source)};")
            for name, one in zip(names, held, strict=True):
                self.add(f"{name} = {one};")
            return
        for target, source in pairs:
            self.add(f"{self.stepped(target, source)};")

    def loop(self, op: Loop) -> None:  # recurses: the program's blocks
        self.move(op.body.params, op.inits)
        trips = self.declare(op.trips)
        if op.head is None:
            assert op.index is not None
            index = self.declare(op.index)
            start, stop, step = (self.text_of(b) for b in (op.start, op.stop, op.step))
            sign = "<" if op.step > 0 else ">"
            turn = f"{trips}++, {f'{index}++' if op.step == 1 else f'{index} += {step}'}"
            self.add(f"for ({trips} = 0, {index} = {start}; {index} {sign} {stop}; {turn}) {{")
        else:
            self.add(f"for ({trips} = 0;; {trips}++) {{")
        self.depth += 1
        if op.head is not None:
            self.ops(op.head)
            if op.head.yields != [True]:
                self.add(f"if (!{self.text_of(op.head.yields[0], SIGN + 1)})")
                self.add("    break;")
        self.count_turn()
        self.ops(op.body)
        self.push(op.saved)
        self.move(op.body.params, op.body.yields)
        if op.leave is not False:
            if isinstance(op.leave, Value):
                self.add(f"if ({self.text_of(op.leave)}) {{")
                self.add(f"    {trips}++;")
                self.add("    break;")
                self.add("}")
            else:
                self.add(f"{trips}++;")
                self.add("break;")
        self.depth -= 1
        self.add("}")
        if op.tape is not None:
            self.add(f"{self.declare(op.tape)} = {trips};")
        self.move(*self.after(op))

    def count_turn(self) -> None:
        """Now and then asks whether to go on."""
        self.add("if (!--turns) {")
        self.add("    int ended = turned(run);")
        self.add("    if (ended)")
        self.add("        return ended;")
        self.add("    turns = 65536;")
        self.add("}")

    def push(self, saved: Sequence[Value]) -> None:
        if not saved:
            return
        size = len(saved)
        self.add(f"if (end - top < {size}) {{")
        self.add("    top = grow(run, top);")
        self.add("    if (!top)")
        self.add("        goto flag;")
        self.add("    end = run->end;")
        self.add("}")
        for place, value in enumerate(saved):
            self.declare(value)
            self.add(f"top[{place}] = {self.as_double(value)};")
        self.add(f"top += {size};")

    def unwind(self, op: Unwind) -> None:  # recurses: the program's blocks
        loop = op.loop
        left = self.names.fresh("left")
        self.declare_as("long long", left)
        count = self.declare(loop.tape or loop.trips)
        self.add(f"for ({left} = {count}; {left} > 0; {left}--) {{")
        self.depth += 1
        self.restore(loop.saved)
        self.ops(op.body)
        self.depth -= 1
        self.add("}")

    def restore(self, saved: Sequence[Value]) -> None:
        """Takes what a turn has kept off the tape."""
        if saved:
            self.add(f"top -= {len(saved)};")
        for place, value in enumerate(saved):
            cast = "" if value.type == "float" else f"({TYPES[value.type]})"
            self.add(f"{self.declare(value)} = {cast}top[{place}];")

    # ── expressions ───────────────────────────────────────────────────────────────────

    def literal(self, number: Any) -> tuple[str, int]:
        if isinstance(number, float):
            if math.isnan(number):
                return "(HUGE_VAL - HUGE_VAL)", ATOM
            if math.isinf(number):
                return ("HUGE_VAL", ATOM) if number > 0 else ("-HUGE_VAL", SIGN)
            return repr(number), SIGN if math.copysign(1, number) < 0 else ATOM
        return str(int(number)), SIGN if number < 0 else ATOM

    def as_double(self, operand: Operand) -> str:  # recurses: the program's blocks
        if not isinstance(operand, Value):
            return self.literal(float(operand))[0]
        if operand.type == "float":
            return self.text_of(operand)
        return f"(double){self.text_of(operand, SIGN)}"

    def expression(self, op: Any) -> tuple[str, int]:  # recurses: the program's blocks
        """The text of an operation, and how tightly it binds."""
        if isinstance(op, Move):
            return self.converted(op)
        name, sign, args = op.primitive.name, op.primitive.sign, op.args
        if is_quotient(op):
            return f"{self.as_double(args[0])} / {self.as_double(args[1])}", PRODUCT
        if sign in INFIX and len(args) == 2:
            binds = INFIX[sign]
            return (
                self.compared(sign, *args) if binds == COMPARED else self.infix(sign, binds, *args)
            )
        if name == "neg":
            return f"-{self.text_of(args[0], SIGN + 1)}", SIGN
        if name == "logical_and":
            return f"{self.text_of(args[0], AND)} && {self.text_of(args[1], AND)}", AND
        if name == "logical_or":
            return f"{self.text_of(args[0], AND + 1)} || {self.text_of(args[1], AND + 1)}", OR
        if name == "logical_not":
            return f"!{self.text_of(args[0], SIGN + 1)}", SIGN
        if name == "identity":
            return self.operand(args[0])
        if name == "where":
            condition, a, b = (self.text_of(arg, AND) for arg in args)
            return f"{condition} ? {a} : {b}", CHOICE
        if name == "gated":
            factor = self.text_of(args[0], SIGN)
            return f"{factor} != 0.0 ? {factor} * {self.text_of(args[1], SIGN)} : 0.0", CHOICE
        if op.out.type == "int":
            return self.on_integers(name, args)
        called = self.called(op.primitive)
        return f"{called}({', '.join(self.as_double(arg) for arg in args)})", ATOM

    def compared(self, sign: str, a: Operand, b: Operand) -> tuple[str, int]:
        """A comparison; of an integer with a double it is exact, as Python's."""
        for one, other in ((a, b), (b, a)):
            is_small = not isinstance(one, Value) and abs(one) <= LARGEST_EXACT
            if (_type(one), _type(other)) == ("int", "float") and not is_small:
                self.helpers["beside"] = BESIDE
                text = f"beside({self.text_of(one)}, {self.text_of(other)})"
                return f"{text} {sign} 0" if one is a else f"0 {sign} {text}", COMPARED
        return self.infix(sign, COMPARED, a, b)

    def on_integers(self, name: str, args: Sequence[Operand]) -> tuple[str, int]:
        if name not in INTEGERS:
            raise NotCompiled(f"`{name}` of integers")
        self.helpers[f"whole_{name}"] = INTEGERS[name]
        return f"whole_{name}({', '.join(self.text_of(arg) for arg in args)})", ATOM

    def converted(self, op: Move) -> tuple[str, int]:  # recurses: the program's blocks
        source = _type(op.source)
        if op.out.type == source:
            return self.operand(op.source)
        if op.out.type == "bool":
            return f"{self.text_of(op.source, SUM)} != 0", COMPARED
        return f"({TYPES[op.out.type]}){self.text_of(op.source, SIGN)}", SIGN

    def called(self, primitive: Primitive) -> str:
        """The name by which the text calls a primitive; what it needs comes before the text."""
        library = in_library(primitive)
        if library:
            return library
        name = f"{primitive.name}_of"
        if name not in self.helpers:
            if primitive.name in OWN:
                self.helpers[name] = OWN[primitive.name]
            elif primitive.body is not None:
                self._define(name, primitive)
            else:
                raise NotCompiled(f"C has no `{primitive.title}`", self.span)
        return name

    def _define(self, name: str, primitive: Primitive) -> None:
        """A function of C for a primitive whose entry has its body as symbols."""
        params = [Value("float", operand) for operand in primitive.operands]
        region = Region()
        assert primitive.body is not None
        tree = simplified(primitive.body(*symbols(params)))
        region.yields = [emitted(tree, region.ops.append, {})]
        inner = CPrinter(Function(params, region))
        inner.helpers = self.helpers
        inner.depth = 1
        given = ", ".join(f"double {inner.names[param]}" for param in params)
        inner.known.update(inner.names[param] for param in params)
        inner.ops(region)
        inner.add(f"return {inner.as_double(region.yields[0])};")
        declared = "".join(
            f"    {kind} {', '.join(names)};\n" for kind, names in inner.declared.items()
        )
        text = f"\nstatic double {name}({given})\n{{\n{declared}{inner.text()}}}\n"
        self.helpers[name] = text

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        Check: check,
        Note: Printer.note,
        Print: print,
        If: branches,
        Loop: loop,
        Unwind: unwind,
        Call: CalledInC.call,
        Uncall: CalledInC.uncall,
    }


def _type(operand: Operand) -> str:
    return operand.type if isinstance(operand, Value) else type(operand).__name__


def spelt(name: str) -> str:
    """A name in the letters that every C compiler takes."""
    return "".join(c if c.isascii() else _letter(c) for c in name)


def _letter(character: str) -> str:
    words = unicodedata.name(character, "").lower().split()
    return words[-1] if words and words[-1].isalnum() else f"u{ord(character):x}"
