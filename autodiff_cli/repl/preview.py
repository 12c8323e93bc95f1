"""What stands at the prompt, evaluated as it is typed: where that is cheap, and changes nothing."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff_cli.api.session import Session
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.errors import AdiffError, LimitError
from autodiff_cli.explain.evaluation import answer
from autodiff_cli.interpreter.builtins import NAMES, RANDOM
from autodiff_cli.interpreter.machine import Limits
from autodiff_cli.interpreter.values import is_number
from autodiff_cli.language.parser import pieces, wants_more
from autodiff_cli.repl import shown
from autodiff_cli.repl.entry import is_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from autodiff_cli.repl.state import State

SECONDS = 0.006
"""Of the processor, that a preview may take."""
LONGEST = 500
"""Characters of a text that is looked at."""
LARGEST = 1_000
"""Elements of an array that is computed with."""
LIMITS = Limits(steps=1_000, nodes=500, depth=50, memory=8 * LARGEST * 4)
EVALUATING = (Session._value.__code__, answer.__code__)
EFFECTS = RANDOM | {"backward", "zero_grad", "print", "input", "assert"}


class Preview:
    """The line below what is typed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._of: tuple[Any, ...] = ()
        self._text = ""
        self._is_warm = False

    def line(self, text: str) -> str:
        """Value and derivatives of a text, on one line; empty where there are none to show."""
        if not self._state.preview:
            return ""
        of = text, self._state.session, len(self._state.entries), self._state.digits
        if of != self._of:
            self._of, self._text = of, self._made(text)
        return self._text

    def _made(self, text: str) -> str:
        if not self._is_pure(text):
            return ""
        session = self._state.session
        if not self._is_warm:
            # What the first evaluation loads is not to count.
            self._is_warm = True
            session.peek("1.5 * 2", LIMITS)
        try:
            with _quickly():
                evaluation = session.peek(text, LIMITS)
        except (AdiffError, ArithmeticError, MemoryError):
            return ""
        parts = [f"= {shown.short(evaluation.value, self._state.digits)}"]
        for name, found in evaluation.gradient.items():
            parts.append(f"d/d{name} = {shown.short(found, self._state.digits or shown.DIGITS)}")
        return "   ".join(parts)

    def _is_pure(self, text: str) -> bool:
        """Whether it is an expression of names that there are, and nothing happens in it."""
        if not text.strip() or len(text) > LONGEST or is_command(text):
            return False
        session = self._state.session
        kinds: list[str] = []
        for kind, start, end in pieces(text):
            word = text[start:end]
            if kind in ("", "EQUAL", "UPDATE") or word in EFFECTS:
                return False
            if kind == "NAME":
                if word in session:
                    value = session[word]
                    if is_number(value) and shape_of(value) and value.size > LARGEST:
                        return False
                elif word not in NAMES and kinds[-1:] != ["DOT"]:
                    return False
            if kind != "WHITESPACE":
                kinds.append(kind)
        # A number or a name alone tells nothing that is not on the screen.
        return kinds not in (["NUMBER"], []) and not wants_more(text)


@contextmanager
def _quickly() -> Iterator[None]:
    """Stops an evaluation inside when it takes longer than a preview may."""

    def over(_: int, frame: FrameType | None) -> None:
        # Where it is being undone, it is about to end.
        while frame is not None:
            if frame.f_code in EVALUATING:
                raise LimitError("a preview takes no longer")
            frame = frame.f_back

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
