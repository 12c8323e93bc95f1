"""`adiff functions`: every function has its page, and every page says what there is to say."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from autodiff_cli.commands.functions import command
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.interpreter.builtins import NAMES
from autodiff_cli.interpreter.catalogue import CALCULUS, entries

ENTRIES = entries()


def page(name: str) -> str:
    result = CliRunner().invoke(command, [name], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_list_has_every_built_in_function_once() -> None:
    listing = CliRunner().invoke(command, [], catch_exceptions=False).output
    listed = [line.split()[0] for line in listing.splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(ENTRIES)
    assert set(ENTRIES) == {name for name in NAMES if name not in ("pi", "e", "inf", "nan")}
    assert max(map(len, listing.splitlines())) <= 80


@pytest.mark.parametrize("name", ENTRIES)
def test_a_page_has_signature_meaning_derivative_and_a_worked_example(name: str) -> None:
    text, entry = page(name), ENTRIES[name]
    assert text.startswith(f"{entry.signature}\n")
    assert entry.doc.split()[0] in text
    assert f"example     {entry.example.split()[0]}" in text
    assert "result      " in text
    assert ("derivative  " in text) == (entry.group != CALCULUS)
    assert ("at a kink" in text) == bool(entry.convention)


@pytest.mark.parametrize(
    ("name", "derivative"),
    [
        ("sin", "∂y/∂x = cos(x)"),
        ("div", "∂y/∂a = 1 / b"),
        ("pow", "∂y/∂b = where("),
        ("softplus", "∂y/∂x = sigmoid(x)"),
        ("deg2rad", "∂y/∂x = pi / 180"),
    ],
)
def test_the_derivative_is_the_rule_itself(name: str, derivative: str) -> None:
    from autodiff_cli.engine.formulas import partial_formulas

    lines = [f"∂y/∂{by} = {text}" for by, text in partial_formulas(TABLE[name]).items()]
    assert any(line.startswith(derivative) for line in lines)


def test_a_name_that_is_close_is_asked_about() -> None:
    from autodiff_cli.errors import UsageError

    with pytest.raises(UsageError) as raised:
        CliRunner().invoke(command, ["tanhh"], catch_exceptions=False)
    assert raised.value.help == "did you mean `tanh`?"


@pytest.mark.parametrize("width", [1, 10, 25])
def test_a_terminal_may_be_narrow(width: int) -> None:
    for words in ([], ["tanh"], ["^"]):
        done = CliRunner().invoke(
            command, words, catch_exceptions=False, env={"COLUMNS": str(width)}
        )
        assert done.exit_code == 0
        assert done.output
