"""Classes of named slots, for the modules that every start loads.

A dataclass takes three times as long to make, most of it for methods that nobody calls.
"""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(eq_default=False)
def record(kind: type[T]) -> type[T]:
    """Makes a class with a slot, and an argument, for each of the names that are annotated.

    What a name is assigned in the class is its default, the same object for all. Records
    compare by identity.
    """
    names = tuple(kind.__annotations__)
    members = {
        name: value
        for name, value in kind.__dict__.items()
        if name not in ("__dict__", "__weakref__")
    }
    defaults = tuple(members.pop(name) for name in names if name in members)
    members["__slots__"] = names
    members["__init__"] = _initialised_later(names, defaults)
    made: Any = type(kind.__name__, kind.__bases__, members)
    result: type[T] = made
    return result


def _initialised_later(names: tuple[str, ...], defaults: tuple[Any, ...]) -> Any:
    """An `__init__` that is written at its first call: a run makes few of the kinds there are."""

    def first(self: Any, *args: Any, **keywords: Any) -> None:
        lines = "".join(f"\n    self.{name} = {name}" for name in names) or "\n    pass"
        namespace: dict[str, Any] = {}
        exec(f"def __init__(self, {', '.join(names)}):{lines}", namespace)
        init = namespace["__init__"]
        init.__defaults__ = defaults or None
        type(self).__init__ = init
        init(self, *args, **keywords)

    return first


def replace(given: T, **changes: Any) -> T:
    """A record like another, but for some of its slots."""
    kind: Any = type(given)
    made: T = kind(**{name: getattr(given, name) for name in kind.__slots__} | changes)
    return made
