"""Programs whose first line is their command line, and what is asked of them.

    # adiff eval NAME.ad x=3 --wrt x

What the command prints is in `NAME.expected`, and what it writes to standard error is in
`NAME.stderr`, which is not there where that is nothing. After a change that is meant,

    ADIFF_REGENERATE=1 pytest tests/examples tests/programs

writes these files anew; read the difference before it is committed.

What the program computes is also differentiated without the engine, by central differences.
"""

from __future__ import annotations

import math
import os
import re
import shlex
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from click.testing import CliRunner

from autodiff_cli.commands.derivatives import read_question
from autodiff_cli.commands.eval import command
from autodiff_cli.commands.inputs import read_inputs, read_source, split_names
from autodiff_cli.commands.main import cli
from autodiff_cli.engine.graph import value_of
from autodiff_cli.errors import TypeMismatch
from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.interpreter import builtins
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.program import Program, load
from autodiff_cli.interpreter.run import run
from autodiff_cli.interpreter.statements import StatementLowering
from autodiff_cli.language import syntax
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from autodiff_cli.explain.evaluation import Evaluation

NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
PRINTED_TOLERANCE = 1e-12
"""Relative. Platforms differ in the last digits of `exp` and its kin."""

DIFFERENCE_TOLERANCE = 1e-7
"""Of the gradient's parts in the direction of the step, and of the value, added up.

The extrapolated differences are good to about 1e-10; an engine that is wrong is off by more.
"""
LARGEST_STEP = 0.01
HALVINGS = 8
GOOD_ENOUGH = 1e-11
"""Relative error at which no smaller step is taken."""
DIRECTIONS = 6
"""A larger input is moved in so many random directions, a smaller one along every axis."""


def command_line(path: Path) -> list[str]:
    """The arguments after `adiff eval` in the first line of a program."""
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    hash_sign, program, subcommand, *words = shlex.split(first)
    assert (hash_sign, program, subcommand) == ("#", "adiff", "eval"), first
    return words


# ── golden files ──────────────────────────────────────────────────────────────────────


def check_printed(path: Path, folder: Path) -> None:
    """Runs the command line of a program and compares with the golden files in `folder`."""
    with chdir(path.parent):
        done = CliRunner().invoke(cli, ["eval", *command_line(path)], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    for suffix, text in ((".expected", done.stdout), (".stderr", done.stderr)):
        golden = folder / f"{path.stem}{suffix}"
        if os.environ.get("ADIFF_REGENERATE") == "1":
            _regenerate(golden, text)
        want = golden.read_text(encoding="utf-8") if golden.exists() else ""
        assert agree(text, want), f"got\n{text}\nwant ({golden.name})\n{want}"


def _regenerate(golden: Path, text: str) -> None:
    if text:
        golden.write_text(text, encoding="utf-8")
    else:
        golden.unlink(missing_ok=True)


def agree(got: str, want: str) -> bool:
    """Whether two texts are equal but for the last digits of their floats."""
    got_parts, want_parts = NUMBER.split(got), NUMBER.split(want)
    return len(got_parts) == len(want_parts) and all(map(_part_agrees, got_parts, want_parts))


def _part_agrees(got: str, want: str) -> bool:
    if got == want:
        return True
    if not (NUMBER.fullmatch(got) and NUMBER.fullmatch(want)) or "." not in got + want:
        return False
    return math.isclose(float(got), float(want), rel_tol=PRINTED_TOLERANCE)


def orphans(folder: Path, programs: list[Path]) -> list[str]:
    """Golden files without a program."""
    stems = {path.stem for path in programs}
    files = [*folder.glob("*.expected"), *folder.glob("*.stderr")]
    return [file.name for file in files if file.stem not in stems]


# ── central differences ───────────────────────────────────────────────────────────────


@dataclass
class Invocation:
    """What a command line asks, for the Python API."""

    program: Program
    inputs: dict[str, Any]
    wrt: list[str] | None
    of: list[str] | None
    settings: Settings
    question: Question

    @classmethod
    def of_program(cls, path: Path) -> Invocation:
        """Reads the command line of a program, and the files that it names."""
        options = command.make_context("eval", command_line(path)).params
        settings = Settings(seed=options["seed"])
        with chdir(path.parent):
            source, words = read_source(options["words"], options["expressions"])
            inputs = read_inputs(words, options["inputs_file"], False, settings)
            question = read_question(options, False, settings)
        return cls(
            load(source),
            inputs,
            split_names(options["wrt"]),
            split_names(options["of"]),
            settings,
            question,
        )


def check_derivatives(path: Path) -> None:
    """Compares every derivative that a program's command line asks for with differences.

    In float64, whatever the command line says. An input is moved from outside; a name that
    the program assigns, where it is first bound. What `detach` gave stays as it was.
    """
    invocation = Invocation.of_program(path)
    with recorded_detachments() as replay:
        evaluations = evaluate(
            invocation.program,
            invocation.inputs,
            invocation.wrt,
            invocation.of,
            invocation.settings,
            invocation.question,
        )
        for evaluation in evaluations:
            for claim in _claims(invocation, evaluation):
                _compare(invocation, evaluation, claim, replay)


@dataclass
class Claim:
    """A derivative along a line, to be compared with differences along it.

    Attributes:
        label: what it is, for a message.
        line: for each name that moves, the direction in which it does.
        derivative: what the engine says, in the shape of what is differentiated.
        parts: the sum of the absolute values that were added up to that.
        lower: the question whose answer is differentiated; None for the output's value.
        found: makes what is differentiated of that answer, or of that value.
    """

    label: str
    line: Mapping[str, np.ndarray]
    derivative: Any
    parts: Any
    lower: Question | None
    found: Callable[[Any], Any]


def _claims(invocation: Invocation, evaluation: Evaluation) -> Iterator[Claim]:
    """What an evaluation says, each derivative as one of what is an order below it."""
    kind, found, output = evaluation.kind, evaluation.found, evaluation.output
    question = invocation.question
    if kind == "gradient":
        given = question.cotangent
        weight = 1.0 if given is None or isinstance(given, str) else given
        for name, gradient in found.items():
            for line in _lines(evaluation, name):
                parts = np.asarray(gradient) * line[name]
                yield Claim(
                    f"d{output}/d{name}",
                    line,
                    parts.sum(),
                    abs(parts).sum(),
                    None,
                    lambda value: np.sum(weight * value),
                )
    elif kind == "jacobian":
        for name, block in found.items():
            for line in _lines(evaluation, name):
                yield Claim(
                    f"d{output}/d{name}", line, *_along(block, line[name]), None, np.asarray
                )
    elif kind == "jvp":
        yield Claim(f"jvp of {output}", question.tangents, found, abs(found), None, np.asarray)
    elif kind == "hessian":
        for first, row in found.items():
            for second, block in row.items():
                for line in _lines(evaluation, second):
                    yield Claim(
                        f"d2{output}/d{first}d{second}",
                        line,
                        *_along(block, line[second]),
                        Question(),
                        lambda lower, first=first: lower.gradient[first],
                    )
    elif kind == "hvp":
        for name, product in found.items():
            yield Claim(
                f"hvp of {output} by {name}",
                question.tangents,
                product,
                abs(product),
                Question(),
                lambda lower, name=name: lower.gradient[name],
            )
    else:
        (name,) = evaluation.at
        (line,) = _lines(evaluation, name)
        for order, derivative in enumerate(found, start=1):
            product = derivative * line[name]
            below = order - 1
            yield Claim(
                f"derivative {order} of {output} by {name}",
                line,
                product,
                abs(product),
                Question("derivatives", order=below) if below else None,
                (lambda lower: lower.found[-1]) if below else np.asarray,
            )


def _lines(evaluation: Evaluation, name: str) -> Iterator[dict[str, np.ndarray]]:
    """Lines through the point along which one name moves, in steps of the size of its value."""
    at = evaluation.at[name]
    rng = np.random.default_rng(0)
    shape, size = np.shape(at), np.size(at)
    if size <= DIRECTIONS:
        directions = np.eye(size).reshape(size, *shape)
    else:
        directions = rng.standard_normal((DIRECTIONS, *shape))
    for direction in directions:
        yield {name: direction * np.maximum(np.abs(at), 0.1)}


def _along(block: Any, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A Jacobian times a direction; and the absolute values of what was added up."""
    axes = np.ndim(direction)
    return (
        np.tensordot(block, direction, axes),
        np.tensordot(np.abs(block), np.abs(direction), axes),
    )


def _compare(
    invocation: Invocation, evaluation: Evaluation, claim: Claim, replay: Callable[[], None]
) -> None:
    size = 0.0

    def moved(h: float) -> Any:
        nonlocal size
        replay()
        shifts = {name: h * np.asarray(step) for name, step in claim.line.items()}
        found = claim.found(_moved(invocation, evaluation, claim.lower, shifts))
        size = max(size, _largest(found))
        return found

    try:
        difference = extrapolated_difference(moved)
    except TypeMismatch as error:
        if "want a whole number" in error.what:
            # A name that counts or indexes has no values beside this one.
            return
        raise
    tolerance = DIFFERENCE_TOLERANCE * (_largest(claim.parts) + size)
    assert np.shape(claim.derivative) == np.shape(difference), claim.label
    assert np.all(abs(claim.derivative - difference) <= tolerance), (
        f"{claim.label} along {claim.line}: "
        f"got {claim.derivative}, central differences give {difference}"
    )


def _moved(
    invocation: Invocation,
    evaluation: Evaluation,
    lower: Question | None,
    shifts: Mapping[str, np.ndarray],
) -> Any:
    """The value of the same output with names moved by `shifts`, or what is asked of it there."""
    output, settings = evaluation.output, invocation.settings
    names = invocation.program.names
    inputs, assigned = dict(invocation.inputs), {}
    for name, shift in shifts.items():
        if name in names.inputs:
            inputs[name] = _plain(evaluation.at[name] + shift)
        else:
            assigned[name] = shift
    of = None if output in names.results else [output]
    program = Program(names)  # a new one, that is lowered without assertions
    with _no_assertions(), _moving(assigned):
        if lower is None:
            outcome = run(program, inputs, list(assigned), of, settings)
            return value_of(outcome.outputs[output])
        (found,) = evaluate(program, inputs, invocation.wrt, of, settings, lower)
        return found


def _plain(value: Any) -> Any:
    return value if np.shape(value) else float(value)


@contextmanager
def _moving(shifts: Mapping[str, np.ndarray]) -> Iterator[None]:
    """While it is open, the first values of assigned names are moved."""
    mark = Machine.mark

    def moved_mark(machine: Machine, marked: str, value: Any) -> Any:
        if marked in shifts:
            value = _plain(value_of(value) + shifts[marked])
        return mark(machine, marked, value)

    Machine.mark = moved_mark
    try:
        yield
    finally:
        Machine.mark = mark


@contextmanager
def _no_assertions() -> Iterator[None]:
    """While it is open, nothing is asserted: what holds at a point need not hold beside it."""
    lowerings = StatementLowering._statements
    assertion = lowerings[syntax.Assert]
    lowerings[syntax.Assert] = lambda lowering, node: lambda frame: None
    try:
        yield
    finally:
        lowerings[syntax.Assert] = assertion


@contextmanager
def recorded_detachments() -> Iterator[Callable[[], None]]:
    """What `detach` gives until the first `replay()` it gives again, in order, after each."""
    detach = builtins.MACHINE_FUNCTIONS["detach"]
    recorded: list[Any] = []
    replaying: Iterator[Any] | None = None

    def recording(machine: Machine, args: list[Any], span: Any) -> Any:
        if replaying is not None:
            return next(replaying)
        recorded.append(detach.call(machine, args, span))
        return recorded[-1]

    def replay() -> None:
        nonlocal replaying
        replaying = iter(recorded)

    builtins.MACHINE_FUNCTIONS["detach"] = replace(detach, call=recording)
    try:
        yield replay
    finally:
        builtins.MACHINE_FUNCTIONS["detach"] = detach


def extrapolated_difference(function: Callable[[float], Any]) -> Any:
    """The derivative of `function` at 0, in the shape of what it gives, by Ridders' method.

    Central differences at steps that halve are extrapolated to the step 0 (Richardson); of
    the extrapolations the one is taken that agrees best with those that it was made of.
    """
    best, smallest_error = math.nan, math.inf
    above: list[Any] = []
    for halving in range(HALVINGS):
        h = LARGEST_STEP / 2**halving
        row = [(function(h) - function(-h)) / (2 * h)]
        for order, coarser in enumerate(above, start=1):
            factor = 4.0**order
            row.append((factor * row[-1] - coarser) / (factor - 1))
            error = max(_largest(row[-1] - row[-2]), _largest(row[-1] - coarser))
            if error < smallest_error:
                best, smallest_error = row[-1], error
        if smallest_error <= GOOD_ENOUGH * _largest(best):
            break
        above = row
    return best


def _largest(values: Any) -> float:
    return float(np.max(np.abs(values), initial=0.0))
