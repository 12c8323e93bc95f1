"""How `print` and `assert` write a value."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.memory import reserve
from autodiff_cli.interpreter.values import describe_value

BYTES_OF_A_TEXT = 80
"""What one value takes that waits to be written, or is."""


def printed(value: Any) -> str:
    """Numbers in full, arrays as NumPy writes them, with commas, strings as they are.

    Of several values, and of those that are in turn several, all of them.
    """
    texts: list[str] = []
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, tuple):
            pending.extend(reversed(value))
            reserve(BYTES_OF_A_TEXT * (len(texts) + len(pending)), "what is printed")
        else:
            texts.append(_one(value))
    return ", ".join(texts)


def _one(value: Any) -> str:  # recurses: once, for a boolean
    value = value_of(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if hasattr(value, "shape"):
        import numpy as np

        return np.array2string(
            np.asarray(value), separator=", ", threshold=1000, formatter={"bool": _one}
        )
    return describe_value(value)
