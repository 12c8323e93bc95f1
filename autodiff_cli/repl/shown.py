"""Results as a prompt shows them: a value with its name, and its derivatives at a glance."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from autodiff_cli.controls import MULTILINE
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.interpreter.printing import printed
from autodiff_cli.interpreter.values import is_boolean, is_number
from autodiff_cli.repl.state import LAST
from autodiff_cli.report import result
from autodiff_cli.report.columns import screen_columns
from autodiff_cli.report.numbers import summary_text, value_text

if TYPE_CHECKING:
    from autodiff_cli.explain.evaluation import Evaluation
    from autodiff_cli.repl.state import State

SMALL_GRAPH = 1_000
"""Nodes of a value whose derivatives are shown by themselves."""
DIGITS = 6
"""Of derivatives at a glance."""
MOST_NAMES = 8
NARROWEST = 10
MUTED = "\x1b[2m"
RESET = "\x1b[0m"

FORMATS = ("auto", "table", "plain", "json", "csv")


def width() -> int:
    """Columns of the screen."""
    return max(screen_columns(), NARROWEST)


def muted(text: str, color: bool) -> str:
    return f"{MUTED}{text}{RESET}" if color and text else text


def folded(text: str) -> list[str]:
    """A text in lines that the screen has room for."""
    return textwrap.wrap(text, width() - 3, break_on_hyphens=False, drop_whitespace=True)


def value_shown(name: str, value: Any, digits: int | None, form: str) -> str:
    """A value with its name: as NumPy sets it on a screen, on one line in `plain`."""
    if not is_number(value):
        text = printed(value).translate(MULTILINE)
        return f"{name}\t{text}" if form == "plain" else f"{name} = {text}"
    if form == "plain":
        return f"{name}\t{value_text(value, digits)}"
    start = f"{name} = "
    room = width() - len(start) - 1
    if room < NARROWEST * 2 and shape_of(value):
        return f"{start}\n{summary_text(value, digits, width() - 1)}"
    lines = summary_text(value, digits, room).splitlines()
    return start + f"\n{' ' * len(start)}".join(lines)


def as_data(state: State, name: str, form: str) -> str:
    """A result in a format of `adiff eval`, with its gradient where it is a single number."""
    scalar = not shape_of(state.session[name])
    evaluation = state.evaluate(name, None if scalar else [])
    if name == LAST:
        evaluation.output = "result"
    write = {"json": result.as_json, "csv": result.as_csv}
    return write[form]([evaluation], state.digits).rstrip("\n")


def glance(state: State, name: str) -> str:
    """The derivatives of a name's value by the names that it was made of, on one line.

    Empty where it was made of none.
    """
    session = state.session
    value = session[name]
    if not is_number(value) or is_boolean(value):
        return ""
    if session.most_below(name, SMALL_GRAPH) > SMALL_GRAPH:
        return f"made by more than {SMALL_GRAPH:,} operations: `:grad {name}` differentiates it"
    shape = shape_of(value)
    if shape:
        by = [each for each in state.made_of(name) if each != name]
        command = f"`:jacobian {name}`" if name != LAST else "`:jacobian`"
        return f"by {', '.join(by)}: {command}, or a sum of it" if by else ""
    evaluation = state.evaluate(name)
    parts = [text for each, text in derivatives(evaluation, state.digits) if each != name]
    if len(parts) > MOST_NAMES:
        parts[MOST_NAMES:] = [f"and {len(parts) - MOST_NAMES} more: `:grad {name}`"]
    return "   ".join(parts)


def derivatives(evaluation: Evaluation, digits: int | None = None) -> list[tuple[str, str]]:
    """Each name with `dy/dx = 27`; of the last result, `d/dx = 27`."""
    of = "" if evaluation.output == LAST else evaluation.output
    return [
        (name, f"d{of}/d{name} = {short(found, digits or DIGITS)}")
        for name, found in evaluation.gradient.items()
    ]


def short(value: Any, digits: int | None) -> str:
    """A value on a part of a line: of a large array its shape, and its range."""
    if not is_number(value):
        return printed(value).translate(MULTILINE)
    if not shape_of(value) or is_boolean(value):
        return value_text(value, digits)
    from autodiff_cli.report.trace.brief import brief

    return brief(value, digits)
