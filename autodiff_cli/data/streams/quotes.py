"""Where the rows of a CSV end: behind a newline that is not within quotes."""

from __future__ import annotations

import re
from functools import cache

LONGEST = 64 * 2**20
"""Bytes after which a quote that is open is taken for one that nobody closes."""


def rows_of(content: bytes, separator: str, inside: bool = False) -> tuple[int, bool]:
    """Where the last row that is whole ends, and whether a quote is open after it.

    A quote opens where a cell begins; in the middle of a cell it is a character as others are.

    Args:
        content: what begins with a line, of a row or `inside` quotes.
    """
    end = content.rfind(b"\n") + 1
    if not inside and _is_plain(content, separator.encode(), end):
        rest = _cells(content[end:], separator, False)
        return end, bool(rest) and rest[-1][2]
    cells = _cells(content, separator, inside)
    for start, stop, _ in reversed(cells):
        if stop < end:
            break
        end = min(end, content.rfind(b"\n", 0, start) + 1)
    return end, bool(cells) and cells[-1][2]


def _is_plain(content: bytes, separator: bytes, end: int) -> bool:
    """Whether the last quote before there tells by itself that none is open.

    Where a cell ends right behind it, and does not begin with it, either it closes the cell, or
    none was open; unless it is the second of two, which stand for one.
    """
    last = content.rfind(b'"', 0, end)
    if last < 0:
        return True
    borders = (separator, b"\n", b"\r")
    before, after = content[last - 1 : last], content[last + 1 : last + 2]
    return after in borders and before not in (b"", b'"', *borders)


def _cells(content: bytes, separator: str, inside: bool) -> list[tuple[int, int, bool]]:
    """Where each cell in quotes begins and ends, and whether its quote is open at the end."""
    cells = []
    place = 0
    if inside:
        first = _REST.match(content)
        assert first is not None
        cells.append((0, first.end(), not first[1]))
        place = first.end()
    for match in _quoted(separator).finditer(content, place):
        cells.append((match.start(), match.end(), not match[1]))
    return cells


_REST = re.compile(rb'[^"]*(?:""[^"]*)*("?)')


@cache
def _quoted(separator: str) -> re.Pattern[bytes]:
    return re.compile(rb'(?<![^%s\r\n])"[^"]*(?:""[^"]*)*("?)' % re.escape(separator.encode()))
