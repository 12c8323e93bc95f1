"""What is left of a vector without its part along another, with the digits of what is small."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitives.arguments import to_rows
from autodiff_cli.engine.primitives.indexing import index, setindex
from autodiff_cli.engine.primitives.reductions import sum_

PLAIN = 0.75
"""A share up to which the complement of it, by subtraction, keeps its digits but for two bits."""


def _largest(share: Any, axes: tuple[int, ...]) -> tuple[Any, ...]:
    """The key of the largest along the axes, which it keeps, of size 1."""
    key = [
        np.arange(n).reshape(-1, *(1,) * (share.ndim - i - 1)) for i, n in enumerate(share.shape)
    ]
    if len(axes) == 1:
        key[axes[0]] = share.argmax(axis=axes[0], keepdims=True)
    elif axes:
        largest = np.expand_dims(to_rows(share, axes).argmax(-1), axes)
        places = np.unravel_index(largest, tuple(share.shape[axis] for axis in axes))
        for axis, place in zip(axes, places, strict=True):
            key[axis] = place
    return tuple(key)


def _at(x: Any, key: tuple[Any, ...]) -> Any:
    return index(x, key) if isinstance(x, Operand) else x[key]


def deviation(t: Any, shares: Any, axes: tuple[int, ...]) -> Any:
    """t - Σ shares · t, for shares that add up to 1; of arrays, and of nodes.

    Where some shares are all but 1, what is left of 1 is the sum of the others, and not formed
    by subtraction: t is counted from its element at the largest, so that this share does not
    occur. That changes nothing else, and holds in every derivative.
    """
    values = value_of(shares)
    if not values.size:
        return t
    key = _largest(values, axes)
    t = t - _at(t, key)
    if isinstance(t, Operand):  # of numbers it is 0 already
        t = setindex(t, 0.0, key)
    return t - sum_(shares * t, axes, True)


def projected(t: Any, along: Any, by: Any, axes: tuple[int, ...]) -> Any:
    """t - along · Σ by · t, for Σ along · by = 1; of arrays, and of nodes.

    What is left has Σ by · rest = 0, from which follows the element where along · by is close
    to 1, without a subtraction from 1.
    """
    rest = t - along * sum_(by * t, axes, True)
    share = value_of(along) * value_of(by)
    if not np.ndim(share) or share.max(initial=0) <= PLAIN:
        return rest  # of a number, there are no others
    key = _largest(share, axes)
    others = setindex(rest, 0.0, key)
    scale = by if isinstance(by, float) else _at(by, key)
    return setindex(others, -sum_(by * others, axes, True) / scale, key)
