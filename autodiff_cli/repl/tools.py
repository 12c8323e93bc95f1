"""What the prompt has from the command line: its features, and how it reads and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from autodiff_cli.errors import AdiffError
    from autodiff_cli.repl.state import State


class Tools(Protocol):
    """The commands of the command line, on a session.

    All raise an `AdiffError` for what is wrong.
    """

    def derivatives(self, kind: str, state: State, words: str) -> None:
        """`adiff eval` on the graph that is there; `kind` is one of its questions."""

    def command(self, name: str, state: State, words: str) -> None:
        """`adiff trace`, `why` or `check` on the session as a program."""

    def functions(self, name: str | None) -> None:
        """`adiff functions`."""

    def value(self, name: str, text: str) -> Any:
        """What `NAME=text` means on the command line."""

    def program(self, path: str) -> str:
        """The text of a file."""

    def write(self, path: str, text: str) -> None:
        """Writes a file, whole or not at all."""

    def limited(self) -> AbstractContextManager[None]:
        """While it is open, time is limited."""

    def error(self, error: BaseException) -> AdiffError:
        """Whatever was raised, as an error that can be shown."""

    def say(self, text: str) -> None:
        """Writes to standard error."""
