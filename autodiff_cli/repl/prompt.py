"""The prompt on a terminal. On one that can move no cursor, plain lines."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition, is_done
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.layout import ConditionalContainer, HSplit, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.layout.processors import HighlightMatchingBracketProcessor
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.defaults import create_output
from prompt_toolkit.styles import Style

from autodiff_cli.repl import shown
from autodiff_cli.repl.commands import Quit
from autodiff_cli.repl.completion import Completions
from autodiff_cli.repl.entry import CONTINUED, PROMPT, units
from autodiff_cli.repl.highlighting import STYLES, Highlighting
from autodiff_cli.repl.history import SharedHistory, history_path
from autodiff_cli.repl.keys import key_bindings
from autodiff_cli.repl.preview import Preview
from autodiff_cli.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from autodiff_cli.repl.loop import Loop

BANNER = f"adiff {__version__}. :help lists the commands, Ctrl-D leaves."
VI = re.compile(r"^\s*set\s+editing-mode\s+vi\b", re.MULTILINE)
MENU = 6
"""Lines of the screen that completions get."""


def interact(loop: Loop) -> None:
    """Reads and does what is entered until it is left.

    SIGTERM and SIGHUP end it with the terminal as it was.
    """
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _leave)
    loop.note(BANNER)
    with suppress(Quit):
        if os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
            _serve_plainly(loop)
            return
        loop.state.keys = _preferred_keys()
        _serve(loop)


def _leave(number: int, _: Any) -> None:
    raise SystemExit(128 + number)


def _serve_plainly(loop: Loop) -> None:
    """Line by line, on a terminal that can do no more; what goes on is asked for as such."""
    begun = False

    def lines() -> Iterator[str]:
        nonlocal begun
        while True:
            try:
                line = input(CONTINUED if begun else PROMPT)
            except KeyboardInterrupt:
                print()
            except EOFError:
                print()
                return
            else:
                begun = begun or bool(line.strip())
                yield line

    for unit in units(lines()):
        begun = False
        loop.take(unit)


def _serve(loop: Loop) -> None:
    session = _session(loop)
    while True:
        session.editing_mode = EditingMode.VI if loop.state.keys == "vi" else EditingMode.EMACS
        try:
            loop.take(session.prompt())
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _session(loop: Loop) -> PromptSession[str]:
    output: Any = create_output(sys.stdout)
    output.enable_bell = False
    # Nothing here depends on where the cursor is: to ask takes time, and not all answer.
    output.enable_cpr = False
    session: PromptSession[str] = PromptSession(
        [("class:prompt", PROMPT)],
        prompt_continuation=_continued,
        multiline=True,
        history=_history(),
        enable_history_search=True,
        auto_suggest=FromHistory(),
        completer=Completions(loop.state),
        reserve_space_for_menu=MENU,
        lexer=Highlighting(),
        input_processors=[HighlightMatchingBracketProcessor("[](){}")],
        key_bindings=key_bindings(),
        style=Style.from_dict(STYLES),
        include_default_pygments_style=False,
        color_depth=None if loop.color else ColorDepth.DEPTH_1_BIT,
        enable_open_in_editor=True,
        tempfile_suffix=".ad",
        enable_suspend=True,
        output=output,
    )
    _add_preview(session, loop)
    return session


def _continued(width: int, line: int, wraps: int) -> StyleAndTextTuples:
    """What stands before a line that is not the first; nothing where one line takes several."""
    return [("class:continued", " " * width if wraps else CONTINUED)]


def _add_preview(session: PromptSession[str], loop: Loop) -> None:
    """A line of its own below what is typed, so that nothing moves when it says something."""
    preview = Preview(loop.state)

    def line() -> StyleAndTextTuples:
        text = preview.line(session.default_buffer.text)
        room = shown.width() - 1
        return [("class:preview", text if len(text) <= room else f"{text[: room - 1]}…")]

    container = session.layout.container
    assert isinstance(container, HSplit)
    window = Window(FormattedTextControl(line), height=1, wrap_lines=False)
    shows = Condition(lambda: loop.state.preview)
    container.children.append(ConditionalContainer(window, ~is_done & shows))


def _history() -> History:
    path = history_path()
    if not path:
        return InMemoryHistory()
    return SharedHistory(path)


class FromHistory(AutoSuggest):
    """The last entry that begins as what is typed."""

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        text = document.text
        if not text.strip():
            return None
        for entry in reversed(buffer.history.get_strings()):
            if entry.startswith(text) and entry != text:
                return Suggestion(entry[len(text) :].partition("\n")[0])
        return None


def _preferred_keys() -> str:
    """Those that the user has chosen for all that reads lines, in readline's file."""
    path = os.environ.get("INPUTRC") or os.path.join(os.path.expanduser("~"), ".inputrc")
    with suppress(OSError, ValueError), open(path, encoding="utf-8", errors="replace") as file:
        return "vi" if VI.search(file.read(100_000)) else "emacs"
    return "emacs"
