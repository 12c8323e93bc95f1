"""A sign of life for work that takes more than a second, on a terminal only."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autodiff_cli.commands.screen import is_terminal, show_printed, wants_color
from autodiff_cli.controls import tamed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

SECONDS_BEFORE = 1.0
_SHOWN: list[Progress] = []
"""The bars that are on the screen."""


@contextmanager
def progress(what: str, color: str) -> Iterator[Callable[[str], None]]:
    """Shows a pulsing bar with the time on standard error while what runs inside takes long.

    Gives what writes what a program prints to standard error: above the bar, where it is there.
    """
    # A dumb terminal cannot take a bar back: rich leaves an empty line there.
    if not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        yield show_printed
        return
    from threading import Lock, Timer

    started: list[Progress] = []
    # A line that is printed while the bar is being drawn would stand in it.
    drawing = Lock()

    def start() -> None:
        bar = _bar(color)
        task = bar.add_task(tamed(what), total=None)
        bar.tasks[task].start_time = bar.get_time() - SECONDS_BEFORE
        with drawing:
            bar.start()
            started.append(bar)
            _SHOWN.append(bar)

    def say_above(text: str) -> None:
        with drawing:
            if started:
                from rich.text import Text

                started[0].console.print(Text(tamed(text)), soft_wrap=True)
            else:
                show_printed(text)

    timer = Timer(SECONDS_BEFORE, start)
    timer.daemon = True
    timer.start()
    try:
        yield say_above
    finally:
        timer.cancel()
        timer.join()
        for bar in started:
            bar.stop()
            _SHOWN.remove(bar)


def show_progress(what: str, done: float | None) -> None:
    """Says on the bars that are there what is done, and how much of all that is, from 0 to 1.

    They pulse where it is None, as nobody knows.
    """
    for bar in _SHOWN:
        for task in bar.tasks:
            total = None if done is None else 1.0
            bar.update(task.id, description=tamed(what), total=total, completed=done or 0.0)


def stop_bars() -> None:
    """Takes the bars off the screen, as what they are of is given up."""
    for bar in _SHOWN:
        bar.stop()


def _bar(color: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, no_color=not wants_color(sys.stderr, color)),
        transient=True,
    )
