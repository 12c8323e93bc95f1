"""`adiff why`: what it says of programs whose gradient is known, one a file in `why`.

Each begins with its command line; what is printed is in `NAME.expected`, which
`ADIFF_REGENERATE=1 pytest tests/commands/test_why.py` writes anew. Read the difference.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from autodiff_cli.commands.check import command as check_command
from autodiff_cli.commands.examples import programs
from autodiff_cli.commands.warnings import EXPLAINED
from autodiff_cli.commands.why import command
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.explain import dependence, rewriting, zeros
from autodiff_cli.report import why, why_text
from tests.commands.shell import SCHEMAS, adiff, terminal
from tests.golden import agree, command_line

HERE = Path(__file__).parent / "why"
PROGRAMS = sorted(HERE.glob("*.ad"))
WIDTH = 80


def words_of(path: Path) -> list[str]:
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    hash_sign, program, subcommand, *words = shlex.split(first)
    assert (hash_sign, program, subcommand) == ("#", "adiff", "why")
    return words


def as_objects(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.chdir(HERE)
    return adiff("why", *words_of(path), "--json").objects


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_text(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    done = adiff("why", *words_of(path))
    assert (done.status, done.err) == (0, "")
    golden = path.with_suffix(".expected")
    if os.environ.get("ADIFF_REGENERATE") == "1":
        golden.write_text(done.out, encoding="utf-8")
    assert agree(done.out, golden.read_text(encoding="utf-8")), done.out
    assert max(map(len, done.out.splitlines())) <= WIDTH
    for section in done.out.split("\n\nd"):
        assert len(section.splitlines()) <= 40


def test_no_expected_file_is_left_over() -> None:
    assert {path.stem for path in HERE.glob("*.expected")} == {path.stem for path in PROGRAMS}


# ── the numbers ───────────────────────────────────────────────────────────────────────


def number(value: Any) -> Any:
    """A JSON value as an array of floats; `nan` and `inf` are strings there."""
    return np.array(value).astype(float)


def explained() -> dict[str, tuple[Path, list[str]]]:
    """Everything that can be explained: the programs here, and those that ship."""
    found = {path.stem: (HERE, words_of(path)) for path in PROGRAMS}
    for name, path in programs().items():
        line = command_line(path)
        other = {"--jacobian", "--hessian", "--jvp", "--hvp", "--order"}
        if other.isdisjoint(word.partition("=")[0] for word in line):
            found[name] = (path.parent, line)
    return found


@pytest.mark.parametrize("name", explained())
def test_derivatives_are_those_of_eval(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, words = explained()[name]
    monkeypatch.chdir(folder)
    results = {result["output"]: result for result in adiff("eval", *words, "--json").objects}
    objects = adiff("why", *words, "--json").objects
    assert {each["output"] for each in objects} == set(results)
    for each in objects:
        gradient = results[each["output"]]["gradient"][each["name"]]
        assert each["gradient"] == gradient
        finite = np.isfinite(number(gradient)).all()
        zero = not number(gradient).any()
        verdict = "non-finite" if not finite else "zero" if zero else "number"
        assert each["verdict"] == verdict
        if verdict == "number":
            # With few digits sums are rough.
            if "--digits" not in words:
                check_paths(each["paths"], number(gradient))
        else:
            assert each["reasons"]
            assert each["paths"] is None


def check_paths(paths: dict[str, Any], gradient: Any) -> None:
    """What holds of paths however they are found."""
    shares = [number(path["share"]) for path in paths["largest"]]
    assert math.isclose(sum(shares) + number(paths["rest"]), 1.0, rel_tol=1e-9)
    assert [abs(share) for share in shares] == sorted(map(abs, shares), reverse=True)
    for path in paths["largest"]:
        products = [part["product"] for part in path["segments"]]
        if None not in products and not isinstance(path["contribution"], dict):
            product = math.prod(map(float, products))
            # A cotangent is a factor, too.
            ratio = number(path["contribution"]) / product if product else 1.0
            assert np.isfinite(ratio).all()
        steps = sum(max(len(part["steps"]), 1) * part["rounds"] for part in path["segments"])
        assert steps <= path["length"]
    uses = [number(use["share"]) for use in paths["uses"]]
    assert math.isclose(sum(uses), 1.0, rel_tol=1e-6, abs_tol=1e-9 * max(map(abs, uses)))
    contributions = [use["contribution"] for use in paths["uses"]]
    if not any(isinstance(each, dict) for each in contributions):
        total = sum(number(each) for each in contributions)
        scale = max(np.max(np.abs(number(each))) for each in contributions)
        np.testing.assert_allclose(total, gradient, rtol=1e-9, atol=1e-12 * scale)


# ── which reason ──────────────────────────────────────────────────────────────────────

REASONS = {
    # program: the kind of each reason, and the line that it points at
    "nan_in_a_loop": [("value", 6), ("value", 6)],
    "inf_in_a_derivative": [("derivative", 4)],
    "nan_of_another_name": [("value", 2), ("value", 2)],
    "kink_as_nan": [("kink", 2)],
    "cotangent_that_is_nan": [("cotangent", None)],
    "product_that_overflows": [("overflow", 2), ("value", 4)],
    "branch_not_taken": [("untaken", 4)],
    "only_compared": [("compared", 2)],
    "detached": [("detached", 2)],
    "counted": [("counted", 3)],
    "step": [("flat", 2)],
    "saturated_sigmoid": [("saturated", 3)],
    "dead_relu": [("saturated", 3), ("saturated", 3)],
    "some_zeros": [("saturated", 3), ("saturated", 3)],
    "never_read": [("unread", None)],
    "stationary": [("stationary", 2)],
    "other_operand": [("not-chosen", 2)],
    "factor_of_zero": [("factor", 2)],
    "exact_cancellation": [("cancelled", 2)],
    "cancelled_in_the_middle": [("cancelled", 2)],
    "underflow": [("underflow", 2)],
    "overwritten": [("overwritten", 3)],
    "own_rule": [("own-rule", 3)],
    "unused": [("unused", 2)],
    "loop_that_never_ran": [("unused", 3)],
    "backward_history": [("backward", 2)],
    "constant_function": [("constant", 3)],
    "overflow": [("value", 2), ("infinite", 3)],
    "overflow_in_part": [("infinite", 2)],
    "infinities_that_meet": [("value", 2), ("value", 2), ("factor", 2)],
    "underflow_of_a_value": [("derivative", 2), ("derivative", 2)],
    "power_at_0": [("kink", 2)],
    "only_decides": [("decides", 3)],
    "two_paths": [],
    "arrays": [],
}


@pytest.mark.parametrize("name", REASONS)
def test_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = as_objects(HERE / f"{name}.ad", monkeypatch)
    found = [(reason["kind"], reason["line"]) for each in objects for reason in each["reasons"]]
    assert found == REASONS[name]
    for each in objects:
        if each["way"] and each["verdict"] != "number":
            assert each["way"][0]["name"] == each["name"]
            assert each["way_length"] == len(each["way"])


INLINE = {
    # what else can be the reason: a command line, the kind
    "elsewhere": (("-e", "y = relu(x)", "x=[-1, 2]", "--cotangent", "[1, 0]"), "elsewhere"),
    "kink": (("-e", "y = abs(x)", "x=0"), "kink"),
    "no derivative": (("-e", "y = where(x, 2, 3)", "x=1"), "no-derivative"),
    "overflow": (
        ("-e", "y = x * 1e308 + x * 1e308", "x=0"),
        "overflow",
    ),
    "unread": (("-e", "input x = 1", "-e", "y = 3", "--wrt", "x"), "unread"),
    "inf of the program": (("-e", "y = x * inf", "x=2"), "value"),
    "a factor of a product": (("-e", "prod([x, 0, 0])", "x=3"), "factor"),
    "a factor of a running product": (("-e", "cumprod([0, x, 1])[1]", "x=3"), "factor"),
    "a factor of a convolution": (("-e", "sum(convolve([x, 1], [0, 0]))", "x=3"), "factor"),
    "an end at infinity": (("-e", "y = atan(exp(x))", "x=800"), "infinite"),
}


@pytest.mark.parametrize("name", INLINE)
def test_other_reason(name: str) -> None:
    words, kind = INLINE[name]
    (explanation,) = adiff("why", *words, "--json").objects
    assert explanation["reasons"][0]["kind"] == kind, explanation["reasons"]


def test_every_kind_of_reason_is_shown_by_a_test() -> None:
    known = {*get_args(zeros.Cause), *get_args(dependence.Kind)}
    shown = {kind for found in REASONS.values() for kind, _ in found}
    shown |= {kind for _, kind in INLINE.values()}
    assert known <= shown


def test_what_remedies_are_for_is_built_in() -> None:
    for entry in TABLE.values():
        assert all(len(text) <= 69 for text in (*entry.remedies.values(), entry.unchosen))
    for known in (rewriting.LOGARITHMS, rewriting.ROOTS, rewriting.INSTEAD, rewriting.AT_POLES):
        assert set(known) <= set(TABLE)
    assert set(why_text.CAUSES) == set(get_args(zeros.Cause))


def test_causes_in_the_schema_are_those_in_the_code() -> None:
    schema = json.loads((SCHEMAS / "why.json").read_text(encoding="utf-8"))
    assert schema["title"] == schema["properties"]["schema"]["const"] == why.SCHEMA
    causes = schema["properties"]["ends"]["items"]["properties"]["cause"]["enum"]
    assert set(causes) == set(get_args(zeros.Cause))


# ── the command line ──────────────────────────────────────────────────────────────────

MISTAKES = {
    # command line: exit status, what is told
    "nothing to differentiate by": (("-e", "3"), 2, "there is nothing to differentiate by"),
    "no name": (("-e", "x", "x=1", "--wrt", ""), 2, "there is nothing to differentiate by"),
    "unknown name": (("-e", "x", "x=1", "--wrt", "q"), 2, "the program has no such name"),
    "not a number": (("-e", "[x, x]", "x=1"), 1, "want a single number"),
    "syntax": (("-e", "x +", "x=1"), 3, "an operand is missing"),
    "a kink": (("-e", "abs(x)", "x=0", "--at-kink", "error"), 1, "is evaluated at a kink"),
    "missing input": (
        (
            "-e",
            "x",
        ),
        2,
        "has no value",
    ),
    "limit": (("-e", "while true { y = x }\ny", "x=1", "--max-steps", "9"), 1, "--max-steps"),
    "an option of eval": (("-e", "x", "x=1", "--hessian"), 2, "no option `--hessian`"),
    "two formats": (("-e", "x", "x=1", "--json", "--format", "plain"), 2, "want one of them"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name: str) -> None:
    words, status, told = MISTAKES[name]
    done = adiff("why", *words)
    assert (done.status, done.out) == (status, "")
    assert told in done.err


def test_format_goes_by_the_ending(tmp_path: Path) -> None:
    for file, start in (("a.json", '{"schema": "adiff.why/1"'), ("a.txt", "dresult/dx = 2.0\n")):
        adiff("why", "-e", "2 * x", "x=1", "-o", str(tmp_path / file))
        assert (tmp_path / file).read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_text_keeps_to_the_width_of_a_terminal(columns: int) -> None:
    text = "y = exp(alpha) * 2 + exp(alpha) * alpha^2 + sin(alpha * 3) * cos(alpha)"
    done = terminal("why", "-e", text, "alpha=0.5", columns=columns, env={"NO_COLOR": "1"})
    assert max(map(len, done.out.splitlines())) <= columns


def test_colour_is_for_terminals() -> None:
    words = ("why", "-e", "floor(x)", "x=1.5")
    assert "\x1b[1;36mbecause" in terminal(*words).out
    assert "\x1b" not in adiff(*words).out
    assert "\x1b[1;36mbecause" in adiff(*words, "--color", "always").out


def test_random_numbers_and_prints_are_as_in_eval() -> None:
    words = ("-e", "print(x); y = x * rand()", "x=2", "--seed", "7", "--json")
    (result,) = adiff("eval", *words).objects
    done = adiff("why", *words)
    assert done.objects[0]["value"] == result["value"]
    assert done.err == "2.0\n"


def test_single_precision() -> None:
    (found,) = adiff("why", "-e", "x^2 * sin(x)", "x=3", "--dtype", "float32", "--json").objects
    assert found["paths"]["count"] == 2
    assert math.isclose(sum(path["share"] for path in found["paths"]["largest"]), 1, rel_tol=1e-6)


# ── eval points here ──────────────────────────────────────────────────────────────────

POINTED = {
    "x * 0 / 0": "adiff why … --wrt x",
    "floor(x / 3)": "adiff why … --wrt x",
    "detach(x)": "adiff why … --wrt x",
    "abs(x - 1)": "",
    "x^2": "",
}


@pytest.mark.parametrize("text", POINTED)
def test_eval_points_to_why(text: str) -> None:
    done = adiff("eval", "-e", text, "x=1")
    lines = [line for line in done.err.splitlines() if "adiff why" in line]
    assert lines == ([f"`{POINTED[text]}` tells more"] if POINTED[text] else [])
    assert adiff("eval", "-e", text, "x=1", "-q").err == ""


def test_once_for_several_outputs_and_only_those_names() -> None:
    words = ("-e", "u = floor(x) + y; v = detach(x) + y", "x=1.5", "y=2", "--of", "u,v")
    lines = adiff("eval", *words).err.splitlines()
    assert [line for line in lines if "adiff why" in line] == ["`adiff why … --wrt x` tells more"]


def test_findings_that_it_explains_are_kinds_of_findings() -> None:
    folder = Path(dependence.__file__).parent
    text = "".join(
        (folder / name).read_text(encoding="utf-8") for name in ("findings.py", "losses.py")
    )
    assert set(EXPLAINED) <= set(re.findall(r'kind="([\w-]+)"', text))


def test_options_are_those_of_check_too() -> None:
    shared = {"wrt", "of", "form", "as_json", "output", "digits", "seed", "color", "timeout"}
    for each in (command, check_command):
        assert shared <= {parameter.name for parameter in each.params}
