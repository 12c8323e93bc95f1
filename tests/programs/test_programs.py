"""Programs for every construct of the language: what they print, and their gradients.

`tests/golden.py` says how, and how the golden files beside this one are written anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff_cli.language.source import Source
from autodiff_cli.runtime.evaluation import evaluate
from autodiff_cli.runtime.interpreter import load
from tests.golden import check_gradient, check_printed, orphans

HERE = Path(__file__).parent
PROGRAMS = sorted(HERE.glob("*.ad"))
RECORDED = json.loads((HERE.parent / "data" / "programs" / "programs.json").read_text())["cases"]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_prints_what_it_should(path: Path) -> None:
    check_printed(path, HERE)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_gradient_agrees_with_central_differences(path: Path) -> None:
    check_gradient(path)


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
