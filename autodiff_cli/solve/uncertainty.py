"""Numbers with uncertainties as physicists write them: `1.20(5)`, `1.20±0.05`, `100 +/- 2%`."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

CONCISE = re.compile(r"([+-]?(?:\d+(?:\.(\d*))?|\.(\d+)))\((\d*\.?\d+)\)(?:[eE]([+-]?\d+))?")
APART = re.compile(r"\s*(?:±|\+/-|\+-)\s*")
SCALED = re.compile(r"\((.*)\)\s*(?:[eE]([+-]?\d+)|[*·×]\s*10\^([+-]?\d+))")


def read(  # recurses: once, into parentheses
    name: str, text: str, number: Callable[[str], float]
) -> tuple[float, float] | None:
    """The value and the standard uncertainty that `text` gives; None where it has none.

    Args:
        number: reads a constant expression.

    Raises:
        UsageError: an uncertainty that is no positive number.
    """
    text = text.strip()
    found = _concise(text)
    scaled = SCALED.fullmatch(text)
    if found is None and scaled is not None and APART.search(scaled[1]):
        inner = read(name, scaled[1], number)
        if inner is not None:
            factor = float(f"1e{scaled[2] or scaled[3]}")
            found = inner[0] * factor, inner[1] * factor
    if found is None:
        parts = APART.split(text)
        if len(parts) == 1:
            return None
        if len(parts) != 2 or not all(parts):
            raise UsageError(
                f"input `{name}`: got `{text}`, want VALUE±UNCERTAINTY",
                help=f"as in {name}=1.20±0.05, {name}='1.20 +/- 4%' or {name}='1.20(5)'",
                kind="input",
            )
        value = number(parts[0])
        relative = parts[1].endswith("%")
        uncertainty = number(parts[1].removesuffix("%"))
        found = value, abs(value) * uncertainty / 100 if relative else uncertainty
    if not (math.isfinite(found[1]) and found[1] >= 0):
        raise UsageError(
            f"input `{name}`: got the uncertainty {found[1]:g}, want a number that is not negative",
            help="it is a standard uncertainty, a standard deviation",
            kind="input",
        )
    return found


def _concise(text: str) -> tuple[float, float] | None:
    match = CONCISE.fullmatch(text)
    if match is None:
        return None
    number, decimals, only_decimals, digits, exponent = match.groups()
    power = int(exponent or 0)
    # The digits count in units of the value's last one, unless they have a point of their own.
    places = 0 if "." in digits else -len(only_decimals or decimals or "")
    value = Decimal(number).scaleb(power)
    return float(value), float(Decimal(digits).scaleb(places + power))


def concise(value: float, uncertainty: float) -> str:
    """`127.732(71)`: the uncertainty with two digits, in units of the value's last one."""
    if not (0 < uncertainty < math.inf and math.isfinite(value)):
        return f"{value:.10g}"
    last = math.floor(math.log10(uncertainty)) - 1
    digits = round(uncertainty / 10.0**last)
    if digits == 100:
        digits, last = 10, last + 1
    largest = max(abs(value), uncertainty)
    if last > 0 or math.floor(math.log10(largest)) < -4:
        power = math.floor(math.log10(largest))
        places = max(power - last, 0)
        return f"{value / 10.0**power:.{places}f}({digits})e{power}"
    shown = f"{digits / 10:.1f}" if last == -1 and digits >= 10 else str(digits)
    return f"{value:.{-last}f}({shown})"
