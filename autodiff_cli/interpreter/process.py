"""What of the process a run changes while it lasts: each way in has a way out."""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from threading import Lock, get_ident, main_thread, stack_size

PYTHON_FRAMES = 10_000_000
"""Closures call closures: Python's own limit would come long before --max-depth. Python to
Python calls take no C stack (3.11 and later).

A call that goes through C (an iterator that `join` or `sum` draws from, `f(*args)`, an operator's
method, a property, a generator) does take some, and nothing counts it. So none stands on the way
from a closure of a program to one that it calls, nor from a sweep to a rule of the program's own:
`tests/interpreter/test_depth.py` runs every such way on a thread with next to no stack."""


LEAST_STACK = 2**16
"""Bytes that the stack of a thread has at least, wherever that is not known."""
LARGEST_STACK = 2**23


def stack_of_thread() -> int:
    """Bytes of the C stack that a call from this thread may take, with some to spare."""
    if get_ident() == main_thread().ident:
        return _stack_of_process() * 3 // 4
    return (stack_size() or LEAST_STACK) * 3 // 4


@cache
def _stack_of_process() -> int:
    if os.name == "nt":
        return 2**20
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return LARGEST_STACK if soft == resource.RLIM_INFINITY else min(soft, LARGEST_STACK)


class deep_recursion:  # noqa: N801
    """While one is open, in whichever thread, Python's own limit of recursion is out of the way."""

    __slots__ = ()

    _lock = Lock()
    _open = 0
    _before = 0

    def __enter__(self) -> None:
        kind = deep_recursion
        with kind._lock:
            if not kind._open:
                kind._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(kind._before, PYTHON_FRAMES))
            kind._open += 1

    def __exit__(self, *_: object) -> None:
        kind = deep_recursion
        with kind._lock:
            kind._open -= 1
            if not kind._open:
                sys.setrecursionlimit(kind._before)


class no_garbage_collection:  # noqa: N801
    """Nodes form no cycles, and looking for some doubles the time of recording them."""

    __slots__ = ("_enabled",)

    def __enter__(self) -> None:
        self._enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._enabled:
            if kind is not None and not issubclass(kind, Exception):
                # Stopped from outside: millions of objects, which the error's frames still hold,
                # are not to be gone through before it is told.
                gc.freeze()
            gc.enable()
