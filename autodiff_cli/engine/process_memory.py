"""The memory of the process, bounded by the system where it can: Linux counts what is written to.

A limit on data (`RLIMIT_DATA`) counts private memory that may be written to, and not the
libraries that are mapped, as one on addresses would.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = 50 * 2**20
"""Bytes that Python and all libraries write to by themselves."""
ROOM = 20 * 2**20
"""Bytes to tell of an error in, and to put things in order."""
STATISTICS = "/proc/self/statm"

_held: float | None = None
"""The limit that is held, in bytes."""
_more: Callable[[], None] | None = None
"""Raises what the system allows by some room."""


def hold(limit: float) -> None:
    """Has the system refuse memory to this process beyond `limit`, and what is ours.

    What is refused raises `MemoryError`. Elsewhere than on Linux nothing is done.
    """
    global _held
    _held = limit
    _refuse_beyond(limit + OURS)


def make_room() -> None:
    """Lets there be a little more memory, until a limit is held again.

    Nothing is asked for on the way: there may be none left.
    """
    if _more is not None:
        _more()


@contextmanager
def loading_libraries() -> Iterator[None]:
    """While it is open nothing is refused: libraries reserve much that they do not use."""
    if _held is None:
        yield
        return
    _refuse_beyond(None)
    try:
        yield
        _warm_up()
    finally:
        _refuse_beyond(_held + OURS)


def _warm_up() -> None:
    """Lets linear algebra have its buffers, without which it would end the process.

    SciPy has a linear algebra of its own.
    """
    import numpy as np

    pair = np.ones((2, 2))
    pair @ pair
    if hasattr(sys.modules.get("scipy.linalg.blas"), "dgemm"):
        sys.modules["scipy.linalg.blas"].dgemm(1.0, pair, pair)


def _refuse_beyond(most: float | None) -> None:
    global _more
    # Another system, or one that hides its figures.
    with suppress(ImportError, OSError, ValueError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        soft = hard
        if most is not None:
            with open(STATISTICS, "rb") as file:
                _, resident, shared, _, _, data, _ = map(int, file.read().split())
            reserved = (data - (resident - shared)) * resource.getpagesize()
            bound = int(min(most + max(reserved, 0), 2**62))
            soft = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        room = soft
        if soft != hard:
            room = soft + ROOM if hard == resource.RLIM_INFINITY else min(soft + ROOM, hard)
        _more = partial(resource.setrlimit, resource.RLIMIT_DATA, (room, hard))
