"""The table: what a user wrote is shown as it was written."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from autodiff_cli.report.table import as_table


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def table(program: str, *, digits: int | None = None, color: bool = False, **inputs: object) -> str:
    return as_table(evaluate(load(Source("<test>", program)), inputs), color, digits)


def test_brackets_are_no_markup() -> None:
    text = table("bold = sum(red * [1, 2])", red=np.array([3.0, 4.0]))
    assert "[3., 4.]" in text
    assert "[1., 2.]" in text
    assert "dbold/d…" in text


def test_value_without_a_gradient_has_no_column_for_it() -> None:
    assert table("y = 3") == "name   value\n────────────\ny      3\n"


def test_digits_reach_every_cell() -> None:
    text = table("y = x / 3 * sum(v)", digits=3, x=1.0, v=np.array([1 / 3, 2 / 3]))
    assert "0.333" in text
    assert "0.3333" not in text


def test_each_output_has_a_table() -> None:
    text = table("a, b = x, 2*x", x=1.0)
    assert text.count("name") == 2
    assert "\n\nname   value   db/d…\n" in text


def test_no_line_ends_in_blanks_and_colour_only_by_request() -> None:
    assert not any(line != line.rstrip() for line in table("y = x", x=1.0).splitlines())
    assert "\x1b" not in table("y = x", x=1.0)
    assert "\x1b[36m" in table("y = x", color=True, x=1.0)
