"""Cells of text -> floats, and the words for a cell that is none."""

from __future__ import annotations

import re

from autodiff_cli.data.remarks import EXACT_UP_TO
from autodiff_cli.data.values import quoted

_FORTRAN = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)[dD][+-]?\d+\s*")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+([eEdD][+-]?\d+)?\s*")
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")

_SHORTEST_INEXACT = len(str(EXACT_UP_TO))
_MOST_DIGITS = 309
"""Of a finite float. Python refuses to read integers that are much longer."""


def number(cell: str) -> float:
    """A cell as a float; Fortran's `1.5D+03` is 1500.

    Raises:
        ValueError: where it is none. `2020_01` is none, though float() takes it.
    """
    if "_" in cell:
        raise ValueError(cell)
    try:
        return float(cell)
    except ValueError:
        if _FORTRAN.fullmatch(cell):
            return float(cell.lower().replace("d", "e"))
        raise


def is_number(cell: str) -> bool:
    try:
        number(cell)
    except ValueError:
        return False
    return True


def has_decimal_comma(cell: str) -> bool:
    """Whether it is a number as half of Europe writes it."""
    return _DECIMAL_COMMA.fullmatch(cell) is not None


def is_rounded(text: str) -> bool:
    """Whether a text is an integer that no float is."""
    text = text.strip()
    if len(text) < _SHORTEST_INEXACT or not _INTEGER.fullmatch(text):
        return False
    digits = text.lstrip("+-0")
    return len(digits) > _MOST_DIGITS or (bool(digits) and float(digits) != int(digits))


def refusal(cell: str) -> tuple[str, str]:
    """What is wrong with a cell that is no number, and what to do about it."""
    cell = cell.strip()
    if has_decimal_comma(cell):
        return (
            f"got {quoted(cell)} with a decimal comma, want a number with a point",
            f"write {cell.replace(',', '.')}; `tr , . < FILE` does so in a whole file",
        )
    return (
        f"got {quoted(cell) if cell else 'an empty cell'}, want a number",
        "a cell holds one number, with a point for its decimals, or nan, inf, -inf",
    )
