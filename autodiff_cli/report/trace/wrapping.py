"""Text of several colours, folded to a width between words, and never within a number."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len

from autodiff_cli.controls import CONTROLS
from autodiff_cli.report.diagnostics import RESET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Piece = tuple[str, str]
"""The name of a style, and a text without line breaks."""

STYLES = {"heading": "\x1b[1m", "source": "\x1b[34m", "name": "\x1b[36m"}
STYLES |= {"adjoint": "\x1b[32m", "dim": "\x1b[2m", "italic": "\x1b[3m"}
NARROW = re.compile("[ -~∂…×▸▾◂]*")
"""What has a column for each character, at a glance."""
WORD = re.compile(r" *[^ ]+")
PART = re.compile(r"[-+]?[\d.]+(?:e[-+]?\d+)?|.[\u0300-\u036f]*")
"""Of a word that is wider than a line: a number, or a character with its bar."""

CHARACTER = re.compile(r".[\u0300-\u036f]*")
"""The same, in a column that nothing may stand out of."""


def columns(text: str) -> int:
    """How many columns a terminal gives a text."""
    return len(text) if NARROW.fullmatch(text) else cell_len(text)


def folded(
    pieces: Iterable[Piece], width: int, hanging: int = 0, part: re.Pattern[str] = PART
) -> Iterator[list[Piece]]:
    """The lines of a text, those after the first set in by `hanging` columns.

    Args:
        part: what a word that is wider than a line is broken into.
    """
    line: list[Piece] = []
    used = 0
    for word in _words(pieces):
        size = sum(columns(text) for _, text in word)
        if line and used + size > width:
            yield line
            line, used = [("", " " * hanging)], hanging
            style, text = word[0]
            word[0] = (style, text.lstrip(" "))
            size = sum(columns(text) for _, text in word)
        if used + size <= width:
            line += word
            used += size
            continue
        for style, text in word:
            for piece in part.findall(text):
                size = columns(piece)
                if used + size > width and used > hanging:
                    yield line
                    line, used = [("", " " * hanging)], hanging
                line.append((style, piece))
                used += size
    yield line


def _words(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Words with the spaces before them; pieces that nothing separates are one word."""
    word: list[Piece] = []
    for style, text in pieces:
        for match in WORD.finditer(text.translate(CONTROLS)):
            if match[0].startswith(" ") and word:
                yield word
                word = []
            word.append((style, match[0]))
        trailing = len(text) - len(text.rstrip(" "))
        if trailing:
            if word:
                yield word
            word = [("", " " * trailing)]
    if word and any(text.strip() for _, text in word):
        yield word


def width_of(line: Iterable[Piece]) -> int:
    return sum(columns(text) for _, text in line)


def painted(line: Iterable[Piece], color: bool) -> str:
    """A line as the terminal shows it, without spaces at its end."""
    pieces = list(line)
    if not color:
        return "".join([text for _, text in pieces]).rstrip()
    if len(pieces) > 1:
        pieces = [(style, "".join([t for _, t in run])) for style, run in groupby(pieces, _style)]
    return "".join(
        [
            f"{STYLES[style]}{text}{RESET}" if style and text.strip() else text
            for style, text in pieces
        ]
    ).rstrip()


def _style(piece: Piece) -> str:
    return piece[0]
