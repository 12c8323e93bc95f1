"""Programs for every construct of the language: what they print, and their derivatives.

`tests/golden.py` says how, and how the golden files beside this one are written anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from tests.golden import check_derivatives, check_printed, orphans

HERE = Path(__file__).parent
PROGRAMS = sorted(HERE.glob("*.ad"))
RECORDED = json.loads((HERE.parent / "data" / "programs" / "programs.json").read_text())["cases"]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_prints_what_it_should(path: Path) -> None:
    check_printed(path, HERE)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_derivatives_agree_with_central_differences(path: Path) -> None:
    check_derivatives(path)


def test_second_derivative_is_dearer_than_the_first() -> None:
    """The chapter's first exercise: how many operations each line of its program records."""
    name = "exercise_second_derivative.ad"
    *_, value, first, second = (HERE / name).read_text(encoding="utf-8").splitlines()
    sizes = []
    for lines in ([value], [value, first], [value, first, second]):
        (evaluation,) = evaluate(load(Source(name, "\n".join(lines))), {"x": 0.7}, ["x"])
        sizes.append(evaluation.nodes)
    of_value, of_first, of_second = np.diff([0, *sizes])
    assert of_value < of_first
    assert of_second > 2 * of_first


def test_no_golden_file_is_left_over() -> None:
    assert orphans(HERE, PROGRAMS) == []


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_agrees_with_the_record(case: dict[str, Any]) -> None:
    text = (HERE / f"{case['name']}.ad").read_text(encoding="utf-8")
    inputs = {
        name: np.array(value) if isinstance(value, list) else value
        for name, value in case["inputs"].items()
    }
    (evaluation,) = evaluate(load(Source(case["name"], text)), inputs, case["wrt"])
    gradient = np.concatenate([np.ravel(evaluation.gradient[name]) for name in case["wrt"]])
    assert evaluation.value == pytest.approx(case["value"], rel=1e-13)
    np.testing.assert_allclose(gradient, case["gradient"], rtol=1e-13)
