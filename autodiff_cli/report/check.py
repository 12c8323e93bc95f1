"""A check as plain data: what the JSON says, and what the other formats draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff_cli.check.checking import FAILED
from autodiff_cli.report.diagnostics import as_data
from autodiff_cli.report.numbers import json_lines, json_value, number_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.check.checking import Check, Comparison, Component, Verdict
    from autodiff_cli.check.claims import Verified

SCHEMA = "adiff.check/1"

REFEREES = {
    "forward": "forward sweep",
    "differences": "differences",
    "precise": "80 digits",
    "claim": "claim",
    "record": "record",
}
"""Who says what a derivative is, in words."""


@dataclass(frozen=True, slots=True)
class Report:
    """One output: its check, and the claims and records that were checked with it."""

    check: Check
    verified: Sequence[Verified]
    seed: int

    @property
    def passed(self) -> bool:
        return FAILED.isdisjoint(self.verdicts)

    @property
    def status(self) -> str:
        """`mismatch` where something is wrong, `unjudged` where there is none to be so."""
        if self.passed:
            return "ok"
        return "mismatch" if "mismatch" in self.verdicts else "unjudged"

    @property
    def verdicts(self) -> list[Verdict]:
        """Those of all that was checked."""
        components = [component.verdict for component in self.check.components]
        return components + [one.verdict for one in self.verified]


@dataclass(frozen=True, slots=True)
class Row:
    """A line: a derivative, what adiff says, what another says, and how far that is."""

    name: str
    verdict: str
    gradient: float
    other: float | tuple[float, float] | None
    error: float | None
    by: str


def rows(report: Report) -> Iterator[Row]:
    output = report.check.output
    for component in report.check.components:
        yield _component_row(output, component)
    for one in report.verified:
        other = one.other
        yield Row(
            f"d{output}/d{one.name}{_place(one.index)}",
            one.verdict,
            one.gradient,
            None if other is None else other.value,
            None if other is None else other.error,
            _verified_by(one),
        )


def _component_row(output: str, component: Component) -> Row:
    name = f"d{output}/d{component.name}{_place(component.index)}"
    if component.slopes is not None:
        return Row(
            name, component.verdict, component.gradient, component.slopes, None, "left, right"
        )
    by = component.decisive
    if by is None:
        return Row(name, component.verdict, component.gradient, None, None, "")
    other = component.referees[by]
    return Row(name, component.verdict, component.gradient, other.value, other.error, REFEREES[by])


def _verified_by(one: Verified) -> str:
    if one.kind == "record":
        return REFEREES["record"]
    points = f"{one.points} point{'' if one.points == 1 else 's'}"
    return f"{REFEREES['claim']}, {points}" + (f", {one.skipped} skipped" if one.skipped else "")


def _place(index: tuple[int, ...] | None) -> str:
    if index is None:
        return "[all]"
    return f"[{', '.join(map(str, index))}]" if index else ""


# ── text ──────────────────────────────────────────────────────────────────────────────


def as_plain(reports: Sequence[Report], digits: int | None = None) -> str:
    """A line for each derivative: its name and verdict, then fields that carry their names.

    The error is in units of what is achievable at the point.
    """
    return "".join(
        "\t".join(
            (
                row.name,
                row.verdict,
                f"gradient={number_text(row.gradient, digits)}",
                f"other={other_text(row, digits)}",
                f"error={error_text(row)}",
                f"by={row.by or '-'}",
            )
        )
        + "\n"
        for report in reports
        for row in rows(report)
    )


def other_text(row: Row, digits: int | None = None) -> str:
    """What the other says; the slopes on both sides of a kink."""
    if row.other is None:
        return "-"
    if isinstance(row.other, tuple):
        return ", ".join(number_text(slope, digits) for slope in row.other)
    return number_text(row.other, digits)


def error_text(row: Row) -> str:
    """The error in units of what is achievable, which is no figure to have many digits of."""
    return "-" if row.error is None else f"{row.error:.2g}"


def verdict_text(report: Report) -> str:
    """The outcome in a sentence."""
    components, left_out = report.check.components, report.check.left_out
    count = len([c for c in components if c.index is not None])
    verdicts = report.verdicts
    text = f"{count} component{'' if count == 1 else 's'} of d{report.check.output} checked"
    for name, number in left_out.items():
        text += f", {number:,} more by {name} in one direction"
    wrong = verdicts.count("mismatch")
    unsure = sum(verdict != "ok" for verdict in verdicts) - wrong
    text += f": {wrong} wrong" if wrong else ": no mismatch"
    return text + (f", {unsure} that cannot be told" if unsure else "")


# ── JSON ──────────────────────────────────────────────────────────────────────────────


def as_json(reports: Sequence[Report], digits: int | None = None) -> str:
    """One object a line, as `schemas/check.json` describes it."""
    return json_lines(_data(report, digits) for report in reports)


def _data(report: Report, digits: int | None) -> dict[str, Any]:
    check = report.check
    verified: dict[str, list[Any]] = {"claim": [], "record": []}
    for one in report.verified:
        verified[one.kind].append(_verified_data(one, digits))
    return {
        "schema": SCHEMA,
        "status": report.status,
        "output": check.output,
        "value": json_value(check.value, digits),
        "components": [_component_data(component, digits) for component in check.components],
        "left_out": check.left_out,
        "claims": verified["claim"],
        "records": verified["record"],
        "seed": report.seed,
        "warnings": [as_data(finding) for finding in check.findings],
    }


def _component_data(component: Component, digits: int | None) -> dict[str, Any]:
    return {
        "name": component.name,
        "index": None if component.index is None else list(component.index),
        "verdict": component.verdict,
        "gradient": json_value(component.gradient, digits),
        "referees": {
            name: _comparison_data(other, digits) for name, other in component.referees.items()
        },
        "slopes": component.slopes and [json_value(slope, digits) for slope in component.slopes],
    }


def _comparison_data(other: Comparison, digits: int | None) -> dict[str, Any]:
    return {
        "value": json_value(other.value, digits),
        "achievable": json_value(other.achievable),
        "error": json_value(other.error),
    }


def _verified_data(one: Verified, digits: int | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "text": one.text,
        "verdict": one.verdict,
        "points": one.points,
        "skipped": one.skipped,
        "index": list(one.index),
        "gradient": json_value(one.gradient, digits),
        "other": one.other and _comparison_data(one.other, digits),
        "point": {name: json_value(value, digits) for name, value in one.point.items()},
    }
