"""A minimum as plain data: what the JSON says, and what the other formats draw."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

from autodiff_cli.report.diagnostics import as_data
from autodiff_cli.report.numbers import json_lines, json_value, number_text, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.solve.minimum import Minimum

SCHEMA = "adiff.minimum/1"


def status(found: Minimum) -> str:
    import math

    if not math.isfinite(found.value):
        return "non-finite"
    return "ok" if found.has_converged else "not-converged"


def as_json(found: Minimum, digits: int | None = None) -> str:
    """One line, as `schemas/minimum.json` describes it."""
    parameters = found.model.parameters
    at, gradient = parameters.values(found.at), parameters.values(found.gradient)
    data = {
        "schema": SCHEMA,
        "status": status(found),
        "at": {name: json_value(value, digits) for name, value in at.items()},
        "value": json_value(found.value, digits),
        "gradient": {name: json_value(gradient[name], digits) for name in parameters.names},
        "gradient_norm": json_value(found.gradient_norm, digits),
        "eigenvalues": [json_value(value, digits) for value in found.eigenvalues],
        "nature": found.nature or None,
        "at_bound": [parameters.labels[i] for i in found.held.nonzero()[0]],
        "multipliers": [json_value(values, digits) for values in found.multipliers],
        "iterations": found.iterations,
        "warnings": [as_data(finding) for finding in found.findings],
    }
    return json_lines([data])


def quantities(found: Minimum) -> Iterator[tuple[str, Any]]:
    """Each under the name that all formats give it."""
    yield "value", found.value
    yield from found.model.parameters.values(found.at).items()
    yield "gradient_norm", found.gradient_norm
    yield "eigenvalues", found.eigenvalues


def as_plain(found: Minimum, digits: int | None = None) -> str:
    """A line for each quantity, `NAME<TAB>VALUE`."""
    lines = [f"{name}\t{value_text(value, digits)}\n" for name, value in quantities(found)]
    return "".join([*lines, f"nature\t{found.nature or 'unknown'}\n"])


def as_csv(found: Minimum, digits: int | None = None) -> str:
    """A row for each number that moved: where it is, and what is left of the gradient."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "value", "gradient"))
    for label, value, slope in zip(
        found.model.parameters.labels, found.at, found.gradient, strict=True
    ):
        writer.writerow((label, *(number_text(float(n), digits) for n in (value, slope))))
    return text.getvalue()
