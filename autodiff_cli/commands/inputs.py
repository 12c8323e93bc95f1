"""What the command line says of a program and its inputs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.errors import AdiffError, LimitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.language.source import Source

INPUT = re.compile(r"\s*([^\W\d]\w*)\s*=(.*)", re.DOTALL)
EXPRESSION = re.compile(r"[\s*^+(){}\[\];=]")
"""What hardly stands in a file's name, and often in a program."""
LONGEST_SHOWN = 60
FILE = click.Path(readable=False)
"""A name that the shell completes as a file's; whether it can be read, `data` finds out."""
LONG = 16
"""Digits of an integer that may not be a float."""
LONG_INTEGER = re.compile(r"(?<![\w.])\d{16,}(?![\w.])")
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
    words: Iterable[str],
    file: str | None,
    stdin_is_program: bool,
    settings: Settings,
    wanted: Collection[str] | None = None,
) -> dict[str, Any]:
    """The inputs' values: those of the words, and below them those of the `--inputs` file.

    Args:
        wanted: the program's inputs, which alone are taken from the file; None for all in it.

    Raises:
        UsageError: an input that is given twice, or a value that is none.
    """
    given: dict[str, Any] = {}
    files: dict[str, str] = {}
    for word in words:
        match = INPUT.fullmatch(word)
        assert match is not None
        name, text = match.groups()
        if name in given:
            raise UsageError(
                f"input `{name}` is given twice", help=f"leave out one `{name}=`", kind="input"
            )
        given[name] = read_value(name, text, stdin_is_program, settings)
        if text.lstrip().startswith("@"):
            files[name] = text.lstrip()[1:]
    _tell_of_whole_tables(files, given)
    if file is None:
        return given
    if stdin_is_program and file == "-":
        raise _standard_input_is_program("--inputs")
    from autodiff_cli.data.files import read_inputs_file

    return {**read_inputs_file(file, wanted), **given}


def _tell_of_whole_tables(files: Mapping[str, str], given: Mapping[str, Any]) -> None:
    """Remarks on tables where a column was hardly forgotten on purpose.

    That is a file read whole into two names, or a table of one column beside an array as long,
    with which it makes a square of numbers.
    """
    tables: dict[str, list[str]] = {}
    for name, file in files.items():
        if getattr(given[name], "ndim", 0) == 2:
            tables.setdefault(file, []).append(name)
    for file, names in tables.items():
        rows, columns = given[names[0]].shape
        lines = [one for one in given.values() if getattr(one, "shape", ()) == (rows,)]
        if len(names) > 1 or (columns == 1 and lines):
            _tell_of_whole_table(file, names, rows, columns)


def _tell_of_whole_table(file: str, names: Sequence[str], rows: int, columns: int) -> None:
    from autodiff_cli.data.files import header_of
    from autodiff_cli.data.remarks import remark

    header = header_of(file)
    if header:
        which = " and ".join(f"`{name}`" for name in names)
        remark(
            f"all of {file}, {rows} by {columns}, is the value of {which}",
            help=f"for one column write {names[0]}=@{file}:{header[0]}, or :* if all are meant",
            kind="whole-table",
        )


def read_value(
    name: str, text: str, stdin_is_program: bool, settings: Settings, what: str = ""
) -> Any:
    """The value that `NAME=text` gives; `what` is what messages call it, else `input NAME`."""
    text, what = text.lstrip(), what or f"input `{name}`"
    if PLAIN_NUMBER.fullmatch(text):
        if len(text) >= LONG and text.strip("+-").isdigit():
            _tell_of_rounded(what, text)
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


def _tell_of_rounded(what: str, text: str) -> None:
    from autodiff_cli.data.numerals import is_rounded
    from autodiff_cli.data.remarks import remark_rounded

    if is_rounded(text):
        remark_rounded(what, text)


def _constant(name: str, text: str, settings: Settings, what: str) -> Any:
    from autodiff_cli.interpreter.run import evaluate_constant
    from autodiff_cli.language.source import Source

    try:
        value = evaluate_constant(Source(f"{name}=", text), _settings_of(name, settings))
        for item in LONG_INTEGER.findall(text):
            _tell_of_rounded(what, item)
        return value
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
