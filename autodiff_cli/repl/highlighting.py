"""Colours of what is typed, by the terminals of the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.lexers import Lexer

from autodiff_cli.interpreter.builtins import NAMES
from autodiff_cli.language.parser import keywords, pieces
from autodiff_cli.repl.entry import is_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples

STYLES = {
    "keyword": "bold ansimagenta",
    "number": "ansicyan",
    "string": "ansigreen",
    "comment": "ansibrightblack",
    "built-in": "ansiblue",
    "command": "bold ansiyellow",
    "wrong": "underline ansired",
    "prompt": "bold ansigreen",
    "continued": "ansibrightblack",
    "preview": "noreverse ansibrightblack bg:default",
    "auto-suggestion": "ansibrightblack",
    "matching-bracket.cursor": "bold underline",
    "matching-bracket.other": "bold underline",
}

TERMINALS = {
    "NUMBER": "class:number",
    "STRING": "class:string",
    "COMMENT": "class:comment",
    "": "class:wrong",
}


class Highlighting(Lexer):
    def __init__(self) -> None:
        self._terminals = TERMINALS | dict.fromkeys(keywords().values(), "class:keyword")

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        text = document.text
        if is_command(text):
            name, space, argument = text.partition(" ")
            lines = self._lines(argument)
            lines[0] = [("class:command", name), ("", space), *lines[0]]
        else:
            lines = self._lines(text)
        return lambda number: lines[number] if number < len(lines) else []

    def _lines(self, text: str) -> list[StyleAndTextTuples]:
        lines: list[StyleAndTextTuples] = [[]]
        for kind, start, end in pieces(text):
            piece = text[start:end]
            style = self._terminals.get(kind, "")
            if kind == "NAME" and piece in NAMES:
                style = "class:built-in"
            first, *others = piece.split("\n")
            lines[-1].append((style, first))
            lines += [[(style, other)] for other in others]
        return lines
