"""Characters that steer a terminal, and what stands in their place.

A program, its comments, its name, what it prints and what it reads are other people's: none of
their bytes may move a cursor, colour the screen, or turn text around.
"""

from __future__ import annotations

import re

TURNS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""What turns the direction of the text that follows (Unicode's bidirectional controls)."""

CONTROLS = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
CONTROLS |= dict.fromkeys((*range(0x80, 0xA0), *TURNS), 0xFFFD)
"""Pictures of them, or what stands for a character that cannot be shown."""
MULTILINE = CONTROLS | {ord("\n"): "\n", ord("\t"): " "}

STEERS = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{''.join(map(chr, TURNS))}]")
OURS = re.compile(r"\x1b\[[\d;]*m")
"""How colours are set, which is all that what is written here does to a terminal."""


def tamed(text: str) -> str:
    """A text of somebody else's, for a terminal: lines and tabs stay."""
    return STEERS.sub(_picture, text) if STEERS.search(text) else text


def tamed_but_colors(text: str) -> str:
    """What we have written ourselves, colours and all, for a terminal."""
    if not STEERS.search(text):
        return text
    parts = OURS.split(text)
    colors = OURS.findall(text)
    return "".join(tamed(part) + color for part, color in zip(parts, [*colors, ""], strict=True))


def escaped(json: str) -> str:
    r"""JSON whose text is Unicode, with what JSON itself leaves of these as `\u` escapes."""
    return STEERS.sub(lambda match: f"\\u{ord(match[0]):04x}", json)


def _picture(match: re.Match[str]) -> str:
    return match[0].translate(CONTROLS)
