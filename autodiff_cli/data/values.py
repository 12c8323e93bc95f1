"""What every reader hands over, and the words they share for what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from autodiff_cli.controls import escaped
from autodiff_cli.data.remarks import remark
from autodiff_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from numpy.typing import NDArray

Value: TypeAlias = "float | bool | NDArray[Any]"
"""What an input can hold: a float, a boolean, or an array of floats or booleans."""

_SHOWN_CHARACTERS = 40
_SHOWN_NAMES = 20
_COMPARED_NAMES = 10_000
"""To look for a similar one among many more would take seconds."""


def quoted(text: str) -> str:
    """`text` between double quotes, on one line, cut where it is long."""
    if len(text) > _SHOWN_CHARACTERS:
        text = text[: _SHOWN_CHARACTERS - 1] + "…"
    return escaped(json.dumps(text, ensure_ascii=False))


def kept_names(
    names: Sequence[str], where: str, noun: str, wanted: Collection[str] | None
) -> list[str]:
    """Those of the names in a file that are wanted; of the others one remark tells."""
    if wanted is None:
        return list(names)
    others = [name for name in names if name not in wanted]
    if others:
        noun = noun if len(others) == 1 else f"{noun}s"
        remark(
            f"{where}: the program has no input for its {noun} {_shown(others)}",
            help=_ignored(others, where),
            kind="unused-input",
        )
    return [name for name in names if name in wanted]


def _ignored(others: Sequence[str], where: str) -> str:
    unbindable = [name for name in others if not name.isidentifier()]
    ignored = "they are ignored" if len(others) > 1 else "it is ignored"
    if not unbindable:
        return ignored
    return (
        f"{ignored}; 'NAME=@{where}:{_shown(unbindable[:1])}' gives one that is no name here a name"
    )


def _shown(names: Sequence[str]) -> str:
    """Names between commas, of very many the first."""
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(quoted(name)[1:-1] for name in names[:_SHOWN_NAMES]) + more


def counted(number: int, noun: str) -> str:
    """`1 item`, `2,000 items`."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def unknown_name(where: str, noun: str, name: str, known: Sequence[str]) -> UsageError:
    """The error for a column or a key that is not there: names those that are."""
    hint = did_you_mean(name, known) if len(known) <= _COMPARED_NAMES else ""
    hints = [hint, f"its {noun}s are: {_shown(known)}"]
    return UsageError(
        f"{where} has no {noun} {quoted(name)}", help="; ".join(hint for hint in hints if hint)
    )
