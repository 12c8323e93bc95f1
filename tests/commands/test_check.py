"""`adiff check`: passes what is right, and only that."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from autodiff_cli.commands import check as command
from autodiff_cli.commands.examples import programs
from tests.commands.shell import adiff, process, terminal
from tests.golden import command_line

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = programs()
DERIVATIVES = ("--jacobian", "--hessian")
DERIVATIVES_WITH_VALUE = ("--cotangent", "--jvp", "--hvp", "--order")


def verdicts(*arguments: str) -> tuple[int, list[str]]:
    done = adiff("check", *arguments)
    return done.status, [line.split("\t")[1] for line in done.out.splitlines()]


def checked(*arguments: str) -> dict[str, Any]:
    (found,) = adiff("check", *arguments, "--json").objects
    return found


# ── no false alarms ───────────────────────────────────────────────────────────────────


def check_words(words: list[str]) -> list[str]:
    """The words of an example's command, without the derivatives that it asks for."""
    kept: list[str] = []
    skip = False
    for word in words:
        if not skip and word not in DERIVATIVES + DERIVATIVES_WITH_VALUE:
            kept.append(word)
        skip = word in DERIVATIVES_WITH_VALUE
    return kept


@pytest.mark.parametrize("name", PROGRAMS)
def test_example_that_ships_passes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROGRAMS[name].parent)
    words = check_words(command_line(PROGRAMS[name]))
    done = adiff("check", *words, "--seed", "1")
    if "of shape" in done.err or "has shape" in done.err:
        pytest.skip("it asks for derivatives of an array")
    assert done.status == 0, done.out + done.err
    assert {line.split("\t")[1] for line in done.out.splitlines()} == {"ok"}


RIGHT = {
    "polynomial": ("x^3 - 2*x", "x=1.5"),
    "beside a kink": ("abs(x)", "x=1e-9"),
    "beside a kink, of 1": ("abs(x - 1)", "x=1.000000001"),
    "beside a kink, among larger": ("sum(relu(x))", "x=[3, 2, -1e-7]"),
    "beside a step": ("floor(x) * x", "x=2.00000001"),
    "beside a branch": ("if x > 1 { x } else { 3 }", "x=1.0000000001"),
    "a tie that is none": ("max(x, x)", "x=3"),
    "a kink squared": ("relu(x)^2", "x=0"),
    "a kink that tapers off": ("abs(x)^1.5", "x=0"),
    "oscillating": ("x * sin(1/x)", "x=1e-9"),
    "very fast": ("sin(1e6*x)", "x=1"),
    "noise with a slope of its own": ("x^2 + 1e-7*sin(1e12*x)", "x=0.3"),
    "a noisy value": ("(x + 1e8) - 1e8", "x=1"),
    "a noisy gradient": ("((x + 1e8) - 1e8)^2", "x=1"),
    "before it overflows": ("exp(x)", "x=709.7"),
    "underflowing": ("exp(x)", "x=-745"),
    "tiny": ("log(x)", "x=1e-300"),
    "huge": ("sin(x)", "x=1e8"),
    "many periods below it": ("sin(x)", "x=1e308"),
    "many periods within a step": ("sin(1e20*x)", "x=1"),
    "random numbers": ("sum(randn(3) * x)", "x=[1, 2, 3]"),
    "a condition within": ("n = 0; y = x; while y > 1 { y = y / 2; n = n + 1 }; y * n", "x=7"),
    "detached": ("u = detach(x * x); sum(u * x)", "x=[0, 1, 2]"),
    "accumulated": ("backward(x^2); x.grad * x", "x=3"),
    "a gradient inside": ("g = grad(x^3, x); g * x", "x=3"),
    "assigned names": ("z = x^2; z * x", "x=3", "--wrt", "x,z"),
    "an array of one": ("x", "x=[3]"),
    "a constant": ("x * 0 + 7", "x=3"),
    "an assertion beside": ("assert x < 2.001; x^2", "x=2"),
    "linear algebra": ("det(x)", "x=[[1, 2], [3, 4]]"),
    "a rule of its own": ("fn f(x) { x^3 } derivative (x, y, g) { 3*g*x^2 }; f(x)", "x=2"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradient_passes(name: str) -> None:
    program, *words = RIGHT[name]
    status, found = verdicts("-e", program, *words, "--seed", "1")
    assert (status, set(found)) == (0, {"ok"})


def test_a_step_without_a_kink_is_told() -> None:
    done = adiff("check", "-e", "sum(arange(x))", "x=2")
    assert (done.status, done.out.split("\t")[1]) == (6, "kink")
    assert "`result` steps from 1.0 to 3.0 here" in done.err


def test_what_no_step_can_tell_is_not_called_wrong() -> None:
    program = "fn f(x) { sin(x) } derivative (x, y, g) { g*cos(x) }; f(x)"
    done = adiff("check", "-e", program, "x=1e100")
    assert done.out.split("\t")[1] == "unsure"
    assert "cannot be judged" in done.err


# ── no misses ─────────────────────────────────────────────────────────────────────────

EDGES = {
    "abs": ("abs(x)", "x=0", "kink", "`abs` is at a kink"),
    "ties": ("max([x, y])", "x=3 y=3", "kink", "`max` is at a kink"),
    "a step": ("floor(x)", "x=2", "kink", "`floor` is at a kink"),
    "a branch": ("if x > 0 { x } else { 2*x }", "x=0", "branch", "true on the other"),
    "a loop": ("y = x\nn = 0\nwhile y > 1 { y = y/2; n += 1 }\ny * n", "x=8", "branch", ""),
    "where": ("where(x > 0, x, 2*x)", "x=0", "kink", "`where` has a kink"),
    "a step on either side": ("sign(x)", "x=0", "kink", "`sign` is at a kink"),
    "two dimensions": ("hypot(x, y)", "x=0 y=0", "kink", "`hypot` is at a kink"),
}


@pytest.mark.parametrize("name", EDGES)
def test_kink_does_not_pass(name: str) -> None:
    program, words, kind, message = EDGES[name]
    done = adiff("check", "-e", program, *words.split(), "--json")
    assert done.status == 6
    (found,) = done.objects
    assert found["status"] == "unjudged"
    assert {one["verdict"] for one in found["components"]} == {"kink"}
    warnings = [one for one in found["warnings"] if one["kind"] == kind]
    assert message in warnings[0]["message"]
    assert warnings[0]["line"] == (3 if name == "a loop" else 1)


def test_slopes_on_both_sides_are_told() -> None:
    assert checked("-e", "abs(x)", "x=0")["components"][0]["slopes"] == [-1.0, 1.0]
    assert checked("-e", "floor(x)", "x=2")["components"][0]["slopes"] == ["nan", 0.0]
    assert checked("-e", "x", "x=2")["components"][0]["slopes"] is None


def test_kink_nearby_is_named_though_the_derivative_holds() -> None:
    for program, x, kind in (
        ("abs(x - 1)", "x=1.000000001", "kink"),
        ("if x > 1 { x } else { 3 }", "x=1.0000000001", "branch"),
    ):
        found = checked("-e", program, x)
        assert found["status"] == "ok"
        (warning,) = found["warnings"]
        assert warning["kind"] == kind
        assert "within" in warning["message"]
    assert checked("-e", "abs(x - 1)", "x=1.5")["warnings"] == []


LOST = {
    "by an argument that has no derivative": ("sum(arange(x, 3, 1))", "x=0.3"),
    "by a constant array": ("sum(arange(x, 3, 0.5))", "x=0.2"),
}


@pytest.mark.parametrize("name", LOST)
def test_lost_gradient_is_a_mismatch(name: str) -> None:
    assert verdicts("-e", LOST[name][0], *LOST[name][1:]) == (5, ["mismatch"])


@pytest.mark.parametrize("factor", ["3.003", "0", "-3"])
def test_wrong_rule_of_the_program_is_named(factor: str) -> None:
    rule = f"fn f(x) {{ x^3 }} derivative (x, y, g) {{ {factor}*g*x^2 }}"
    done = adiff("check", "-e", rule, "-e", "fn h(x) { x^2 } derivative (x, y, g) { 2*g*x }",
                 "-e", "f(x) + h(x)", "x=2", "--json")  # fmt: skip
    assert done.status == 5
    (found,) = done.objects
    assert [one["verdict"] for one in found["components"]] == ["mismatch"]
    (warning,) = [one for one in found["warnings"] if one["kind"] == "rule"]
    assert "`f`" in warning["message"]
    assert warning["line"] == 3


def test_gradient_without_a_digit_is_not_called_right() -> None:
    found = checked("-e", "(1 - cos(x)) / x^2", "x=1e-5")
    (component,) = found["components"]
    assert component["verdict"] == "unsure"
    assert component["referees"]["precise"]["value"] == pytest.approx(-1e-5 / 12, rel=1e-9)
    assert [one["kind"] for one in found["warnings"]] == ["rounding"]


@pytest.mark.parametrize(
    ("program", "x"), [("sqrt(x)", "x=0"), ("exp(x)", "x=710"), ("log(x)", "x=-1")]
)
def test_what_is_not_finite_does_not_pass(program: str, x: str) -> None:
    assert verdicts("-e", program, x) == (6, ["non-finite"])


# ── claims ────────────────────────────────────────────────────────────────────────────

PRODUCT = ("-e", "x^2 * sin(x)", "x=3", "--seed", "1")


def test_right_claim_passes_at_every_point() -> None:
    found = checked(*PRODUCT, "--claim", "x = 2*x*sin(x) + x^2*cos(x)")
    (claim,) = found["claims"]
    assert found["status"] == claim["verdict"] == "ok"
    assert (claim["points"], claim["skipped"]) == (command.SAMPLES + 1, 0)


def test_claim_that_is_a_thousandth_wrong_fails_at_the_given_point() -> None:
    claim = "x = 2*x*sin(x) + 1.001*x^2*cos(x)"
    done = adiff("check", *PRODUCT, "--claim", claim)
    assert done.status == 5
    assert "the claim for `x` is wrong: dresult/dx is -8.063212421044" in done.err
    assert "and not -8.0721223535" in done.err
    assert "at x = 3.0" in done.err
    assert done.out.splitlines()[1].split("\t")[1] == "mismatch"
    assert checked(*PRODUCT, "--claim", claim)["claims"][0]["points"] == 1


def test_claim_that_holds_at_the_given_point_only_fails_at_a_sample() -> None:
    (claim,) = checked("-e", "x^3", "x=1", "--claim", "x = 3*x", "--seed", "1")["claims"]
    assert claim["verdict"] == "mismatch"
    assert claim["points"] == 2
    x = claim["point"]["x"]
    assert 0.5 <= x <= 1.5
    assert claim["gradient"] == pytest.approx(3 * x**2)
    assert claim["other"]["value"] == pytest.approx(3 * x)
    none = checked("-e", "x^3", "x=1", "--claim", "x = 3*x", "--samples", "0")
    assert none["status"] == "ok"


def test_first_component_that_differs_is_told() -> None:
    words = ("-e", "sum(x^3)", "x=[1, 2, 3]", "--claim", "x = [3*x[0]^2, 12, 28]")
    (claim,) = checked(*words, "--samples", "0")["claims"]
    assert claim["index"] == [2]
    assert (claim["gradient"], claim["other"]["value"]) == (27.0, 28.0)


def test_claim_reads_whatever_the_program_has() -> None:
    program = "fn Φ(x) { erfc(-x / sqrt(2)) / 2 }; d = log(S); y = exp(Φ(d))"
    claim = "S = y * exp(-d^2 / 2) / sqrt(2*pi) / S"
    status, found = verdicts("-e", program, "S=1.3", "--claim", claim)
    assert (status, found) == (0, ["ok", "ok"])
    status, found = verdicts("-e", "z = x^2; z * x", "x=3", "--claim", "z = x; x = 3*x^2")
    assert (status, found) == (0, ["ok"] * 4)


def test_one_number_is_a_claim_for_a_whole_array() -> None:
    assert verdicts("-e", "sum(x)", "x=[1, 2]", "--claim", "x = 1") == (0, ["ok"] * 3)


def test_claims_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "claims.ad"
    path.write_text("# by hand\nx = 2*x*y\ny = x^2  # simple\n", encoding="utf-8")
    words = ("-e", "x^2 * y", "x=3", "y=2")
    assert verdicts(*words, "--claim", f"@{path}") == (0, ["ok"] * 4)
    assert verdicts(*words, "--claim", f"@{path}", "--claim", "x = 1")[0] == 2


def test_box_holds_the_samples() -> None:
    words = ("-e", "abs(x)", "x=3", "--claim", "x = 1", "--seed", "1")
    assert verdicts(*words) == (0, ["ok", "ok"])
    (claim,) = checked(*words, "--box", "x=-pi:-pi/2")["claims"]
    assert -3.15 < claim["point"]["x"] < -1.57
    assert claim["verdict"] == "mismatch"


def test_samples_without_a_value_are_skipped() -> None:
    words = ("-e", "assert y < 5; log(x) + y", "x=0.1", "y=1", "--claim", "x = 1/x", "--seed", "1")
    (claim,) = checked(*words, "--box", "x=-1:1", "--box", "y=0:10")["claims"]
    assert claim["verdict"] == "ok"
    assert claim["points"] + claim["skipped"] == command.SAMPLES + 1
    assert claim["points"] > 1
    assert claim["skipped"] > 5


def test_same_seed_same_check() -> None:
    words = ("-e", "sum(rand(2) * x^2)", "x=[1, 2]", "--claim", "x = 0", "--json")
    first = adiff("check", *words)
    again = adiff("check", *words, "--seed", str(first.objects[0]["seed"]))
    assert first.out == again.out
    assert adiff("check", *words).out != first.out


# ── records ───────────────────────────────────────────────────────────────────────────


def test_recorded_gradients(tmp_path: Path) -> None:
    path = tmp_path / "recorded.json"
    program = ("-e", "y = sum(x^2 * sin(x)); z = y^2", "--of", "y,z")
    path.write_text(adiff("eval", *program, "x=[1, 3]", "--json").out, encoding="utf-8")
    assert verdicts(*program, "x=[1, 3]", "--against", str(path))[0] == 0
    found = adiff("check", *program[:2], "x=[1, 3.01]", "--against", str(path), "--json")
    assert found.status == 5
    assert [one["output"] for one in found.objects] == ["y", "z"]
    for one, first in zip(found.objects, ([1], [0]), strict=True):
        (record,) = one["records"]
        assert (record["verdict"], record["index"]) == ("mismatch", first)
        assert {component["verdict"] for component in one["components"]} == {"ok"}


def test_tolerance(tmp_path: Path) -> None:
    path = tmp_path / "rounded.json"
    path.write_text('{"x": -8.06321}', encoding="utf-8")
    words = ("-e", "x^2 * sin(x)", "x=3", "--against", str(path))
    assert verdicts(*words) == (5, ["ok", "mismatch"])
    assert verdicts(*words, "--tolerance", "1e-5") == (0, ["ok", "ok"])


# ── what is shown ─────────────────────────────────────────────────────────────────────


def test_json() -> None:
    found = checked("-e", "y = x^2 * sin(x)", "x=3", "--seed", "7")
    (component,) = found["components"]
    assert (component["name"], component["index"]) == ("x", [])
    assert set(component["referees"]) == {"forward", "differences", "precise"}
    for referee in component["referees"].values():
        gap = abs(referee["value"] - component["gradient"])
        assert gap <= 1e-9
        assert referee["error"] == pytest.approx(gap / referee["achievable"])
    assert found["seed"] == 7


def test_many_digits_are_the_same_with_and_without_gmpy() -> None:
    """Which mpmath counts by where it is installed; to adiff it is nothing."""
    words = ("check", "-e", "lgamma(x) * sin(x^2)", "x=2.5", "--seed", "1", "--json")
    assert process(*words, env={"MPMATH_NOGMPY": "1"}) == process(*words)


def test_large_array_is_summarised() -> None:
    words = ("check", "-e", "y = sum(sin(x))", "x=linspace(-3, 3, 250)")
    (found,) = adiff(*words, "--json").objects
    assert found["status"] == "ok"
    assert found["left_out"] == {"x": 50}
    (along,) = [one for one in found["components"] if one["index"] is None]
    assert along["verdict"] == "ok"
    shown = adiff(*words, "--format", "table").out
    assert len(shown.splitlines()) < 40
    assert "50 more by x in one direction" in shown
    assert "more\n" in shown


def test_wrong_component_of_a_large_array_is_found() -> None:
    """The one that is wrong is among those that are checked only all together."""
    program = "sum(x) + detach(0) + sum(arange(x[125], 2)) * 1e-3"
    found = adiff("check", "-e", program, "x=linspace(0, 1, 250)", "--json")
    assert found.status == 5


def test_table_on_a_terminal() -> None:
    done = terminal("check", "-e", "sum(x^2)", "x=[1, 2]")
    assert done.status == 0
    assert "dresult/dx[1]" in done.out
    assert "2 components of dresult checked: no mismatch" in done.out


def test_output_file(tmp_path: Path) -> None:
    path = tmp_path / "check.json"
    assert adiff("check", "-e", "x^2", "x=3", "-o", str(path)).out == ""
    assert json.loads(path.read_text(encoding="utf-8"))["status"] == "ok"


def test_quiet_is_without_warnings() -> None:
    assert adiff("check", "-e", "abs(x)", "x=0").err
    assert adiff("check", "-e", "abs(x)", "x=0", "-q").err == ""


def test_program_prints_once() -> None:
    words = ("check", "-e", 'print("x is", x); x^2', "x=3", "--claim", "x = 2*x")
    assert adiff(*words).err == "x is 3.0\n"


@pytest.mark.parametrize("line", command.EXAMPLES)
def test_examples_in_the_help_work(line: str) -> None:
    done = process(*shlex.split(line)[1:])
    assert (done.status, done.err) == (0, "")


# ── what is refused ───────────────────────────────────────────────────────────────────

X = ("-e", "x^2", "x=3")
REFUSED = {
    "no input": (("-e", "7"), 2, "nothing to differentiate by"),
    "wrt nothing": ((*X, "--wrt", ""), 2, "nothing to differentiate by"),
    "wrt unknown": ((*X, "--wrt", "q"), 2, "no such name"),
    "an array": (("-e", "sin(x)", "x=[1, 2]"), 1, "has shape (2,)"),
    "a claim for nothing": ((*X, "--claim", "2*x"), 2, "NAME = EXPRESSION"),
    "a claim for another": ((*X, "--claim", "z = 2*x"), 2, "no such name"),
    "a claim that reads another": ((*X, "--claim", "x = 2*y"), 2, "reads `y`"),
    "a claim with a mistake": ((*X, "--claim", "x = (1"), 2, "never closed"),
    "a claim of a wrong shape": ((*X, "--claim", "x = [1, 2]"), 2, "shape (2,)"),
    "a claim that is no number": ((*X, "--claim", "x = sin"), 1, "is a function"),
    "two claims for one": ((*X, "--claim", "x = 1", "--claim", "x = 2"), 2, "two claims"),
    "claims about two outputs": (
        ("-e", "a, b = x, 2*x", "x=3", "--claim", "x = 1"),
        2,
        "want one",
    ),
    "a box without a claim": ((*X, "--box", "x=1:2"), 2, "without a --claim"),
    "samples without a claim": ((*X, "--samples", "3"), 2, "without a --claim"),
    "a box upside down": ((*X, "--claim", "x=1", "--box", "x=2:1"), 2, "more than"),
    "a box without an end": ((*X, "--claim", "x=1", "--box", "x=2"), 2, "NAME=LOW:HIGH"),
    "a box of words": ((*X, "--claim", "x=1", "--box", "x=a:b"), 2, "finite number"),
    "a box for another": ((*X, "--claim", "x=1", "--box", "z=1:2"), 2, "no name z"),
    "no record": ((*X, "--against", "nothing.json"), 2, "no such file"),
    "two formats": ((*X, "--json", "--format", "plain"), 2, "want one"),
    "too many steps": (
        ("-e", "for i in range(9) { x }; x", "x=1", "--max-steps", "5"),
        1,
        "more than 5 steps",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    arguments, status, message = REFUSED[name]
    done = adiff("check", *arguments)
    assert done.status == status, done.err
    assert message in done.err
    assert done.out == ""


def test_record_of_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "recorded.json"
    path.write_text('{"x": [1, 2]}', encoding="utf-8")
    done = adiff("check", *X, "--against", str(path))
    assert done.status == 2
    assert "has shape (2,), and here it has shape ()" in done.err
