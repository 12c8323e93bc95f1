"""What the command line says of a program and its inputs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.errors import AdiffError, LimitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.language.source import Source

INPUT = re.compile(r"\s*([^\W\d]\w*)\s*=(.*)", re.DOTALL)
EXPRESSION = re.compile(r"[\s*^+(){}\[\];=]")
"""What hardly stands in a file's name, and often in a program."""
LONGEST_SHOWN = 60
FILE = click.Path(readable=False)
"""A name that the shell completes as a file's; whether it can be read, `data` finds out."""
PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read_source(words: Sequence[str], expressions: Sequence[str]) -> tuple[Source, list[str]]:
    """The program, and the words of the command line that are left: `NAME=VALUE`.

    Raises:
        UsageError: there is no program, or more than one.
    """
    from autodiff_cli.language.source import Source

    files = [word for word in words if not INPUT.fullmatch(word)]
    inputs = [word for word in words if INPUT.fullmatch(word)]
    if expressions:
        if files:
            raise UsageError(
                f"got the file {_on_one_line(files[0])} and -e, want one program",
                help=_as_input(files[0]),
            )
        return Source("<-e>", "\n".join(expressions)), inputs
    if not files:
        raise UsageError(
            "there is no program",
            help="name a file, or - for standard input, or give the text with -e 'x^2'",
        )
    if len(files) > 1:
        raise UsageError(
            f"got the programs {' and '.join(map(_on_one_line, files))}, want one",
            help=_as_input(files[1]),
        )
    from autodiff_cli.data.files import read_program

    (file,) = files
    try:
        text = read_program(file)
    except UsageError as error:
        if EXPRESSION.search(file) and not os.path.exists(file):
            error.what = f"got `{_on_one_line(file)}`, want a program's file, and there is none"
            error.help = "to give the program itself, write -e before it"
        raise
    return Source("<stdin>" if file == "-" else file, text), inputs


def _as_input(word: str) -> str:
    """What to do about a word that was taken for a program's file."""
    if "=" in word:
        return "an input is NAME=VALUE, where a name has letters, digits and _, no digit first"
    word = _on_one_line(word)
    return f"if {word} is an input, write it as NAME={word}"


def read_inputs(
    words: Iterable[str], file: str | None, stdin_is_program: bool, settings: Settings
) -> dict[str, Any]:
    """The inputs' values: those of the words, and below them those of the `--inputs` file.

    Raises:
        UsageError: an input that is given twice, or a value that is none.
    """
    given: dict[str, Any] = {}
    for word in words:
        match = INPUT.fullmatch(word)
        assert match is not None
        name, text = match.groups()
        if name in given:
            raise UsageError(
                f"input `{name}` is given twice", help=f"leave out one `{name}=`", kind="input"
            )
        given[name] = read_value(name, text, stdin_is_program, settings)
    if file is None:
        return given
    if stdin_is_program and file == "-":
        raise _standard_input_is_program("--inputs")
    from autodiff_cli.data.files import read_inputs_json

    return {**read_inputs_json(file), **given}


def read_value(
    name: str, text: str, stdin_is_program: bool, settings: Settings, what: str = ""
) -> Any:
    """The value that `NAME=text` gives; `what` is what messages call it, else `input NAME`."""
    text, what = text.lstrip(), what or f"input `{name}`"
    if PLAIN_NUMBER.fullmatch(text):
        return float(text)
    if not text:
        raise UsageError(
            f"{what}: got nothing after the `=`, want a value",
            help=f"give a number or an array: {name}=3, {name}='[1, 2]'",
            kind="input",
        )
    if not text.startswith("@"):
        return _constant(name, text, settings, what)
    if stdin_is_program and (text == "@-" or text.startswith("@-:")):
        raise _standard_input_is_program(what)
    from autodiff_cli.data.files import read_file_value

    return read_file_value(text[1:], name)


def _standard_input_is_program(what: str) -> UsageError:
    return UsageError(
        f"{what}: standard input is the program already",
        help="read one of the two from a file",
        kind="input",
    )


def _constant(name: str, text: str, settings: Settings, what: str) -> Any:
    from autodiff_cli.interpreter.run import evaluate_constant
    from autodiff_cli.language.source import Source

    try:
        return evaluate_constant(Source(f"{name}=", text), _settings_of(name, settings))
    except LimitError:
        raise
    except AdiffError as error:
        remedy = error.help or f"give a number or an array: {name}=3, {name}='[1, 2]'"
        if error.kind == "name":
            remedy = f"a value is an expression of numbers; a file is {name}=@FILE"
        raise UsageError(
            f"{what}: got `{_on_one_line(text)}`, want a constant expression",
            error.where,
            label=error.label or error.what,
            help=remedy,
            kind="input",
        ) from None


def _settings_of(name: str, settings: Settings) -> Settings:
    """Those of the run for an input's value: its random numbers are its own, and repeatable."""
    from autodiff_cli.records import replace

    seed = None if settings.seed is None else (settings.seed, *name.encode())
    return replace(settings, seed=seed, single=False)


def _on_one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def split_names(values: Sequence[str]) -> list[str] | None:
    """`--wrt x,y --wrt z` as a list; None where the option is not there at all."""
    if not values:
        return None
    names = [name.strip() for value in values for name in value.split(",")]
    return list(dict.fromkeys(name for name in names if name))
