"""Command lines at random: mutated programs, the grammar's own sentences, edges of the functions.

Whatever they are, the command answers, or says what is wrong, with a status that it has, and
nobody sees Python, an internal error, or a warning that is not adiff's.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark

from autodiff_cli.commands.main import cli
from autodiff_cli.engine.primitives import TABLE
from tests.commands.shell import adiff

if TYPE_CHECKING:
    from tests.commands.shell import Done

ROOT = Path(__file__).parents[2]
CORPUS = [
    path.read_text(encoding="utf-8")
    for folder in ("autodiff_cli/examples", "tests/programs", "tests/errors")
    for path in sorted((ROOT / folder).glob("*.ad"))
]
QUESTIONS = ["--hessian", "--jacobian", "--order=3", "--cotangent=ones"]


def formats(name: str) -> list[str]:
    """Those of a command that are text."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    (choice,) = (option.type for option in command.params if "--format" in option.opts)
    assert isinstance(choice, click.Choice)
    return [kind for kind in choice.choices if kind != "npz"]


COMMANDS = [
    *(["eval", question] for question in QUESTIONS),
    *(
        [name, f"--format={kind}"]
        for name in ("eval", "check", "why", "trace")
        for kind in formats(name)
    ),
]
BOUNDS = ["--max-steps", "20000", "--max-nodes", "20000", "--max-memory", "200M", "--timeout", "5"]
STATUSES = {0, 1, 2, 3, 4, 5, 6}
FOREIGN = re.compile(r"Warning:|site-packages|\.py:\d")


def answered(*arguments: str, stdin: str = "") -> Done:
    """Runs a command line, and holds it to what holds of all."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = adiff(*arguments, stdin=stdin.encode("utf-8", "surrogatepass"))
    assert done.status in STATUSES, done
    assert not FOREIGN.search(done.err), done.err
    assert done.status in (0, 4, 5, 6) or done.err, done
    return done


# ── texts ─────────────────────────────────────────────────────────────────────────────

WORDS = """
    input if else elif while for in range fn return break continue assert print and or not true
    false derivative grad ( ) [ ] { } , ; : = += == <= ^ ** * / // % @ . " # 1e400 0x1 1_0 1e 1..2
    x y z π σ ² ½ 'é 999999999999999999999 .5 3.grad x.T range(9e9) zeros(1e9)
"""
STEERING = ["\u202e", "\x1b[31m", "\x00", "\x7f", "\t", "\r", "\n", "\\"]
LETTERS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A program of the project's own, with tokens dropped, doubled, exchanged and put in."""
    tokens = TOKEN.findall(draw(st.sampled_from(CORPUS)))
    for _ in range(draw(st.integers(1, 6))):
        at, other = (draw(st.integers(0, len(tokens))) for _ in range(2))
        change = draw(st.sampled_from(["drop", "double", "exchange", "put", "cut", "splice"]))
        if change == "drop":
            del tokens[at : at + 1]
        elif change == "double":
            tokens[at:at] = tokens[at : at + draw(st.integers(1, 9))]
        elif change == "exchange" and max(at, other) < len(tokens):
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif change == "put":
            tokens.insert(at, draw(st.sampled_from(WORDS.split() + STEERING) | LETTERS))
        elif change == "cut":
            del tokens[at:]
        elif change == "splice":
            piece = TOKEN.findall(draw(st.sampled_from(CORPUS)))
            start = draw(st.integers(0, len(piece)))
            tokens[at:at] = piece[start : start + draw(st.integers(1, 30))]
    return "".join(tokens)


NAMES = [*(name for name, entry in TABLE.items() if not entry.internal), "grad", "map", "fold"]


def sentences() -> st.SearchStrategy[str]:
    """What the grammar itself makes, with names that mean something."""
    grammar = Lark((ROOT / "grammar/adiff.lark").read_text("utf-8"), start="program")
    plain = st.sampled_from(["x", "y", "x", "y", "f", "a"]) | st.sampled_from(NAMES)
    numbers = st.sampled_from(["0", "1", "2", "3", "0.5", "1e300", "1e-300", "7"])
    return from_lark(
        grammar,
        start="program",
        explicit={
            "NAME": plain.map(lambda name: f" {name} "),
            "NUMBER": numbers.map(lambda number: f" {number} "),
            "STRING": st.sampled_from(['"a"', '""', '"ij,j->i"']),
            "_NEWLINE": st.just("\n"),
            "COMMENT": st.just("# a\n"),
            "WHITESPACE": st.just(" "),
        },
    )


SENTENCES = sentences()


@st.composite
def texts(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "arguments": [*draw(st.sampled_from(COMMANDS)), "-", *draw(st.sampled_from(GIVEN))],
        "stdin": draw(mutated() | SENTENCES),
    }


GIVEN = ([], ["x=0.5"], ["x=2", "y=3"], ["x=[1,2,3]"], ["x=[[1,2],[3,4]]", "y=[1,2]"])


# ── edges ─────────────────────────────────────────────────────────────────────────────

VALUES = [
    "0",
    "-0.0",
    "1",
    "-1",
    "2",
    "0.5",
    "-0.5",
    "3",
    "1e300",
    "-1e300",
    "1e-300",
    "5e-324",
    "1e17",
    "-1e10",
    "9007199254740993",
    "inf",
    "-inf",
    "nan",
    "true",
    "[]",
    "[0]",
    "[1]",
    "[[1]]",
    "[1,2]",
    "[0,0]",
    "[nan,1]",
    "[inf,-inf]",
    "[1e300,1e-300]",
    "[2,1,3]",
    "[true,false]",
    "[[1],[2]]",
    "[[1,2],[3,4]]",
    "[[0,0],[0,0]]",
    "[[2,1],[1,2]]",
    "[[1,2,3],[4,5,6]]",
    "[[[1,2],[3,4]]]",
]
SHAPES = ["{}", "sum({})", "{} * x", "{}^2", "-{}", "if x > 0 { {} } else { x }"]
ACTIONS = ["", "--at-kink nan", "--at-kink error", "--strict", "--dtype float32", "--wrt x"]


@st.composite
def edges(draw: st.DrawFn) -> dict[str, Any]:
    """A function of the table, or an operator, at values where something may happen."""
    name = draw(st.sampled_from(NAMES))
    entry = TABLE.get(name)
    values = st.sampled_from(VALUES)
    given = {letter: draw(values) for letter in "xyz"}
    operand = st.sampled_from(["x", "y", "z", "x", "x * 2", "detach(x)"]) | values
    if draw(st.integers(0, 4)) == 0:
        sign = draw(st.sampled_from(["+", "-", "*", "/", "//", "%", "@", "^", "<", "=="]))
        call = f"{draw(operand)} {sign} ({draw(operand)})"
    else:
        least = len(entry.operands) - len(entry.defaults) if entry else 1
        count = draw(st.integers(least, least + len(entry.options) if entry else 3))
        arguments = [draw(operand) for _ in range(count)]
        if name == "einsum":
            arguments.insert(0, draw(st.sampled_from(['"ij->i"', '"i,i->"', '"ii"', '"i,j->ij"'])))
        call = f"{name}({', '.join(arguments)})"
    program = draw(st.sampled_from(SHAPES)).replace("{}", call)
    used = [f"{k}={v}" for k, v in given.items() if re.search(rf"\b{k}\b", program)]
    command = draw(st.sampled_from(COMMANDS))
    options = draw(st.sampled_from(ACTIONS)).split() if command[0] == "eval" else []
    return {"arguments": [*command, "-e", program, *used, *options], "stdin": ""}


def check(case: dict[str, Any]) -> None:
    command, *rest = case["arguments"]
    answered(command, *rest, *BOUNDS, stdin=case["stdin"])
