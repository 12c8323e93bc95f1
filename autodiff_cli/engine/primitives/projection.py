"""What is left of a vector without its part along another, with the digits of what is small."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitives.arguments import from_rows, to_rows
from autodiff_cli.engine.primitives.logic import where
from autodiff_cli.engine.primitives.reductions import sum_

PLAIN = 0.75
"""A share up to which the complement of it, by subtraction, keeps its digits but for two bits."""


def _largest(share: Any, axes: tuple[int, ...]) -> Any:
    """Where the largest is, once along the axes."""
    rows = to_rows(share, axes)
    largest = np.arange(rows.shape[-1]) == rows.argmax(-1)[..., None]
    return from_rows(largest, share.shape, axes)


def projected(t: Any, along: Any, by: Any, share: Any, axes: tuple[int, ...]) -> Any:
    """t - along · Σ by · t, for Σ along · by = 1; of arrays, and of nodes.

    Where one product along · by is close to 1, the others' sum is what is left of 1: it is not
    formed by subtraction. The multiple of `along` that makes t 0 there is taken away before;
    that changes nothing, and in what is left the large product does not occur. It holds in
    every derivative, too.

    Args:
        share: the values of along · by.
    """
    if share.max(initial=0) <= PLAIN:
        return t - along * sum_(by * t, axes, True)
    largest = _largest(share, axes)

    def at_largest(x: Any) -> Any:
        return sum_(where(largest, x, 0.0), axes, True)

    rest = where(largest, 0.0, t - along * (at_largest(t) / at_largest(along)))
    return rest - along * sum_(by * rest, axes, True)
