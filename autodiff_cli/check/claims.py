"""Gradients from elsewhere, checked: derivatives worked out by hand, and recorded numbers.

A claim `x = 2*x` is an expression over the names of the program. Its statement is put into
the program, under a name that no program can spell, so that it sees what the program sees:
the inputs, the other variables, and the functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.check.checking import Comparison, Verdict, compare, differs
from autodiff_cli.check.subject import Subject
from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import describe, plain, shape_of
from autodiff_cli.engine.replay import EPSILON
from autodiff_cli.errors import (
    AdiffError,
    Finding,
    LimitError,
    ProgramError,
    UsageError,
    did_you_mean,
)
from autodiff_cli.interpreter.builtins import NAMES
from autodiff_cli.interpreter.program import Program, nested
from autodiff_cli.language import syntax
from autodiff_cli.language.names import resolve
from autodiff_cli.language.parser import parse
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodiff_cli.check.subject import Swept
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.language.source import Source, Span

MOST_SHOWN = 6
"""Elements of an array that a message shows."""

Box = dict[str, tuple[float, float]]
"""For each name the interval from which samples of it are drawn."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says that the derivative by a name is."""

    name: str
    span: Span
    expression: syntax.Expression

    @property
    def hidden(self) -> str:
        """The name under which the program computes it."""
        return f"claim of {self.name}"


@dataclass(slots=True)
class Verified:
    """A gradient from elsewhere, beside the one that adiff finds.

    Attributes:
        kind: `claim` for a formula, `record` for numbers.
        name: what is differentiated by.
        text: the formula, or the file.
        points: at how many points they were compared; `skipped`, where one of them had no value.
        index, gradient, other: the component where they differ first, or most.
        point: the values of the names there.
    """

    kind: Literal["claim", "record"]
    name: str
    text: str
    verdict: Verdict = "unsure"
    points: int = 0
    skipped: int = 0
    index: tuple[int, ...] = ()
    gradient: float = math.nan
    other: Comparison | None = None
    point: dict[str, Any] = field(default_factory=dict)

    def add(
        self,
        gradient: Any,
        given: Any,
        noise: Any,
        tolerance: float,
        point: Mapping[str, Any],
    ) -> None:
        """Compares at one more point, component by component."""
        if not (np.isfinite(gradient).all() and np.isfinite(given).all()) and self.kind == "claim":
            self.skipped += 1
            return
        self.points += 1
        for index in np.ndindex(shape_of(gradient)):
            got, said, off = (float(np.asarray(x)[index]) for x in (gradient, given, noise))
            other = compare(got, said, off)
            wrong = differs(got, other, tolerance) or not _finite_alike(got, said)
            if wrong or self.other is None or other.error > self.other.error:
                self.index, self.gradient, self.other = index, got, other
                self.point = dict(point)
            self.verdict = "mismatch" if wrong else "ok"
            if wrong:
                return


def _finite_alike(one: float, other: float) -> bool:
    """Whether two numbers are finite, or the same that is not."""
    if math.isfinite(one) and math.isfinite(other):
        return True
    return one == other or (math.isnan(one) and math.isnan(other))


# ── claims ────────────────────────────────────────────────────────────────────────────


def parse_claims(sources: Sequence[Source]) -> list[Claim]:
    """The claims in some texts, one a line.

    Raises:
        ProgramError: a line is not NAME = EXPRESSION, or a name has two claims.
    """
    claims: dict[str, Claim] = {}
    for source in sources:
        statements = parse(source).body.statements
        for statement in statements:
            claim = _claim(statement)
            if claim.name in claims:
                raise ProgramError(
                    f"there are two claims for `{claim.name}`", claim.span, kind="claim"
                )
            claims[claim.name] = claim
    return list(claims.values())


def _claim(statement: syntax.Statement) -> Claim:
    if (
        isinstance(statement, syntax.Assign)
        and not statement.operator
        and len(statement.targets) == len(statement.values) == 1
    ):
        (target,), (expression,) = statement.targets, statement.values
        if isinstance(target, syntax.Name):
            return Claim(target.name, statement.span, expression)
    raise ProgramError(
        "a claim is not of the form NAME = EXPRESSION",
        statement.span,
        help="as in --claim 'x = 2*x': the derivative by x, in terms of the program's names",
        kind="claim",
    )


def with_claims(program: Program, claims: Sequence[Claim]) -> Program:
    """The program with every claim computed at its end, under the claim's hidden name.

    Raises:
        ProgramError: a claim is for, or reads, a name that the program does not have.
    """
    resolved = program.resolved
    known = list(resolved.top.slots)
    for claim in claims:
        if claim.name not in resolved.top.slots:
            raise ProgramError(
                f"the claim is for `{claim.name}`, and the program has no such name",
                claim.span,
                help=did_you_mean(claim.name, known) or f"its names are: {', '.join(known)}",
                kind="claim",
            )
    tree = resolved.tree
    *before, last = tree.body.statements
    extra = [
        syntax.Assign(claim.span, (syntax.Name(claim.span, claim.hidden),), "", (claim.expression,))
        for claim in claims
    ]
    # An expression that ends the program is its result, and binds nothing that a claim can read.
    ends: tuple[syntax.Statement, ...]
    ends = (*extra, last) if isinstance(last, syntax.Evaluate) else (last, *extra)
    body = syntax.Block(tree.body.span, (*before, *ends))
    extended_tree = syntax.Program(tree.span, body)
    with nested(extended_tree):
        extended = resolve(extended_tree, NAMES)
    for name, known_input in extended.inputs.items():
        if name not in resolved.top.slots:
            raise ProgramError(
                f"the claim reads `{name}`, and the program has no such name",
                known_input.span,
                help=did_you_mean(name, known) or f"its names are: {', '.join(known)}",
                kind="claim",
            )
    return Program(extended)


def verify_claims(
    program: Program,
    claims: Sequence[Claim],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    output: str,
    settings: Settings,
    samples: int,
    box: Box,
    tolerance: float,
) -> list[Verified]:
    """Compares claims with the gradient at the point, and at random points of a box.

    Where a claim first differs, its comparison ends.

    Raises:
        UsageError: a claim's value does not fit the name that it is for.
    """
    settings = replace(settings, on_print=lambda text: None)
    results = [Verified("claim", claim.name, claim.span.text) for claim in claims]
    here: dict[str, Any] = {}
    for moves in _points(program, inputs, wrt, output, settings, samples, box):
        if all(result.verdict == "mismatch" for result in results):
            break
        try:
            of = [output, *(claim.hidden for claim in claims)]
            subject = Subject(program, inputs, wrt, of, settings, moves)
            swept = subject.sweep(output)
        except LimitError:
            raise
        except AdiffError:
            if not moves:
                raise
            for result in results:
                result.skipped += 1
            continue
        here = {name: target.value for name, target in subject.targets.items()}
        for claim, result in zip(claims, results, strict=True):
            if result.verdict != "mismatch":
                given, off = _claimed(subject, claim, swept)
                noise = swept.noise[claim.name] + off
                result.add(swept.gradient[claim.name], given, noise, tolerance, here)
    return results


def _claimed(subject: Subject, claim: Claim, swept: Swept) -> tuple[Any, Any]:
    """A claim's value in the shape of the gradient, and what rounding may take it off."""
    output = subject.outcome.outputs[claim.hidden]
    given, shape = value_of(output), shape_of(swept.gradient[claim.name])
    with subject.outcome.machine.open():
        off = subject.noise(claim.hidden).value + EPSILON * np.abs(given)
    try:
        return np.broadcast_to(given, shape), np.broadcast_to(off, shape)
    except ValueError:
        raise UsageError(
            f"the claim for `{claim.name}` has shape {shape_of(given)}, "
            f"and the gradient has shape {shape}",
            claim.span,
            help="a claim has one number for each of the gradient's, or one for all of them",
            kind="shape",
        ) from None


def _points(
    program: Program,
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    output: str,
    settings: Settings,
    samples: int,
    box: Box,
) -> Iterator[dict[str, Any]]:
    """Moves from the given point: none, and then to random points of the box."""
    yield {}
    if not samples:
        return
    start = Subject(program, inputs, list(dict.fromkeys([*wrt, *box])), [output], settings).targets
    # What is computed from other names moves with them, and by itself only where that is asked.
    moving = [name for name in start if name in box or start[name].primitive is None]
    rng = np.random.default_rng(settings.seed)
    for _ in range(samples):
        moves = {}
        for name in moving:
            at = start[name].value
            low, high = box.get(name) or default_box(at)
            drawn = low + (high - low) * rng.random(shape_of(at))
            moves[name] = plain(np.asarray(drawn - at))
        yield moves


def default_box(at: Any) -> tuple[Any, Any]:
    """Half of a value on either side of it, which keeps its sign; from -1 to 1 around 0."""
    half = np.where(np.equal(at, 0), 1.0, np.abs(at) / 2)
    return at - half, at + half


def finding(claim: Claim, result: Verified, output: str) -> Finding:
    """What there is to tell of a claim that is wrong."""
    assert result.other is not None
    place = "".join(f"[{i}]" for i in result.index)
    return Finding(
        f"the claim for `{claim.name}` is wrong: d{output}/d{claim.name}{place} is "
        f"{result.gradient!r}, and not {result.other.value!r}",
        claim.span,
        label=f"at {', '.join(_shown(name, value) for name, value in result.point.items())}",
        kind="claim",
    )


def _shown(name: str, value: Any) -> str:
    if np.size(value) > MOST_SHOWN:
        return f"{name} = {describe(value)}"
    return f"{name} = {np.asarray(value).tolist()}"


# ── records ───────────────────────────────────────────────────────────────────────────


def verify_records(
    recorded: Mapping[str, Any], file: str, subject: Subject, swept: Swept, tolerance: float
) -> list[Verified]:
    """Compares recorded gradients with those at the point.

    Raises:
        UsageError: a record's shape is not the gradient's.
    """
    results = []
    point = {name: target.value for name, target in subject.targets.items()}
    for name, given in recorded.items():
        gradient = swept.gradient[name]
        if shape_of(given) != shape_of(gradient):
            raise UsageError(
                f"{file}: the gradient by {name} has shape {shape_of(given)}, "
                f"and here it has shape {shape_of(gradient)}",
                help="are the inputs those that it was recorded with?",
            )
        result = Verified("record", name, file)
        # A record has been rounded on its own.
        noise = swept.noise[name] + EPSILON * np.abs(given)
        result.add(gradient, given, noise, tolerance, point)
        results.append(result)
    return results
