"""Derivatives at special points, by `adiff eval --json`, against the table in tests/data/points.

A case has `program`, `inputs`, `kind`, `order`, `expect`, `rtol`, `atol`. By its kind `expect` is

- `value`: the number `value`;
- `grad`: a number or list by name, `gradient`;
- `order`: the first derivatives up to that order;
- `jvp`: the number `jvp`, along `direction`;
- `hessian`: a number by two names;
- `agree`: none; numbers and arrays of one element give the same value and gradient.

Numbers agree within rtol·|expected| + atol.
"""

from __future__ import annotations

import json
import math
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.commands.shell import adiff

CASES = json.loads((Path(__file__).parents[1] / "data/points/points.json").read_text("utf-8"))
KEYS = {
    "value": "value",
    "grad": "gradient",
    "order": "derivatives",
    "jvp": "jvp",
    "hessian": "hessian",
}
FAMILIES = {
    name: list(cases)
    for name, cases in groupby(
        sorted(CASES, key=lambda case: str(case["family"])), lambda case: str(case["family"])
    )
}


def evaluated(*arguments: str) -> Any:
    done = adiff("eval", *arguments, "--json", "-q")
    assert done.status == 0, done.err
    return done.objects[0]


def close(got: Any, want: Any, rtol: float, atol: Any) -> bool:
    """Whether two trees of numbers agree."""
    if isinstance(want, dict):
        return got.keys() == want.keys() and all(close(got[k], want[k], rtol, atol) for k in want)
    if isinstance(want, list):
        slack = atol if isinstance(atol, list) else [atol] * len(want)
        return len(got) == len(want) and all(
            close(g, w, rtol, a) for g, w, a in zip(got, want, slack, strict=True)
        )
    got, want = float(got), float(want)
    if math.isfinite(want):
        return abs(got - want) <= rtol * abs(want) + atol
    return got == want or (math.isnan(got) and math.isnan(want))


def alone(value: Any) -> Any:
    """An array of one element as that."""
    return alone(value[0]) if isinstance(value, list) else value


def outcome(case: dict[str, Any]) -> tuple[Any, Any]:
    """What is got, and what is wanted."""
    program, inputs = case["program"], case["inputs"]
    given = [f"{name}={value}" for name, value in inputs.items()]
    if case["kind"] == "agree":
        number = evaluated("-e", program, *given)
        array = evaluated("-e", f"sum({program})", *(f"{n}=[{v}]" for n, v in inputs.items()))
        return tuple(
            {"": alone(one["value"]), **{k: alone(v) for k, v in one["gradient"].items()}}
            for one in (array, number)
        )
    options = {
        "value": ["--wrt", ""],
        "grad": [],
        "order": ["--order", str(case.get("order"))],
        "hessian": ["--hessian"],
        "jvp": [f"--jvp={name}={along}" for name, along in case.get("direction", {}).items()],
    }[case["kind"]]
    return evaluated("-e", program, *given, *options)[KEYS[case["kind"]]], case["expect"]


@pytest.mark.parametrize("family", FAMILIES)
def test_derivatives_at_special_points(family: str) -> None:
    wrong = []
    for case in FAMILIES[family]:
        got, want = outcome(case)
        if not close(got, want, case["rtol"], case.get("atol", 0.0)):
            wrong.append(f"{case['program']} at {case['inputs']}: got {got}, want {want}")
    assert not wrong, "\n".join(wrong)
