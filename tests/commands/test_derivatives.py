"""The derivatives that the command line can ask for, against closed forms."""

from __future__ import annotations

import io
import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.commands.shell import adiff

if TYPE_CHECKING:
    from pathlib import Path

ROSENBROCK = "100 * sum((x[1:] - x[:-1]^2)^2) + sum((1 - x[:-1])^2)"
POINT = np.array([0.5, -1.0, 2.0])


def rosenbrock_hessian(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """From the second derivatives by hand, for any length."""
    n = len(x)
    hessian = np.zeros((n, n))
    for i in range(n - 1):
        hessian[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        hessian[i + 1, i + 1] += 200
        hessian[i, i + 1] = hessian[i + 1, i] = -400 * x[i]
    return hessian


def answer(*words: str) -> dict[str, Any]:
    """The one object that `adiff eval … --json` prints."""
    done = adiff("eval", *words, "--json")
    assert (done.status, done.err) == (0, "")
    (found,) = done.objects
    return found


def as_word(values: np.ndarray[Any, Any]) -> str:
    return json.dumps(values.tolist())


def test_hessian_of_an_array() -> None:
    found = answer("-e", ROSENBROCK, f"x={as_word(POINT)}", "--hessian")["hessian"]["x"]["x"]
    np.testing.assert_allclose(found, rosenbrock_hessian(POINT), rtol=1e-14)


def test_hessian_has_a_block_for_every_pair() -> None:
    found = answer("-e", "sum(x^3) * y^2", "x=[2, 1]", "y=3", "--hessian")["hessian"]
    assert found == {
        "x": {"x": [[108.0, 0.0], [0.0, 54.0]], "y": [72.0, 18.0]},
        "y": {"x": [72.0, 18.0], "y": 18.0},
    }


def test_hvp_is_the_hessian_times_the_direction() -> None:
    direction = np.array([1.0, -2.0, 0.5])
    found = answer("-e", ROSENBROCK, f"x={as_word(POINT)}", "--hvp", f"x={as_word(direction)}")
    np.testing.assert_allclose(found["hvp"]["x"], rosenbrock_hessian(POINT) @ direction, rtol=1e-13)


@pytest.mark.parametrize(("rows", "columns", "direction"), [(2, 5, "reverse"), (5, 2, "forward")])
def test_jacobian_is_swept_the_cheaper_way(rows: int, columns: int, direction: str) -> None:
    matrix = np.arange(1.0, rows * columns + 1).reshape(rows, columns)
    x = np.linspace(0.1, 1, columns)
    words = ("-e", "y = sin(A @ x)", f"A={as_word(matrix)}", f"x={as_word(x)}", "--wrt", "x")
    done = adiff("eval", *words, "--jacobian", "--json", "-v")
    assert f"the Jacobian was swept {direction}" in done.err
    want = np.cos(matrix @ x)[:, None] * matrix
    np.testing.assert_allclose(done.objects[0]["jacobian"]["x"], want, rtol=1e-13)


def test_jvp_and_cotangent_are_products_with_the_jacobian() -> None:
    words = ("-e", "y = [a * b, a / b, b^2]", "a=2", "b=4")
    jacobian = np.array([[4, 2], [1 / 4, -2 / 16], [0, 8]])
    along = answer(*words, "--jvp", "a=3", "--jvp", "b=-1")["jvp"]
    np.testing.assert_allclose(along, jacobian @ [3, -1], rtol=1e-15)
    back = answer(*words, "--cotangent", "[1, -2, 3]")["gradient"]
    np.testing.assert_allclose([back["a"], back["b"]], [1, -2, 3] @ jacobian, rtol=1e-15)
    ones = answer(*words, "--cotangent", "ones")["gradient"]
    np.testing.assert_allclose([ones["a"], ones["b"]], jacobian.sum(axis=0), rtol=1e-15)


def test_derivatives_to_an_order() -> None:
    found = answer("-e", "exp(2 * x)", "x=0.5", "--order", "6")["derivatives"]
    np.testing.assert_allclose(found, [2**k * math.e for k in range(1, 7)], rtol=1e-14)


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["--jacobian"], ["dy/dx", "dy/dz"]),
        (["--hessian"], ["d2y/dx2", "d2y/dxdz", "d2y/dzdx", "d2y/dz2"]),
        (["--jvp", "x=1"], ["jvp"]),
        (["--hvp", "x=1"], ["hvp/x"]),
        (["--wrt", "x", "--order", "3"], ["dy/dx", "d2y/dx2", "d3y/dx3"]),
    ],
)
def test_every_format_has_the_same_numbers_under_the_same_labels(
    options: list[str], labels: list[str], tmp_path: Path
) -> None:
    words = ("eval", "-e", "y = x^3 * z", "x=2", "z=5", *options)
    plain = adiff(*words).quantities
    assert list(plain) == ["y", *labels]
    rows = [line.split(",") for line in adiff(*words, "--format", "csv").out.splitlines()[1:]]
    assert {row[0]: row[-1] for row in rows} == plain
    path = os.path.join(tmp_path, "found.npz")
    assert adiff(*words, "-o", path).status == 0
    with open(path, "rb") as file:
        arrays = np.load(io.BytesIO(file.read()))
        assert {name: str(float(arrays[name])) for name in arrays} == plain
    table = adiff(*words, "--format", "table").out
    for text in plain.values():
        assert f"{float(text):.6g}" in table


def test_rows_and_columns_of_a_matrix_are_labelled() -> None:
    table = adiff("eval", "-e", "y = x * x[0]", "x=[2, 3]", "--jacobian", "--format", "table").out
    lines = [line.split() for line in table.splitlines()]
    assert ["x[0]", "x[1]"] in lines
    assert ["y[0]", "4", "0"] in lines
    assert ["y[1]", "3", "2"] in lines


@pytest.mark.parametrize("kind", ["--hessian", "--jacobian", "--order=1"])
@pytest.mark.parametrize(("at_kink", "status"), [("subgradient", 0), ("nan", 0), ("error", 1)])
def test_a_kink_is_told_of_whatever_is_asked(kind: str, at_kink: str, status: int) -> None:
    done = adiff("eval", "-e", "abs(x)", "x=0", kind, "--at-kink", at_kink, "--json")
    assert done.status == status
    if status == 0:
        assert "kink" in [warning["kind"] for warning in done.objects[0]["warnings"]]
        assert (done.objects[0]["status"] == "non-finite") == (at_kink == "nan")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--hessian", "--jacobian"], 2, "got --jacobian and --hessian, want one of them"),
        (["--jvp", "x"], 2, "--jvp: got 'x', want NAME=EXPR"),
        (["--jvp", "x=[1, 2, 3]"], 1, "--jvp x has shape (3,), and `x` shape (2,)"),
        (["--cotangent", "[1, 2, 3]"], 1, "--cotangent has shape (3,), and output `y` shape (2,)"),
        (["--cotangent", "1 +"], 2, "--cotangent: got `1 +`, want a constant expression"),
        (["--hessian"], 1, "output `y` has shape (2,), want a single number to differentiate"),
        (["--order", "2"], 1, "output `y` has shape (2,), want a single number to differentiate"),
        (["--jvp", "q=1"], 2, "--wrt q: the program has no such name"),
    ],
)
def test_what_does_not_fit_is_refused(words: list[str], status: int, message: str) -> None:
    done = adiff("eval", "-e", "y = x^2", "x=[1, 2]", *words, "--json")
    assert (done.status, done.out) == (status, "")
    assert done.error["message"].startswith(message)
