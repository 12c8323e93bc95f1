"""The Gaussian-mixture example against the objectives and gradients recorded for ADBench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff_cli.commands.examples import programs
from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

FOLDER = Path(__file__).parents[1] / "data" / "adbench"
RECORDS = sorted(FOLDER.glob("gmm_*.json"))
TOLERANCE = 1e-12
"""Relative to the largest entry. Sums of 1,000 terms in another order differ by 1e-14."""


def read_adbench(path: Path, points: int) -> dict[str, Any]:
    """The inputs of the example from a file of ADBench, with the first points only."""
    words = path.read_text().split()
    d, k, n = map(int, words[:3])
    numbers = iter(map(float, words[3:]))

    def matrix(rows: int, columns: int) -> np.ndarray:
        return np.array([[next(numbers) for _ in range(columns)] for _ in range(rows)])

    weights, means, factors = matrix(1, k)[0], matrix(k, d), matrix(k, d * (d + 1) // 2)
    x = matrix(n, d)[:points]
    gamma, m = numbers
    return {
        "α": weights,
        "μ": means,
        "q": factors[:, :d],
        "l": factors[:, d:],
        "x": x,
        "γ": gamma,
        "m": m,
    }


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_agrees_with_the_record(path: Path) -> None:
    record = json.loads(path.read_text())
    inputs = read_adbench(FOLDER / Path(record["file"]).name, record["n_points_used"])
    program = programs()["gaussian_mixture"]
    names = load(Source(program.name, program.read_text(encoding="utf-8")))
    (evaluation,) = evaluate(names, inputs, wrt=["α", "μ", "q", "l"])
    parts = evaluation.gradient
    factors = np.concatenate([parts["q"], parts["l"]], axis=1)
    gradient = np.concatenate([parts["α"], parts["μ"].ravel(), factors.ravel()])
    for origin in ("", "published_"):
        if f"{origin}objective" in record:
            want = np.array(record[f"{origin}gradient"])
            assert evaluation.value == pytest.approx(record[f"{origin}objective"], rel=TOLERANCE)
            np.testing.assert_allclose(gradient, want, rtol=0, atol=TOLERANCE * abs(want).max())


def test_records_are_there() -> None:
    assert RECORDS
