"""A trace as lines of fields with tabs between them, for grep, cut and awk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff_cli.report.trace.brief import brief
from autodiff_cli.report.trace.rows import EventRow, GroupRow, NodeRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.rows import Row
    from autodiff_cli.report.trace.view import View

HEADINGS = (
    "node",
    "name",
    "expression",
    "primitive",
    "operands",
    "value",
    "derivatives",
    "adjoint",
    "line",
)
AFTER_TABS = str.maketrans({"\t": " ", "\n": " ", "\r": " "})


def text(view: View, style: Style) -> Iterator[str]:
    """A line of headings, then one for each row; a field that does not apply is empty.

    The node of a folded group is the range of its nodes, its name is `loop` or the function's,
    and its primitive `×` and how often it ran.
    """
    yield "\t".join(HEADINGS) + "\n"
    for row in view.rows():
        yield "\t".join(field.translate(AFTER_TABS) for field in _fields(row, style)) + "\n"


def _fields(row: Row, style: Style) -> list[str]:
    def shown(value: object) -> str:
        return "" if value is None else brief(value, style.digits, style.full)

    if isinstance(row, NodeRow):
        derivatives = [partial.spelt(shown) for partial in row.partials]
        return [
            str(row.number),
            row.name,
            row.expression,
            row.primitive or "leaf",
            ", ".join(operand.label for operand in row.operands),
            shown(row.value),
            "; ".join(derivatives),
            shown(row.adjoint),
            "" if row.line is None else str(row.line),
        ]
    if isinstance(row, GroupRow):
        results = row.results
        return [
            f"{row.first}-{row.last}",
            row.title,
            row.head,
            f"×{row.count}",
            ", ".join(operand.label for operand in row.operands),
            "; ".join(f"{result.label} = {shown(result.value)}" for result in results),
            "",
            "; ".join(
                f"{result.label}: {shown(result.adjoint)}"
                for result in results
                if result.adjoint is not None
            ),
            str(row.line),
        ]
    if isinstance(row, EventRow):
        sums = [f"{one.name}.grad += {shown(one.added)}" for one in row.sums]
        totals = [f"{one.name}.grad = {shown(one.total)}" for one in row.sums]
        cleared = [f"{name}.grad = 0" for name in row.cleared]
        said = "; ".join(totals + cleared)
        return ["", "", row.expression, row.kind, "", said, "; ".join(sums), "", str(row.line)]
    range_ = f"{row.first}-{row.last}"
    rounds = f"{row.number} of {row.of}"
    if row.count > 1:
        rounds = f"{row.number}-{row.number + row.count - 1} of {row.of}"
    return [range_, row.title, rounds, "×" + str(row.count), "", "", "", "", ""]
