"""The programs that ship against HIPS autograd, recorded: derivatives of every kind.

`tests/data/hips_autograd/record.py` has the same maths, written for autograd.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli.commands.examples import programs
from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[1] / "data" / "hips_autograd" / "records.json"
RECORDS = json.loads(DATA.read_text(encoding="utf-8"))["examples"]
OUTPUTS = [(example, output) for example, record in RECORDS.items() for output in record["outputs"]]
TOLERANCE = 1e-12
"""Relative to the largest entry of what is compared."""
CANCELLED = {("control_flow", "slope"): "its derivatives are differences of equal terms, and 0"}
"""Compared relative to the value, each for its reason: rounding is all that is left."""


def arrays(by_name: dict[str, Any]) -> dict[str, Any]:
    return {
        name: np.array(value, float) if isinstance(value, list) else value
        for name, value in by_name.items()
    }


def questions(record: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[Question, Any]]:
    """What was recorded of an output, each with the question that asks for it."""
    along = arrays(record["direction"])
    if "vjp" in answer:
        yield Question("jacobian"), answer["jacobian"]
        yield Question(cotangent=np.array(answer["cotangent"])), answer["vjp"]
        yield Question("jvp", tangents=along), answer["jvp"]
        return
    yield Question(), answer["gradient"]
    # The Jacobian of a single number is a row, and the gradient.
    yield Question("jacobian"), answer["gradient"]
    yield Question("hvp", tangents=along), answer["hvp"]
    yield Question("hessian"), answer["hessian"]
    if "derivatives" in answer:
        order = len(answer["derivatives"])
        yield Question("derivatives", order=order), answer["derivatives"]


@pytest.mark.parametrize(("example", "output"), OUTPUTS)
def test_agrees_with_the_record(example: str, output: str) -> None:
    record = RECORDS[example]
    answer = record["outputs"][output]
    scale = abs(answer["value"]) if (example, output) in CANCELLED else 0.0
    names = load(Source(f"{example}.ad", programs()[example].read_text(encoding="utf-8")))
    for question, want in questions(record, answer):
        (evaluation,) = evaluate(
            names, arrays(record["inputs"]), record["wrt"], [output], question=question
        )
        require_close(question.kind, evaluation.value, answer["value"])
        require_close(question.kind, evaluation.found, want, scale)


def require_close(what: str, got: Any, want: Any, scale: float = 0.0) -> None:
    """Compares numbers, arrays, and arrays by name, block by block, each with its own scale."""
    if isinstance(want, dict):
        assert got.keys() == want.keys(), what
        for name in want:
            require_close(f"{what} {name}", got[name], want[name], scale)
        return
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, what
    atol = TOLERANCE * max(scale, abs(want).max())
    np.testing.assert_allclose(got, want, rtol=0, atol=atol, err_msg=what)


def test_every_example_has_a_record() -> None:
    assert list(RECORDS) == list(programs())
