"""What is entered: lines that make a statement together, commands, transcripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autodiff_cli.language.parser import CLOSERS, OPENERS, may_go_on, pieces, wants_more

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROMPT = "adiff> "
CONTINUED = "  ...> "
PROMPTS = re.compile(rf"^\s*({re.escape(PROMPT.rstrip())}|{re.escape(CONTINUED.strip())}) ?")

HELP = re.compile(r"\?\s*(\w*)|(\w+)\s*\?")
"""`?NAME` and `NAME?`."""


def is_command(text: str) -> bool:
    """Whether a text is for the prompt, and not a statement."""
    text = text.strip()
    return text.startswith(":") or HELP.fullmatch(text) is not None


def units(lines: Iterable[str]) -> Iterator[str]:
    """The statements and commands that lines make, each as soon as it is whole.

    What may go on with `else` waits for the next line. The last one may be incomplete.
    """
    held: list[str] = []
    depth = 0
    waits = False
    for line in lines:
        line = line.rstrip("\r\n")
        if waits and not _joins(line):
            yield "\n".join(held)
            held, waits = [], False
        if not held and is_command(line):
            yield line.strip()
            continue
        if not held and not line.strip():
            continue
        held.append(line)
        if waits and not _begins(line):
            continue
        depth += _opened(line)
        # A long block is read to its end before it is looked at.
        if depth > 0:
            continue
        depth = 0
        text = "\n".join(held)
        if wants_more(text):
            continue
        if line.rstrip().endswith("}") and may_go_on(text):
            waits = True
            continue
        yield text
        held, waits = [], False
    if held:
        yield "\n".join(held)


def _joins(line: str) -> bool:
    """Whether a line may go on with the statement before: by its first word, or without any."""
    return _begins(line) in ("ELSE", "ELIF", "DERIVATIVE", "")


def _begins(line: str) -> str:
    """The first terminal of a line that is more than space."""
    return next((kind for kind, *_ in pieces(line) if kind not in ("WHITESPACE", "COMMENT")), "")


def _opened(line: str) -> int:
    """How many more brackets a line opens than it closes."""
    kinds = [kind for kind, *_ in pieces(line)]
    return sum(kind in OPENERS for kind in kinds) - sum(kind in CLOSERS for kind in kinds)


def stripped(text: str) -> str:
    """What was entered in a transcript, without its prompts and results; other text as it is."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if not PROMPTS.match(first):
        return text
    return "\n".join(PROMPTS.sub("", line) for line in lines if PROMPTS.match(line)) + "\n"
