"""An evaluation as plain data: what the JSON says, and what every other format draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.report.diagnostics import as_data
from autodiff_cli.report.numbers import json_lines, json_value, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.explain.evaluation import Evaluation

SCHEMA = "adiff.result/1"


def quantities(evaluation: Evaluation) -> Iterator[tuple[str, Any]]:
    """What was computed, each under the name that all formats give it: `y`, `dy/dx`."""
    yield evaluation.output, evaluation.value
    yield from evaluation.labelled()


def is_non_finite(evaluation: Evaluation) -> bool:
    return any(_has_non_finite(value) for _, value in quantities(evaluation))


def _has_non_finite(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return not math.isfinite(value)
    import numpy as np

    return not np.isfinite(value).all()


def as_json(evaluations: Sequence[Evaluation], digits: int | None = None) -> str:
    """One object a line, as `schemas/result.json` describes it."""
    return json_lines(_data(evaluation, digits) for evaluation in evaluations)


def _data(evaluation: Evaluation, digits: int | None) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "status": "non-finite" if is_non_finite(evaluation) else "ok",
        "output": evaluation.output,
        "value": json_value(evaluation.value, digits),
        "shape": list(getattr(evaluation.value, "shape", ())),
        evaluation.kind: _json_tree(evaluation.found, digits),
        "warnings": [as_data(finding) for finding in evaluation.findings],
        "graph": {"nodes": evaluation.nodes, "leaves": evaluation.leaves},
    }


def _json_tree(found: Any, digits: int | None) -> Any:  # recurses: pairs of names
    if isinstance(found, dict):
        return {name: _json_tree(value, digits) for name, value in found.items()}
    if isinstance(found, list):
        return [json_value(value, digits) for value in found]
    return json_value(found, digits)


def as_plain(evaluations: Sequence[Evaluation], digits: int | None = None) -> str:
    """A line for each quantity, `NAME<TAB>VALUE`, never wrapped and never shortened."""
    return "".join(
        f"{name}\t{value_text(value, digits)}\n"
        for evaluation in evaluations
        for name, value in quantities(evaluation)
    )


def as_csv(evaluations: Sequence[Evaluation], digits: int | None = None) -> str:
    """A row for each number: the quantity, its index (`1 2` for row 1, column 2), the value."""
    import csv
    from io import StringIO

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("quantity", "index", "value"))
    for evaluation in evaluations:
        for name, value in quantities(evaluation):
            writer.writerows(
                (name, " ".join(map(str, index)), value_text(item, digits))
                for index, item in _items(value)
            )
    return text.getvalue()


def as_wide_csv(evaluations: Sequence[Evaluation], digits: int | None = None) -> str:
    """A row for each element of the output: its value, and its derivative by each input element.

    A Hessian has one for each first derivative, `dy/dx[0]`, with that one's derivatives.
    """
    import csv
    from io import StringIO

    import numpy as np

    from autodiff_cli.report.elements import matrix

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for position, evaluation in enumerate(evaluations):
        rows, columns, numbers = matrix(evaluation)
        if evaluation.kind == "hessian":
            head = ["derivative"]
            firsts = [[f"d{evaluation.output}/d{row}"] for row in rows]
        else:
            head = ["output", "value"]
            values = np.ravel(evaluation.value)
            firsts = [
                [row, value_text(value, digits)] for row, value in zip(rows, values, strict=True)
            ]
        if not position:
            writer.writerow([*head, *columns])
        for first, row in zip(firsts, numbers, strict=True):
            writer.writerow([*first, *(value_text(item, digits) for item in row)])
    return text.getvalue()


def _items(value: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    if not getattr(value, "shape", ()):
        yield (), value
        return
    import numpy as np

    for index in np.ndindex(value.shape):
        yield index, value[index]


def as_arrays(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """The quantities as arrays, for an NPZ file."""
    import numpy as np

    return {
        name: np.asarray(value)
        for evaluation in evaluations
        for name, value in quantities(evaluation)
    }
