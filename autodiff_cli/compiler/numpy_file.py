"""A file of Python with the value and gradient of a program of arrays, which needs NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.form import AddAt, ArrayCall, NotCompiled, Value, is_array
from autodiff_cli.compiler.numpy_calls import expand
from autodiff_cli.compiler.numpy_printer import ArrayText
from autodiff_cli.compiler.python_file import PythonFile, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.compiler.exported import Exported
    from autodiff_cli.compiler.form import Function, Operand

ARRAY_OF = """\
def array_of(shape, given, name):
    array = np.asarray(given, dtype=float)
    if array.shape != shape:
        raise ValueError(f"{name}: got the shape {array.shape}, want {shape}")
    return array
"""
MOST_WRITTEN = 1_000
"""Elements of an array that is written down."""


class NumpyFile(PythonFile, ArrayText):
    """Writes the function as a person would who uses NumPy."""

    imports = ("import numpy as np",)
    decorator = '@np.errstate(all="ignore")'

    def __init__(self, function: Function, helpers: dict[str, str]) -> None:
        super().__init__(function, helpers)
        self.names.fresh("array_of")

    def take(self, shown: str, held: Any) -> None:
        if is_array(held):
            name = self.names[held]
            self.helpers["array_of"] = ARRAY_OF
            self.add(f"{name} = array_of({held.shape}, {name}, {name!r})")

    def given_back(self, shape: tuple[int, ...], rest: list[Operand]) -> str:
        operand = rest.pop(0)
        text = self.text_of(operand)
        if not shape:
            return text
        same = isinstance(operand, Value) and operand.shape == shape
        return f"np.array({text})" if same else f"np.full({shape}, {text})"

    def function_name(self, function: Any) -> str:
        name = getattr(function, "__name__", "").removesuffix("_back")
        raise NotCompiled(f"NumPy alone has no derivative or no value of `{name}`", self.span)

    def constant(self, array: Any) -> str:
        if array.size and not any(array.strides):
            return f"np.broadcast_to({array.flat[0]!r}, {array.shape})"
        if array.size > MOST_WRITTEN:
            raise NotCompiled(f"an array of {array.size} known numbers is large", self.span)
        return f"np.array({array.tolist()})"

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **PythonFile.writers,
        ArrayCall: ArrayText.array_call,
        AddAt: ArrayText.add_at,
    }


def numpy_file(exported: Exported) -> str:
    expand(exported.function, careful=True)
    return written(exported, NumpyFile(exported.function, {}))
