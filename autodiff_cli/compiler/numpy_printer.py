"""The form with arrays as Python source that calls NumPy, which writes into arrays made once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.form import AddAt, ArrayCall, Check, Move, Value
from autodiff_cli.compiler.printing import ATOM
from autodiff_cli.compiler.python import PythonPrinter
from autodiff_cli.engine.lazy import np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autodiff_cli.compiler.buffers import Buffers
    from autodiff_cli.compiler.form import Function

INFIX = {
    "np.add": "+",
    "np.subtract": "-",
    "np.multiply": "*",
    "np.divide": "/",
    "np.matmul": "@",
    "np.greater": ">",
    "np.less": "<",
}


class ArrayText(PythonPrinter):
    """Writes operations on arrays.

    Attributes:
        buffers: the arrays that calls write into, by their numbers.
    """

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        self.names.fresh("np")
        self.buffers: Mapping[Any, int] = {}
        self._constants: dict[int, str] = {}
        self._functions: dict[Any, str] = {}

    # ── operations ────────────────────────────────────────────────────────────────────

    def array_call(self, op: ArrayCall) -> None:
        targets = ", ".join(self.names[out] for out in op.outs)
        text = self.called_text(op)
        if op.plain:
            text = f"{op.outs[0].type}({text})"
        self.add(f"{targets} = {text}")

    def called_text(self, op: ArrayCall) -> str:
        buffer = self.buffers.get(op)
        args = [self.argument(arg) for arg in op.args]
        named = [f"{name}={self.argument(arg)}" for name, arg in op.named.items()]
        if buffer is not None:
            named.append(f"out=b{buffer}")
        if op.function == "__getitem__":
            key = op.args[1]
            parts = [self.subscript(part) for part in (key if isinstance(key, tuple) else (key,))]
            return f"{args[0]}[{', '.join(parts) or '()'}]"
        named = [one for one in named if one != "keepdims=False"]
        if isinstance(op.function, str):
            return f"{args[0]}.{op.function}({', '.join([*args[1:], *named])})"
        if op.text in INFIX and not named:
            left, right = (self.text_of(arg, ATOM) for arg in op.args)
            return f"{left} {INFIX[op.text]} {right}"
        return f"{op.text or self.function_name(op.function)}({', '.join([*args, *named])})"

    def function_name(self, function: Any) -> str:
        """The name by which the text calls a function that is none of NumPy's."""
        if function not in self._functions:
            name = self._functions[function] = self.names.fresh(function.__name__)
            self.used[name] = function
        return self._functions[function]

    def add_at(self, op: AddAt) -> None:
        key = ", ".join(self.subscript(part) for part in op.key)
        place, source = self.names[op.out], self.text_of(op.source)
        if op.sets:
            self.add(f"{place}[{key or '()'}] = {source}")
        elif any(isinstance(part, np.ndarray) for part in op.key):
            self.add(f"np.add.at({place}, ({key},), {source})")
        else:
            self.add(f"{place}[{key or '()'}] += {source}")

    # ── arguments ─────────────────────────────────────────────────────────────────────

    def argument(self, held: Any) -> str:  # recurses: an argument
        if isinstance(held, (Value, float)) or hasattr(held, "dtype"):
            return self.text_of(held)
        if isinstance(held, tuple):
            return f"({', '.join(map(self.argument, held))}{',' * (len(held) == 1)})"
        if isinstance(held, list):
            return f"[{', '.join(map(self.argument, held))}]"
        if held is None or isinstance(held, (bool, int, str, slice)):
            return repr(held)
        if isinstance(held, (np.dtype, type)):
            return f"np.{np.dtype(held).name}"
        return self.function_name(held) if callable(held) else self.constant(held)

    def subscript(self, part: Any) -> str:
        if not isinstance(part, slice):
            return self.argument(part)
        ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
        return ":".join(ends if part.step is None else [*ends, str(part.step)])

    def literal(self, number: Any) -> tuple[str, int]:
        return (
            (self.constant(number), ATOM) if hasattr(number, "dtype") else super().literal(number)
        )

    def constant(self, array: Any) -> str:
        """The name of an array that is known beforehand."""
        if id(array) not in self._constants:
            name = self._constants[id(array)] = self.names.fresh("c1")
            self.used[name] = array
        return self._constants[id(array)]

    def converted(self, op: Move) -> tuple[str, int]:
        shape, source = op.out.shape, op.source
        if not shape:
            return super().converted(op)
        if isinstance(source, (int, float)):
            made = "zeros" if source == 0 else "full"
            return f"np.{made}({shape}{'' if source == 0 else f', {source!r}'})", ATOM
        text, binds = self.operand(source)
        if isinstance(source, Value) and source.type != op.out.type:
            kind, binds = op.out.type, ATOM
            made = f"{self.text_of(source, ATOM)}.astype({kind})"
            text = made if source.shape else f"{kind}({text})"
        if source.shape != shape:
            return f"np.broadcast_to({text}, {shape})", ATOM
        return text, binds

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **PythonPrinter.writers,
        ArrayCall: array_call,
        AddAt: add_at,
    }


class NumpyPrinter(ArrayText):
    """Writes a function of Python in a function that makes the arrays that it writes into."""

    def __init__(self, function: Function, buffers: Buffers) -> None:
        super().__init__(function)
        self.used["np"] = np
        self.buffers = buffers.of
        self._made = buffers.made

    def printed(self, name: str) -> str:
        self.depth = 1
        super().printed(name)
        body, self.lines, self.depth = self.lines, [], 0
        self.add(f"def made_{name}():")
        self.depth = 1
        for number, (shape, dtype) in enumerate(self._made):
            kind = "" if dtype == "float" else f", {dtype}"
            self.add(f"b{number} = np.empty({shape}{kind})")
        self.lines += body
        self.add(f"return {name}")
        return self.text()

    def check(self, op: Check) -> None:
        if isinstance(op.finite, Value) and op.finite.shape:
            self.add(f"if not np.isfinite({self.names[op.finite]}).all(): raise Flag")
        else:
            super().check(op)

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **ArrayText.writers,
        Check: check,
    }
