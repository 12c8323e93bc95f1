"""A root as plain data, then as lines, JSON, CSV, or a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.report.diagnostics import as_data
from autodiff_cli.report.numbers import json_lines, json_value, summary_text, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.solve.roots import Root

SCHEMA = "adiff.root/1"


def as_json(root: Root, digits: int | None = None) -> str:
    """One object, as `schemas/root.json` describes it."""
    return json_lines(
        [
            {
                "schema": SCHEMA,
                "status": "ok" if root.converged else "not-converged",
                "at": {name: json_value(x, digits) for name, x in root.at.items()},
                "value": {name: json_value(x, digits) for name, x in root.value.items()},
                "residual_norm": json_value(root.residual_norm, digits),
                "derivatives": {
                    name: {other: json_value(d, digits) for other, d in row.items()}
                    for name, row in root.derivatives.items()
                },
                "evaluations": root.evaluations,
                "warnings": [as_data(finding) for finding in root.findings],
            }
        ]
    )


def quantities(root: Root) -> Iterator[tuple[str, Any]]:
    """What was computed, each under the name that lines and CSV give it: `x`, `dx/da`."""
    yield from root.at.items()
    for name, row in root.derivatives.items():
        for other, derivative in row.items():
            yield f"d{name}/d{other}", derivative


def as_plain(root: Root, digits: int | None = None) -> str:
    """A line for each quantity, `NAME<TAB>VALUE`."""
    return "".join(f"{name}\t{value_text(value, digits)}\n" for name, value in quantities(root))


def as_csv(root: Root, digits: int | None = None) -> str:
    """A row for each quantity."""
    import csv
    from io import StringIO

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("quantity", "value"))
    writer.writerows((name, value_text(value, digits)) for name, value in quantities(root))
    return text.getvalue()


def as_table(root: Root, color: bool, digits: int | None = None) -> str:
    """A row for each unknown, with its derivatives in columns; below it what is left."""
    from rich.text import Text

    from autodiff_cli.report.console import drawn, new_table

    others = list(next(iter(root.derivatives.values()), {}))
    names = list(root.at)

    def parts(width: int) -> Iterator[Any]:
        table = new_table()
        room = max(width // (2 + len(others)) - 3, 12)
        for title in ("unknown", "value", *(f"d…/d{other}" for other in others)):
            table.add_column(Text(title), overflow="fold")
        for name in names:
            row = root.derivatives.get(name, {})
            cells = [root.at[name], *(row[other] for other in others if other in row)]
            table.add_row(Text(name), *(Text(summary_text(x, digits, room)) for x in cells))
        yield table
        yield Text(f"the equations are {root.residual_norm:.3g} there")

    return drawn(color, lambda width: [parts(width)])
