"""Errors and warnings as a person reads them, and as JSON. Rendered here and nowhere else.

error: `@` got shapes (3,) and (2,), which do not go together
  --> ridge.ad:9:28
   |
 9 |     total = total + huber(X[i] @ w - y[i], 1.0)
   |                           ^^^^^^^^
   = in huber, called from ridge.ad:9:21
   = help: …
"""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any

from autodiff_cli.controls import CONTROLS, MULTILINE, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.errors import AdiffError, Message
    from autodiff_cli.language.source import Span

ERROR_SCHEMA = "adiff.error/1"
CALLS_SHOWN = 4
WIDEST_LINE = 100
"""A longer source line is shown by the part around its span."""

STYLES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "because": "\x1b[1;36m",
    "frame": "\x1b[34m",
    "bold": "\x1b[1m",
}
RESET = "\x1b[0m"


def as_data(error: Message) -> dict[str, Any]:
    """The fields that JSON gives of an error or a warning."""
    where = error.where
    return {
        "kind": error.kind,
        "message": f"{error.what}; {error.label}" if error.label else error.what,
        "file": where.source.name if where else None,
        "line": where.line if where else None,
        "column": where.column if where else None,
        "end_line": where.end_line if where else None,
        "end_column": where.end_column if where else None,
        "help": error.help or None,
    }


def as_json(error: AdiffError) -> str:
    """An error as one line, as `schemas/error.json` describes it."""
    data = {"schema": ERROR_SCHEMA, "status": "error", **as_data(error)}
    return escaped(json.dumps(data, ensure_ascii=False))


def as_text(error: Message, color: bool = False) -> str:
    """An error or a warning with its place in the source, the span underlined."""
    return "\n".join(_lines(error, color)) + "\n"


def _shown(text: str) -> str:
    """A text of a message, which may quote the source or what a program prints."""
    return text.translate(MULTILINE)


def _lines(error: Message, color: bool) -> Iterator[str]:
    def paint(style: str, text: str) -> str:
        return f"{STYLES[style]}{text}{RESET}" if color and text else text

    level = error.level
    yield f"{paint(level, level + ':')} {paint('bold', _shown(error.what))}"
    margin = " "
    if error.where is not None:
        margin = " " * len(str(error.where.line))
        place = f"{_shown(error.where.source.name)}:{error.where.line}:{error.where.column}"
        yield f"{paint('frame', margin + '-->')} {place}"
        yield from _snippet(error.where, _shown(error.label), margin, level, paint)
    elif error.label:
        yield f"{paint('frame', margin + ' =')} {_shown(error.label)}"
    for note in (*error.notes, *_calls(error)):
        yield f"{paint('frame', margin + ' =')} {_shown(note)}"
    if error.help:
        yield f"{paint('frame', margin + ' =')} {paint('bold', 'help:')} {_shown(error.help)}"


def _snippet(span: Span, label: str, margin: str, level: str, paint: Any) -> Iterator[str]:
    line = span.source.line(span.line)
    start = span.column - 1
    last = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    stop = max(last, start + 1)
    # One column a tab keeps the underline below what it means.
    line = line.replace("\t", " ").translate(CONTROLS)
    if len(line) > WIDEST_LINE:
        cut = max(0, min(start - WIDEST_LINE // 4, len(line) - WIDEST_LINE))
        end = cut + WIDEST_LINE
        line = ("…" if cut else "") + line[cut:end] + ("…" if end < len(line) else "")
        shift = cut - bool(cut)
        start, stop = start - shift, min(stop - shift, len(line))
    pad = " " * _width(line[:start])
    mark = "^" * max(1, _width(line[start:stop]))
    bar = paint("frame", f"{margin} |")
    yield bar
    yield f"{paint('frame', f'{span.line} |')} {line}".rstrip()
    yield f"{bar} {pad}{paint(level, mark)}{' ' + label if label else ''}"


def _width(text: str) -> int:
    """Columns that a terminal gives a text: two for wide characters, none for combining ones."""
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _calls(error: Message) -> Iterator[str]:
    """The functions that were running, innermost first; of a deep recursion its two ends."""
    calls = error.calls
    shown = calls
    if len(calls) > CALLS_SHOWN:
        shown = calls[: CALLS_SHOWN - 1] + calls[-1:]
    for position, (name, span) in enumerate(shown):
        if len(calls) > CALLS_SHOWN and position == CALLS_SHOWN - 1:
            yield f"… {len(calls) - CALLS_SHOWN:,} more calls …"
        yield f"in `{name}`, called from {span.source.name}:{span.line}:{span.column}"
