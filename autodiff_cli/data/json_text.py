"""JSON text -> values: numbers, booleans and regular nested arrays of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autodiff_cli.data.numerals import is_rounded
from autodiff_cli.data.remarks import remark_rounded
from autodiff_cli.data.values import Value, counted, kept_names, quoted, unknown_name
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# JSON has no number for these; this is how `adiff --json` itself writes them.
_NON_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}

_MOST_AXES = 64  # NumPy's limit

_HELP = "an input is a number, true, false, or arrays of them in [ ]; nan is written NaN"


class _Members(list[tuple[str, Any]]):
    """A JSON object as its members in order: a dict would drop a name given twice."""


class _Rounded(float):
    """An integer that no float is, as the nearest one."""

    text: str


def read_json(text: str, key: str | None, where: str) -> Value:
    """The value of a JSON text that is a number, a boolean or an array.

    Args:
        text: the JSON.
        key: which member is meant where it is an object.
        where: what messages begin with, such as `input x: data.json`.
    """
    tree = _parsed(text, where)
    if not isinstance(tree, _Members):
        if key is None:
            return _value(tree, where)
        raise UsageError(
            f"{where}: got {quoted(':' + key)} after it, want none",
            help=f"only an object has keys to choose from, and this is {_kind(tree)}",
        )
    keys = [name for name, _ in tree]
    if key is None:
        raise UsageError(
            f"{where}: got an object, want a number",
            help=f"put :KEY after the file's name to take one of: {', '.join(keys)}"
            if keys
            else _HELP,
        )
    if key not in keys:
        raise unknown_name(where, "key", key, keys)
    if keys.count(key) > 1:
        raise UsageError(f"{where}: key {quoted(key)} is given twice", help="keep one of the two")
    return _value(dict(tree)[key], f"{where}, key {quoted(key)}")


def read_json_inputs(
    text: str, source: str, wanted: Collection[str] | None = None
) -> dict[str, Value]:
    """The values of a JSON object, by name.

    Args:
        text: the JSON.
        source: what messages call the file.
        wanted: the names to read; None for all.
    """
    members = _parsed(text, source)
    if not isinstance(members, _Members):
        raise UsageError(
            f"{source}: got {_kind(members)}, want an object that gives each input by name",
            help='write {"x": 3, "y": [1, 2]}',
        )
    kept = set(kept_names([name for name, _ in members], source, "key", wanted))
    values: dict[str, Value] = {}
    for name, node in members:
        if name in values:
            raise UsageError(f"{source}: input {name} is given twice", help="keep one of the two")
        if name in kept:
            values[name] = _value(node, f"input {name}: {source}")
    return values


def _parsed(text: str, where: str) -> Any:
    """The tree of a JSON text: floats, booleans, strings, None, lists and `_Members`."""
    try:
        # Integers are read as floats at once: an input holds a float, and float() takes an
        # integer of any length where int() has a limit.
        return json.loads(text, parse_int=_integer, object_pairs_hook=_Members)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise UsageError(
                f"{where}, line {error.lineno}, column {error.colno}: "
                "got more after the first JSON value, want one",
                help="an input is one value: run the command once for each, or put them into "
                "one array",
            ) from None
        reason = error.msg[0].lower() + error.msg[1:]
        raise UsageError(
            f"{where}, line {error.lineno}, column {error.colno}: not JSON: {reason}", help=_HELP
        ) from None
    except RecursionError:
        raise _too_deep(where) from None


def _integer(text: str) -> float:
    if not is_rounded(text):
        return float(text)
    value = _Rounded(text)
    value.text = text
    return value


def _value(tree: Any, where: str) -> Value:
    """A tree as a value. An array takes its shape from the first item at each depth."""
    shape: list[int] = []
    node = tree
    while type(node) is list:
        shape.append(len(node))
        if not node:
            break
        node = node[0]
    if len(shape) > _MOST_AXES:
        raise _too_deep(where)
    leaves = list(_leaves(tree, shape, (), where))
    rounded = [leaf for leaf in leaves if type(leaf) is _Rounded]
    if rounded:
        remark_rounded(where, rounded[0].text, len(rounded))
    if not shape:
        (leaf,) = leaves
        return float(leaf) if type(leaf) is _Rounded else leaf

    import numpy as np

    all_true_or_false = bool(leaves) and all(leaf is True or leaf is False for leaf in leaves)
    return np.array(leaves, dtype=bool if all_true_or_false else np.float64).reshape(shape)


def _leaves(  # recurses: _MOST_AXES at most
    node: Any, shape: list[int], path: tuple[int, ...], where: str
) -> Iterator[float]:
    """The numbers and booleans of a tree in order; an error where it departs from `shape`."""
    depth = len(path)
    if type(node) is list and depth < len(shape):
        if len(node) != shape[depth]:
            raise _ragged(where, path, f"has {counted(len(node), 'item')}", f"has {shape[depth]}")
        for index, item in enumerate(node):
            yield from _leaves(item, shape, (*path, index), where)
        return
    leaf = _leaf(node)
    if leaf is None:
        if type(node) is list:  # deeper than the first item of its row
            raise _ragged(where, path, "is an array", "is not")
        place = f"{where}: {_indices(path)} is" if path else f"{where}: got"
        raise UsageError(f"{place} {_kind(node)}, want a number", help=_HELP)
    if depth < len(shape):
        raise _ragged(where, path, f"is {_kind(node)}", "is an array")
    yield leaf


def _leaf(node: Any) -> float | None:
    """A JSON scalar as a number or a boolean, or nothing where it is neither."""
    if type(node) is float or type(node) is bool or type(node) is _Rounded:
        return node
    return _NON_FINITE.get(node) if isinstance(node, str) else None


def _ragged(where: str, path: tuple[int, ...], here: str, first: str) -> UsageError:
    return UsageError(
        f"{where}: {_indices(path)} {here}, {_indices((0,) * len(path))} {first}",
        help="all rows of an array need the same number of items, at every depth",
    )


def _too_deep(where: str) -> UsageError:
    return UsageError(f"{where}: nested too deep, want at most {_MOST_AXES} levels", help=_HELP)


def _indices(path: tuple[int, ...]) -> str:
    return "".join(f"[{index}]" for index in path)


def _kind(node: Any) -> str:
    """What a node of the tree is, for a message."""
    if node is None:
        return "null"
    if isinstance(node, _Members):
        return "an object"
    if isinstance(node, list):
        return "an array"
    if isinstance(node, str):
        return quoted(node)
    return "a boolean" if isinstance(node, bool) else "a number"
