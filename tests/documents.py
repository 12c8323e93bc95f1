"""The examples in the project's documents: finding them, and comparing what they show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

FENCE = re.compile(r"^```(?P<language>\w+)[ ]*(?P<name>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")

RELIABLE_DIGITS = 15
"""Mathematics libraries differ in the last digits that a float prints with."""


@dataclass(frozen=True)
class Block:
    """A fenced block; `name` is what follows its language, the file that it is kept in."""

    document: str
    line: int
    language: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks(document: str, language: str = "") -> list[Block]:
    """The fenced blocks of a document, of one language or of all."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = [
        Block(document, text.count("\n", 0, match.start()) + 1, *match.groups())
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if not language or block.language == language]


def agrees(got: str, shown: str) -> bool:
    """Whether a text is the one shown, each number to as many digits as are shown of it."""
    if NUMBER.sub("0", got) != NUMBER.sub("0", shown):
        return False
    pairs = zip(NUMBER.findall(got), NUMBER.findall(shown), strict=True)
    return all(_same_number(*pair) for pair in pairs)


def _same_number(got: str, shown: str) -> bool:
    if got.lstrip("-").isdigit() or shown.lstrip("-").isdigit():
        return got == shown
    mantissa = shown.partition("e")[0]
    digits = min(len(re.sub(r"^-?0*\.?0*|\.", "", mantissa)), RELIABLE_DIGITS)
    return float(f"{float(got):.{max(digits, 1)}g}") == float(f"{float(shown):.{max(digits, 1)}g}")
