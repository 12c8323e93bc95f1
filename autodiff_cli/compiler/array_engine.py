"""A program of arrays compiled to NumPy, and run."""

from __future__ import annotations

from math import isfinite, prod
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.buffers import Buffers
from autodiff_cli.compiler.engine import ENTRY, FORWARD, Answer, Compiled, form_of
from autodiff_cli.compiler.form import Flag, Loop, NotCompiled, everything, is_array
from autodiff_cli.compiler.numpy_calls import expand
from autodiff_cli.compiler.numpy_printer import NumpyPrinter
from autodiff_cli.compiler.whole_arrays import WholeArrayForm
from autodiff_cli.engine.lazy import np
from autodiff_cli.interpreter.machine import BYTES_OF_A_NODE
from autodiff_cli.interpreter.process import deep_recursion, no_garbage_collection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autodiff_cli.compiler.engine import Ask, Form
    from autodiff_cli.interpreter.machine import Limits
    from autodiff_cli.interpreter.program import Prepared, Program

    Run = Callable[..., tuple[Any, ...]]


class CompiledArrays(Compiled):
    """A program that runs as Python source which calls NumPy."""

    is_of_arrays = True

    def __init__(
        self, program: Program, prepared: Prepared, kinds: Mapping[str, Any], ask: Ask = "gradient"
    ) -> None:
        if ask in FORWARD:
            raise NotCompiled("it computes with arrays, of which tangents are asked for")
        self.form = form_of(program, prepared, kinds, ask=ask, made=WholeArrayForm)
        if self.form.ask in FORWARD or any(self.form.outputs.values()):
            raise NotCompiled("it computes with arrays, and an output is no single number")
        body = self.form.lowered.function.body
        with deep_recursion():
            expand(self.form.lowered.function)
            loops = [op for op in everything(body) if isinstance(op, Loop)]
        kept = [value.shape for loop in loops for value in loop.saved if value.shape]
        self._bytes_of_a_turn = sum(8 * prod(shape) for shape in kept)
        self._ways: dict[bool, _Way] = {}
        self._way(by_rows=True)

    def _way(self, by_rows: bool) -> _Way:
        """The code for inputs whose elements lie row by row, or for others."""
        if by_rows not in self._ways:
            function = self.form.lowered.function
            with deep_recursion():
                printer = NumpyPrinter(function, Buffers(function, by_rows))
                made = self._compiled(printer)[f"made_{ENTRY}"]
            self._ways[by_rows] = _Way(made, printer)
        return self._ways[by_rows]

    def _called(
        self, numbers: list[Any], turns: float, say: Callable[..., None], limits: Limits
    ) -> Answer:
        way = self._way(all(array.flags.c_contiguous for array in numbers if is_array(array)))
        self._printer = way.printer
        if self._bytes_of_a_turn:
            turns = min(turns, int(limits.memory / self._bytes_of_a_turn))
        run = way.spare.pop() if way.spare else way.made()
        # What NumPy makes of finite numbers that is none is the interpreter's to tell.
        with no_garbage_collection(), np.errstate(all="raise", under="ignore"):
            given = run(*numbers, turns, limits.depth, say)
        # Before others write into the arrays that it was made of.
        found = answer(self.form, given, limits)
        way.spare.append(run)
        return found


def answer(form: Form, found: tuple[Any, ...], limits: Limits) -> Answer:
    """As `engine.answer`, of arrays."""
    count = len(form.outputs)
    nodes, steps, array_bytes, *rest = found[count:]
    values = dict(zip(form.outputs, found[:count], strict=True))
    at = {name: _own(rest.pop(0), shape) for name, shape in form.shapes.items()}
    parts = [
        np.ravel(np.broadcast_to(part, shape))
        for part, shape in zip(rest, form.shapes.values(), strict=True)
    ]
    derivatives = np.concatenate(parts) if parts else np.zeros(0)
    if steps > limits.steps or nodes > limits.nodes:
        raise Flag
    if array_bytes + nodes * BYTES_OF_A_NODE > limits.memory:
        raise Flag
    if not np.isfinite(derivatives).all() or not all(map(isfinite, values.values())):
        raise Flag
    return Answer(values, derivatives, at, nodes, form.lowered.leaves, steps)


def _own(held: Any, shape: tuple[int, ...]) -> Any:
    return np.array(held) if shape else held + 0.0


class _Way:
    """Code that runs.

    Attributes:
        made: makes a function with the arrays that it writes into.
        spare: what runs have left behind for others.
    """

    def __init__(self, made: Callable[[], Run], printer: NumpyPrinter) -> None:
        self.made = made
        self.printer = printer
        self.spare: list[Run] = []
