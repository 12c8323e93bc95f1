"""`adiff fit` as people call it: what it shows, writes, and refuses."""

from __future__ import annotations

import json
from math import log, sin
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autodiff_cli.commands.examples import data_files
from autodiff_cli.commands.fit import LOSSES, METHODS
from autodiff_cli.solve import losses
from tests.commands.shell import Done, adiff, terminal

if TYPE_CHECKING:
    from pathlib import Path

PASTURE = str(data_files()["pasture.csv"])
LOGISTIC = ("-e", "y = a / (1 + exp(b - c*t))")
STARTS = ("a=70", "b=2", "c=0.1")
RAT42 = {"a": (72.462237576, 1.7340283401), "b": (2.6180768402, 0.088295217536)}
"""Certified by NIST: value and standard error."""

DECAY = """t,y,site,w
0,2.05,north,1
1,1.27,north,1
2,0.79,south,2
3,0.51,south,2
4,0.36,north,1
5,0.27,south,1
6,,south,1
7,0.20,north,3
"""
MODEL = ("-e", "y = a*exp(-b*t) + c")
BEGIN = ("a=1", "b=0.5", "c=0")


@pytest.fixture
def decay(tmp_path: Path) -> str:
    path = tmp_path / "decay.csv"
    path.write_text(DECAY, encoding="utf-8")
    return str(path)


def test_certified_values() -> None:
    (found,) = adiff("fit", *LOGISTIC, PASTURE, *STARTS, "--json").objects
    assert found["status"] == "ok"
    assert found["degrees_of_freedom"] == 6
    assert found["residual_sum_of_squares"] == pytest.approx(8.0565229338, rel=1e-10)
    for name, (value, error) in RAT42.items():
        one = found["parameters"][name]
        assert one["value"] == pytest.approx(value, rel=1e-10)
        assert one["standard_error"] == pytest.approx(error, rel=1e-9)
        low, high = one["interval"]
        # Student's quantile at 0.975 for 6 degrees of freedom, from printed tables.
        assert (high - low) / 2 == pytest.approx(2.446912 * error, rel=1e-6)
    assert found["correlation"]["a"]["a"] == 1


def test_program_in_a_file(tmp_path: Path) -> None:
    program = tmp_path / "model.ad"
    program.write_text("input a = 70, b = 2, c = 0.1\ny = a / (1 + exp(b - c*t))\n")
    done = adiff("fit", str(program), PASTURE)
    assert float(done.quantities["a"]) == pytest.approx(RAT42["a"][0])
    fixed = adiff("fit", str(program), PASTURE, "--fix", "a", "--json").objects[0]
    assert fixed["parameters"]["a"] == {
        "value": 70.0,
        "standard_error": None,
        "interval": None,
        "fixed": True,
        "at_bound": False,
    }
    assert fixed["degrees_of_freedom"] == 7


def test_vector_of_parameters() -> None:
    done = adiff("fit", "-e", "y = b[0] + b[1]*t", PASTURE, "b=[0, 1]")
    again = adiff("fit", "-e", "y = p + q*t", PASTURE, "p=0", "q=1").quantities
    assert float(done.quantities["b[0]"]) == pytest.approx(float(again["p"]), rel=1e-12)
    assert float(done.quantities["se(b[1])"]) == pytest.approx(float(again["se(q)"]), rel=1e-12)


def test_formats(tmp_path: Path) -> None:
    words = ("fit", *LOGISTIC, PASTURE, *STARTS)
    table = adiff(*words, "--format", "table").out
    assert "72.46224" in table
    assert "residual standard deviation" in table
    lines = adiff(*words, "--format", "csv").out.splitlines()
    assert lines[0] == "parameter,value,standard_error,low,high,fixed"
    assert [line.split(",")[0] for line in lines[1:]] == ["a", "b", "c"]
    picture = tmp_path / "fit.svg"
    assert adiff(*words, "-o", str(picture)).out == ""
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    assert "y: 9 rows" in terminal(*words, streams=("stdout",)).out


def test_plot_in_characters() -> None:
    out = adiff("fit", *LOGISTIC, PASTURE, *STARTS, "--plot").out
    assert out.count("•") == 18  # data, and their residuals
    assert "observed - predicted" in out
    assert "\x1b" not in out


def test_missing_cell_is_refused_or_dropped(decay: str) -> None:
    done = adiff("fit", *MODEL, decay, *BEGIN)
    assert (done.status, done.out) == (2, "")
    assert "row 8, column 2 (y): got an empty cell" in done.err
    assert "--drop-missing" in done.err
    (found,) = adiff("fit", *MODEL, decay, *BEGIN, "--drop-missing", "--json").objects
    assert (found["rows"], found["dropped_rows"]) == (7, 1)


def test_categories(decay: str) -> None:
    model = ("-e", "y = a*exp(-b*t) + c + d*site")
    text = adiff("fit", *model, decay, *BEGIN, "d=0", "--drop-missing")
    assert text.status == 2
    assert "--categories site" in text.err
    words = ("--drop-missing", "--categories", "site", "--json")
    (found,) = adiff("fit", *model, decay, *BEGIN, "d=0", *words).objects
    assert found["categories"] == {"site": ["north", "south"]}


def test_weights_are_rows_that_stand_several_times(decay: str, tmp_path: Path) -> None:
    """A weight of 2 gives the parameters of a row that stands there twice."""
    lines = DECAY.splitlines()
    several = [line for line in lines[1:] for _ in range(int(line[-1]))]
    path = tmp_path / "several.csv"
    path.write_text("\n".join([lines[0], *several]), encoding="utf-8")
    words = ("fit", *MODEL, "--drop-missing", *BEGIN)
    once = adiff(*words, decay, "--weights", "w").quantities
    twice = adiff(*words, str(path)).quantities
    for name in ("a", "b", "c", "residual_sum_of_squares"):
        assert float(once[name]) == pytest.approx(float(twice[name]), rel=1e-9)


def test_known_sigma_scales_the_errors(decay: str) -> None:
    words = ("fit", *MODEL, decay, *BEGIN, "--drop-missing")
    one = adiff(*words, "--sigma", "0.02").quantities
    two = adiff(*words, "--sigma", "0.04").quantities
    assert float(two["se(a)"]) == pytest.approx(2 * float(one["se(a)"]))
    assert float(one["chi_square"]) == pytest.approx(4 * float(two["chi_square"]))
    assert float(one["a"]) == pytest.approx(float(two["a"]))


def test_response_is_an_expression(decay: str) -> None:
    words = ("--drop-missing", "--response", "log(y)")
    done = adiff("fit", "-e", "a - b*t", decay, "a=0", "b=0", *words)
    rows = [line.split(",") for line in DECAY.splitlines()[1:] if ",," not in line]
    slope, height = np.polyfit([float(r[0]) for r in rows], [log(float(r[1])) for r in rows], 1)
    assert float(done.quantities["b"]) == pytest.approx(-slope, rel=1e-9)
    assert float(done.quantities["a"]) == pytest.approx(height, rel=1e-9)


def test_residuals_of_the_program() -> None:
    done = adiff("fit", "-e", "[10*(v - u^2), 1 - u, 0]", "--residual", "u=-1.2", "v=1", "--json")
    (found,) = done.objects
    assert found["parameters"]["u"]["value"] == pytest.approx(1)


def test_predictions(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("t\n9\n100\n", encoding="utf-8")
    words = ("fit", *LOGISTIC, PASTURE, *STARTS, "--predict", str(path))
    (found,) = adiff(*words, "--json").objects
    near, far = found["predictions"]
    assert near["t"] == 9
    for one in (near, far):
        assert one["prediction_low"] < one["confidence_low"] < one["predicted"]
    assert far["standard_error"] > near["standard_error"]
    assert adiff(*words, "--format", "csv").out.splitlines()[0].startswith("t,predicted,")


def test_starts_are_drawn_from_the_bounds() -> None:
    """From this start alone the frequency is the wrong one."""
    words = ("-e", "y = 3*sin(w*t)", "--bound", "w=0.1..5", "w=0.2", "--seed", "1", "-q")
    data = "t,y\n" + "\n".join(f"{t / 10},{3 * sin(0.22 * t)}" for t in range(60))
    alone = adiff("fit", *words, "-", stdin=data).quantities
    many = adiff("fit", *words, "-", "--starts", "20", stdin=data).quantities
    assert float(many["w"]) == pytest.approx(2.2, rel=1e-9)
    assert float(alone["residual_sum_of_squares"]) > 1


# ── when it is not to be trusted ──────────────────────────────────────────────────────


def warned(done: Done) -> set[str]:
    return {one["kind"] for one in done.objects[0]["warnings"]}


def test_parameters_that_cannot_be_told_apart() -> None:
    words = ("fit", "-e", "y = a*b*t + c", PASTURE, "a=1", "b=1", "c=0")
    done = adiff(*words, "--json")
    assert "inseparable" in warned(done)
    assert done.objects[0]["parameters"]["a"]["standard_error"] is None
    told = adiff(*words).err
    assert "cannot tell `a` and `b` apart" in told
    assert "stays the same along a" in told


def test_parameter_at_its_bound() -> None:
    done = adiff("fit", *LOGISTIC, PASTURE, *STARTS, "--bound", "a=0..71", "--json")
    assert warned(done) == {"at-bound"}
    one = done.objects[0]["parameters"]["a"]
    assert (one["value"], one["at_bound"], one["standard_error"]) == (71.0, True, None)


def test_not_converged() -> None:
    done = adiff("fit", *LOGISTIC, PASTURE, "a=1", "b=1", "c=1", "--max-evaluations", "3", "--json")
    assert done.status == 1
    assert done.objects[0]["status"] == "not-converged"
    assert "not-converged" in warned(done)


def test_constant_column(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("t,k,y\n1,5,2\n2,5,4.1\n3,5,5.9\n", encoding="utf-8")
    done = adiff("fit", "-e", "y = a*t + k*0", str(path), "a=1", "--json")
    assert warned(done) == {"constant-column"}


def test_no_degrees_of_freedom(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("t,y\n1,2\n2,4.1\n", encoding="utf-8")
    done = adiff("fit", "-e", "y = a*t + b", str(path), "a=1", "b=0", "--json")
    assert "too-few-rows" in warned(done)
    assert done.objects[0]["residual_standard_deviation"] is None


REFUSED = {
    "no data": (LOGISTIC, 2, "there are no data"),
    "two files of data": ((*LOGISTIC, PASTURE, PASTURE), 2, "want the data alone"),
    "data that are not there": ((*LOGISTIC, "nothing.csv", *STARTS), 2, "no such file"),
    "a parameter without a start": ((*LOGISTIC, PASTURE, "a=1"), 2, "have no start: `b` and `c`"),
    "an unknown parameter": ((*LOGISTIC, PASTURE, *STARTS, "d=1"), 2, "no input `d`"),
    "a parameter that is not used": (
        ("-e", "input q = 1", "-e", "y = a*t", PASTURE, "a=1"),
        2,
        "does not use the parameter `q`",
    ),
    "fewer rows than parameters": (
        ("-e", "y = sum(b) * t", PASTURE, "b=ones(12)"),
        2,
        "9 rows for 12 parameters",
    ),
    "which column": (("-e", "z = a*t", PASTURE, "a=1"), 2, "which column is predicted?"),
    "a response that is no column": (
        ("-e", "a*t", PASTURE, "a=1", "--response", "log(yy)"),
        2,
        "`yy` is no column",
    ),
    "bounds the wrong way round": (
        (*LOGISTIC, PASTURE, *STARTS, "--bound", "a=9..1"),
        2,
        "want the lower number first",
    ),
    "a start out of bounds": (
        (*LOGISTIC, PASTURE, *STARTS, "--bound", "a=1..2"),
        2,
        "`a` starts at 70, and its bounds are 1..2",
    ),
    "a bound for nobody": ((*LOGISTIC, PASTURE, *STARTS, "--bound", "z=1..2"), 2, "no free param"),
    "no bound": ((*LOGISTIC, PASTURE, *STARTS, "--bound", "a>1"), 2, "want NAME=LOW..HIGH"),
    "weights of 0": ((*LOGISTIC, PASTURE, *STARTS, "--weights", "t - 9"), 2, "above 0"),
    "both weights and sigma": (
        (*LOGISTIC, PASTURE, *STARTS, "--weights", "t", "--sigma", "t"),
        2,
        "want one of them",
    ),
    "nan at the start": (
        ("-e", "y = a*log(t - b)", PASTURE, "a=1", "b=20"),
        1,
        "nan at the start, in 2 of 9 records, first in record 1",
    ),
    "everything fixed": ((*LOGISTIC, PASTURE, *STARTS, "--fix", "a,b,c"), 2, "nothing to fit"),
    "a confidence above 1": ((*LOGISTIC, PASTURE, *STARTS, "--confidence", "95"), 2, "0 and 1"),
    "lm with bounds": (
        (*LOGISTIC, PASTURE, *STARTS, "--method", "lm", "--bound", "a=0..99"),
        2,
        "no bounds",
    ),
    "a picture of residuals": (
        ("-e", "[u - 1, u]", "--residual", "u=0", "--plot"),
        2,
        "nothing to draw",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    words, status, message = REFUSED[name]
    done = adiff("fit", *words)
    assert (done.status, done.out) == (status, ""), done.err
    assert message in done.err
    error = adiff("fit", *words, "--json").error
    assert error["schema"] == "adiff.error/1"


def test_why_of_a_nan_at_the_start_is_told() -> None:
    done = adiff("fit", "-e", "y = a*log(t - b)", PASTURE, "a=1", "b=20")
    assert "`log` of -11.0" in done.err
    assert "^" in done.err


def test_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    adiff("fit", *LOGISTIC, PASTURE, "a=1", "-o", str(path))
    assert not path.exists()
    adiff("fit", *LOGISTIC, PASTURE, *STARTS, "-o", str(path))
    assert json.loads(path.read_text(encoding="utf-8"))["schema"] == "adiff.fit/1"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_it(method: str) -> None:
    done = adiff("fit", *LOGISTIC, PASTURE, *STARTS, "--method", method)
    assert float(done.quantities["a"]) == pytest.approx(RAT42["a"][0], rel=1e-10)


def test_the_command_knows_the_losses() -> None:
    assert LOSSES == losses.LOSSES
