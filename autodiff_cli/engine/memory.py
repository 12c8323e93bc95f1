"""The memory that arrays may take: asked for before it is, not found out by the kernel."""

from __future__ import annotations

import math

from autodiff_cli.engine.process_memory import hold, make_room
from autodiff_cli.engine.surroundings import CURRENT
from autodiff_cli.errors import LimitError

__all__ = ["exhausted", "hold", "in_words", "reserve"]

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")

LARGEST = 1e300


def reserve(size: float, what: str) -> None:
    """Asks for `size` bytes for `what`.

    Raises:
        LimitError: that is more than is allowed.
    """
    largest = CURRENT.get().largest
    if size > largest:
        raise LimitError(
            f"{what} would take {in_words(size)}, and --max-memory allows {in_words(largest)}",
            help="give --max-memory a larger size if that much is meant",
        )


def exhausted(what: str = "") -> LimitError:
    """The error of a `MemoryError`, where `what` would have taken the memory.

    There is room to tell it, and to put things in order, from here on.
    """
    make_room()
    largest = CURRENT.get().largest
    allowed = f", and --max-memory allows {in_words(largest)}" if math.isfinite(largest) else ""
    return LimitError(
        f"there is no memory left{what and ' for '}{what}{allowed}",
        label="this was running",
        help="give --max-memory a larger size if that much is meant",
    )


def in_words(size: float) -> str:
    """`1.5 GiB`."""
    unit = 0
    size = float(min(size, LARGEST))  # an integer may be too large for a float
    while size >= 1024 and unit < len(UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.3g} {UNITS[unit]}"
