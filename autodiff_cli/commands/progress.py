"""A sign of life for work that takes more than a second, on a terminal only."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_BEFORE = 1.0


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Shows a pulsing bar with the time on standard error while what runs inside takes long."""
    if not sys.stderr.isatty():
        yield
        return
    from threading import Timer

    started = []

    def start() -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        bar.add_task(what, total=None)
        bar.start()
        started.append(bar)

    timer = Timer(SECONDS_BEFORE, start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for bar in started:
            bar.stop()
