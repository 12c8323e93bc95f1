"""What `fit` and `minimize` read from the command line alike: starts, bounds, what is fixed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.inputs import read_inputs, read_value
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from autodiff_cli.interpreter.machine import Settings

BOUND = re.compile(r"\s*([^\W\d]\w*(?:\[[\d, ]+\])?)\s*=\s*(.*?)\s*\.\.\s*(.*?)\s*")


def bound_options(function: Any) -> Any:
    """`--bound` and `--fix`."""
    fix = click.option("--fix", multiple=True, metavar="NAMES", help="What stays as it starts.")
    bound = click.option(
        "--bound",
        "bounds",
        multiple=True,
        metavar="NAME=LOW..HIGH",
        help="Within these; one of them may be left out.",
    )
    return bound(fix(function))


def read_bounds(texts: Sequence[str], settings: Settings) -> dict[str, tuple[float, float]]:
    """The bounds by name.

    Raises:
        UsageError: one is no `NAME=LOW..HIGH`, or there are two for a name.
    """
    bounds: dict[str, tuple[float, float]] = {}
    for text in texts:
        match = BOUND.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--bound: got {text!r}, want NAME=LOW..HIGH",
                help="as in --bound 'a=0..10'; --bound 'a=0..' has no upper end",
                kind="bound",
            )
        name, low, high = match.groups()
        if name in bounds:
            raise UsageError(f"--bound {name}: is given twice", help="keep one", kind="bound")
        bounds[name] = _end(name, low, -1, settings), _end(name, high, 1, settings)
    return bounds


def _end(name: str, text: str, side: int, settings: Settings) -> float:
    if not text:
        return side * float("inf")
    value = read_value(name, text, False, settings, f"--bound {name}")
    if not isinstance(value, (int, float)) or value != value:
        raise UsageError(
            f"--bound {name}: got `{text}`, want a number",
            help="as in --bound 'a=0..10'",
            kind="bound",
        )
    return float(value)


def split_starts(
    words: Iterable[str],
    file: str | None,
    stdin_is_taken: bool,
    settings: Settings,
    wanted: Collection[str] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs from files, which are data and stay as they are, and where the others start."""
    words = list(words)
    from_files = [word for word in words if word.partition("=")[2].lstrip().startswith("@")]
    others = [word for word in words if word not in from_files]
    starts = read_inputs(others, None, stdin_is_taken, settings)
    given = read_inputs(from_files, file, stdin_is_taken, settings, wanted)
    return {name: value for name, value in given.items() if name not in starts}, starts
