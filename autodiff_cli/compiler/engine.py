"""A program compiled for the kinds of its inputs, and run."""

from __future__ import annotations

import math
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.compiler.adjoint import add_reverse, finished
from autodiff_cli.compiler.dependence import certain
from autodiff_cli.compiler.finite import add_checks
from autodiff_cli.compiler.form import Flag, Long, NotCompiled, TooLong, Value, everything
from autodiff_cli.compiler.lowering import MOST_OPERATIONS
from autodiff_cli.compiler.pruning import prune
from autodiff_cli.compiler.python import PythonPrinter
from autodiff_cli.compiler.statements import StatementForm, flat, lower
from autodiff_cli.compiler.tangent import add_tangents
from autodiff_cli.compiler.variables import Array, is_number, is_whole
from autodiff_cli.engine.derivatives import swept
from autodiff_cli.engine.lazy import np, quiet_numpy
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.errors import AdiffError, TimeOver
from autodiff_cli.interpreter.machine import BYTES_OF_A_NODE
from autodiff_cli.interpreter.printing import printed
from autodiff_cli.interpreter.process import deep_recursion, no_garbage_collection
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from autodiff_cli.compiler.form import Function, Operand
    from autodiff_cli.compiler.statements import Lowered
    from autodiff_cli.interpreter.machine import Limits
    from autodiff_cli.interpreter.program import Prepared, Program
    from autodiff_cli.language.source import Span


ENTRY = "value_and_gradient"
NAME = "<compiled>"
"""What Python calls the file of the source."""
MOST_WITH_DERIVATIVES = 4 * MOST_OPERATIONS
FORWARD = ("jvp", "hvp")
"""What takes tangents."""


Ask = Literal["gradient", "vjp", "jvp", "hvp", "jacobian"]
"""What code computes: `jacobian` is `vjp` or `jvp`, whichever takes fewer runs."""


@record
class Answer:
    """What a run of compiled code gives.

    Attributes:
        values: of each output.
        found: the derivatives, number by number: of `jvp` one for each number of the outputs,
            else one for each that is differentiated by; of `hvp` before them as many of the
            gradient.
        at: the value of each name differentiated by.
        nodes, steps: as the interpreter would have counted them.
    """

    values: dict[str, Any]
    found: Any
    at: dict[str, Any]
    nodes: int
    leaves: int
    steps: int


@record
class Form:
    """A program with its derivatives, ready to be printed.

    After the inputs it takes a tangent for each number that is differentiated by (`jvp`, `hvp`),
    and a cotangent for each of the outputs (`vjp`, and `hvp` of several outputs).

    Attributes:
        lowered: its function gives values, nodes and steps, then the value of every number that
            is differentiated by, then the derivatives, as `Answer.found`.
        ask: what they are.
        shapes: of each name that is differentiated by.
        outputs: the shape of each output.
        depends: for each output those names on which it depends, whichever way a run goes.
        doubted: the inputs that are arrays, and in which a nan or an inf might go unseen.
    """

    lowered: Lowered
    ask: Ask
    shapes: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    depends: dict[str, set[str]]
    doubted: list[str]


def form_of(
    program: Program,
    prepared: Prepared,
    kinds: Mapping[str, Any],
    raises: bool = True,
    ask: Ask = "gradient",
    made: type[StatementForm] = StatementForm,
) -> Form:
    """A program as a form with derivatives, for inputs of certain kinds.

    Args:
        raises: it is for Python, whose `math` raises where it makes a nan or an inf.
        made: what makes the operations.

    Raises:
        NotCompiled: the form cannot hold it.
    """
    with deep_recursion():
        return _form_of(program, prepared, kinds, raises, ask, made)


def _form_of(
    program: Program,
    prepared: Prepared,
    kinds: Mapping[str, Any],
    raises: bool,
    ask: Ask,
    made: type[StatementForm],
) -> Form:
    lowered = lower(program, prepared, kinds, made=made)
    function = lowered.function
    shapes = {name: _shape(lowered.targets[name]) for name in prepared.by}
    targets: list[Value] = [one for name in shapes for one in flat(lowered.targets[name])]
    outputs = {name: _shape(held) for name, held in lowered.outputs.items()}
    ask = _ask(ask, outputs, len(targets))
    count = size_of(outputs)
    function.body.yields += targets
    prune(function)
    seen = add_checks(function, raises, count)
    doubted = [name for name, held in lowered.inputs.items() if is_whole(held) and held not in seen]
    results = function.body.yields[:count]
    depends = {
        name: {one for one in shapes if not sure.isdisjoint(flat(lowered.targets[one]))}
        for name, held in lowered.outputs.items()
        for sure in [certain(function, targets, flat(held))]
    }
    lean = not raises
    found = finished(function, _derivatives(function, ask, targets, results, lean), lean)
    function.body.yields += found
    prune(function)
    size = sum(1 for _ in everything(function.body))
    if size > MOST_WITH_DERIVATIVES:
        raise TooLong(f"it has more than {MOST_WITH_DERIVATIVES:,} operations")
    return Form(lowered, ask, shapes, outputs, depends, doubted)


def _shape(held: Any) -> tuple[int, ...]:
    return held.shape if isinstance(held, Array) or is_whole(held) else ()


def _ask(ask: Ask, outputs: Mapping[str, tuple[int, ...]], count: int) -> Ask:
    """What is computed of outputs of these shapes, by so many numbers."""
    if not count and ask in ("jvp", "hvp", "jacobian"):
        raise NotCompiled("there is nothing to differentiate by")
    if ask == "jacobian":
        ways: set[Ask] = {
            "vjp" if swept(shape, count) == "reverse" else "jvp" for shape in outputs.values()
        }
        if len(ways) > 1:
            raise NotCompiled("the Jacobians of its outputs are swept different ways")
        return ways.pop()
    if ask in ("gradient", "hvp") and any(outputs.values()):
        raise NotCompiled("an output is no single number")
    return "vjp" if ask == "gradient" and len(outputs) > 1 else ask


def _derivatives(
    function: Function, ask: Ask, targets: list[Value], results: list[Operand], lean: bool
) -> list[Operand]:
    """Has a function compute them; it takes the seeds as parameters, after its own."""

    def seeds(count: int, name: str) -> list[Value]:
        made = [Value("float", name) for _ in range(count)]
        function.params += made
        return made

    tangents: dict[Value, Operand] = {}
    if ask in FORWARD:
        tangents.update(zip(targets, seeds(len(targets), "along"), strict=True))
    if ask == "jvp":
        return add_tangents(function, tangents, results)
    several = ask == "vjp" or len(results) > 1
    cotangents: list[Operand] = [*seeds(len(results), "weight")] if several else [1.0]
    weighed = list(zip(results, cotangents, strict=True))
    gradient = add_reverse(function, targets, weighed, False, lean, ask == "hvp")
    if ask != "hvp":
        return gradient
    return [*gradient, *add_tangents(function, tangents, gradient, checks=False)]


class Compiled:
    """A program that runs as Python source."""

    engine = "python"
    is_native = False
    is_of_arrays = False

    def __init__(
        self, program: Program, prepared: Prepared, kinds: Mapping[str, Any], ask: Ask = "gradient"
    ) -> None:
        self.form = form_of(program, prepared, kinds, ask=ask)
        with deep_recursion():
            printer = PythonPrinter(self.form.lowered.function)
            self._run: Callable[..., tuple[Any, ...]] = self._compiled(printer)[ENTRY]

    def _compiled(self, printer: PythonPrinter) -> dict[str, Any]:
        """What the source defines that a printer writes."""
        self._printer = printer
        self.source = printer.printed(ENTRY)
        namespace: dict[str, Any] = {"Flag": Flag, "Long": Long, **printer.used}
        try:
            exec(compile(self.source, NAME, "exec"), namespace)
        except SyntaxError:
            # Python has a limit to how deep loops and branches may be nested.
            raise NotCompiled("its blocks are nested too deep") from None
        return namespace

    def run(
        self,
        inputs: Mapping[str, Any],
        limits: Limits,
        on_print: Callable[[str], None],
        most_turns: float = math.inf,
        seeds: Sequence[float] = (),
    ) -> Answer:
        """The values and the derivatives.

        Args:
            seeds: tangents and cotangents, as the form takes them.

        Raises:
            Flag: the interpreter has something to tell.
            Long: the loops took more than `most_turns`, or than they may.
        """
        numbers = [*given(self.form, inputs, limits), *seeds]

        def say(*parts: Any) -> None:
            on_print(" ".join(printed(part) for part in parts))

        try:
            return self._called(numbers, min(turns_within(limits), most_turns), say, limits)
        except Long:
            raise
        except (Flag, ArithmeticError, ValueError, LookupError, MemoryError, RecursionError):
            raise Flag from None
        except (AdiffError, TimeOver) as stop:
            error = stop.error if isinstance(stop, TimeOver) else stop
            if error.where is None:
                error.where = self._place(stop)
            raise

    def _called(
        self, numbers: list[Any], turns: float, say: Callable[..., None], limits: Limits
    ) -> Answer:
        with no_garbage_collection(), quiet_numpy(), deep_recursion():
            found = self._run(*numbers, turns, limits.depth, say)
        return answer(self.form, found, limits)

    def _place(self, error: BaseException) -> Span | None:
        """Where in the program an error came that stopped the run from outside."""
        for frame, line in walk_tb(error.__traceback__):
            if frame.f_code.co_filename == NAME:
                return self._printer.place(line)
        return None


def turns_within(limits: Limits) -> int:
    """How many turns all loops may take, so that no tape outgrows what the graph may take."""
    return int(min(limits.steps, nodes_within(limits)))


def nodes_within(limits: Limits) -> float:
    """How many nodes a graph may have."""
    return min(limits.nodes, limits.memory / BYTES_OF_A_NODE)


def given(form: Form, inputs: Mapping[str, Any], limits: Limits) -> list[Any]:
    """The inputs as the numbers, or the arrays, that compiled code takes.

    Raises:
        Flag: one of them is not finite, or calls would be nested too deep.
    """
    if form.lowered.function.deepest > limits.depth:
        raise Flag
    numbers: list[Any] = []
    for name, held in form.lowered.inputs.items():
        value = inputs[name]
        if is_whole(held):
            numbers.append(np.asarray(value, float))
            if name in form.doubted and not np.isfinite(numbers[-1]).all():
                raise Flag
        elif isinstance(held, Array):
            numbers += value.astype(float).ravel().tolist()
        else:
            numbers.append(value if held.type == "bool" else float(value))
    if not all(math.isfinite(number) for number in numbers if is_number(number)):
        raise Flag
    return numbers


def answer(form: Form, found: Sequence[Any], limits: Limits) -> Answer:
    """The answer in the numbers that compiled code gives.

    Raises:
        Flag: the interpreter has something to tell of them: one is not finite, or it would
            have met a limit.
    """
    count = size_of(form.outputs)
    nodes, steps, *rest = found[count:]
    if steps > limits.steps or nodes > nodes_within(limits):
        raise Flag
    derivatives = rest[size_of(form.shapes) :]
    if not all(map(math.isfinite, derivatives)) or not all(map(math.isfinite, found[:count])):
        raise Flag
    values = {
        name: np.array(part).reshape(shape) if shape else part[0]
        for name, shape, part in parts(form.outputs, found)
    }
    at = {
        name: np.array(part).reshape(shape) if shape else float(part[0])
        for name, shape, part in parts(form.shapes, rest)
    }
    return Answer(values, derivatives, at, nodes, form.lowered.leaves, steps)


def parts(
    shapes: Mapping[str, tuple[int, ...]], numbers: Any
) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    """What of a sequence belongs to each name, with its shape."""
    start = 0
    for name, shape in shapes.items():
        end = start + math.prod(shape)
        yield name, shape, numbers[start:end]
        start = end


def size_of(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many numbers they are together."""
    return sum(map(math.prod, shapes.values()))


def shaped(numbers: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Numbers as an array, or the one that they are, as a float that is no -0."""
    return np.array(numbers).reshape(shape) if shape else float(numbers[0]) + 0.0


def kinds_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The kind of each input that is given: "bool", "float", or the shape of an array."""
    kinds: dict[str, Any] = {}
    for name, value in inputs.items():
        if shape_of(value):
            kinds[name] = "booleans" if value.dtype.kind == "b" else value.shape
        else:
            kinds[name] = "bool" if isinstance(value, bool) else "float"
    return kinds
