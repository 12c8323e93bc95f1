"""Functions of the library as a program meets them: they are built in, and hold their ground."""

from __future__ import annotations

import math

import pytest

from autodiff_cli import program
from autodiff_cli.errors import ProgramError
from autodiff_cli.interpreter.catalogue import entries
from autodiff_cli.language.library import LIBRARY

AT_0 = -0.5 * math.log(2 * math.pi)


@pytest.mark.parametrize("name", LIBRARY)
def test_each_has_a_page_with_an_example(name: str) -> None:
    entry = entries()[name]
    assert entry.doc
    assert entry.domain
    assert math.isfinite(program(entry.example)().value)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("pi = 4; log = 2; normal_lpdf(0, 0, 1)", AT_0),
        ("lbeta = 3; fn f(sqrt) { lchoose(sqrt, 1) }; f(5)", math.log(5)),
        ("f = normal_lpdf; f(0, 0, 1)", AT_0),
        ("map(inv_logit, [0, 0])[1]", 0.5),
        ("fn logit(p) { p + 1 }; logit(3)", 4),
        ("logit = 3; logit + 1", 4),
        ("fn f(inv_logit) { inv_logit(2) }; f(fn(x) { x^2 })", 4),
        ("fn f(x) { logit = 5; x + logit }; f(1) + logit(0.5)", 6),
        ("inv_logit(logit(inv_logit(0)))", 0.5),
    ],
)
def test_names_of_the_program_and_of_the_library_do_not_meet(text: str, want: float) -> None:
    assert program(text)().value == pytest.approx(want, rel=1e-15)


def test_a_session_has_them_too() -> None:
    from autodiff_cli import Session

    session = Session()
    session.run("x = 0.5")
    session.run("y = logit(x)")
    assert session["y"] == 0


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("logit()", "`logit` takes 1 argument, got 0", "its signature is logit(p)"),
        (
            "if false { normal_lpdf(1, 2) }; 0",
            "`normal_lpdf` takes 3 arguments, got 2",
            "its signature is normal_lpdf(y, mu, sigma)",
        ),
        (
            "normal_lpdf(1, mu=0, sigma=1)",
            "got the keyword `mu` for `normal_lpdf`",
            "pass its arguments in order, without names: normal_lpdf(y, mu, sigma)",
        ),
        ("normal_lpf(1, 0, 1)", "unknown function `normal_lpf`", "did you mean `normal_lpdf`?"),
    ],
)
def test_a_call_that_cannot_succeed_is_refused(text: str, what: str, remedy: str) -> None:
    with pytest.raises(ProgramError) as raised:
        program(text)
    assert (raised.value.what, raised.value.help) == (what, remedy)


def test_what_it_does_wrong_is_told_at_the_programs_own_line() -> None:
    (warning,) = program("input s = 0\ny = 2\nlp = normal_lpdf(y, 0, s)\nlp")().warnings
    assert warning.where is not None
    assert warning.where.line == 3
    assert warning.where.column == 6
