"""What bounds a run, by the options that say so."""

from __future__ import annotations

import math
import re
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.ending import ENDING
from autodiff_cli.errors import LimitError, TimeOver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

    from autodiff_cli.interpreter.machine import Settings

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
AGAIN = 1.5
"""Seconds after which who does not stop is told again."""
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
def held(options: Mapping[str, Any]) -> Iterator[None]:
    """Bounds the time and the memory of what runs inside, reading and writing included.

    Raises:
        LimitError: with the place in the program that was running.
    """
    with time_limit(options["timeout"]), memory_limit(options["max_memory"]):
        yield


@contextmanager
def memory_limit(allowed: float | None) -> Iterator[None]:
    """Stops what runs inside with a `LimitError` where it takes more memory.

    The system's help is asked for where the process is ours.
    """
    from autodiff_cli.engine.memory import exhausted, hold
    from autodiff_cli.engine.surroundings import CURRENT, Surroundings
    from autodiff_cli.interpreter.machine import Limits
    from autodiff_cli.interpreter.whereabouts import frames_below, place

    largest = Limits().memory if allowed is None else allowed
    before = CURRENT.set(Surroundings(largest=largest))
    if ENDING.is_ours:
        hold(largest)
    try:
        yield
    except MemoryError as error:
        failure = exhausted()
        place(failure, frames_below(error.__traceback__))
        raise failure from None
    finally:
        CURRENT.reset(before)


@contextmanager
def time_limit(allowed: float | None) -> Iterator[None]:
    """Stops what runs inside with a `LimitError` when the time is over."""
    if allowed is None:
        yield
        return

    begun: list[LimitError] = []

    def error(frame: FrameType | None) -> tuple[LimitError, bool]:
        failure = LimitError(
            f"--timeout: {allowed:g} seconds are over",
            help="a larger --timeout allows more",
        )
        from autodiff_cli.interpreter.whereabouts import frames_above, place

        is_whole = place(failure, frames_above(frame))
        if failure.where is not None:  # it may have been reading, or writing
            failure.label = "this was running"
        return failure, is_whole

    def over(_: int, frame: FrameType | None) -> None:
        failure, is_whole = error(frame)
        begun.append(failure)
        if not is_whole:  # to go back through a million calls would take seconds
            ENDING.end(failure)
        raise TimeOver(failure)

    def unheard(thread: int) -> LimitError:
        return begun[0] if begun else error(sys._current_frames().get(thread))[0]

    ENDING.error = unheard
    before = signal.signal(signal.SIGALRM, over)
    # Once more where the first was lost, as in what Python calls when it drops a value.
    signal.setitimer(signal.ITIMER_REAL, min(allowed, LONGEST), AGAIN)
    try:
        yield
    except BaseException:
        if begun:  # whatever became of it on its way
            raise begun[0] from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
