"""How long each engine takes, as a table, lines or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.records import record
from autodiff_cli.report.numbers import json_lines, json_value, number_text

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = "adiff.time/1"
FIGURES = ("first", "value", "gradient", "ratio")
"""Seconds, but for the ratio."""


@record
class Time:
    """What one engine takes, in seconds; the medians of all runs.

    Attributes:
        first: the first run of value and gradient, which makes the code.
        value: the value alone.
        gradient: the value with its gradient.
        why_not: why the engine does not run the program; then there are no times.
    """

    engine: str
    first: float | None = None
    value: float | None = None
    gradient: float | None = None
    why_not: str = ""

    @property
    def ratio(self) -> float | None:
        """The gradient's time over the value's."""
        return self.gradient / self.value if self.gradient and self.value else None


def as_json(times: Sequence[Time], runs: int, digits: int | None = None) -> str:
    """One object a line, as `schemas/time.json` describes it."""
    return json_lines(_data(time, runs, digits) for time in times)


def _data(time: Time, runs: int, digits: int | None) -> dict[str, Any]:
    data: dict[str, Any] = {"schema": SCHEMA, "engine": time.engine}
    if time.why_not:
        return {**data, "why_not": time.why_not}
    found = {name: json_value(getattr(time, name), digits) for name in FIGURES}
    return {**data, "runs": runs, **found}


def as_plain(times: Sequence[Time], digits: int | None = None) -> str:
    """One figure a line, in seconds: `graph.gradient` and its time; nothing of what cannot run."""
    return "".join(
        f"{time.engine}.{name}\t{number_text(getattr(time, name), digits)}\n"
        for time in times
        if not time.why_not
        for name in FIGURES
    )


def as_table(times: Sequence[Time], color: bool, digits: int | None = None) -> str:
    """A line for each engine."""
    from rich.text import Text

    from autodiff_cli.report.console import drawn, new_table

    table = new_table()
    table.add_column("engine", style="cyan")
    for heading in ("first run", "value", "with gradient", "ratio"):
        table.add_column(heading, justify="right")
    for time in times:
        cells = (time.first, time.value, time.gradient)
        if not time.why_not:
            ratio = number_text(time.ratio, digits or 3)
            table.add_row(time.engine, *(_duration(cell, digits or 3) for cell in cells), ratio)
    notes = [Text(f"{time.engine}: {time.why_not}") for time in times if time.why_not]
    return drawn(color, lambda width: [[table], *([notes] if notes else [])])


def _duration(seconds: float | None, digits: int) -> str:
    """`12.3 ms`."""
    assert seconds is not None
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.{digits}g} {unit}"
    return f"{seconds * 1e6:.{digits}g} µs"
