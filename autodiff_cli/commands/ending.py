"""Ends a process that runs nothing but adiff from outside, at whatever moment.

Ctrl-C, and time that is over, raise an exception where Python runs. A long call into NumPy hears
no signal: a thread beside it does, and ends the process where nothing else has in good time.
"""

from __future__ import annotations

import _thread
import os
import sys
from _signal import (  # type: ignore[import-not-found]  # `signal` loads more
    SIGALRM,
    SIGINT,
    default_int_handler,
    set_wakeup_fd,
    signal,
)

TYPE_CHECKING = False  # to import `typing` takes longer than all the rest, and a signal may come
if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.errors import AdiffError

INTERRUPTED = 130
GRACE = 1.0
"""Seconds that what is to be stopped has to put things in order."""
WRITABLE = 0.2
"""Seconds that standard error is waited for, which may be a pipe that nobody reads."""


class Ending:
    """Of this process.

    Attributes:
        is_ours: the process runs nothing but adiff, and may be ended.
        is_told: the user has been told why.
        hears: what runs takes signals by itself, as a prompt and a pager do.
        error: makes the error of the time, where nothing else has.
        text: makes the text of an error.
    """

    def __init__(self) -> None:
        self.is_ours = False
        self.is_told = False
        self.hears = False
        self.error: Callable[[int], AdiffError | None] = lambda thread: None
        self.text: Callable[[AdiffError], str] = str

    def begin(self) -> None:
        """Makes the process ours: until a command runs, Ctrl-C ends it in silence."""
        self.is_ours = True
        self.in_silence()
        sys.unraisablehook = _unraisable
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        set_wakeup_fd(writer, warn_on_full_buffer=False)
        _thread.start_new_thread(self._watch, (reader, _thread.get_ident()))

    def in_silence(self) -> None:
        """From now on Ctrl-C ends the process, and nothing is said."""
        if self.is_ours:
            signal(SIGINT, lambda *_: os._exit(INTERRUPTED))

    def by_exception(self) -> None:
        """From now on Ctrl-C raises `KeyboardInterrupt`."""
        if self.is_ours:
            signal(SIGINT, default_int_handler)

    def _watch(self, reader: int, main: int) -> None:
        from time import sleep

        while True:
            # A byte for each signal, which Python's own handler of signals writes.
            number = os.read(reader, 1)[0]
            if number in (SIGINT, SIGALRM) and not self.hears:
                sleep(GRACE)
                self._end_unheard(number, main)

    def _end_unheard(self, number: int, main: int) -> None:
        """Ends the process by a signal that nothing has taken."""
        from autodiff_cli.errors import InterruptError

        error = InterruptError("interrupted") if number == SIGINT else self.error(main)
        if error is not None:
            self.end(error)

    def end(self, error: AdiffError) -> None:
        """Ends the process now, unless it is not ours, or goes on after an error."""
        from autodiff_cli.data.output import remove_temporaries

        if not self.is_ours or self.hears:
            return
        remove_temporaries()
        if not self.is_told:
            self._tell(error)
        os._exit(error.status)

    def _tell(self, error: AdiffError) -> None:
        from select import select

        # Past Python's buffer, which the thread that hangs may hold.
        text = self.text(error)
        if sys.stderr is not None and select([], [2], [], WRITABLE)[1]:
            os.write(2, text.encode(errors="backslashreplace"))


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Says nothing of what a signal raised where Python hands nothing on: it is heard again."""
    if isinstance(unraisable.exc_value, Exception):
        sys.__unraisablehook__(unraisable)


class heard:  # noqa: N801
    """While it is open, what runs inside takes signals by itself."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before, ENDING.hears = ENDING.hears, True

    def __exit__(self, *_: object) -> None:
        ENDING.hears = self._before


ENDING = Ending()
