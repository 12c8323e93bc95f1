"""What an exported file is written of, and what all of them say alike."""

from __future__ import annotations

import functools
import re
from itertools import product
from math import inf, nan
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.adjoint import add_adjoint
from autodiff_cli.compiler.finite import SAMPLES
from autodiff_cli.compiler.form import (
    Apply,
    Check,
    Function,
    NotCompiled,
    Print,
    Region,
    Value,
    called,
    everything,
    regions,
    with_ways_back,
)
from autodiff_cli.compiler.pruning import prune
from autodiff_cli.compiler.rules import emitted, simplified, symbols
from autodiff_cli.compiler.special import SPECIAL, special
from autodiff_cli.compiler.variables import Array, is_whole
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.records import record
from autodiff_cli.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.compiler.statements import Lowered
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.interpreter.program import Prepared
    from autodiff_cli.language.source import Span

LONGEST_LINE = 88
"""Characters of a line of the program that a comment repeats."""

NO_LINES = -1
"""What a printer has for the line that it is at where it writes no program of the user's."""

IEEE = "What else is not finite goes on as IEEE 754 says."


@record
class Exported:
    """What an exported function takes and gives.

    Attributes:
        program: what the source is called.
        inputs: by name, a value or an array of values.
        output: what the program calls its result.
        by: the names that it is differentiated by, each with its shape.
        gradient: the derivatives by their numbers, one after the other.
        kinks: what the derivative is where there is none, for each function, with its lines.
        prints: whether the program prints, which the file does not.
        defaults: what inputs are where they are not given: numbers, or lists of them.
    """

    program: str
    function: Function
    inputs: dict[str, Any]
    output: str
    by: dict[str, tuple[int, ...]]
    gradient: list[Operand]
    kinks: list[str]
    prints: bool
    defaults: Mapping[str, Any] = {}

    @property
    def value(self) -> Operand:
        return self.function.body.yields[0]

    @property
    def title(self) -> str:
        what = f"{self.output} and its gradient, from {plain(self.program)}"
        return f"{what}; written by adiff {__version__}."

    def remarks(self, raised: str, goes_on: str = IEEE) -> list[str]:
        """What there is to know of the function, line by line.

        Args:
            raised: what it does where it goes no further.
            goes_on: what becomes of numbers that are not finite.
        """
        lines = [
            f"{raised} where an assertion fails, a name has",
            f"no value, or a choice would hide a nan. {goes_on}",
            "Nothing ends a loop but the program.",
        ]
        if called(self.function.body):
            lines.append("Calls inside calls take of the stack; nothing looks how deep they go.")
        if self.prints:
            lines.append("What the program prints is left out.")
        if self.kinks:
            lines.append("Where there is no derivative, it is a convention:")
            lines += [f"  {kink}" for kink in self.kinks]
        return lines


def prepare(lowered: Lowered, prepared: Prepared, name: str, lean: bool) -> Exported:
    """The form with its adjoint, and with what a file checks.

    Args:
        lean: what costs less to compute again than to keep is not kept for the way back.
    """
    (output,) = prepared.outputs
    if isinstance(lowered.outputs[output.name], Array):
        raise NotCompiled(f"`{output.name}` is no single number", output.span)
    function = lowered.function
    function.body.yields = function.body.yields[:1]
    functions = called(function.body)
    bodies = [function.body, *(one.body for one in functions)]
    prints = any(isinstance(op, Print) for body in bodies for op in everything(body))
    for body in bodies:
        _keep_errors(body)
    prune(function)
    for body in bodies:
        _add_checks(body)
    by: dict[str, tuple[int, ...]] = {}
    targets: list[Value] = []
    for target in prepared.by:
        held = lowered.targets[target]
        by[target] = held.shape if isinstance(held, Array) or is_whole(held) else ()
        targets += held.items if isinstance(held, Array) else [held]
    kinks = _kinks(bodies)
    gradient = add_adjoint(function, targets, careful=True, lean=lean)
    function.body.yields += gradient
    bodies = [function.body, *(one.body for one in with_ways_back(functions))]
    for body in bodies:
        _keep_errors(body)
    prune(function)
    for body in bodies:
        _check_orders(body)
    return Exported(name, function, lowered.inputs, output.name, by, gradient, kinks, prints)


def _keep_errors(region: Region) -> None:  # recurses: the program's blocks
    """Drops what is only for the interpreter to tell, and what prints."""
    region.ops = [
        op
        for op in region.ops
        if not isinstance(op, Print)
        and not (isinstance(op, Check) and not op.error and not isinstance(op.finite, Value))
    ]
    for op in region.ops:
        for inner in regions(op):
            _keep_errors(inner)


def _check_orders(body: Region) -> None:
    """Refuses derivatives of functions that are too high for what a file brings along.

    Raises:
        NotCompiled: there is such a one.
    """
    for op in everything(body):
        known = SPECIAL.get(op.primitive.name) if isinstance(op, Apply) else None
        if known is None or known.most is None:
            continue
        orders = op.args[: len(op.primitive.counts)]
        if any(isinstance(order, Value) for order in orders) or sum(orders) > known.most:
            raise NotCompiled(f"no file has derivatives so high: {op.primitive.doc}", op.span)


def _add_checks(region: Region) -> None:  # recurses: the program's blocks
    """Inserts checks of operands for which a primitive's body is another function than it is.

    So nothing that is not finite goes unseen that the interpreter would have given.
    """
    kept: list[Any] = []
    for op in region.ops:
        if isinstance(op, Apply) and op.primitive.body is not None and not op.is_of_arrays:
            for position, arg in enumerate(op.args):
                if isinstance(arg, Value):
                    kept += _checks(op, position, arg)
        for inner in regions(op):
            _add_checks(inner)
        kept.append(op)
    region.ops = kept


def _checks(op: Apply, position: int, arg: Value) -> list[Any]:
    primitive = op.primitive
    if _differs(primitive.name, position, (inf, -inf)):
        return [Check(finite=arg, span=op.span)]
    if arg.type == "float" and _differs(primitive.name, position, (nan,)):
        known = Value("bool")
        test = Apply(known, TABLE["equal"], (arg, arg), op.span)
        return [test, Check(holds=known, error="a number is nan", span=op.span)]
    return []


@functools.cache
def _differs(name: str, position: int, odd: tuple[float, ...]) -> bool:
    """Whether a primitive's body has another value than it has, for an operand that is odd."""
    primitive = TABLE[name]
    assert primitive.body is not None
    choices = [odd if at == position else SAMPLES for at in range(len(primitive.operands))]
    with np.errstate(all="ignore"):
        return not all(
            np.array_equal(primitive.body(*args), primitive.guarded(*args), equal_nan=True)
            for args in product(*choices)
        )


def _kinks(bodies: Sequence[Region]) -> list[str]:
    lines: dict[tuple[str, str], dict[int, None]] = {}
    for op in (op for body in bodies for op in everything(body)):
        if not isinstance(op, Apply) or op.span is None or not op.primitive.has_edges:
            continue
        exponent = op.args[-1]
        if op.primitive.name == "pow" and isinstance(exponent, (int, float)) and exponent >= 1:
            continue  # smooth, or 0 at 0 on one side
        if op.out.active is not False and op.primitive.convention:
            key = op.primitive.title, op.primitive.convention
            lines.setdefault(key, {})[op.span.line] = None
    return [
        f"`{title}` in line {', '.join(map(str, at))}: {convention}"
        for (title, convention), at in lines.items()
    ]


def remark(printer: Any, op: Any) -> str:
    """The line of the program that an operation comes from, where it is another one than before."""
    span = getattr(op, "span", None)
    if span is None or printer.line in (span.line, NO_LINES):
        return ""
    printer.line = span.line
    return f"line {span.line}: {plain(span.source.line(span.line))}"


def plain(text: str) -> str:
    """A text as part of a comment: short, and without what would end one."""
    text = "".join(c if c.isprintable() else " " for c in text).strip()
    text = text.replace("*/", "* /").replace("/*", "/ *").replace('"""', "'''")
    text = re.sub(r"\?(?=\?)", "? ", text)  # trigraphs
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"


def error_of(check: Check) -> str:
    """What a check says that fails."""
    where = f"line {check.span.line}: " if check.span is not None else ""
    return where + plain(check.error or "a number is not finite")


def line_of(span: Any) -> int:
    """The line of the program, 1 where none is known."""
    return 1 if span is None else int(span.line)


def body_of(primitive: Primitive, language: str, span: Span | None) -> Function:
    """What computes a primitive, as a function.

    Raises:
        NotCompiled: nothing does.
    """
    if primitive.body is None:
        return special(primitive, language, span)
    params = [Value("float", operand) for operand in primitive.operands]
    region = Region()
    tree = simplified(primitive.body(*symbols(params)))
    region.yields = [emitted(tree, region.ops.append, {})]
    return Function(params, region)


def is_array(held: Any) -> bool:
    return isinstance(held, Array)


def nested(texts: Sequence[str], shape: Sequence[int]) -> str:
    """Texts in brackets, as the axes are."""
    for size in reversed(shape):
        texts = [f"[{', '.join(texts[i : i + size])}]" for i in range(0, len(texts), size)]
    return texts[0]
