"""Reads bytes up to what memory allows, and refuses the rest before it is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from autodiff_cli.engine.memory import reserve

if TYPE_CHECKING:
    from gzip import GzipFile
    from typing import IO

BLOCK = 2**20


def read_whole(stream: IO[bytes] | GzipFile, where: str) -> bytes:
    """All bytes of a stream: a file, a pipe, or one that unpacks another.

    Raises:
        LimitError: it is longer than --max-memory allows.
    """
    reserve(_size(stream), where)
    blocks = []
    length = 0
    while block := stream.read(BLOCK):
        length += len(block)
        reserve(length, where)
        blocks.append(block)
    return b"".join(blocks)


def _size(stream: IO[bytes] | GzipFile) -> int:
    """How long a file is; 0 where nobody knows beforehand."""
    try:
        return os.fstat(stream.fileno()).st_size
    except OSError:  # it has no file behind it
        return 0
