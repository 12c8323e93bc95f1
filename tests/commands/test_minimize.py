"""`adiff minimize` as people call it: what it finds, what it says of it, what it refuses."""

from __future__ import annotations

import pytest

from autodiff_cli.commands.minimize import METHODS
from autodiff_cli.solve import minimum
from tests.commands.shell import adiff

ROSENBROCK = ("-e", "(1 - x)^2 + 100*(y - x^2)^2", "x=-1.2", "y=1")


def test_minimum() -> None:
    (found,) = adiff("minimize", *ROSENBROCK, "--json").objects
    assert (found["status"], found["nature"]) == ("ok", "minimum")
    assert found["at"] == {"x": pytest.approx(1), "y": pytest.approx(1)}
    # Those of [[802, -400], [-400, 200]].
    assert found["eigenvalues"] == pytest.approx([0.39936077, 1001.60063923])
    assert found["gradient_norm"] < 1e-9


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("dogleg",)])
def test_every_method_finds_it(method: str) -> None:
    """But dogleg, which wants a Hessian that is positive definite all the way."""
    done = adiff("minimize", *ROSENBROCK, "--method", method)
    assert done.status == 0
    assert float(done.quantities["x"]) == pytest.approx(1, rel=1e-9)


def test_dogleg() -> None:
    done = adiff("minimize", "-e", "cosh(x - 1) + y^2", "x=0", "y=2", "--method", "dogleg")
    assert float(done.quantities["x"]) == pytest.approx(1)


def test_the_command_knows_the_methods() -> None:
    assert METHODS == minimum.METHODS


def test_bound() -> None:
    words = ("minimize", "-e", "sum((x - [3, 4])^2)", "x=[0, 0]", "--bound", "x=0..3.5", "--json")
    (found,) = adiff(*words).objects
    assert found["at"]["x"] == [pytest.approx(3), 3.5]
    assert found["at_bound"] == ["x[1]"]
    assert found["value"] == pytest.approx(0.25)
    assert found["eigenvalues"] == [pytest.approx(2)]


def test_fixed_and_data_stay(tmp_path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("d\n1\n2\n6\n")
    words = ("minimize", "-e", "sum((m - d)^2) + k", "m=0", "k=7", "--fix", "k", f"d=@{path}:d")
    found = adiff(*words).quantities
    assert (float(found["m"]), float(found["k"])) == (pytest.approx(3), 7)


CONSTRAINED = {
    # Lagrange's multiplier is by hand in all of them.
    "an inequality that holds": ("x^2 + y^2", "x + y >= 1", (0.5, 0.5), 1),
    "its other way round": ("x^2 + y^2", "1 <= x + y", (0.5, 0.5), 1),
    "one that does not bind": ("(x - 3)^2 + (y - 3)^2", "x + y >= 1", (3, 3), 0),
    "an equation": ("x^2 + y^2", "x + 2*y == 5", (1, 2), 2),
    "a circle": ("-x*y", "x^2 + y^2 == 2", (1, 1), -0.5),
}


@pytest.mark.parametrize("name", CONSTRAINED)
def test_constraint(name: str) -> None:
    text, relation, at, multiplier = CONSTRAINED[name]
    words = ("minimize", "-e", text, "x=2", "y=1", "--subject-to", relation, "--json")
    done = adiff(*words)
    (found,) = done.objects
    assert done.status == 0, found
    assert (found["at"]["x"], found["at"]["y"]) == pytest.approx(at, rel=1e-9)
    assert found["multipliers"] == [[pytest.approx(multiplier, rel=1e-8)]]
    assert found["nature"] == "minimum"


@pytest.mark.parametrize(
    ("text", "start", "status", "nature", "kind"),
    [
        ("x*y", ("x=0", "y=0"), 0, "saddle", "saddle"),
        ("x^3", ("x=1",), 0, "flat", "flat"),
        ("x^4", ("x=1",), 0, "flat", "flat"),
        ("exp(-x)", ("x=1",), 0, "flat", "flat"),
        ("-x^2", ("x=1",), 1, "saddle", "not-converged"),
        ("1e-12 * x^2", ("x=3",), 0, "minimum", None),
    ],
)
def test_nature(text: str, start, status: int, nature: str, kind: str | None) -> None:
    done = adiff("minimize", "-e", text, *start, "--json")
    (found,) = done.objects
    assert (done.status, found["nature"]) == (status, nature)
    assert [one["kind"] for one in found["warnings"]] == ([kind] if kind else [])


def test_best_point_where_it_did_not_converge() -> None:
    done = adiff("minimize", *ROSENBROCK, "--method", "CG", "--max-iterations", "2")
    assert done.status == 1
    assert "no minimum was found" in done.err
    assert float(done.quantities["value"]) < 24.2


def test_many_variables() -> None:
    text = "sum(100*(x[1:] - x[:-1]^2)^2 + (1 - x[:-1])^2)"
    (found,) = adiff("minimize", "-e", text, "x=0.5*ones(400)", "--json").objects
    assert found["value"] < 1e-15
    assert found["nature"] == "minimum"


def test_step_to_nan_is_taken_back() -> None:
    done = adiff("minimize", "-e", "x - log(x)", "x=0.01")
    assert float(done.quantities["x"]) == pytest.approx(1)


def test_table() -> None:
    table = adiff("minimize", *ROSENBROCK, "--format", "table").out
    assert "nature" in table
    assert "eigenvalues" in table


REFUSED = {
    "an array": (("-e", "x^2", "x=[1, 2]"), 1, "want a single number"),
    "no start": (("-e", "x^2 + y", "x=1"), 2, "has no start: `y`"),
    "nan at the start": (("-e", "log(x)", "x=-1"), 1, "nan at the start"),
    "a start out of bounds": (("-e", "x^2", "x=3", "--bound", "x=0..1"), 2, "its bounds are 0..1"),
    "no relation": (("-e", "x^2", "x=1", "--subject-to", "x + 1"), 2, "want LEFT >= RIGHT"),
    "no expression": (("-e", "x^2", "x=1", "--subject-to", "z > = 1"), 3, "--subject-to:1:5"),
    "an unknown name in it": (("-e", "x^2", "x=1", "--subject-to", "z >= 1"), 2, "no input"),
    "all fixed": (("-e", "x^2", "x=1", "--fix", "x"), 2, "nothing to move"),
    "an unused input": (("-e", "x^2", "x=1", "z=2"), 2, "no input `z`"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    words, status, message = REFUSED[name]
    done = adiff("minimize", *words)
    assert (done.status, done.out) == (status, ""), done.err
    assert message in done.err
