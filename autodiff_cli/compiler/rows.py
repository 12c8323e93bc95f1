"""A program that runs over rows as compiled code: columns of numbers in, and columns out."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.c import CPrinter
from autodiff_cli.compiler.engine import (
    Compiled,
    form_of,
    nodes_within,
    parts,
    size_of,
    turns_within,
)
from autodiff_cli.compiler.form import Flag, Long, NotCompiled, Print, everything
from autodiff_cli.compiler.native import Calls, load
from autodiff_cli.compiler.variables import type_of
from autodiff_cli.engine.lazy import np, quiet_numpy
from autodiff_cli.interpreter.process import deep_recursion, no_garbage_collection
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autodiff_cli.compiler.engine import Ask, Form
    from autodiff_cli.compiler.native import Compiler
    from autodiff_cli.interpreter.machine import Limits
    from autodiff_cli.interpreter.program import Prepared, Program

ROWS = """
/* Every row of n. Its numbers are in[k][row*steps[k]], its value and derivatives go to
   out[k][row*gaps[k]]; flags[row] is not 0 where the interpreter has something to tell of it. */
EXPORTED int rows(long long n, const double *const *in, const long long *steps,
                  double *const *out, const long long *gaps, unsigned char *flags,
                  double most_nodes, double most_steps, struct run *run)
{{
    double given[{inputs}], got[{outputs}], odd;
    long long row, turns = run->turns, left = 65536;
    int status;
    for (row = 0; row < n; row++) {{
{reads}
        odd = {odd_inputs};
        if (odd != 0.0) {{
            flags[row] = 1;
            continue;
        }}
        run->turns = turns;
        status = value_and_gradient(given, got, run);
        if (status > 1)
            return status;
        left -= turns - run->turns + 16;
        if (left < 0) {{
            if (run->poll && run->poll())
                return 2;
            left = 65536;
        }}
        odd = {odd_outputs};
        flags[row] = status || odd != 0.0 || got[1] > most_nodes || got[2] > most_steps;
{writes}
    }}
    return 0;
}}
"""


@record
class RowsAnswer:
    """What rows come to.

    Attributes:
        flagged: for each row whether it is the interpreter's; there the rest means nothing.
    """

    value: Any
    gradient: dict[str, Any]
    flagged: Any


class NativeRows:
    """A program as machine code with a loop over rows."""

    def __init__(
        self,
        program: Program,
        prepared: Prepared,
        kinds: Mapping[str, Any],
        maker: Compiler,
        only_kept: bool = False,
        ask: Ask = "gradient",
    ) -> None:
        """As `Native`, with the same errors; of one output, and its gradient."""
        self.prepared = prepared
        self.engine = f"in machine code (native, by {maker.name})"
        self._form = form_of(program, prepared, kinds, False, ask)
        if self._form.ask != "gradient":
            raise NotCompiled("it has several outputs")
        function = self._form.lowered.function
        with deep_recursion():
            module = CPrinter(function).module("static")
        self._type = _type_of_value(self._form)
        self.source = module + _loop(self._form)
        self._run = load(self.source, maker, only_kept, "rows")
        self._calls = Calls()

    def run(
        self, columns: Mapping[str, Any], shared: Mapping[str, Any], count: int, limits: Limits
    ) -> RowsAnswer:
        """The values and gradients of `count` rows.

        Args:
            columns: of the inputs that differ: (count,), or (count, *shape) of arrays.
            shared: the other inputs.
        """
        given = [
            np.ascontiguousarray(columns[name] if name in columns else shared[name], np.float64)
            for name in self._form.lowered.inputs
        ]
        steps = [
            array.size // count if name in columns else 0
            for name, array in zip(self._form.lowered.inputs, given, strict=True)
        ]
        shapes = self._form.shapes
        value = np.empty(count)
        gradient = {name: np.empty((count, *shape)) for name, shape in shapes.items()}
        found = [value, *gradient.values()]
        flags = np.ones(count, np.uint8)
        # None is run where calls would be nested too deep in any.
        is_allowed = self._form.lowered.function.deepest <= limits.depth
        self._calls.call(
            self._run,
            limits,
            math.inf,
            ctypes.c_longlong(count if is_allowed else 0),
            *_places(given, steps),
            *_places(found, [array.size // count for array in found]),
            ctypes.c_void_p(flags.ctypes.data),
            ctypes.c_double(nodes_within(limits)),
            ctypes.c_double(limits.steps),
        )
        flagged = flags != 0
        value[flagged] = 0.0
        return RowsAnswer(value.astype(self._type, copy=False), gradient, flagged)


class PythonRows:
    """A program as Python source, which is called for each row."""

    engine = "as Python source"

    def __init__(
        self, program: Program, prepared: Prepared, kinds: Mapping[str, Any], ask: Ask
    ) -> None:
        """Compiles it.

        Raises:
            NotCompiled: the form cannot hold it, it has several outputs, or it prints.
        """
        self.prepared = prepared
        self._code = _Row(program, prepared, kinds, ask)
        if self._code.form.ask != "gradient":
            raise NotCompiled("it has several outputs")
        if any(isinstance(op, Print) for op in everything(self._code.form.lowered.function.body)):
            raise NotCompiled("it prints")

    def run(
        self, columns: Mapping[str, Any], shared: Mapping[str, Any], count: int, limits: Limits
    ) -> RowsAnswer:
        """As `NativeRows.run`."""
        form = self._code.form
        given: list[list[Any]] = []
        flagged = np.full(count, form.lowered.function.deepest > limits.depth)
        for name, held in form.lowered.inputs.items():
            value = columns[name] if name in columns else np.asarray(shared[name])[None]
            kind = bool if getattr(held, "type", "") == "bool" else np.float64
            held_numbers = np.asarray(value, kind).reshape(len(value), -1)
            flagged |= ~np.isfinite(held_numbers).all(axis=1)
            given += [np.broadcast_to(one, count).tolist() for one in held_numbers.T]
        size = size_of(form.shapes)
        nothing = 0.0, (0.0,) * size
        most_nodes, budget = nodes_within(limits), (turns_within(limits), limits.depth)
        found = []
        with no_garbage_collection(), quiet_numpy(), deep_recursion():
            for row, numbers in enumerate(zip(*given, strict=True)):
                answer = None if flagged[row] else self._code.row(numbers, *budget)
                flagged[row] = answer is None or answer[1] > most_nodes or answer[2] > limits.steps
                found.append(
                    nothing if answer is None else (answer[0], answer[len(answer) - size :])
                )
            value = np.array([value for value, _ in found], _type_of_value(form))
            partials = np.array([part for _, part in found]).reshape(count, -1)
            flagged |= ~np.isfinite(value) | ~np.isfinite(partials).all(axis=1)
        gradient = {
            name: part.T.reshape(count, *shape)
            for name, shape, part in parts(form.shapes, partials.T)
        }
        return RowsAnswer(value, gradient, flagged)


class _Row(Compiled):
    def row(self, numbers: tuple[Any, ...], turns: int, depth: int) -> tuple[Any, ...] | None:
        """What the source gives for the numbers of a row; None where it raises a flag."""
        try:
            return self._run(*numbers, turns, depth, None)
        except (Flag, Long, ArithmeticError, ValueError, MemoryError, RecursionError):
            return None


def _type_of_value(form: Form) -> Any:
    kind = type_of(form.lowered.function.body.yields[0])
    return {"float": np.float64, "int": np.int64, "bool": np.bool_}[kind]


def _places(arrays: Sequence[Any], steps: Sequence[int]) -> tuple[Any, Any]:
    """Where each number of the first row stands, and how far it is to that of the next row."""
    places, widths = [], []
    for array, step in zip(arrays, steps, strict=True):
        size = step or array.size
        places += [array.ctypes.data + 8 * i for i in range(size)]
        widths += [step] * size
    count = max(len(places), 1)
    return (ctypes.c_void_p * count)(*places), (ctypes.c_longlong * count)(*widths)


def _loop(form: Form) -> str:
    """The loop over rows, for the function of one."""
    inputs, outputs = len(form.lowered.function.params), len(form.lowered.function.body.yields)
    first = outputs - size_of(form.shapes)
    written = [0, *range(first, outputs)]
    return ROWS.format(
        inputs=max(inputs, 1),
        outputs=outputs,
        reads=_lines(f"given[{i}] = in[{i}][row * steps[{i}]];" for i in range(inputs)),
        odd_inputs=_odd(f"given[{i}]" for i in range(inputs)),
        odd_outputs=_odd(f"got[{i}]" for i in written),
        writes=_lines(f"out[{k}][row * gaps[{k}]] = got[{i}];" for k, i in enumerate(written)),
    )


def _lines(statements: Iterable[str]) -> str:
    return "\n".join(f"        {one}" for one in statements)


def _odd(numbers: Iterable[str]) -> str:
    """Is 0 where all numbers are finite, and else nan."""
    return "\n            + ".join(f"0.0 * {one}" for one in numbers) or "0.0"
