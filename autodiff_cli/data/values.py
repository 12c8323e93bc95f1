"""What every reader hands over, and the words they share for what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from autodiff_cli.controls import escaped
from autodiff_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

Value: TypeAlias = "float | bool | NDArray[Any]"
"""What an input can hold: a float, a boolean, or an array of floats or booleans."""

_SHOWN_CHARACTERS = 40
_SHOWN_NAMES = 20


def quoted(text: str) -> str:
    """`text` between double quotes, on one line, cut where it is long."""
    if len(text) > _SHOWN_CHARACTERS:
        text = text[: _SHOWN_CHARACTERS - 1] + "…"
    return escaped(json.dumps(text, ensure_ascii=False))


def counted(number: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def unknown_name(where: str, noun: str, name: str, known: Sequence[str]) -> UsageError:
    """The error for a column or a key that is not there: names those that are."""
    shown = ", ".join(known[:_SHOWN_NAMES])
    more = f", … ({len(known)} in all)" if len(known) > _SHOWN_NAMES else ""
    hints = [did_you_mean(name, known), f"its {noun}s are: {shown}{more}"]
    return UsageError(
        f"{where} has no {noun} {quoted(name)}", help="; ".join(hint for hint in hints if hint)
    )
