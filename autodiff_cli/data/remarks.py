"""What readers have to tell of a value that they could read."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from autodiff_cli.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

EXACT_UP_TO = 2**53
"""Integers above it are not all floats."""

_told: ContextVar[list[Finding] | None] = ContextVar("told", default=None)


@contextmanager
def collected() -> Iterator[list[Finding]]:
    """The list that remarks go to while it is open. Where none is open they are dropped."""
    remarks: list[Finding] = []
    token = _told.set(remarks)
    try:
        yield remarks
    finally:
        _told.reset(token)


def remark(what: str, help: str, kind: str) -> None:
    remarks = _told.get()
    if remarks is not None:
        remarks.append(Finding(what, help=help, kind=kind))


def remark_rounded(where: str, text: str, count: int = 1) -> None:
    """Tells of integers that became the nearest float.

    Args:
        where: the input, and the place in it.
        text: the first of them, as it is written.
        count: how many there are.
    """
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    more = f", and {count - 1} more" if count > 1 else ""
    remark(
        f"{where}: the integer {shown} is rounded to {float(text)!r}{more}",
        f"a float holds every integer up to {EXACT_UP_TO} (2^53), and not every one above",
        "rounded",
    )


_LONGEST_SHOWN = 40
