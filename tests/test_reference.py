"""The reference of the language says what is so: its examples run, its lists are complete."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from lark import Lark

from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.errors import AdiffError, ShapeError
from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.builtins import CONSTANTS, INTERNAL, MACHINE_FUNCTIONS, signature
from autodiff_cli.interpreter.catalogue import CALCULUS, WRITTEN, entries
from autodiff_cli.interpreter.expressions import OPERATORS
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.library import LIBRARY
from autodiff_cli.language.source import Source
from autodiff_cli.report.numbers import value_text
from grammar.tables import grammar_text
from tests.documents import ROOT, agrees, blocks

if TYPE_CHECKING:
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.explain.evaluation import Evaluation
    from tests.documents import Block

REFERENCE = "grammar/README.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->"


# ── the examples ──────────────────────────────────────────────────────────────────────


def run_examples(text: str) -> None:
    """Runs the program of a block up to each `#=>`, and compares what is shown there."""
    program: list[str] = []
    shown: list[str] = []
    for line in [*text.splitlines(), "# the end"]:
        code, marked, claim = line.partition("#=>")
        if code.strip():
            if shown and not _holds("\n".join(program), shown):
                program.pop()
            program.append(code)
            shown = []
        if marked:
            shown.append(claim.strip())
    if program[:-1]:
        _evaluate("\n".join(program), [], of=[])


def _holds(program: str, shown: list[str]) -> bool:
    """Checks what is shown of a statement; false where it is an error, to be left out."""
    derivatives = [re.match(r"d\w+/d(\w+) ", claim) for claim in shown]
    wrt = [match[1] for match in derivatives if match]
    goes_on = True
    for claim, match in zip(shown, derivatives, strict=True):
        what, _, message = claim[match.end() if match else 0 :].partition(": ")
        if what == "error":
            goes_on = bool(match)
            assert _error(program, wrt) == message, program
        elif what == "warning":
            [evaluation] = _evaluate(program, wrt or None)[0]
            assert message in [finding.what for finding in evaluation.findings], program
        else:
            got = _shown_as(program, wrt, match)
            want = claim[match.end() :] if match else claim
            assert agrees(got, want), f"{program}\ngives {got}, and the reference shows {want}"
    return goes_on


def _error(program: str, wrt: list[str]) -> str:
    try:
        _evaluate(program, wrt, of=[])  # a statement without a value is no error here
        _evaluate(program, wrt)
    except AdiffError as error:
        return error.what
    return "none"


def _shown_as(program: str, wrt: list[str], derivative: re.Match[str] | None) -> str:
    """What adiff prints: a derivative, the values of the last statement, or what `print` wrote."""
    if program.splitlines()[-1].startswith("print("):
        return _evaluate(program, wrt, of=[])[1][-1]
    if derivative:
        [evaluation] = _evaluate(program, wrt)[0]
        assert derivative[0] == f"d{evaluation.output}/d{derivative[1]} ", program
        return value_text(evaluation.gradient[derivative[1]])
    try:
        evaluations = _evaluate(program, wrt or None)[0]
    except ShapeError:
        evaluations = _evaluate(program, [])[0]  # an array is shown, and not differentiated
    return ", ".join(value_text(evaluation.value) for evaluation in evaluations)


def _evaluate(
    program: str, wrt: list[str] | None, of: list[str] | None = None
) -> tuple[list[Evaluation], list[str]]:
    printed: list[str] = []
    prepared = load(Source("reference", program))
    return evaluate(prepared, {}, wrt, of, Settings(on_print=printed.append)), printed


@pytest.mark.parametrize("block", [b for b in blocks(REFERENCE, "adiff") if not b.name], ids=str)
def test_every_example_does_what_it_shows(block: Block) -> None:
    assert "#=>" in block.text
    run_examples(block.text)


@pytest.mark.parametrize(
    "wrong",
    [
        "1 + 1    #=> 3",
        "1 / 3    #=> 0.334",
        "1 + 1    #=> 2.0",
        "[1, 2]   #=> [1, 3]",
        "input x = 3\nx^2  #=> dresult/dx 6.1",
        "input x = 3\ny = x^2  #=> dresult/dx 6.0",
        "y = sqr(3)  #=> error: unknown function `sqrt`",
        "input x = 3\nx^2  #=> warning: `abs` is at a kink here",
        'print("a")   #=> b',
    ],
)
def test_an_example_that_shows_what_is_not_so_fails(wrong: str) -> None:
    with pytest.raises(AssertionError):
        run_examples(wrong)


# ── the table of functions ────────────────────────────────────────────────────────────


ENTRIES = entries()


def table() -> str:
    """The functions that programs call by name, each in a section with those of its module."""
    rows = [f"| `{signature(name)}` | {each.doc} |\n" for name, each in MACHINE_FUNCTIONS.items()]
    heading = CALCULUS
    parts = [f"#### {heading}\n\n| function | value |\n|---|---|\n{''.join(rows)}"]
    sections: dict[str, list[str]] = {}
    for name, primitive in TABLE.items():
        if name not in INTERNAL:
            sections.setdefault(ENTRIES[name].group, []).append(_row(primitive))
    parts += [
        f"#### {heading}\n\n| function | value | finite and differentiable for | at a kink |\n"
        f"|---|---|---|---|\n{''.join(sorted(rows))}"
        for heading, rows in sections.items()
    ]
    rows = [f"| `{each.signature}` | {each.doc} | {each.domain} |\n" for each in LIBRARY.values()]
    parts.append(
        f"#### {WRITTEN}\n\n| function | value | finite and differentiable for |\n"
        f"|---|---|---|\n{''.join(rows)}"
    )
    return "\n" + "\n".join(parts) + "\n"


def _row(primitive: Primitive) -> str:
    domain = "*constant*" if primitive.kind == "constant" else primitive.domain
    cells = (f"`{primitive.signature}`", primitive.doc, domain, primitive.convention)
    return "|" + "|".join(_cell(cell) for cell in cells) + "|\n"


def _cell(text: str) -> str:
    return f" {text.replace('|', chr(92) + '|')} " if text else " "


def test_the_table_of_functions_is_that_of_the_primitives() -> None:
    path = ROOT / REFERENCE
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    found, _, after = rest.partition(END)
    if os.environ.get("ADIFF_REGENERATE"):
        path.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")
    else:
        assert found == table(), "regenerate it as CONTRIBUTING.md says"


def test_the_table_has_every_function_once() -> None:
    listed = re.findall(r"^\| `(\w+)\(", table(), re.M)
    assert sorted(listed) == sorted(set(TABLE) - INTERNAL | set(MACHINE_FUNCTIONS) | set(LIBRARY))


# ── completeness of the rest ──────────────────────────────────────────────────────────


def _reference() -> str:
    return (ROOT / REFERENCE).read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*CONSTANTS, *OPERATORS])
def test_every_constant_and_operator_is_described(word: str) -> None:
    assert f"`{word}`" in _reference()


def _keywords() -> list[str]:
    parser = Lark(grammar_text(), start="program", parser="lalr")
    words = (str(terminal.pattern.value) for terminal in parser.terminals)
    return sorted(word for word in words if word.isalpha())


@pytest.mark.parametrize("word", _keywords())
def test_every_keyword_is_described(word: str) -> None:
    assert re.search(rf"`(\w+ )*{word}\b[^`]*`|\}} {word} ", _reference())


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        ("steps", "10 million"),
        ("nodes", "10 million"),
        ("depth", "10 thousand"),
        ("memory", "4 GiB"),
    ],
)
def test_the_limits_are_those_of_the_machine(limit: str, shown: str) -> None:
    units = {"million": 10**6, "thousand": 10**3, "GiB": 2**30}
    [row] = [line for line in _reference().splitlines() if line.startswith(f"| `--max-{limit} ")]
    assert row.endswith(f"| {shown} |")
    number, unit = shown.split()
    assert getattr(Limits(), limit) == int(number) * units[unit]
