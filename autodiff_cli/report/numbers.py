"""Numbers as text. Without `digits`, as few digits as read back to the same float."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from autodiff_cli.controls import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST_ITEMS = 100
"""A longer array is shown by its ends."""


AT_ONCE = 2**15
"""Elements that are written in a single call, which nothing interrupts."""
LATER = "\ufdd0"
"""Stands for an array that is still to be written: no character, by Unicode's own word."""
EXACT = ("float64", "int64")
"""Types of arrays whose lists Python writes as we do, and much faster than we would."""


def number_text(value: Any, digits: int | None = None) -> str:
    """One number: `28.0`, `nan`, `true`."""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if digits is not None and math.isfinite(value):
        return f"{float(value):.{digits}g}"
    # str of a float32 is the shortest that reads back to that float32.
    return str(value)


def value_text(value: Any, digits: int | None = None) -> str:  # recurses: an array's axes
    """A number, or an array in nested brackets on one line, never shortened."""
    if not getattr(value, "shape", ()):
        return number_text(_plain(value), digits)
    if value.size > AT_ONCE:
        return "".join(_in_parts(value, lambda part: value_text(part, digits)))
    if digits is None and value.dtype in EXACT:
        return repr(value.tolist())
    return f"[{', '.join([value_text(item, digits) for item in value])}]"


def _in_parts(value: Any, text: Callable[[Any], str]) -> Iterator[str]:  # recurses: an array's axes
    """An array in nested brackets, of which `text` writes so much as is no time to wait for."""
    yield "["
    step = 1 if value.ndim > 1 else AT_ONCE
    for start in range(0, len(value), step):
        part = value[start] if value.ndim > 1 else value[start : start + step]
        if start:
            yield ", "
        if part.size > AT_ONCE:
            yield from _in_parts(part, text)
        else:
            yield text(part) if value.ndim > 1 else text(part)[1:-1]
    yield "]"


def json_value(value: Any, digits: int | None = None) -> Any:  # recurses: an array's axes
    """What `json_text` can write: nan and inf as the strings that they are written as."""
    if getattr(value, "shape", ()):
        if value.size > AT_ONCE:
            return _Long(value, digits)
        import numpy as np

        if digits is None and value.dtype in EXACT and np.isfinite(value).all():
            return value.tolist()
        return [json_value(item, digits) for item in value]
    value = _plain(value)
    if isinstance(value, (bool, int)):
        return value
    if not math.isfinite(value):
        return str(value)
    return float(number_text(value, digits))


def json_lines(objects: Iterable[dict[str, Any]]) -> str:
    """One object a line."""
    return "".join(f"{json_text(data)}\n" for data in objects)


@dataclass(slots=True, frozen=True)
class _Long:
    """An array of which `json_text` writes a part after the other."""

    value: Any
    digits: int | None


def json_text(data: Any, **settings: Any) -> str:
    """JSON in which no character steers a terminal; `settings` are those of `json.dumps`."""
    import json

    arrays: list[_Long] = []

    def put_off(array: _Long) -> str:
        arrays.append(array)
        return LATER

    def text(part: Any) -> str:
        return dumps(json_value(part, arrays[place].digits))

    dumps: Callable[..., str] = partial(json.dumps, ensure_ascii=False, allow_nan=False, **settings)
    first, *rest = escaped(dumps(data, default=put_off)).split(f'"{LATER}"')
    pieces = [first]
    for place, after in enumerate(rest):
        pieces += _in_parts(arrays[place].value, text)
        pieces.append(after)
    return "".join(pieces)


def summary_text(value: Any, digits: int | None = None, width: int = 75) -> str:
    """As for `value_text`, but long arrays shortened and set in lines as NumPy does."""
    if not getattr(value, "shape", ()):
        return number_text(_plain(value), digits)
    import numpy as np

    def text(shown: Callable[[Any], str] | None) -> str:
        return np.array2string(
            value,
            separator=", ",
            threshold=MOST_ITEMS,
            max_line_width=width,
            formatter=None if shown is None else {"float_kind": shown},
        )

    if digits is None:
        return text(None).replace("True", "true").replace("False", "false")
    # NumPy's own `precision` counts decimals. Its formatter sets no columns: of the numbers
    # that it asks for, the widest is found first.
    widest = 0

    def measure(item: Any) -> str:
        nonlocal widest
        measured = number_text(item, digits)
        widest = max(widest, len(measured))
        return measured

    text(measure)
    lines = text(lambda item: number_text(item, digits).rjust(widest))
    return lines.replace("True", "true").replace("False", "false")


def _plain(value: Any) -> Any:
    """NumPy's own scalars as Python's, but for float32, whose digits are fewer."""
    if hasattr(value, "dtype") and value.dtype != "float32":
        return value.item()
    return value
