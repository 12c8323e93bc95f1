"""NumPy and SciPy on first use: a scalar program never pays for their import."""

from __future__ import annotations

import sys
from contextlib import suppress
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.process_memory import loading_libraries


class LazyModule:
    """Stands for a module, and imports it when an attribute is first asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if self._name not in sys.modules:
            _load_aside(self._name)
        value = getattr(import_module(self._name), attribute)
        waiting = _WAITING.get()
        if waiting is not None:
            waiting.quieten()
        setattr(self, attribute, value)
        return value


def _load_aside(name: str) -> None:
    """Imports a module in a thread that no signal interrupts.

    NumPy that is half loaded cannot be loaded again.
    """
    from threading import Thread

    def load() -> None:
        with suppress(ImportError), loading_libraries():  # which whoever wants it is told
            import_module(name)

    loading = Thread(target=load)
    loading.start()
    loading.join()


class quiet_numpy:  # noqa: N801
    """While it is open, NumPy warns of nothing in this thread, and elsewhere as ever.

    Arithmetic is IEEE: what is nan or inf is reported at the end, by us. NumPy may be loaded
    while it is open.

    Args:
        heard: is called, with whatever arguments, when NumPy makes of finite numbers what is not.
    """

    __slots__ = ("_before", "_heard", "_state")

    def __init__(self, heard: Callable[..., None] | None = None) -> None:
        self._heard = heard
        self._state: Any = None
        self._before: Any = None

    def __enter__(self) -> None:
        if hasattr(sys.modules.get("numpy"), "errstate"):
            self.quieten()
        else:
            self._before = _WAITING.set(self)

    def quieten(self) -> None:
        if self._state is None:
            do = "ignore" if self._heard is None else "call"
            self._state = sys.modules["numpy"].errstate(all=do, under="ignore", call=self._heard)
            self._state.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._state is not None:
            self._state.__exit__()
        if self._before is not None:
            _WAITING.reset(self._before)
            around = _WAITING.get()
            if around is not None and self._state is not None:
                around.quieten()


_WAITING: ContextVar[quiet_numpy | None] = ContextVar("waiting", default=None)
"""Who wants NumPy to be quiet as soon as it is there."""

__all__ = ["LazyModule", "np", "optimize", "quiet_numpy", "special"]

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    optimize: Any
    special: Any
else:
    np = LazyModule("numpy")
    optimize = LazyModule("scipy.optimize")
    special = LazyModule("scipy.special")
