"""A terminal in which `adiff repl` runs: keys go in, and the screen is looked at.

Nothing sleeps: whoever wants something waits until the screen shows it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pexpect
import pyte

from tests.commands.shell import ADIFF, SECONDS, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

ENTER, TAB, CTRL_C, CTRL_D, CTRL_R, ESCAPE = "\r", "\t", "\x03", "\x04", "\x12", "\x1b"
UP, DOWN, RIGHT = "\x1b[A", "\x1b[B", "\x1b[C"
PROMPT = "adiff> "


class Terminal:
    """A process on a terminal of its own.

    Args:
        words: of the command line, after `adiff`.
        folder: for the history and all else that is kept; the home of the process.
    """

    def __init__(
        self,
        folder: Path,
        *words: str,
        columns: int = 80,
        rows: int = 24,
        env: dict[str, str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = b""
        """All that the terminal was sent."""
        kept = environment({"HOME": str(folder), "XDG_STATE_HOME": str(folder), **(env or {})})
        self.process = pexpect.spawn(
            ADIFF[0],
            [*ADIFF[1:], *(words or ("repl",))],
            env={name: value for name, value in kept.items() if name != "ADIFF_HISTORY"}
            | ({"ADIFF_HISTORY": env["ADIFF_HISTORY"]} if env and "ADIFF_HISTORY" in env else {}),
            dimensions=(rows, columns),
            timeout=SECONDS,
            cwd=str(folder),
        )
        self.process.delaybeforesend = None

    def __enter__(self) -> Terminal:
        self.wait_for_prompt()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.close(force=True)

    # ── what is seen ──────────────────────────────────────────────────────────────────

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without what is empty at the end."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    @property
    def line(self) -> str:
        """The line that the cursor is on."""
        return str(self.screen.display[self.screen.cursor.y]).rstrip()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait(self, shows: Callable[[], bool], what: str = "") -> None:
        """Waits until the screen is as it is to be."""
        end = time.monotonic() + SECONDS
        while not shows():
            assert time.monotonic() < end, f"never seen: {what}\n{self.text}"
            self._read()

    def _read(self) -> None:
        try:
            block = self.process.read_nonblocking(65536, timeout=1)
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            self.process.wait()
            raise AssertionError(f"it has ended\n{self.text}") from None
        self.sent += block
        self._stream.feed(block)

    def wait_for(self, *texts: str) -> None:
        self.wait(lambda: all(text in self.text for text in texts), " and ".join(texts))

    def wait_for_output(self, line: str) -> None:
        """Waits until a line was written, which may have left the screen since."""
        wanted = f"{line}\r\n".encode()
        self.wait(lambda: wanted in self.sent, line)

    def wait_for_prompt(self) -> None:
        """Waits until the cursor is behind an empty prompt."""

        def is_there() -> bool:
            cursor = self.screen.cursor
            line = self.screen.display[cursor.y]
            return cursor.x == len(PROMPT) and line.rstrip() == PROMPT.rstrip()

        self.wait(is_there, "an empty prompt")

    def _before_cursor(self) -> str:
        """All that stands before the cursor, without spaces."""
        cursor, rows = self.screen.cursor, self.screen.display
        return "".join("".join([*rows[: cursor.y], rows[cursor.y][: cursor.x]]).split())

    # ── what is done ──────────────────────────────────────────────────────────────────

    def type(self, keys: str) -> None:
        self.process.send(keys)

    def enter(self, text: str, *shows: str) -> list[str]:
        """Enters a line; waits for the next prompt. Gives the lines that came between."""
        self.type(text)
        # All is on the screen before what it brings about.
        last = "".join(f"{PROMPT}{text}".split())[-12:] if text else ""
        self.wait(lambda: self._before_cursor().endswith(last), text)
        self.process.send(ENTER)
        before = len(self.sent)
        self.wait(lambda: len(self.sent) > before, "an answer")
        self.wait_for_prompt()
        for each in shows:
            self.wait_for(each)
        self.wait_for_prompt()
        lines = self.lines
        last = max(
            (place for place, line in enumerate(lines[:-1]) if line.startswith(PROMPT)), default=-1
        )
        return [line for line in lines[last + 1 :] if not line.startswith(PROMPT.rstrip())]

    def leave(self) -> int:
        """Leaves by Ctrl-D; the exit status."""
        self.type(CTRL_D)
        return self.end()

    def end(self) -> int:
        """Waits for the end of the process; its exit status, or that of the signal."""
        try:
            while True:
                block = self.process.read_nonblocking(65536, timeout=SECONDS)
                self.sent += block
                self._stream.feed(block)
        except pexpect.EOF:
            pass
        self.process.wait()
        status = self.process.exitstatus
        return status if status is not None else -self.process.signalstatus
