"""The history of what was entered, in a file that sessions share.

Each entry is added in one step, so that two sessions lose nothing of each other's. A file that
cannot be read or written is done without.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit.history import History

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_READ = 256 * 1024
"""Bytes from the end of the file: what is further back is not recalled."""
MARK = "+"
"""Begins the lines of an entry; an empty line ends it."""


def history_path() -> str:
    """The file: as `ADIFF_HISTORY` says, else in the XDG state folder; empty for none."""
    chosen = os.environ.get("ADIFF_HISTORY")
    if chosen is not None:
        return os.path.expanduser(chosen)
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "adiff", "history")


class SharedHistory(History):
    """Entries of several lines too, each recalled whole."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """The entries, the last one first."""
        entries: list[str] = []
        lines: list[str] = []
        for line in [*self._tail().splitlines(), ""]:
            if line.startswith(MARK):
                lines.append(line[1:])
            elif lines:
                entries.append("\n".join(lines))
                lines = []
        return reversed(entries)

    def store_string(self, string: str) -> None:
        text = "".join(f"{MARK}{line}\n" for line in string.split("\n")) + "\n"
        with suppress(OSError, ValueError):
            os.makedirs(os.path.dirname(self._path) or ".", mode=0o700, exist_ok=True)
            # A pipe without a reader would not open, nor anything else that is no file.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
            file = os.open(self._path, flags, 0o600)
            try:
                os.write(file, text.encode(errors="surrogateescape"))
            finally:
                os.close(file)

    def _tail(self) -> str:
        with suppress(OSError, ValueError):
            if not stat.S_ISREG(os.stat(self._path).st_mode):
                return ""
            with open(self._path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - MOST_READ))
                content = file.read(MOST_READ)
            if size > MOST_READ:
                # The first entry is cut off.
                content = content.partition(b"\n\n")[2]
            return content.decode(errors="replace")
        return ""
