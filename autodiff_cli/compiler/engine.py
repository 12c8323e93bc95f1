"""A program compiled for the kinds of its inputs, and run."""

from __future__ import annotations

import math
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.adjoint import add_adjoint, certain
from autodiff_cli.compiler.finite import add_checks
from autodiff_cli.compiler.form import Flag, Long, NotCompiled
from autodiff_cli.compiler.pruning import prune
from autodiff_cli.compiler.python import PythonPrinter
from autodiff_cli.compiler.statements import lower
from autodiff_cli.compiler.variables import Array
from autodiff_cli.engine.lazy import np, quiet_numpy
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.errors import AdiffError, TimeOver
from autodiff_cli.interpreter.machine import BYTES_OF_A_NODE
from autodiff_cli.interpreter.printing import printed
from autodiff_cli.interpreter.process import deep_recursion, no_garbage_collection
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.compiler.form import Value
    from autodiff_cli.compiler.statements import Lowered
    from autodiff_cli.interpreter.machine import Limits
    from autodiff_cli.interpreter.program import Prepared, Program
    from autodiff_cli.language.source import Span


NAME = "<compiled>"
"""What Python calls the file of the source."""


@record
class Answer:
    """What a run of compiled code gives.

    Attributes:
        at: the value of each name differentiated by.
        nodes, steps: as the interpreter would have counted them.
    """

    value: Any
    gradient: dict[str, Any]
    at: dict[str, Any]
    nodes: int
    leaves: int
    steps: int


@record
class Form:
    """A program with its adjoint, ready to be printed.

    Attributes:
        lowered: its function gives value, nodes and steps, then the value and the derivative
            of every number that is differentiated by.
        shapes: of each name that is differentiated by.
        depends: those of these names on which the result depends, whichever way a run goes.
    """

    lowered: Lowered
    shapes: dict[str, tuple[int, ...]]
    depends: set[str]


def form_of(
    program: Program, prepared: Prepared, kinds: Mapping[str, Any], raises: bool = True
) -> Form:
    """A program as a form with its adjoint, for inputs of certain kinds.

    Args:
        raises: it is for Python, whose `math` raises where it makes a nan or an inf.

    Raises:
        NotCompiled: the form cannot hold it.
    """
    with deep_recursion():
        return _form_of(program, prepared, kinds, raises)


def _form_of(program: Program, prepared: Prepared, kinds: Mapping[str, Any], raises: bool) -> Form:
    lowered = lower(program, prepared, kinds)
    function = lowered.function
    shapes: dict[str, tuple[int, ...]] = {}
    targets: list[Value] = []
    for name in prepared.by:
        held = lowered.targets[name]
        shapes[name] = held.shape if isinstance(held, Array) else ()
        targets += held.items if isinstance(held, Array) else [held]
    function.body.yields += targets
    prune(function)
    add_checks(function, raises)
    sure = certain(function, targets)
    depends = {
        name
        for name, held in lowered.targets.items()
        if not sure.isdisjoint(held.items if isinstance(held, Array) else [held])
    }
    function.body.yields += add_adjoint(function, targets, lean=not raises)
    prune(function)
    return Form(lowered, shapes, depends)


class Compiled:
    """A program that runs as Python source."""

    engine = "python"
    is_native = False

    def __init__(self, program: Program, prepared: Prepared, kinds: Mapping[str, Any]) -> None:
        self.prepared = prepared
        self.form = form_of(program, prepared, kinds)
        with deep_recursion():
            self._printer = printer = PythonPrinter(self.form.lowered.function)
            self.source = printer.printed("value_and_gradient")
        namespace: dict[str, Any] = {"Flag": Flag, "Long": Long, **printer.used}
        try:
            exec(compile(self.source, NAME, "exec"), namespace)
        except SyntaxError:
            # Python has a limit to how deep loops and branches may be nested.
            raise NotCompiled("its blocks are nested too deep") from None
        self._run: Callable[..., tuple[Any, ...]] = namespace["value_and_gradient"]

    def run(
        self,
        inputs: Mapping[str, Any],
        limits: Limits,
        on_print: Callable[[str], None],
        most_turns: float = math.inf,
    ) -> Answer:
        """The value and the gradient.

        Raises:
            Flag: the interpreter has something to tell.
            Long: the loops took more than `most_turns`, or than they may.
        """
        numbers = flat(self.form, inputs, limits)

        def say(*parts: Any) -> None:
            on_print(" ".join(printed(part) for part in parts))

        try:
            with no_garbage_collection(), quiet_numpy(), deep_recursion():
                budget = min(turns_within(limits), most_turns)
                found = self._run(*numbers, budget, limits.depth, say)
        except Long:
            raise
        except (Flag, ArithmeticError, ValueError, MemoryError, RecursionError):
            raise Flag from None
        except (AdiffError, TimeOver) as stop:
            error = stop.error if isinstance(stop, TimeOver) else stop
            if error.where is None:
                error.where = self._place(stop)
            raise
        return answer(self.form, found, limits)

    def _place(self, error: BaseException) -> Span | None:
        """Where in the program an error came that stopped the run from outside."""
        for frame, line in walk_tb(error.__traceback__):
            if frame.f_code.co_filename == NAME:
                return self._printer.place(line)
        return None


def turns_within(limits: Limits) -> int:
    """How many turns all loops may take, so that no tape outgrows what the graph may take."""
    return int(min(limits.steps, limits.nodes, limits.memory / BYTES_OF_A_NODE))


def flat(form: Form, inputs: Mapping[str, Any], limits: Limits) -> list[Any]:
    """The inputs as the numbers that compiled code takes.

    Raises:
        Flag: one of them is not finite, or calls would be nested too deep.
    """
    if form.lowered.function.deepest > limits.depth:
        raise Flag
    numbers: list[Any] = []
    for name, held in form.lowered.inputs.items():
        given = inputs[name]
        if isinstance(held, Array):
            numbers += given.astype(float).ravel().tolist()
        else:
            numbers.append(given if held.type == "bool" else float(given))
    if not all(map(math.isfinite, numbers)):
        raise Flag
    return numbers


def answer(form: Form, found: Sequence[Any], limits: Limits) -> Answer:
    """The answer in the numbers that compiled code gives.

    Raises:
        Flag: the interpreter has something to tell of them: one is not finite, a run
            may not have depended on a name, or it would have met a limit.
    """
    value, nodes, steps, *rest = found
    count = len(rest) // 2
    at, gradient = rest[:count], rest[count:]
    if steps > limits.steps or nodes > min(limits.nodes, limits.memory / BYTES_OF_A_NODE):
        raise Flag
    if not math.isfinite(value) or not all(map(math.isfinite, gradient)):
        raise Flag
    by_name, values, start = {}, {}, 0
    for name, shape in form.shapes.items():
        size = math.prod(shape)
        part = gradient[start : start + size]
        if name not in form.depends and not any(part):
            raise Flag
        by_name[name] = _shaped(part, shape)
        values[name] = _shaped(at[start : start + size], shape)
        start += size
    return Answer(value, by_name, values, nodes, form.lowered.leaves, steps)


def _shaped(numbers: list[float], shape: tuple[int, ...]) -> Any:
    return np.array(numbers).reshape(shape) if shape else numbers[0] + 0.0


def kinds_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The kind of each input that is given: "bool", "float", or the shape of an array."""
    kinds: dict[str, Any] = {}
    for name, value in inputs.items():
        if shape_of(value):
            kinds[name] = "booleans" if value.dtype.kind == "b" else value.shape
        else:
            kinds[name] = "bool" if isinstance(value, bool) else "float"
    return kinds
