"""In a Jupyter kernel: results, traces and errors show themselves, and a cell is a program."""

from __future__ import annotations

import re
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

CELLS = {
    "load": "%load_ext autodiff_cli\nimport autodiff_cli as adiff\nx, t = 3.0, [0, 1, 2]",
    "result": "adiff.program('x^2 * sin(x)')(x=3)",
    "warned": "adiff.program('abs(x)')(x=0)",
    "trace": "adiff.program('y = x^2 * sin(x)').trace(x=3)",
    "large": "adiff.program('y = sum(x)').trace(x=t)",
    "error": "adiff.program('dot(x, [1, 2])')(x=t)",
    "cell": "%%adiff\ny = x^2 * sin(x)\ny + k0",
    "inputs": "%%adiff k=2 --wrt k\nk^2 * sum(t)",
    "jacobian": "%%adiff --wrt t --jacobian\nt^2",
    "picture": "%%adiff --trace\nx^2",
    "kept": "%%adiff -o found\nx^3",
    "found": "found.gradient['x']",
    "syntax": "%%adiff\nx = = 2",
    "option": "%%adiff --colour\nx",
    "none": "%%adiff --of ''\nx",
    "word": "%%adiff program.ad\nx",
    "after": "1 + 1",
}


@pytest.fixture(scope="module")
def outputs() -> dict[str, list[Any]]:
    """What every cell has shown."""
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, allow_errors=True).execute()
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def data(outputs: dict[str, list[Any]], cell: str) -> dict[str, str]:
    (output,) = outputs[cell]
    assert output.output_type == "execute_result", output
    shown: dict[str, str] = output.data
    return shown


def traceback(outputs: dict[str, list[Any]], cell: str) -> str:
    (output,) = outputs[cell]
    assert output.output_type == "error", output
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback))


def test_a_result_shows_its_table(outputs: dict[str, list[Any]]) -> None:
    shown = data(outputs, "result")
    assert "1.2700800725388048" in shown["text/html"]
    assert "-8.063212421044806" in shown["text/html"]
    assert shown["text/plain"].splitlines() == [
        "result = 1.2700800725388048",
        "dresult/dx = -8.063212421044806",
    ]


def test_a_result_shows_its_warnings(outputs: dict[str, list[Any]]) -> None:
    assert "warning: `abs` is at a kink here" in data(outputs, "warned")["text/html"]


@pytest.mark.parametrize("cell", ["trace", "large", "picture"])
def test_a_trace_shows_its_picture(outputs: dict[str, list[Any]], cell: str) -> None:
    shown = data(outputs, cell)
    assert shown["image/svg+xml"].lstrip().startswith("<svg")
    assert "leaf" in shown["text/plain"]


def test_an_error_shows_its_place_and_no_python(outputs: dict[str, list[Any]]) -> None:
    shown = traceback(outputs, "error")
    assert shown.startswith("error: `dot` got shapes (3,) and (2,)")
    assert "1 | dot(x, [1, 2])" in shown
    assert "Traceback" not in shown


def test_a_cell_is_a_program(outputs: dict[str, list[Any]]) -> None:
    assert "input `k0` has no value" in traceback(outputs, "cell")
    assert data(outputs, "inputs")["text/plain"].splitlines() == [
        "result = 12.0",
        "dresult/dk = 12.0",
    ]
    assert "dresult/dt" in data(outputs, "jacobian")["text/plain"]
    assert outputs["kept"] == []
    assert data(outputs, "found")["text/plain"] == "27.0"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("syntax", "<cell>:1:5"),
        ("option", "%%adiff: no such option"),
        ("none", "--of: got no name"),
        ("word", "%%adiff: got 'program.ad', want NAME=VALUE"),
    ],
)
def test_what_is_wrong_with_a_cell_is_told(
    outputs: dict[str, list[Any]], cell: str, words: str
) -> None:
    assert words in traceback(outputs, cell)


def test_the_kernel_goes_on(outputs: dict[str, list[Any]]) -> None:
    assert data(outputs, "after")["text/plain"] == "2"
