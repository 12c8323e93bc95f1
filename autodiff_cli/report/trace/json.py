"""A trace as JSON, as `schemas/trace.json` describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.report.diagnostics import as_data as finding_data
from autodiff_cli.report.numbers import json_lines
from autodiff_cli.report.result import is_non_finite
from autodiff_cli.report.trace.brief import brief_data
from autodiff_cli.report.trace.passes import reverse_passes
from autodiff_cli.report.trace.rows import GroupRow, ManyRow, NodeRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.passes import ReversePass
    from autodiff_cli.report.trace.rows import Operand, Row
    from autodiff_cli.report.trace.view import View

SCHEMA = "adiff.trace/1"


def text(view: View, style: Style) -> Iterator[str]:
    """The trace as one object on one line."""
    yield json_lines([as_data(view, style)])


def as_data(view: View, style: Style) -> dict[str, Any]:
    """A trace as JSON holds it. Numbers that are not finite are strings, as in results."""
    return _Writer(view, style).trace()


class _Writer:
    def __init__(self, view: View, style: Style) -> None:
        self._view, self._style = view, style

    def trace(self) -> dict[str, Any]:
        view = self._view
        evaluation = view.trace.evaluation
        source = view.trace.outcome.names.program.body.span.source
        return {
            "schema": SCHEMA,
            "status": "non-finite" if is_non_finite(evaluation) else "ok",
            "output": evaluation.output,
            "value": self._value(evaluation.value),
            "shape": list(getattr(evaluation.value, "shape", ())),
            "gradient": {name: self._value(value) for name, value in evaluation.gradient.items()},
            "source": {"name": source.name, "text": source.text},
            "graph": {"nodes": evaluation.nodes, "leaves": evaluation.leaves},
            "depth": view.depth,
            "rows": [self._row(row) for row in view.rows()],
            "passes": [self._pass(one) for one in reverse_passes(view)],
            "warnings": [finding_data(finding) for finding in evaluation.findings],
        }

    def _value(self, value: Any) -> Any:
        return None if value is None else brief_data(value, self._style.digits, self._style.full)

    def _row(self, row: Row) -> dict[str, Any]:
        if isinstance(row, NodeRow):
            return self._node(row)
        if isinstance(row, ManyRow):
            return self._many(row)
        return {
            "row": "event",
            "kind": row.kind,
            "expression": row.expression,
            "line": row.line,
            "sums": [
                {
                    "name": one.name,
                    "number": one.number,
                    "before": self._value(one.before),
                    "added": self._value(one.added),
                    "total": self._value(one.total),
                }
                for one in row.sums
            ],
            "cleared": row.cleared,
            "depth": row.depth,
        }

    def _node(self, row: NodeRow) -> dict[str, Any]:
        span = row.span
        return {
            "row": "node",
            "number": row.number,
            "label": row.label,
            "name": row.name,
            "expression": row.expression,
            "primitive": row.primitive,
            "operator": row.sign,
            "operands": [self._operand(operand) for operand in row.operands],
            "value": self._value(row.value),
            "shape": list(getattr(row.value, "shape", ())),
            "partials": [
                {
                    "number": self._view.labels.numbers[partial.operand],
                    "by": partial.by,
                    "formula": partial.text,
                    "value": self._value(partial.value),
                }
                for partial in row.partials
            ],
            "adjoint": self._value(row.adjoint),
            "line": span.line if span else None,
            "column": span.column if span else None,
            "end_line": span.end_line if span else None,
            "end_column": span.end_column if span else None,
            "depth": row.depth,
        }

    def _operand(self, operand: Operand) -> dict[str, Any]:
        data: dict[str, Any] = {"label": operand.label, "number": operand.number}
        if operand.number is None:
            data["value"] = self._value(operand.value)
        return data

    def _many(self, row: ManyRow) -> dict[str, Any]:
        data: dict[str, Any] = {"row": "round", "title": row.title}
        opened = {}
        if isinstance(row, GroupRow):
            data = {"row": "group", "kind": row.group.kind, "title": row.title}
            data |= {"head": row.head, "line": row.line}
            opened = {"opened": row.opened}
        else:
            data |= {"number": row.number, "of": row.of}
        return {
            **data,
            "count": row.count,
            "first": row.first,
            "last": row.last,
            **opened,
            "operands": [self._operand(operand) for operand in row.operands],
            "results": [self._result(result) for result in row.results],
            "depth": row.depth,
        }

    def _result(self, result: NodeRow) -> dict[str, Any]:
        return {
            "number": result.number,
            "label": result.label,
            "name": result.name,
            "value": self._value(result.value),
            "adjoint": self._value(result.adjoint),
        }

    def _pass(self, one: ReversePass) -> dict[str, Any]:
        return {
            "after": one.after,
            "line": one.event.line if one.event is not None else None,
            "output": one.output,
            "seed": self._value(one.seed),
            "sums": [
                {
                    "number": sum_.number,
                    "adjoint": self._value(sum_.adjoint),
                    "terms": [
                        {
                            "source": term.source,
                            "count": term.count,
                            "value": self._value(term.value),
                        }
                        for term in sum_.terms
                    ],
                }
                for sum_ in one.sums
            ],
        }
