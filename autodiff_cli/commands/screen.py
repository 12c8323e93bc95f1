"""The two streams: who gets colour, and how errors and warnings reach standard error."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, TextIO

import click

from autodiff_cli.commands.ending import heard
from autodiff_cli.controls import tamed, tamed_but_colors
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from autodiff_cli.errors import AdiffError

COLOR = ("auto", "always", "never")


def wants_color(stream: TextIO | None, choice: str = "auto") -> bool:
    """Whether a stream gets colour: as `--color`, else the environment, else a terminal says."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and is_terminal(stream)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at the stream. It is None where the shell closed it."""
    return stream is not None and stream.isatty()


def show_error(error: AdiffError, arguments: Sequence[str]) -> None:
    """Writes an error to standard error, as `error_text` has it."""
    show_text(error_text(error, arguments))


def error_text(error: AdiffError, arguments: Sequence[str]) -> str:
    """An error as people read it, or as JSON where the results were to be JSON.

    `arguments` are the command line's, as they stand: it may be what is wrong.
    """
    from autodiff_cli.report import diagnostics

    if _asks_for_json(arguments):
        return f"{diagnostics.as_json(error)}\n"
    return diagnostics.as_text(error, wants_color(sys.stderr, _color_choice(arguments)))


def show_text(text: str) -> None:
    """Writes text to standard error, its colours as they are."""
    # Where it cannot be written there is nobody to tell, and results are none the worse for it.
    with suppress(OSError):
        if is_terminal(sys.stderr):
            text = tamed_but_colors(text)
        click.echo(text, err=True, nl=False, color=True)


def show_printed(text: str) -> None:
    """Writes to standard error what a program prints: to a pipe or a file as it is."""
    show_text(f"{tamed(text) if is_terminal(sys.stderr) else text}\n")


def deliver(chunks: Iterable[bytes], path: str | None) -> None:
    """Writes results to a file, whole or not at all, or to standard output as they come."""
    if path is not None:
        from autodiff_cli.data.output import write_whole

        write_whole(path, b"".join(chunks))
    elif sys.stdout is None:
        raise UsageError(
            "standard output is closed", help="name a file with -o FILE", kind="output"
        )
    else:
        sys.stdout.flush()
        seen = is_terminal(sys.stdout)
        for chunk in chunks:
            if seen:
                chunk = tamed_but_colors(chunk.decode()).encode()
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def page(chunks: Iterable[str]) -> None:
    """Shows text on the terminal, in a pager as soon as it is longer than the screen.

    The pager is the one of $PAGER, and is shown what is there while more is being made.
    """
    import shutil

    chunks = map(tamed_but_colors, chunks)
    height = shutil.get_terminal_size().lines - 1
    first = ""
    for chunk in chunks:
        first += chunk
        if first.count("\n") > height and os.environ.get("TERM") != "dumb":
            # Of less, what makes it show colours, and leave the text on the screen at the end.
            os.environ.setdefault("LESS", "-RX")
            with heard(), _deaf_to_closed_pipes():
                click.echo_via_pager(chain([first], chunks), color=True)
            return
    click.echo(first, nl=False, color=True)


@contextmanager
def _deaf_to_closed_pipes() -> Iterator[None]:
    """While it is open, whoever leaves a pager early ends no more than the writing to it."""
    if not hasattr(signal, "SIGPIPE"):
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    return "--json" in arguments or _last_of(arguments, "--format") == "json"


def _color_choice(arguments: Sequence[str]) -> str:
    choice = _last_of(arguments, "--color")
    return choice if choice in COLOR else "auto"


def _last_of(arguments: Sequence[str], option: str) -> str:
    value = ""
    for position, argument in enumerate(arguments):
        if argument == option and position + 1 < len(arguments):
            value = arguments[position + 1]
        elif argument.startswith(f"{option}="):
            value = argument.partition("=")[2]
    return value
