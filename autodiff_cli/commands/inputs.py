"""What the command line says of a program and its inputs."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import AdiffError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autodiff_cli.language.source import Source

INPUT = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)
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
                f"got the file {files[0]} and -e, want one program",
                help=f"if {files[0]} is an input, write it as NAME={files[0]}",
            )
        return Source("<-e>", "\n".join(expressions)), inputs
    if not files:
        raise UsageError(
            "there is no program",
            help="name a file, or - for standard input, or give the text with -e 'x^2'",
        )
    if len(files) > 1:
        raise UsageError(
            f"got the programs {' and '.join(files)}, want one",
            help=f"if {files[1]} is an input, write it as NAME={files[1]}",
        )
    from autodiff_cli.data.files import read_program

    name = "<stdin>" if files[0] == "-" else files[0]
    return Source(name, read_program(files[0])), inputs


def read_inputs(words: Iterable[str], file: str | None, stdin_is_program: bool) -> dict[str, Any]:
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
            raise UsageError(f"input `{name}` is given twice", help=f"leave out one `{name}=`", kind="input")
        given[name] = _value(name, text, stdin_is_program)
    if file is None:
        return given
    from autodiff_cli.data.files import read_inputs_json

    return {**read_inputs_json(file), **given}


def _value(name: str, text: str, stdin_is_program: bool) -> Any:
    if PLAIN_NUMBER.fullmatch(text):
        return float(text)
    if not text.startswith("@"):
        return _constant(name, text)
    if stdin_is_program and (text == "@-" or text.startswith("@-:")):
        raise UsageError(
            f"input `{name}`: standard input is the program already",
            help="read one of the two from a file",
            kind="input",
        )
    from autodiff_cli.data.files import read_file_value

    return read_file_value(text[1:], name)


def _constant(name: str, text: str) -> Any:
    from autodiff_cli.language.source import Source
    from autodiff_cli.runtime.interpreter import evaluate_constant

    try:
        return evaluate_constant(Source(f"{name}=", text))
    except AdiffError as error:
        remedy = error.help
        if not text.strip():
            remedy = f"give a number or an array: {name}=3, {name}='[1, 2]'"
        elif error.kind == "name":
            remedy = f"a value is an expression of numbers; a file is {name}=@FILE"
        raise UsageError(
            f"input `{name}`: got `{text}`, want a constant expression",
            error.where,
            label=error.label or error.what,
            help=remedy,
            kind="input",
        ) from None


def split_names(values: Sequence[str]) -> list[str] | None:
    """`--wrt x,y --wrt z` as a list; None where the option is not there at all."""
    if not values:
        return None
    names = [name.strip() for value in values for name in value.split(",")]
    return list(dict.fromkeys(name for name in names if name))


def stdin_is_terminal() -> bool:
    return sys.stdin is None or sys.stdin.isatty()
