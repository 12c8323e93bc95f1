"""What is said of other systems' names: what to write is a program, and no real name is there."""

from __future__ import annotations

import re

import pytest

from autodiff_cli.errors import did_you_mean
from autodiff_cli.interpreter.builtins import NAMES
from autodiff_cli.language.elsewhere import elsewhere, names
from autodiff_cli.language.library import LIBRARY
from autodiff_cli.language.names import resolve
from autodiff_cli.language.parser import parse
from autodiff_cli.language.source import Source

KNOWN = {*NAMES, *LIBRARY}


def test_nothing_that_is_built_in_is_elsewhere() -> None:
    assert not KNOWN.intersection(names())


@pytest.mark.parametrize("answer", sorted({elsewhere(name) for name in names()}))
def test_answer_can_be_written(answer: str) -> None:
    codes = [code for code in re.findall("`(.*?)`", answer) if "…" not in code]
    for code in codes:
        if answer.startswith("did you mean"):
            assert code in KNOWN
        else:
            resolve(parse(Source("<test>", code)), NAMES)


@pytest.mark.parametrize(
    ("typed", "meant"), [("sni", "sin"), ("csoh", "cosh"), ("lgo", "log"), ("epx", "exp")]
)
def test_two_letters_that_changed_places(typed: str, meant: str) -> None:
    assert did_you_mean(typed, sorted(KNOWN)) == f"did you mean `{meant}`?"
