"""What rich draws, as text for the terminal."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from autodiff_cli.report.columns import MOST_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def new_table(**settings: Any) -> Table:
    """A table of our own looks: a line below the headings, and none besides."""
    return Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, **settings)


def drawn(
    color: bool, draw: Callable[[int], Iterable[Iterable[Any]]], width: int | None = None
) -> str:
    """The groups of tables and texts that `draw(width)` gives, an empty line between groups.

    Where nobody says how wide, as the terminal, or as 80 characters where there is none.
    """
    console = Console(
        width=width,
        file=StringIO(),
        force_terminal=color,
        force_jupyter=False,  # it would show there what is only to be drawn
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
    )
    console.width = min(console.width, MOST_COLUMNS)
    with console.capture() as capture:
        for position, group in enumerate(draw(console.width)):
            if position:
                console.print()
            for part in group:
                console.print(part)
    # Rich pads every line to the width of the table.
    return "".join(f"{line.rstrip()}\n" for line in capture.get().strip("\n").splitlines())
