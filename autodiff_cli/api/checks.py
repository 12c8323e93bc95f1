"""Is a gradient right: all that a check does, at a point, with claims and with records."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff_cli.check.checking import check as checked
from autodiff_cli.check.claims import (
    finding,
    parse_claims,
    verify_claims,
    verify_records,
    with_claims,
)
from autodiff_cli.check.subject import Subject
from autodiff_cli.engine.lazy import quiet_numpy
from autodiff_cli.errors import ProgramError, UsageError, did_you_mean
from autodiff_cli.explain.asking import by_what
from autodiff_cli.interpreter.run import run
from autodiff_cli.records import replace
from autodiff_cli.report.check import Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodiff_cli.check.claims import Box
    from autodiff_cli.data.values import Value
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.language.names import Resolved
    from autodiff_cli.language.source import Source

    Claims = Sequence[Source]

Recorded = dict[str | None, dict[str, "Value"]]
"""Gradients by the output that they are of, and by name; of None where no output is named."""


def check(
    prepared: Program,
    inputs: Mapping[str, Any],
    by: Sequence[str] | None,
    of: Sequence[str] | None,
    settings: Settings,
    claims: Claims,
    samples: int,
    box: Box,
    recorded: Recorded | None,
    tolerance: float,
    file: str = "the record",
) -> list[Report]:
    """Checks the gradient of each output.

    Args:
        by: top-level names to differentiate by; every floating input where it is None.
        of: top-level names to give out; the program's result where it is None.
        claims: texts with a derivative worked out by hand on each line, `x = 2*x`.
        samples: random points at which to check claims, too; where they are is in `box`.
        recorded: gradients as numbers, which `file` holds.
        tolerance: a relative difference that passes in any case.

    Raises:
        UsageError: there is nothing to differentiate by, or a name that the program has not.
    """
    if settings.seed is None:
        from secrets import randbits  # brings hashing along, which help does without

        settings = replace(settings, seed=randbits(32))
    resolved = prepared.resolved
    recorded = recorded or {}
    with _as_usage():
        claimed = parse_claims(claims)
        extended = with_claims(prepared, claimed)
    if of is None and recorded and None not in recorded:
        of = [output for output in recorded if output is not None]
    if by is None:
        # Every floating input, which takes a run to find out.
        silent = replace(settings, on_print=lambda text: None)
        by = list(run(prepared, inputs, None, of, silent).targets)
    wrt = list(dict.fromkeys([*by, *(claim.name for claim in claimed), *_names_in(recorded)]))
    if not wrt:
        raise UsageError(
            "there is nothing to differentiate by",
            help=f"write {by_what(resolved) or '--wrt NAME'}: an input, or a variable",
            kind="wrt",
        )
    require_names(resolved, _names_in(recorded), file)
    subject = Subject(prepared, inputs, wrt, of, settings)
    outputs = list(subject.outcome.outputs)
    if claimed and len(outputs) > 1:
        raise UsageError(
            f"got claims and the outputs {', '.join(outputs)}, want one",
            help="--of names the output that the claims are about",
        )
    reports = []
    with quiet_numpy():
        for output in outputs:
            swept = subject.sweep(output)
            done = checked(subject, output, swept, tolerance)
            verified = []
            if claimed:
                verified = verify_claims(
                    extended, claimed, inputs, wrt, output, settings, samples, box, tolerance
                )
                for claim, result in zip(claimed, verified, strict=True):
                    if result.verdict == "mismatch":
                        done.findings.append(finding(claim, result, output))
            gradients = _record_of(output, outputs, recorded)
            if gradients:
                verified += verify_records(gradients, file, subject, swept, tolerance)
            assert isinstance(settings.seed, int)
            reports.append(Report(done, verified, settings.seed))
    return reports


@contextmanager
def _as_usage() -> Iterator[None]:
    """A mistake in a claim is one of who asks, and not of the program."""
    try:
        yield
    except ProgramError as error:
        raise UsageError.of(error, error.kind) from None


def require_names(resolved: Resolved, given: Sequence[str], what: str) -> None:
    for name in given:
        if name not in resolved.top.slots:
            raise UsageError(
                f"{what}: the program has no name {name}",
                help=did_you_mean(name, resolved.top.slots)
                or f"its names are: {', '.join(resolved.top.slots)}",
            )


def _names_in(recorded: Recorded) -> list[str]:
    return [name for gradients in recorded.values() for name in gradients]


def _record_of(output: str, outputs: Sequence[str], recorded: Recorded) -> dict[str, Value]:
    if None in recorded and len(outputs) > 1:
        raise UsageError(
            f"got gradients of an output without a name, and the outputs {', '.join(outputs)}",
            help="--of names the output that they are of",
        )
    return recorded.get(output, recorded.get(None, {}))
