"""`adiff propagate`: the examples of the Guide, its notations, and what it refuses."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli.solve.uncertainty import concise, read
from tests.commands.shell import adiff, validate

if TYPE_CHECKING:
    from pathlib import Path


def propagated(*arguments: str) -> list[dict[str, Any]]:
    found = adiff("propagate", *arguments, "--json").objects
    for one in found:
        validate(one, "propagation")
    return found


# ── the Guide to the Expression of Uncertainty in Measurement ─────────────────────────

END_GAUGE = (
    *("-e", "l_s + d - l_s * (da * theta + alpha * dtheta)"),
    *("l_s=50000623±25", "d=215±9.7", "da=0±0.58e-6", "theta=-0.1±0.41"),
    *("alpha=11.5e-6±1.2e-6", "dtheta=0±0.029", "--confidence", "0.99"),
    *("--dof", "l_s=18", "--dof", "d=25.6", "--dof", "da=50", "--dof", "dtheta=2"),
)


def test_h1_the_end_gauge() -> None:
    """l = (50 000 838 ± 93) nm, with u = 32 nm, ν = 16 and k = 2.92; 34 nm by the second order."""
    (first,) = propagated(*END_GAUGE)
    assert round(first["value"]) == 50_000_838
    assert round(first["standard_uncertainty"]) == 32
    assert round(first["degrees_of_freedom"], 1) == 16.7
    assert round(first["coverage_factor"], 2) == 2.92
    assert round(first["expanded_uncertainty"]) == 93
    parts = {
        name: abs(one["sensitivity"]) * one["uncertainty"] for name, one in first["budget"].items()
    }
    want = {"l_s": 25.0, "d": 9.7, "da": 2.9, "theta": 0.0, "alpha": 0.0, "dtheta": 16.7}
    assert {name: round(part, 1) for name, part in parts.items()} == want
    assert sum(one["share"] for one in first["budget"].values()) == pytest.approx(1)
    (warning,) = first["warnings"]
    assert warning["kind"] == "order"
    (second,) = propagated(*END_GAUGE, "--order", "2")
    assert round(second["standard_uncertainty"]) == 34
    assert not second["warnings"]


OBSERVED = {
    "V": (5.007, 4.994, 5.005, 4.990, 4.999),
    "I": (19.663e-3, 19.639e-3, 19.640e-3, 19.685e-3, 19.678e-3),
    "phi": (1.0456, 1.0438, 1.0468, 1.0428, 1.0433),
}
IMPEDANCE = "R = V / I * cos(phi); X = V / I * sin(phi); Z = V / I"


@pytest.mark.parametrize("form", ["cov.csv", "cov.json", "labelled.csv", "correlations"])
def test_h2_resistance_and_reactance(form: str, tmp_path: Path) -> None:
    """R = 127.732(71), X = 219.847(295), Z = 254.260(236), and how they are correlated.

    The uncertainty of X is 0.29558: the Guide cuts it where it rounds all else.
    """
    names = list(OBSERVED)
    columns = np.array(list(OBSERVED.values()))
    covariance = np.cov(columns) / columns.shape[1]
    means = columns.mean(axis=1)
    words = [f"{name}={mean!r}" for name, mean in zip(names, map(float, means), strict=True)]
    file = tmp_path / form
    if form == "correlations":
        each = np.sqrt(np.diag(covariance))
        words = [f"{word}±{u!r}" for word, u in zip(words, map(float, each), strict=True)]
        for i, j in ((0, 1), (0, 2), (1, 2)):
            r = float(covariance[i, j] / each[i] / each[j])
            words += ["--correlation", f"{names[i]},{names[j]}={r!r}"]
            assert round(r, 2) == {(0, 1): -0.36, (0, 2): 0.86, (1, 2): -0.65}[i, j]
    else:
        rows = [list(map(float, row)) for row in covariance]
        if form == "cov.json":
            named = [dict(zip(names, row, strict=True)) for row in rows]
            file.write_text(json.dumps(dict(zip(names, named, strict=True))))
        else:
            label = form.startswith("labelled")
            head = [["", *names] if label else names]
            body = [[n, *row] if label else row for n, row in zip(names, rows, strict=True)]
            lines = [",".join(map(str, row)) for row in head + body]
            file.write_text("\n".join(lines) + "\n")
        words += ["--cov", str(file)]
    r, x, z = propagated("-e", IMPEDANCE, "--of", "R,X,Z", *words)
    found = [(round(o["value"], 3), round(o["standard_uncertainty"], 3)) for o in (r, x, z)]
    assert x["standard_uncertainty"] == pytest.approx(0.29558, abs=5e-6)
    assert found == [(127.732, 0.071), (219.847, 0.296), (254.260, 0.236)]
    assert round(r["correlation"]["X"], 3) == -0.588
    assert round(r["correlation"]["Z"], 3) == -0.485
    assert round(x["correlation"]["Z"], 3) == 0.993


# ── notation ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "value", "uncertainty"),
    [
        ("1.20(5)", 1.20, 0.05),
        ("1.20(12)", 1.20, 0.12),
        ("-1.2(1.5)", -1.2, 1.5),
        ("1234(5)", 1234, 5),
        ("6.62607015(81)e-34", 6.62607015e-34, 8.1e-41),
        (".5(1)", 0.5, 0.1),
        ("1.20±0.05", 1.20, 0.05),
        ("1.20 ± 0.05", 1.20, 0.05),
        ("1.20 +/- 0.05", 1.20, 0.05),
        ("1.20+-0.05", 1.20, 0.05),
        ("-200 ± 2%", -200, 4),
        ("(1.20±0.05)e-3", 1.20e-3, 0.05e-3),
        ("(1.20 ± 0.05)*10^-3", 1.20e-3, 0.05e-3),
        ("0±1e-6", 0, 1e-6),
    ],
)
def test_notations(text: str, value: float, uncertainty: float) -> None:
    found = read("a", text, float)
    assert found == (pytest.approx(value, rel=1e-15), pytest.approx(uncertainty, rel=1e-15))


@pytest.mark.parametrize("text", ["1.2", "2*(3)+1", "[1, 2]", "@data.csv", "-3", "pi"])
def test_what_has_no_uncertainty_is_exact(text: str) -> None:
    assert read("a", text, float) is None


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (127.732, 0.0711, "127.732(71)"),
        (50000838.0, 31.7, "50000838(32)"),
        (1.2, 0.0999, "1.20(10)"),
        (10.0, 1.23, "10.0(1.2)"),
    ],
)
def test_values_are_written_as_they_are_read(value: float, uncertainty: float, text: str) -> None:
    assert concise(value, uncertainty) == text
    again = read("a", text, float)
    assert again is not None
    assert again[1] == pytest.approx(uncertainty, rel=0.06)
    assert again[0] == pytest.approx(value, abs=uncertainty)


@pytest.mark.parametrize("value", [1e-34, 3.3e-7, 0.02, 5.0, 1234.5, 9.9e9])
@pytest.mark.parametrize("relative", [1e-9, 3e-4, 0.05, 2.0])
def test_concise_values_read_back(value: float, relative: float) -> None:
    again = read("a", concise(value, relative * value), float)
    assert again is not None
    assert again[0] == pytest.approx(value, abs=0.06 * relative * value)
    assert again[1] == pytest.approx(relative * value, rel=0.06)


# ── orders, Monte Carlo, formats ──────────────────────────────────────────────────────


def test_the_second_order_is_exact_for_a_square() -> None:
    """x² of a normal x: the mean is μ² + σ², the variance 4μ²σ² + 2σ⁴."""
    (one,) = propagated("-e", "x^2", "x=0.3±0.5", "--order", "2")
    assert one["value"] == pytest.approx(0.09 + 0.25)
    assert one["standard_uncertainty"] == pytest.approx(math.sqrt(4 * 0.09 * 0.25 + 2 * 0.0625))


def test_third_derivatives_count_at_second_order() -> None:
    """x³ at 1: 9σ² + 36σ⁴ of first and second order together; 15σ⁶ is beyond."""
    (one,) = propagated("-e", "x^3", "x=1±0.1", "--order", "2")
    assert one["standard_uncertainty"] ** 2 == pytest.approx(9e-2 + 36e-4)


@pytest.mark.parametrize(
    "text", ["y = a * b + sin(a)", "y = if a > -99 { a * b + sin(a) } else { 0 }"]
)
def test_monte_carlo_agrees(text: str) -> None:
    """One text takes all samples at once, the other one by one."""
    (one,) = propagated(
        *("-e", text, "a=2±0.01", "b=3±0.02", "--correlation", "a,b=0.5"),
        *("--samples", "2000", "--seed", "5"),
    )
    samples = one["monte_carlo"]
    assert samples["samples"] == 2000
    assert samples["mean"] == pytest.approx(one["value"], abs=0.1 * one["standard_uncertainty"])
    assert samples["standard_deviation"] == pytest.approx(one["standard_uncertainty"], rel=0.06)
    half = one["expanded_uncertainty"]
    low, high = samples["interval"]
    assert low == pytest.approx(one["value"] - half, abs=0.15 * half)
    assert high == pytest.approx(one["value"] + half, abs=0.15 * half)


def test_an_array_is_its_elements() -> None:
    first, second = propagated("-e", "y = [a, a + b]", "a=1±0.3", "b=2±0.4")
    assert (first["output"], second["output"]) == ("y[0]", "y[1]")
    assert second["standard_uncertainty"] == pytest.approx(0.5)
    assert first["correlation"]["y[1]"] == pytest.approx(0.6)


def test_formats_tell_the_same() -> None:
    line = ("propagate", "-e", "y = a * b", "a=2.00(1)", "b=3±1%")
    plain = dict(row.split("\t") for row in adiff(*line).out.splitlines())
    csv = dict(row.split(",", 1) for row in adiff(*line, "--format", "csv").out.splitlines()[1:5])
    (data,) = propagated(*line[1:])
    assert float(plain["u(y)"]) == float(csv["u(y)"]) == data["standard_uncertainty"]
    table = adiff(*line, "--format", "table", "--digits", "4").out
    assert "y = 6.000(67)" in table
    assert [line.split()[0] for line in table.splitlines()[-2:]] == ["b", "a"]
    assert table.count("%") == 3


# ── what is refused ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["a=1"], "no input has an uncertainty"),
        (["a=1±-0.1"], "input `a`: got the uncertainty -0.1, want a number that is not negative"),
        (["a=1±"], "input `a`: got `1±`, want VALUE±UNCERTAINTY"),
        (["a=1±x"], "input `a`: got `x`, want a number beside its uncertainty"),
        (["a=1±0.1", "a=2±0.1"], "input `a` is given twice"),
        (["a=1±0.1", "c=2±0.1"], "the program has no input `c`"),
        (["a=1±0.1", "--dof", "b=3"], "input `b` has no uncertainty"),
        (["a=1±0.1", "--dof", "a=0"], "--dof: got 'a=0', want NAME=N with N above 0"),
        (
            ["a=1±0.1", "--correlation", "a,b=2"],
            "--correlation: got 'a,b=2', want A,B=R with R from -1 to 1",
        ),
        (["a=1±0.1", "--correlation", "a,b=0.2"], "input `b` has no uncertainty"),
    ],
)
def test_what_is_refused(arguments: list[str], what: str) -> None:
    done = adiff("propagate", "-e", "input b = 3", "-e", "a * b", *arguments, "--json")
    assert done.error["message"] == what
    assert done.status == 2


def test_correlations_that_do_not_go_together_are_refused() -> None:
    pairs = [word for pair in ("a,b", "a,c", "b,c") for word in ("--correlation", f"{pair}=-0.9")]
    done = adiff("propagate", "-e", "a+b+c", "a=1±1", "b=1±1", "c=1±1", *pairs, "--json")
    assert done.error["message"].startswith("the covariance is not positive")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a,b\n1,2\n", "it has 1 rows below 2 names"),
        ("a,b\n1,2\n3,x\n", "of `b` and `b` it has 'x', want a number"),
        ("a,b\n1,2\n3\n", "the row of `b` has 1 numbers"),
        ("", "the file is empty"),
        ('{"a": {"a": 1, "b": 2}, "b": {"a": 1}}', "the row of `b` and the matrix differ in `b`"),
        ('{"a": 3}', "it has no row for each name"),
        ('{"a": ', "it is no JSON"),
    ],
)
def test_a_covariance_that_is_none_is_refused(text: str, what: str, tmp_path: Path) -> None:
    file = tmp_path / "cov.csv"
    file.write_text(text)
    done = adiff("propagate", "-e", "a*b", "a=1", "b=2", "--cov", str(file), "--json")
    assert done.error["message"] == f"{file}: {what}"
    assert done.status == 2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a,b\n1,0.5\n0.2,1\n", "the covariance is not symmetric: of a and b it is 0.5"),
        ("a,c\n1,0\n0,1\n", "the program has no input `c`"),
        ("a,b\n1,2\n2,1\n", "the covariance is not positive"),
    ],
)
def test_a_covariance_that_does_not_fit_is_refused(text: str, what: str, tmp_path: Path) -> None:
    file = tmp_path / "cov.csv"
    file.write_text(text)
    done = adiff("propagate", "-e", "a*b", "a=1", "b=2", "--cov", str(file), "--json")
    assert done.error["message"].startswith(what)
    assert done.status == 2
