"""Reads and does: what becomes of each thing that is entered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff_cli.api.transcript import Entry
from autodiff_cli.errors import AdiffError
from autodiff_cli.repl.commands import COMMANDS, Quit, meaning
from autodiff_cli.repl.desk import Desk
from autodiff_cli.repl.entry import is_command, stripped, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

BARE = {"help": "help", "exit": "quit", "quit": "quit"}
BARE |= {f"{word}()": command for word, command in BARE.items()}
"""Words that are commands where no name has them."""


class Loop(Desk):
    """What is entered comes in by `take`, or by `run_lines`."""

    def take(self, entry: str) -> None:
        """Does what is entered: a statement, several, a command, or a transcript of these.

        Raises:
            Quit: to leave was asked for.
        """
        entry = stripped(entry)
        lines = entry.splitlines()
        if not any(is_command(line) or line.strip() in BARE for line in lines):
            self._try(entry.strip("\r\n"))
            return
        for unit in units(lines):
            if not self._try(unit):
                return

    def run_lines(self, lines: Iterable[str]) -> None:
        """Runs lines as they come, to their end or to `:quit`."""
        try:
            for unit in units(lines):
                self._try(unit)
        except Quit:
            pass

    def begin(self, text: str, given: Mapping[str, Any], shows: bool) -> None:
        """Runs the program that a session begins with."""
        try:
            with self.tools.limited():
                if shows:
                    self.run(text, given)
                else:
                    self.state.replace([Entry(text, given)])
        except AdiffError as error:
            if shows:
                self.show_error(error)

    def _try(self, unit: str) -> bool:
        """Does one thing; whatever goes wrong is shown. Whether nothing did."""
        try:
            with self.tools.limited():
                self._do(unit)
        except Quit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt) and not self.on_screen:
                raise
            self.show_error(self.tools.error(error))
            return False
        return True

    def _do(self, unit: str) -> None:
        word = unit.strip()
        if word in BARE and word not in self.state.session:
            unit = f":{BARE[word]}"
        if is_command(unit):
            name, argument = meaning(unit)
            COMMANDS[name].run(self, argument)
        elif any(line.strip() and not line.strip().startswith("#") for line in word.splitlines()):
            self.run(unit)
