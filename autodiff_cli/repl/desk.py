"""What commands and statements work at: runs a text, and shows what comes of it."""

from __future__ import annotations

import re
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from autodiff_cli.controls import MULTILINE, tamed_but_colors
from autodiff_cli.errors import AdiffError, ProgramError, RunError
from autodiff_cli.explain.numbers import is_finite
from autodiff_cli.interpreter.values import is_number
from autodiff_cli.repl import shown
from autodiff_cli.repl.state import LAST
from autodiff_cli.report import diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from autodiff_cli.api.session import Reply
    from autodiff_cli.errors import Finding
    from autodiff_cli.repl.state import State
    from autodiff_cli.repl.tools import Tools

GRADIENT = re.compile(r"\s*(\w+)\.grad\s*")
QUICK = 0.05
"""Seconds; what took longer is not differentiated without being asked."""


class Desk:
    """A session on a screen, or in a pipe.

    Attributes:
        status: that of the last error.
        seconds: how long the last statement took.
    """

    def __init__(
        self, state: State, tools: Tools, on_screen: bool, colors: tuple[bool, bool]
    ) -> None:
        self.state = state
        self.tools = tools
        self.on_screen = on_screen
        self.color, self._error_color = colors
        self.status = 0
        self.seconds = 0.0
        self._told: set[str] = set()

    # ── statements ────────────────────────────────────────────────────────────────────

    def run(self, text: str, given: Mapping[str, Any] | None = None) -> None:
        """Runs a text and shows what it gives.

        Raises as `Session.run`.
        """
        begun = perf_counter()
        try:
            reply = self.state.run(text, given)
        except RunError as error:
            asked = GRADIENT.fullmatch(text)
            if asked is None or type(error) is not RunError:
                raise
            self.say(f"{asked[1]}.grad: none yet. It is there when `backward(y)` has run.")
            return
        except ProgramError as error:
            if error.kind == "name" and not error.help:
                error.help = "`:vars` lists the names that there are"
            raise
        self.seconds = perf_counter() - begun
        self.warn(reply.warnings)
        self._show(reply, text.strip())
        for name, others in reply.stale.items():
            if name not in self._told and name in self.state.session:
                self._told.add(name)
                self.note(
                    f"{_and(others)} still {'hold' if len(others) > 1 else 'holds'} what the "
                    f"`{name}` before gave; `:set {name}=…` runs again what depends on it"
                )

    def _show(self, reply: Reply, text: str) -> None:
        form = self.form
        for name, value in reply.values.items():
            called = name
            if name == "result":
                called = text if text in self.state.session else LAST
            if form in ("json", "csv") and is_number(value):
                self.write(shown.as_data(self.state, called, form))
                continue
            plain = "plain" if form == "plain" else "table"
            label = called if called != LAST or plain != "plain" else name
            self.write(shown.value_shown(label, value, self.state.digits, plain))
            if is_number(value) and not is_finite(value):
                self.note(f"not finite: `:why {called}` tells more")
            if self.state.auto and self.on_screen and plain == "table":
                self._glance(called)

    def _glance(self, name: str) -> None:
        """The derivatives of what was shown, where they are cheap."""
        try:
            if self.state.cost > QUICK:
                graph = self.state.session.most_below(name, 1)
                text = f"took a while: `:grad {name}` differentiates it" if graph > 1 else ""
            else:
                text = shown.glance(self.state, name)
        except AdiffError:
            return
        for line in shown.folded(text):
            self.write(shown.muted(f"  {line}", self.color))

    @property
    def form(self) -> str:
        if self.state.form != "auto":
            return self.state.form
        return "table" if self.on_screen else "plain"

    # ── out ───────────────────────────────────────────────────────────────────────────

    def write(self, text: str) -> None:
        """Writes a line to standard output."""
        if sys.stdout.isatty():
            text = tamed_but_colors(text)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Writes a line to standard error."""
        self.tools.say(f"{text}\n")

    def note(self, text: str) -> None:
        for line in shown.folded(text.translate(MULTILINE)):
            self.say(shown.muted(line, self._error_color))

    def warn(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.tools.say(diagnostics.as_text(finding, self._error_color))

    def show_error(self, error: AdiffError) -> None:
        self.status = error.status
        if error.kind == "interrupted":
            # The terminal has written a `^C` where the cursor was.
            self.say("\ninterrupted: the session is as it was before")
            return
        self.tools.say(diagnostics.as_text(error, self._error_color))


def _and(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    if len(quoted) > 3:
        quoted[2:] = [f"{len(names) - 2} more"]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
