"""What bounds a run, by the options that say so."""

from __future__ import annotations

import math
import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from autodiff_cli.interpreter.machine import Settings

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
LONGEST = 1e9
"""Seconds that the system's clock can count."""
POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def size(text: str) -> float:
    """A number of bytes: `500M`, `4GiB`. Units are powers of 1024."""
    match = SIZE.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"got {text!r}, want a size as 500M or 4G")
    return float(match[1]) * 1024.0 ** POWERS[match[2].lower()]


def seconds(text: str) -> float:
    """A time: any number above 0, `inf` included."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise click.BadParameter(f"got {text!r}, want a number of seconds above 0")
    return value


def run_settings(options: Mapping[str, Any], on_print: Callable[[str], None]) -> Settings:
    """How a program is to run, by the options of a command."""
    from autodiff_cli.interpreter.machine import Limits, Settings

    names = ("steps", "nodes", "depth", "memory")
    limits = {name: options[f"max_{name}"] for name in names}
    return Settings(
        limits=Limits(**{name: most for name, most in limits.items() if most is not None}),
        single=options.get("dtype") == "float32",
        seed=options["seed"],
        on_print=on_print,
    )


@contextmanager
def time_limit(allowed: float | None) -> Iterator[None]:
    """Stops what runs inside with a `LimitError` when the time is over."""
    if allowed is None:
        yield
        return

    def over(*_: Any) -> None:
        raise LimitError(
            f"--timeout: {allowed:g} seconds are over",
            label="this was running",
            help="a larger --timeout allows more",
        )

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, min(allowed, LONGEST))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
