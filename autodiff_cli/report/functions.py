"""The built-in functions as text: the list, and the page of one."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from autodiff_cli.report.numbers import summary_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff_cli.interpreter.catalogue import Entry

LABEL = 12
"""Columns of the labels on a page."""
NARROWEST = 20
"""Columns that a text beside a label has, however narrow the terminal is."""


def as_list(entries: Mapping[str, Entry], width: int) -> str:
    """Every function with a line about it, in groups; `width` is in characters."""
    lines = []
    group = ""
    room = max(len(name) for name in entries) + 2
    for name, entry in entries.items():
        if entry.group != group:
            group = entry.group
            lines += ["", group]
        doc = textwrap.shorten(entry.doc, max(width - room - 2, NARROWEST), placeholder=" …")
        lines.append(f"  {name:<{room}}{doc}")
    return "\n".join(lines[1:]) + "\n"


def as_page(entry: Entry, result: Any, width: int) -> str:
    """All that is known of one function; `result` is what its example gives."""
    first, *further = entry.derivative or ("",)
    parts = [
        ("meaning", entry.doc),
        ("derivative", first),
        *(("", line) for line in further),
        ("domain", entry.domain),
        ("at a kink", entry.convention),
        ("tested at", entry.special),
        ("example", entry.example),
        ("result", summary_text(result)),
    ]
    lines = [entry.signature, ""]
    for label, text in parts:
        if text:
            lines += _labelled(label, text, width)
    return "\n".join(lines) + "\n"


def _labelled(label: str, text: str, width: int) -> list[str]:
    lines: list[str] = []
    room = max(width - LABEL, NARROWEST)
    for line in text.splitlines():
        lines += textwrap.wrap(line, room, break_on_hyphens=False) or [""]
    return [f"{label if i == 0 else '':<{LABEL}}{line}" for i, line in enumerate(lines)]
