"""The table, the plain format and JSON: a row for each node, in the order of evaluation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from autodiff_cli.report.trace import plain, table
from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.json import as_data
from autodiff_cli.report.trace.rows import NodeRow
from autodiff_cli.report.trace.structure import EVERYTHING
from autodiff_cli.report.trace.view import Choice
from tests.report.trace.stories import COLUMNS, PROGRAMS, check_golden, orphans, view_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from autodiff_cli.report.trace.view import View

LOOP = "s = x\nfor i in range(1000) { s = s + sin(s) * 1e-3 }\ny = s^2"


@pytest.mark.parametrize("name", PROGRAMS)
def test_table_of_an_example(name: str) -> None:
    check_golden(name, "table", table.text)


@pytest.mark.parametrize("name", PROGRAMS)
def test_plain_of_an_example(name: str) -> None:
    check_golden(name, "plain", plain.text, columns=None)


@pytest.mark.parametrize("name", PROGRAMS)
def test_json_of_an_example(name: str) -> None:
    check_golden(name, "data", one_row_a_line, columns=None)


def one_row_a_line(view: View, style: Style) -> Iterator[str]:
    """The JSON of six digits, broken up so that a change of it can be read."""
    trace = as_data(view, replace(style, digits=6))
    for key, value in trace.items():
        for part in value if isinstance(value, list) else [value]:
            yield f"{key}: {json.dumps(part, ensure_ascii=False)}\n"


@pytest.mark.parametrize("suffix", ["table", "plain", "data"])
def test_no_golden_file_is_left_over(suffix: str) -> None:
    assert orphans(suffix) == []


@pytest.mark.parametrize("width", [60, COLUMNS, 132, 200])
def test_table_fits_its_width(width: int) -> None:
    view = view_of(LOOP, choice=Choice(EVERYTHING), x=0.5)
    lines = "".join(table.text(view, Style(width=width))).splitlines()
    assert max(map(cell_len, lines)) <= width


def test_table_in_pieces_has_one_row_for_each_node() -> None:
    view = view_of(LOOP, choice=Choice(EVERYTHING), x=0.5)
    lines = "".join(table.text(view, Style(width=200))).splitlines()
    numbers = [line.split()[0] for line in lines if line.startswith("v")]
    assert numbers == [f"v{i}" for i in range(1, len(view.nodes) + 1)]
    assert sum(line.startswith("node") for line in lines) == 1


@pytest.mark.parametrize("written", [table, plain], ids=lambda module: module.__name__)
def test_text_of_the_program_is_no_markup(written: ModuleType) -> None:
    text = "".join(written.text(view_of("y = x[0] * 2 # [bold]", x=_array()), Style(width=120)))
    assert "y = x[0] * 2" in text or "x[0] * 2\tmul" in text


def _array() -> object:
    import numpy as np

    return np.array([3.0, 4.0])


def test_plain_has_the_same_number_of_fields_in_every_line() -> None:
    program = "fn f(a) { a^2 }\nfor i in range(3) { s = f(x) }\nbackward(s)\nzero_grad(x)\ny = s"
    for depth in (0, 1, EVERYTHING):
        lines = "".join(plain.text(view_of(program, choice=Choice(depth), x=2.0), Style()))
        assert {line.count("\t") for line in lines.splitlines()} == {len(plain.HEADINGS) - 1}


def test_plain_numbers_read_back_to_the_same_floats() -> None:
    view = view_of("y = sin(x) * exp(x) / 3", x=0.7)
    rows = [row for row in view.rows() if isinstance(row, NodeRow)]
    lines = "".join(plain.text(view, Style())).splitlines()[1:]
    for row, line in zip(rows, lines, strict=True):
        fields = dict(zip(plain.HEADINGS, line.split("\t"), strict=True))
        assert float(fields["value"]) == row.value
        assert float(fields["adjoint"]) == row.adjoint


def test_large_arrays_by_shape_and_range_and_whole_when_asked() -> None:
    view = view_of("x = arange(20) * 0.5\ny = sum(x)", wrt=["x"])
    line = "".join(plain.text(view, Style())).splitlines()[1]
    assert "(20) 0.0 … 9.5" in line
    line = "".join(plain.text(view, Style(full=True))).splitlines()[1]
    assert "[0.0, 0.5, 1.0," in line


def test_nothing_recorded_is_said() -> None:
    assert "no node was recorded" in "".join(table.text(view_of("1 + 2", wrt=[]), Style()))
