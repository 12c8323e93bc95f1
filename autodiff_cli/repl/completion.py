"""What can stand at the cursor: names, functions, words of the language, commands, files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prompt_toolkit.completion import Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from autodiff_cli.interpreter.builtins import CONSTANTS
from autodiff_cli.interpreter.catalogue import entries
from autodiff_cli.language.parser import keywords
from autodiff_cli.repl.commands import COMMANDS
from autodiff_cli.repl.shown import short
from autodiff_cli.repl.state import LAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prompt_toolkit.completion import CompleteEvent

    from autodiff_cli.repl.state import State

WORD = re.compile(r"[^\W\d]\w*$")
COMMAND = re.compile(r"\s*:\s*(\w*)$")
FILES = re.compile(r"\s*:(?:load|save|svg|html)\s+(\S*)$|.*(?:\s-o\s*|=@)(\S*)$", re.DOTALL)
WITHIN_STRING = re.compile(r'[^"]*("[^"]*"[^"]*)*"[^"]*$|.*#[^\n]*$', re.DOTALL)


class Completions(Completer):
    def __init__(self, state: State) -> None:
        self._state = state
        self._functions = {name: (entry.signature, entry.doc) for name, entry in entries().items()}
        self._files = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        command = COMMAND.fullmatch(before)
        if command is not None:
            return _of(command[1], ((n, f":{n} {c.arguments}", c.doc) for n, c in COMMANDS.items()))
        is_command = before.lstrip().startswith(":")
        file = FILES.fullmatch(before) if is_command else None
        if file is not None:
            path = file[1] or file[2] or ""
            return self._files.get_completions(Document(path), event)
        if not is_command and WITHIN_STRING.fullmatch(before.rpartition("\n")[2]):
            return ()
        word = WORD.search(before)
        if word is None and not event.completion_requested:
            return ()
        begun = word[0] if word else ""
        if not begun and before[-1:] not in ("", " ", "(", "[", ",", "{", "\n"):
            return ()
        return _of(begun, self._candidates(begun))

    def _candidates(self, begun: str) -> Iterator[tuple[str, str, str]]:
        session = self._state.session
        for name in session.names:
            if name.startswith(begun) and name != LAST:
                yield name, name, short(session[name], self._state.digits)
        # Before anything is typed, there are too many of these to be of use.
        if begun:
            for name, (signature, doc) in self._functions.items():
                if name.startswith(begun) and name not in session:
                    yield name, signature, doc
            for name in (*CONSTANTS, *keywords()):
                if name.startswith(begun) and name not in session:
                    yield name, name, ""


def _of(begun: str, candidates: Iterable[tuple[str, str, str]]) -> Iterator[Completion]:
    for name, shown, doc in candidates:
        if name.startswith(begun):
            yield Completion(name, -len(begun), display=shown, display_meta=doc)
