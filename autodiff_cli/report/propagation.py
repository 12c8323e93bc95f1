"""A propagation of uncertainty as plain data, then as lines, JSON, CSV, or a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.report.diagnostics import as_data
from autodiff_cli.report.numbers import json_lines, json_value, number_text
from autodiff_cli.solve.uncertainty import concise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.solve.propagation import Propagated

SCHEMA = "adiff.propagation/1"
SHOWN = 6
"""Significant digits of a table."""


def as_json(found: Sequence[Propagated], digits: int | None = None) -> str:
    """One object a line, as `schemas/propagation.json` describes it."""
    return json_lines(_data(each, digits) for each in found)


def _data(one: Propagated, digits: int | None) -> dict[str, Any]:
    def number(value: float) -> Any:
        return json_value(value, digits)

    samples = one.samples
    finite = math.isfinite(one.value) and math.isfinite(one.uncertainty)
    return {
        "schema": SCHEMA,
        "status": "ok" if finite else "non-finite",
        "output": one.output,
        "value": number(one.value),
        "standard_uncertainty": number(one.uncertainty),
        "expanded_uncertainty": number(one.expanded),
        "coverage_factor": number(one.coverage_factor),
        "confidence": one.confidence,
        "degrees_of_freedom": number(one.degrees_of_freedom),
        "order": one.order,
        "budget": {
            name: {
                "sensitivity": number(share.sensitivity),
                "uncertainty": number(share.uncertainty),
                "share": number(share.share),
            }
            for name, share in one.budget.items()
        },
        "correlation": {name: number(r) for name, r in one.correlation.items()},
        "monte_carlo": None
        if samples is None
        else {
            "samples": samples.count,
            "mean": number(samples.mean),
            "standard_deviation": number(samples.standard_deviation),
            "interval": [number(end) for end in samples.interval],
            "non_finite": samples.non_finite,
        },
        "warnings": [as_data(finding) for finding in one.findings],
    }


def quantities(one: Propagated, several: bool) -> Iterator[tuple[str, float]]:
    """What was computed, each under the name that lines and CSV give it."""
    y = one.output
    yield y, one.value
    yield f"u({y})", one.uncertainty
    yield f"U({y})", one.expanded
    yield f"k({y})", one.coverage_factor
    yield f"dof({y})", one.degrees_of_freedom
    for name, share in one.budget.items():
        yield f"d{y}/d{name}", share.sensitivity
        yield f"share({y}, {name})", share.share
    if several:
        for other, r in one.correlation.items():
            if other != y:
                yield f"r({y}, {other})", r
    if one.samples is not None:
        yield f"mean({y})", one.samples.mean
        yield f"sd({y})", one.samples.standard_deviation
        yield f"low({y})", one.samples.interval[0]
        yield f"high({y})", one.samples.interval[1]


def as_plain(found: Sequence[Propagated], digits: int | None = None) -> str:
    """A line for each quantity, `NAME<TAB>VALUE`."""
    return "".join(
        f"{name}\t{number_text(value, digits)}\n"
        for one in found
        for name, value in quantities(one, len(found) > 1)
    )


def as_csv(found: Sequence[Propagated], digits: int | None = None) -> str:
    """A row for each quantity."""
    import csv
    from io import StringIO

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("quantity", "value"))
    for one in found:
        for name, value in quantities(one, len(found) > 1):
            writer.writerow((name, number_text(value, digits)))
    return text.getvalue()


def as_table(found: Sequence[Propagated], color: bool, digits: int | None = None) -> str:
    """Each output with its uncertainty in one line, and below it the budget."""
    from rich.text import Text

    from autodiff_cli.report.console import drawn, new_table

    def text(value: float) -> str:
        return number_text(value, digits or SHOWN)

    def parts(one: Propagated) -> Iterator[Any]:
        yield Text(f"{one.output} = {concise(one.value, one.uncertainty)}", style="bold")
        yield Text(_sentence(one, text))
        if one.samples is not None:
            yield Text(_sampled(one, text))
        table = new_table()
        for title in ("input", "uncertainty", f"d{one.output}/d…", "contributes", "share"):
            table.add_column(Text(title), justify="left" if title == "input" else "right")
        for name, share in sorted(one.budget.items(), key=lambda item: -abs(item[1].share)):
            part = abs(share.sensitivity) * share.uncertainty
            table.add_row(
                Text(name),
                *map(text, (share.uncertainty, share.sensitivity, part)),
                f"{100 * share.share:.1f} %",
            )
        yield table
        if len(found) > 1:
            others = [
                f"{name} {r:.3f}" for name, r in one.correlation.items() if name != one.output
            ]
            yield Text(f"correlated with {', '.join(others)}")

    return drawn(color, lambda _: (parts(one) for one in found))


def _sentence(one: Propagated, text: Any) -> str:
    dof = one.degrees_of_freedom
    freedom = f" with {text(dof)} degrees of freedom" if math.isfinite(dof) else ""
    order = " of second order" if one.order == 2 else ""
    return (
        f"u = {text(one.uncertainty)}{order}{freedom}; "
        f"U = {text(one.expanded)} with k = {text(one.coverage_factor)}, "
        f"{100 * one.confidence:g} %"
    )


def _sampled(one: Propagated, text: Any) -> str:
    samples = one.samples
    assert samples is not None
    low, high = map(text, samples.interval)
    lost = f", {samples.non_finite:,} of them not finite" if samples.non_finite else ""
    return (
        f"Monte Carlo: {concise(samples.mean, samples.standard_deviation)}, "
        f"{100 * one.confidence:g} % in [{low}, {high}]; {samples.count:,} samples{lost}"
    )
