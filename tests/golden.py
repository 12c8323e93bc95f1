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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from click.testing import CliRunner

from autodiff_cli.commands.eval import command
from autodiff_cli.commands.inputs import read_inputs, read_source, split_names
from autodiff_cli.commands.main import cli
from autodiff_cli.engine.graph import value_of
from autodiff_cli.errors import TypeMismatch
from autodiff_cli.language import syntax
from autodiff_cli.runtime import builtins
from autodiff_cli.runtime.evaluation import evaluate
from autodiff_cli.runtime.interpreter import Settings, load, run
from autodiff_cli.runtime.machine import Machine
from autodiff_cli.runtime.statements import StatementLowering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autodiff_cli.language.names import Names
    from autodiff_cli.runtime.evaluation import Evaluation

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
class Question:
    """What a command line asks, for the Python API."""

    names: Names
    inputs: dict[str, Any]
    wrt: list[str] | None
    of: list[str] | None
    settings: Settings

    @classmethod
    def of_program(cls, path: Path) -> Question:
        """Reads the command line of a program, and the files that it names."""
        options = command.make_context("eval", command_line(path)).params
        settings = Settings(seed=options["seed"])
        with chdir(path.parent):
            source, words = read_source(options["words"], options["expressions"])
            inputs = read_inputs(words, options["inputs_file"], False, settings)
        return cls(
            load(source),
            inputs,
            split_names(options["wrt"]),
            split_names(options["of"]),
            settings,
        )


def check_gradient(path: Path) -> None:
    """Compares every gradient that a program's command line asks for with differences.

    In float64, whatever the command line says. An input is moved from outside; a name that
    the program assigns, where it is first bound. What `detach` gave stays as it was.
    """
    question = Question.of_program(path)
    with recorded_detachments() as replay:
        evaluations = evaluate(
            question.names, question.inputs, question.wrt, question.of, question.settings
        )
        rng = np.random.default_rng(0)
        for evaluation in evaluations:
            for name, gradient in evaluation.gradient.items():
                for direction in _directions(np.shape(gradient), rng):
                    _compare(question, evaluation, name, direction, replay)


def _directions(shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[np.ndarray]:
    size = math.prod(shape)
    if size <= DIRECTIONS:
        for row in np.eye(size):
            yield row.reshape(shape)
    else:
        for _ in range(DIRECTIONS):
            yield rng.standard_normal(shape)


def _compare(
    question: Question,
    evaluation: Evaluation,
    name: str,
    direction: np.ndarray,
    replay: Callable[[], None],
) -> None:
    at = evaluation.at[name]
    direction = direction * np.maximum(np.abs(at), 0.1)
    parts = np.asarray(evaluation.gradient[name]) * direction

    def moved(h: float) -> float:
        replay()
        return _output(question, evaluation.output, name, at, h * direction)

    try:
        difference = extrapolated_difference(moved)
    except TypeMismatch as error:
        if "want a whole number" in error.what:
            # A name that counts or indexes has no values beside this one.
            return
        raise
    tolerance = DIFFERENCE_TOLERANCE * (np.abs(parts).sum() + abs(float(np.sum(evaluation.value))))
    assert abs(parts.sum() - difference) <= tolerance, (
        f"d{evaluation.output}/d{name} along {direction.tolist()}: "
        f"got {parts.sum()}, central differences give {difference}"
    )


def _output(question: Question, output: str, name: str, at: Any, shift: np.ndarray) -> float:
    """The value of an output with `name` moved by `shift`."""
    of = None if output in question.names.results else [output]
    if name in question.names.inputs:
        inputs = {**question.inputs, name: _plain(at + shift)}
        with _no_assertions():
            outcome = run(question.names, inputs, [], of, question.settings)
    else:
        with _no_assertions(), _moving(name, shift):
            outcome = run(question.names, question.inputs, [name], of, question.settings)
    return float(np.sum(value_of(outcome.outputs[output])))


def _plain(value: Any) -> Any:
    return value if np.shape(value) else float(value)


@contextmanager
def _moving(name: str, shift: Any) -> Iterator[None]:
    """While it is open, the first value of an assigned name is moved."""
    mark = Machine.mark

    def moved_mark(machine: Machine, marked: str, value: Any) -> Any:
        if marked == name:
            value = _plain(value_of(value) + shift)
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


def extrapolated_difference(function: Callable[[float], float]) -> float:
    """The derivative of `function` at 0, by Ridders' method.

    Central differences at steps that halve are extrapolated to the step 0 (Richardson); of
    the extrapolations the one is taken that agrees best with those that it was made of.
    """
    best, smallest_error = math.nan, math.inf
    above: list[float] = []
    for halving in range(HALVINGS):
        h = LARGEST_STEP / 2**halving
        row = [(function(h) - function(-h)) / (2 * h)]
        for order, coarser in enumerate(above, start=1):
            factor = 4.0**order
            row.append((factor * row[-1] - coarser) / (factor - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser))
            if error < smallest_error:
                best, smallest_error = row[-1], error
        if smallest_error <= GOOD_ENOUGH * abs(best):
            break
        above = row
    return best
