"""NumPy and SciPy on first use: a scalar program never pays for their import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


class LazyModule:
    """Stands for a module, and imports it when an attribute is first asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


__all__ = ["LazyModule", "np", "special"]

if TYPE_CHECKING:
    import numpy as np

    special: Any
else:
    np = LazyModule("numpy")
    special = LazyModule("scipy.special")
