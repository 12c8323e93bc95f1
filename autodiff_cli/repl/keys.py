"""What the keys do that is not usual of a line editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.application import get_app
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys

from autodiff_cli.language.parser import wants_more
from autodiff_cli.repl.entry import is_command, stripped

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyPressEvent

INDENT = "    "


def key_bindings() -> KeyBindings:
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)

    @keys.add("enter", filter=typing)
    def enter(event: KeyPressEvent) -> None:
        """Takes a completion, goes on with what is not whole yet, or runs it."""
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion:
            buffer.complete_state = None
        elif not is_command(buffer.text) and wants_more(buffer.text):
            _new_line(buffer)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=typing)
    def new_line(event: KeyPressEvent) -> None:
        _new_line(event.current_buffer)

    @keys.add("c-c", filter=typing)
    def clear(event: KeyPressEvent) -> None:
        """Clears what is typed. To reset the buffer would read the history anew."""
        buffer = event.current_buffer
        buffer.text = ""
        buffer.history_search_text = None
        buffer.history_forward(count=len(buffer.history.get_strings()))
        buffer.text = ""

    @keys.add("tab", filter=typing & Condition(_at_margin))
    def indent(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(INDENT)

    @keys.add("}", filter=typing & Condition(_at_margin))
    def close(event: KeyPressEvent) -> None:
        """A bracket that begins a line stands below what it closes."""
        buffer = event.current_buffer
        before = buffer.document.current_line_before_cursor
        if before.endswith(INDENT):
            buffer.delete_before_cursor(len(INDENT))
        buffer.insert_text("}")

    @keys.add(Keys.BracketedPaste, filter=typing)
    def paste(event: KeyPressEvent) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        event.current_buffer.insert_text(stripped(text).expandtabs(len(INDENT)))

    return keys


def _at_margin() -> bool:
    """Whether nothing stands before the cursor on a line that is not the first."""
    document = get_app().current_buffer.document
    return document.cursor_position_row > 0 and not document.current_line_before_cursor.strip()


def _new_line(buffer: Buffer) -> None:
    """Goes to the next line, indented as this one, and once more in a block that it opens."""
    before = buffer.document.current_line_before_cursor
    indent = before[: len(before) - len(before.lstrip())]
    if before.rstrip().endswith(("{", "(", "[")):
        indent += INDENT
    buffer.insert_text(f"\n{indent}")
