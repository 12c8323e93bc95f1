"""Values as a trace shows them: numbers and small arrays whole, larger ones by shape and range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff_cli.report.numbers import json_value, number_text, value_text

MOST_ELEMENTS = 8
"""Of an array that is shown whole where nobody asks for more."""


@dataclass(slots=True, frozen=True)
class Style:
    """How a trace is written.

    Attributes:
        digits: significant digits; None for as many as a format has by itself.
        full: arrays are printed whole.
        width: columns, for formats that are set for a screen.
        color: with a terminal's colours.
    """

    digits: int | None = None
    full: bool = False
    width: int = 80
    color: bool = False


def brief(value: Any, digits: int | None = None, full: bool = False) -> str:
    """`28.0`, `[0.0, 4.0]`, `(20000) 0.1 … 3.2`: the size of each axis, and the range."""
    if full or np.size(value) <= MOST_ELEMENTS:
        return value_text(value, digits)
    low, high = extent(value)
    shape = "×".join(map(str, np.shape(value)))
    ends = f"{number_text(low, digits)} … {number_text(high, digits)}"
    return f"({shape}) {ends if low != high else number_text(low, digits)}"


def brief_data(value: Any, digits: int | None = None, full: bool = False) -> Any:
    """As `brief`, for JSON: a large array is an object of its shape and range."""
    if full or np.size(value) <= MOST_ELEMENTS:
        return json_value(value, digits)
    low, high = extent(value)
    return {
        "shape": list(np.shape(value)),
        "min": json_value(low, digits),
        "max": json_value(high, digits),
    }


def extent(value: Any) -> tuple[float, float]:
    """The least and the greatest element; nan where there is one."""
    return float(np.min(value)), float(np.max(value))
