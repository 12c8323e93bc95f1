"""How `print` and `assert` write a value."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.interpreter.values import describe_value


def printed(value: Any) -> str:
    """Numbers in full, arrays as NumPy writes them, with commas, strings as they are."""
    value = value_of(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, tuple):
        return ", ".join(printed(part) for part in value)
    if hasattr(value, "shape"):
        import numpy as np

        return np.array2string(
            np.asarray(value), separator=", ", threshold=1000, formatter={"bool": printed}
        )
    return describe_value(value)
