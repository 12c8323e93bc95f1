"""Runs a program on inputs: what ran is a graph, and the outputs are nodes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Graph, Node, Scalar, value_of
from autodiff_cli.engine.memory import exhausted
from autodiff_cli.errors import (
    ProgramError,
    RunError,
    TypeMismatch,
    UsageError,
    did_you_mean,
)
from autodiff_cli.interpreter.builtins import NAMES
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.program import load, nested
from autodiff_cli.interpreter.values import UNSET, Returned, describe_value, is_boolean
from autodiff_cli.interpreter.whereabouts import frames_below, place
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.interpreter.program import Output, Program
    from autodiff_cli.interpreter.values import Frame
    from autodiff_cli.language.names import Resolved, Scope
    from autodiff_cli.language.source import Source, Span

LETTERS = {"π": "the constant is `pi`: write that", "τ": "write `2*pi`", "ℯ": "write `e`"}
"""Names of inputs without a value that are a constant's letter."""


@record
class Outcome:
    """A run that has ended.

    Attributes:
        outputs: by name, nodes where they were recorded.
        targets: the node of each name to differentiate by; None where the run never bound it.
        machine: the graph, and what else was noted on the way.
        is_whole: all that the outputs were made of stands in the program, and not in a
            session before it.
    """

    program: Program
    outputs: dict[str, Any]
    targets: dict[str, Node | None]
    machine: Machine
    is_whole: bool = True

    @property
    def resolved(self) -> Resolved:
        return self.program.resolved

    @property
    def graph(self) -> Graph:
        return self.machine.graph

    def place_of(self, output: str) -> Span:
        """Where in the source an output is made: the last statement, or where its name is bound."""
        if output in self.resolved.results or not self.is_whole:
            return self.resolved.tree.body.statements[-1].span
        return self.resolved.top.bound_at[output]


def run(
    program: Program,
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    of: Sequence[str] | None = None,
    settings: Settings | None = None,
    logged: bool = False,
) -> Outcome:
    """Runs a program once.

    Args:
        inputs: a value for each input, but those with a default: floats, arrays, booleans.
        wrt: top-level names to differentiate by; every floating input where it is None.
        of: top-level names to give out; the program's result where it is None.
        logged: the run keeps a journal.

    Raises:
        UsageError: an input is missing, unknown or not the program's to take; `wrt` or `of`
            names nothing.
        RunError: the program failed.
    """
    machine = Machine(settings or Settings())
    with machine.open():
        return run_in(machine, program, inputs, wrt, of, logged)


def run_in(
    machine: Machine,
    program: Program,
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None,
    of: Sequence[str] | None,
    logged: bool,
) -> Outcome:
    """Runs a program in a machine that is new, and open; else as `run`."""
    resolved = program.resolved
    check_inputs(resolved, inputs)
    by = floating_inputs(resolved, inputs) if wrt is None else tuple(wrt)
    prepared = program.prepared(
        by, wrt is None, None if of is None else tuple(of), machine.graph.single, logged
    )
    if logged:
        from autodiff_cli.interpreter.journal import Journal

        machine.journal = Journal(machine.graph)
    frame = machine.frame(prepared.size)
    _set_inputs(machine, frame, resolved.top, inputs, by)
    try:
        with nested(resolved.tree):
            result = prepared.body(frame)
    except MemoryError as error:
        failure = exhausted()
        place(failure, frames_below(error.__traceback__))
        raise failure from None
    machine.check_nodes()
    assert not isinstance(result, Returned)
    outputs = {output.name: output_value(output, frame, result) for output in prepared.outputs}
    targets: dict[str, Node | None] = {}
    for name in by:
        node = machine.targets.get(name)
        if node is not None or wrt is not None:
            targets[name] = node
    return Outcome(program, outputs, targets, machine)


def floating_inputs(resolved: Resolved, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """What is differentiated by where nobody says: all inputs but the booleans."""
    return tuple([name for name in resolved.inputs if not is_boolean(inputs.get(name))])


def evaluate_constant(source: Source, settings: Settings | None = None) -> Any:
    """The value of an expression that reads no names but the built-in ones.

    Raises:
        ProgramError: it is not one expression, or it reads a name.
    """
    program = load(source, settings.limits if settings else None)
    resolved = program.resolved
    statements = resolved.tree.body.statements
    if len(statements) != 1 or resolved.results != ("result",):
        raise ProgramError("got a program, want one expression", resolved.tree.span)
    for name in resolved.inputs.values():
        raise ProgramError(
            f"`{name.name}` has no value here: want an expression of numbers and built-in names",
            name.span,
            kind="name",
        )
    return value_of(run(program, {}, settings=settings).outputs["result"])


# ── inputs and outputs ────────────────────────────────────────────────────────────────


def check_inputs(resolved: Resolved, inputs: Mapping[str, Any]) -> None:
    if inputs.keys() == resolved.inputs.keys():
        return
    for name in inputs:
        if name not in resolved.inputs:
            raise unknown_input(resolved, name)
    missing = [
        known
        for known in resolved.inputs.values()
        if known.name not in inputs and not known.has_default
    ]
    if missing:
        raise _missing_input(resolved, missing[0].name, inputs)


def unknown_input(resolved: Resolved, name: str) -> UsageError:
    """The error of a value given for a name that is no input."""
    if name in resolved.top.slots:
        return UsageError(
            f"`{name}` is assigned by the program, and not an input",
            resolved.top.bound_at[name],
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
    inputs = ", ".join(f"`{known}`" for known in resolved.inputs) or "none"
    return UsageError(
        f"the program has no input `{name}`",
        help=did_you_mean(name, resolved.inputs) or f"its inputs are: {inputs}",
        kind="input",
    )


def _missing_input(resolved: Resolved, name: str, inputs: Mapping[str, Any]) -> UsageError:
    known = resolved.inputs[name]
    # A name that is read and never bound may well be a slip of the pen.
    others = [other for other in (*resolved.top.slots, *NAMES) if other != name]
    similar = "" if known.declared else LETTERS.get(name) or did_you_mean(name, others)
    return UsageError(
        f"input `{name}` has no value",
        known.span,
        label="" if known.declared else "no statement binds this name, so it is an input",
        notes=[similar] if similar else [],
        help=f"give one after the program: {name}=VALUE or {name}=@FILE",
        kind="input",
    )


def _set_inputs(
    machine: Machine,
    frame: Frame,
    scope: Scope,
    inputs: Mapping[str, Any],
    by: Sequence[str],
) -> None:
    """Gives the inputs that were given to the variables of a program that is to run."""
    for name, value in inputs.items():
        slot = scope.slots[name]
        if is_boolean(value) and name not in by and name not in scope.targets:
            frame[slot] = value
            continue
        value = machine.as_float(value, name)
        if name in by or name in scope.targets:
            node = value = machine.mark(name, value)
            if name in by:
                machine.targets[name] = node
            if name in scope.targets:
                frame[scope.targets[name]] = node
        frame[slot] = value


def output_value(output: Output, frame: Frame, result: Any) -> Any:
    """The value of an output, where `result` is that of the program's last expression."""
    name = output.name
    value = result if output.slot is None else frame[output.slot]
    if type(value) is Scalar:
        return value
    if value is UNSET:
        raise RunError(
            f"output `{name}` was never given a value",
            output.span,
            label="this did not run",
            kind="name",
        )
    plain = value_of(value)
    if isinstance(plain, (bool, int, float)) or hasattr(plain, "dtype"):
        return value
    raise TypeMismatch(
        f"output `{name}` is {describe_value(value)}, want a number or an array",
        output.span,
        help="end the program with an expression that has a value",
    )
