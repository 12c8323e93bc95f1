"""Runs what may take long beside the thread that hears Ctrl-C, and can leave it behind.

A call into NumPy does not let itself be stopped. It is left to itself then, in its thread, and
what it gives is of no use to anybody.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff_cli.errors import TimeOver
from autodiff_cli.interpreter.whereabouts import frames_above, place

if TYPE_CHECKING:
    from collections.abc import Callable

    Result = TypeVar("Result")

LOOK = 0.1
"""Seconds after which it is looked whether a signal has come."""
PATIENCE = 0.5
"""Seconds that what is to be stopped has to put things in order."""


class _Task:
    """One thing to do, and what became of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self.done = Event()

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end before it was stopped."""
        return self.done.is_set() and self._error is None

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result


class Worker:
    def __init__(self) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._thread: Thread | None = None

    def call(self, work: Callable[[], Result], abandon: Callable[[], None]) -> Result:
        """What `work` gives, or raises.

        Whatever a signal raises in the caller meanwhile (Ctrl-C, the end of the time) stops it;
        where it does not stop soon, `abandon` is called, and the caller goes on without it.
        """
        if self._thread is None:
            self._tasks = SimpleQueue()
            self._thread = Thread(target=_serve, args=(self._tasks,), daemon=True)
            self._thread.start()
        task = _Task(work)
        self._tasks.put(task)
        try:
            # A signal that comes just before the wait does not end it.
            while not task.done.wait(LOOK):
                pass
        except BaseException as error:
            if isinstance(error, TimeOver):
                running = sys._current_frames().get(self._thread.ident or 0)
                place(error.error, frames_above(running))
            if not self._stop(task):
                self._thread = None
                self._tasks.put(None)
                abandon()
                raise
            if not (task.has_ended and isinstance(error, KeyboardInterrupt)):
                raise
        result: Result = task.result()
        return result

    def _stop(self, task: _Task) -> bool:
        """Stops what is running; whether it has ended."""
        assert self._thread is not None
        thread = ctypes.c_ulong(self._thread.ident or 0)
        if not task.done.is_set():
            _raise_in(thread, ctypes.py_object(KeyboardInterrupt))
        end = monotonic() + PATIENCE
        while not task.done.is_set() and monotonic() < end:
            with suppress(KeyboardInterrupt, TimeOver):
                task.done.wait(end - monotonic())
        if task.done.is_set():
            # It may have ended by itself, before it could be told.
            _raise_in(thread, None)
        return task.done.is_set()


def _raise_in(thread: ctypes.c_ulong, error: Any) -> None:
    """Raises an exception in another thread as soon as that is in Python again."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)


def _serve(tasks: SimpleQueue[_Task | None]) -> None:
    while True:
        # What was meant for the task before may come only now.
        with suppress(KeyboardInterrupt):
            task = tasks.get()
            if task is None:
                return
            task.run()
