"""The options that bound a run."""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class Size(click.ParamType):
    """A number of bytes: `500M`, `4GiB`. Units are powers of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        match = SIZE.fullmatch(value.strip())
        if match is None:
            self.fail(f"got {value!r}, want a size as 500M or 4G", param, ctx)
        return float(match[1]) * 1024 ** POWERS[match[2].lower()]


def limit_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--max-steps` and its kin, whose defaults are those of `runtime.machine.Limits`."""
    options = (
        ("--max-steps", click.IntRange(min=1), "Loop iterations and calls, together.  [10 million]"),
        ("--max-nodes", click.IntRange(min=1), "Nodes recorded.  [10 million]"),
        ("--max-depth", click.IntRange(min=1), "Calls inside calls.  [10 thousand]"),
        ("--max-memory", Size(), "Bytes of the graph, or of one array: 500M, 4G.  [4G]"),
        ("--timeout", click.FloatRange(min=0, min_open=True), "Seconds.  [none]"),
    )
    for name, kind, text in reversed(options):
        function = click.option(name, type=kind, help=text)(function)
    return function


def given_limits(**options: Any) -> dict[str, Any]:
    """The limits that the command line sets, by the names of `Limits`."""
    return {name[4:]: value for name, value in options.items() if value is not None}


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Stops what runs inside with a `LimitError` when the time is over."""
    if seconds is None:
        yield
        return

    def over(*_: Any) -> None:
        raise LimitError(
            f"--timeout: {seconds:g} seconds are over",
            label="this was running",
            help="a larger --timeout allows more",
        )

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
