"""Where in a program a run is, told from outside of it: by Python's own frames."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from autodiff_cli.language.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType, TracebackType

    from autodiff_cli.errors import Message

ROOM = __name__.rpartition(".")[0]
MOST_FRAMES = 100_000
"""Of a recursion that is deeper the innermost calls are told."""
CALLS_TOLD = 4


def place(message: Message, frames: Iterable[FrameType]) -> bool:
    """Gives a message the span that was running, and the functions that it was in.

    Returns whether all frames were looked at: there may be millions.

    Closures of a lowered program have the span that they are of as `span`.

    Args:
        frames: innermost first.
    """
    frames = iter(frames)
    for frame in islice(frames, MOST_FRAMES):
        code = frame.f_code
        if not frame.f_globals.get("__name__", "").startswith(ROOM):
            continue
        if code.co_name == "invoke":
            local = frame.f_locals
            message.calls.append((local["function"].name or "fn", local["span"]))
        elif message.where is None and not message.calls:
            message.where = _span(frame)
    is_whole = next(frames, None) is None
    if not is_whole:
        del message.calls[CALLS_TOLD:]
    if message.where is None and message.calls:
        message.where = message.calls[0][1]
    return is_whole


def _span(frame: FrameType) -> Span | None:
    code = frame.f_code
    names = (*code.co_varnames, *code.co_freevars)
    if "span" in names:
        span = frame.f_locals.get("span")
    elif "spans" in names and "statement" in names:
        local = frame.f_locals
        span = local["spans"].get(local.get("statement"))
    else:
        return None
    return span if isinstance(span, Span) else None


def frames_above(frame: FrameType | None) -> Iterator[FrameType]:
    """A frame that runs, and those that called it."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def frames_below(trace: TracebackType | None) -> Iterator[FrameType]:
    """The frames that an exception came through, the one that raised it first."""
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return reversed(frames)
