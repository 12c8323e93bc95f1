"""Numbers that neither overflow nor underflow: a float, and a power of two beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING = -(2**40)
"""The exponent of 0, below that of every product."""
FAR = 5000
"""Beyond the distance of the exponents of any two floats."""


class Scaled:
    """An array of mantissa · 2^exponent."""

    __slots__ = ("exponent", "mantissa")

    def __init__(self, mantissa: Any, exponent: Any = 0) -> None:
        self.mantissa, more = np.frexp(mantissa)
        self.exponent = np.where(self.mantissa == 0, NOTHING, exponent + more.astype(np.int64))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.mantissa.shape)

    def __mul__(self, other: Scaled) -> Scaled:
        return Scaled(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def __add__(self, other: Scaled) -> Scaled:
        exponent = np.maximum(self.exponent, other.exponent)
        return Scaled(self._over(exponent) + other._over(exponent), exponent)

    def _over(self, exponent: Any) -> Any:
        return _moved(self.mantissa, self.exponent - exponent)

    def clear_where_zero(self, factor: Scaled) -> None:
        """Makes 0 of what is a product of this factor where that is 0, be the other infinite."""
        zero = factor.mantissa == 0
        self.mantissa[zero], self.exponent[zero] = 0, NOTHING

    def __getitem__(self, key: Any) -> Scaled:
        return Scaled(self.mantissa[key], self.exponent[key])

    def __setitem__(self, key: Any, value: Scaled) -> None:
        self.mantissa[key], self.exponent[key] = value.mantissa, value.exponent

    def copy(self) -> Scaled:
        return Scaled(self.mantissa, self.exponent)

    def value(self) -> Any:
        return _moved(self.mantissa, self.exponent)


def _moved(mantissa: Any, exponent: Any) -> Any:
    return np.ldexp(mantissa, np.clip(exponent, -FAR, FAR).astype(np.int32))


def in_range(compute: Callable[..., Any], *arrays: Any) -> Any:
    """`compute` of arrays of floats, by `Scaled` ones where a float on the way is out of range."""
    try:
        with np.errstate(over="raise", under="raise", invalid="raise"):
            return compute(*arrays)
    except FloatingPointError:
        return compute(*map(Scaled, arrays)).value()
