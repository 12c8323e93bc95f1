"""Runs a program on inputs: what ran is a graph, and the outputs are nodes of it."""

from __future__ import annotations

import gc
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine import memory
from autodiff_cli.engine.graph import Graph, Node, value_of
from autodiff_cli.engine.memory import in_words
from autodiff_cli.engine.primitives import random
from autodiff_cli.errors import (
    LimitError,
    ProgramError,
    RunError,
    TypeMismatch,
    UsageError,
    did_you_mean,
)
from autodiff_cli.language import syntax
from autodiff_cli.language.names import Names, Scope, resolve, walk
from autodiff_cli.language.parser import parse
from autodiff_cli.language.syntax import Evaluate
from autodiff_cli.runtime.builtins import NAMES, check_calls
from autodiff_cli.runtime.comparisons import notes
from autodiff_cli.runtime.machine import Limits, Machine
from autodiff_cli.runtime.statements import StatementLowering
from autodiff_cli.runtime.values import UNSET, Returned, describe_value, is_boolean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from autodiff_cli.engine.sweeps import AtKink
    from autodiff_cli.language.source import Source

BYTES_OF_A_CHARACTER = 700
"""What a long program takes, parsed and lowered, for each character of a dense text."""
PYTHON_FRAMES = 10_000_000
"""Closures call closures: Python's own limit would come long before --max-depth. Python to
Python calls take no C stack (3.11 and later), so that the limit guards nothing here."""


@dataclass(slots=True)
class Settings:
    """What a run is told besides the program and its inputs."""

    limits: Limits = field(default_factory=Limits)
    single: bool = False
    seed: int | Sequence[int] | None = None
    on_print: Callable[[str], None] = lambda text: None
    at_kink: AtKink = "subgradient"


@dataclass(slots=True)
class Outcome:
    """A run that has ended.

    Attributes:
        outputs: by name, nodes where they were recorded.
        targets: the node of each name to differentiate by; None where the run never bound it.
        machine: the graph, and what else was noted on the way.
    """

    names: Names
    outputs: dict[str, Any]
    targets: dict[str, Node | None]
    machine: Machine

    @property
    def graph(self) -> Graph:
        return self.machine.graph


def load(source: Source, limits: Limits | None = None) -> Names:
    """The program of a source, with what its names refer to.

    Raises:
        LimitError: so long a text may take more memory than there is to be used.
        ProgramError: syntax, a name that means nothing, or a call that can never succeed.
    """
    allowed = (limits or Limits()).memory
    needed = BYTES_OF_A_CHARACTER * len(source.text)
    if needed > allowed:
        raise LimitError(
            f"the program {source.name} has {len(source.text):,} characters, which may take "
            f"{in_words(needed)}, and --max-memory allows {in_words(allowed)}",
            help="read data from a file, NAME=@FILE, or give --max-memory a larger size",
        )
    with deep_recursion(), no_garbage_collection():
        names = resolve(parse(source), NAMES)
        check_calls(names)
    return names


def run(
    names: Names,
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    of: Sequence[str] | None = None,
    settings: Settings | None = None,
    lowering_class: type[StatementLowering] = StatementLowering,
) -> Outcome:
    """Runs a program once.

    Args:
        inputs: a value for each input, but those with a default: floats, arrays, booleans.
        wrt: top-level names to differentiate by; every floating input where it is None.
        of: top-level names to give out; the program's result where it is None.
        lowering_class: what makes closures of the program; one that watches can stand in.

    Raises:
        UsageError: an input is missing, unknown or not the program's to take; `wrt` or `of`
            names nothing.
        RunError: the program failed.
    """
    settings = settings or Settings()
    check_inputs(names, inputs)
    wanted = _outputs(names, of)
    _check_wrt(names, wrt or ())
    machine = Machine(settings.limits, settings.single, settings.on_print, settings.at_kink)
    random.seed(settings.seed)
    memory.set_largest(settings.limits.memory)
    by = floating_inputs(names, inputs) if wrt is None else list(wrt)
    lowering = lowering_class(machine, names, names.top, notes(names.program))
    lowering.targets = frozenset(by)
    lowering.floats_only = wrt is None
    with deep_recursion(), no_garbage_collection(), quiet_numpy() as heard:
        frame = _frame(machine, names.top, inputs, by)
        try:
            body = lowering.tail(names.program.body)
            result = body(frame)
        except MemoryError:
            raise LimitError("there is no memory left", help="--max-memory sets a limit") from None
    machine.check_nodes()
    machine.absorbed |= bool(heard)
    assert not isinstance(result, Returned)
    outputs = {name: _output(names, name, frame, result, of is None) for name in wanted}
    if wrt is None:
        by = [name for name in by if name in machine.targets]
    return Outcome(names, outputs, {name: machine.targets.get(name) for name in by}, machine)


def floating_inputs(names: Names, inputs: Mapping[str, Any]) -> list[str]:
    """What is differentiated by where nobody says: all inputs but the booleans."""
    return [name for name in names.inputs if not is_boolean(inputs.get(name))]


def evaluate_constant(source: Source, settings: Settings | None = None) -> Any:
    """The value of an expression that reads no names but the built-in ones.

    Raises:
        ProgramError: it is not one expression, or it reads a name.
    """
    names = load(source, settings.limits if settings else None)
    statements = names.program.body.statements
    if len(statements) != 1 or names.results != ("result",):
        raise ProgramError("got a program, want one expression", names.program.span)
    for name in names.inputs.values():
        raise ProgramError(
            f"`{name.name}` has no value here: want an expression of numbers and built-in names",
            name.span,
            kind="name",
        )
    return value_of(run(names, {}, settings=settings).outputs["result"])


# ── inputs and outputs ────────────────────────────────────────────────────────────────


def check_inputs(names: Names, inputs: Mapping[str, Any]) -> None:
    for name in inputs:
        if name not in names.inputs:
            raise unknown_input(names, name)
    missing = [
        known
        for known in names.inputs.values()
        if known.name not in inputs and not known.has_default
    ]
    if missing:
        raise _missing_input(names, missing[0].name, inputs)


def unknown_input(names: Names, name: str) -> UsageError:
    """The error of a value given for a name that is no input."""
    if name in names.top.slots:
        return UsageError(
            f"`{name}` is assigned by the program, and not an input",
            names.top.bound_at[name],
            label="assigned here",
            help=f"to set it from outside, make this `input {name} = …`",
            kind="input",
        )
    if name in NAMES:
        return UsageError(
            f"the program has no input `{name}`: `{name}` is built in",
            help=f"to take it as an input, begin the program with `input {name}`",
            kind="input",
        )
    inputs = ", ".join(f"`{known}`" for known in names.inputs) or "none"
    return UsageError(
        f"the program has no input `{name}`",
        help=did_you_mean(name, names.inputs) or f"its inputs are: {inputs}",
        kind="input",
    )


def _missing_input(names: Names, name: str, inputs: Mapping[str, Any]) -> UsageError:
    known = names.inputs[name]
    # A name that is read and never bound may well be a slip of the pen.
    others = [other for other in (*names.top.slots, *NAMES) if other != name]
    similar = "" if known.declared else did_you_mean(name, others)
    return UsageError(
        f"input `{name}` has no value",
        known.span,
        label="" if known.declared else "no statement binds this name, so it is an input",
        notes=[similar] if similar else [],
        help=f"give one after the program: {name}=VALUE or {name}=@FILE",
        kind="input",
    )


def _outputs(names: Names, of: Sequence[str] | None) -> list[str]:
    if of is None:
        if not names.results:
            last = names.program.body.statements[-1]
            raise ProgramError(
                "the program has no result: its last statement is no expression or assignment",
                last.span,
                help="end it with an expression, or name an output with --of NAME",
                kind="result",
            )
        return list(names.results)
    for name in of:
        if name not in names.top.slots and not (name == "result" == "".join(names.results)):
            raise UsageError(
                f"--of {name}: the program has no such name",
                help=did_you_mean(name, names.top.slots),
                kind="output",
            )
    return list(of)


def _check_wrt(names: Names, wrt: Sequence[str]) -> None:
    for name in wrt:
        if name not in names.top.slots:
            raise UsageError(
                f"--wrt {name}: the program has no such name",
                help=did_you_mean(name, names.top.slots)
                or "its names are: " + ", ".join(names.top.slots),
                kind="wrt",
            )
        span = names.top.bound_at[name]
        if any(
            isinstance(node, syntax.FunctionDefinition) and node.name.span is span
            for node in walk(names.program.body)
        ):
            raise UsageError(
                f"--wrt {name}: got a function, want a number or an array",
                span,
                help="differentiate by what it is called with",
                kind="wrt",
            )


def _frame(
    machine: Machine, scope: Scope, inputs: Mapping[str, Any], by: Sequence[str]
) -> list[Any]:
    """The program's variables before its first statement: the inputs that were given."""
    frame: list[Any] = [None, *([UNSET] * (scope.size - 1))]
    for name, value in inputs.items():
        if is_boolean(value) and name not in by and name not in scope.targets:
            frame[scope.slots[name]] = value
            continue
        value = machine.as_float(value, name)
        if name in by or name in scope.targets:
            node = value = machine.mark(name, value)
            if name in by:
                machine.targets[name] = node
            if name in scope.targets:
                frame[scope.targets[name]] = node
        frame[scope.slots[name]] = value
    return frame


def _output(names: Names, name: str, frame: list[Any], result: Any, unasked: bool) -> Any:
    """The value of an output; `unasked` where nobody named it, and it is the last statement's."""
    last = names.program.body.statements[-1]
    is_last = unasked or "result" not in names.top.slots
    if name == "result" and is_last and isinstance(last, Evaluate):
        value, span = result, last.span
    else:
        value, span = frame[names.top.slots[name]], names.top.bound_at[name]
    if value is UNSET:
        raise RunError(
            f"output `{name}` was never given a value",
            span,
            label="this did not run",
            kind="name",
        )
    plain = value_of(value)
    if isinstance(plain, (bool, int, float)) or hasattr(plain, "dtype"):
        return value
    raise TypeMismatch(
        f"output `{name}` is {describe_value(value)}, want a number or an array",
        span,
        help="end the program with an expression that has a value",
    )


# ── the surroundings of a run ─────────────────────────────────────────────────────────


@contextmanager
def deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, PYTHON_FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Nodes form no cycles, and looking for some doubles the time of recording them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def quiet_numpy() -> Iterator[list[Any]]:
    """Arithmetic is IEEE: what is nan or inf is reported at the end, by us.

    Gives a list to which NumPy adds what it has made of finite numbers that is not.
    """
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default", RuntimeWarning)
        yield heard
