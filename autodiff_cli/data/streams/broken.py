"""Streams that break off, and what is said of them; what came before is read all the same."""

from __future__ import annotations

import gzip
import sys
import zlib
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BROKEN = (OSError, EOFError, ValueError, zlib.error)
"""What reading raises where a file is damaged, or ends too early; Arrow's errors are such too."""


class Unpacked(gzip.GzipFile):
    """Reads what there is of a file that is cut off, before it fails."""

    _failure: Exception | None = None

    def read(self, size: int | None = -1) -> bytes:
        if self._failure is not None:
            raise self._failure
        parts = []
        left = sys.maxsize if size is None or size < 0 else size
        try:
            while left and (part := self.read1(min(left, 2**20))):
                parts.append(part)
                left -= len(part)
        except BROKEN as error:
            if not parts:
                raise
            self._failure = error
        return b"".join(parts)


def unbroken(blocks: Iterable[Any], where: str) -> Iterator[Any]:
    """The same blocks.

    Raises:
        RunError: what they are read from breaks off.
    """
    try:
        yield from blocks
    except BROKEN as error:
        raise broken(where, error) from None


def broken(where: str, error: BaseException) -> RunError:
    """The error of a file that cannot be read on."""
    failure = RunError(
        f"{where} is damaged, or cut off: {first_line(error)}",
        help="the records before that are done",
        kind="input",
    )
    failure.keeps_output = True
    return failure


def first_line(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text[:1].lower() + text[1:200]
