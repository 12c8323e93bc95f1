"""The trace of a program, to be looked at from Python."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.errors import AdiffError, UsageError
from autodiff_cli.report.endings import BY_ENDING, PICTURES
from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.view import Choice, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.errors import Finding
    from autodiff_cli.explain import tracing

Form = Literal["table", "tree", "steps", "plain", "json", "dot", "mermaid", "svg", "html"]

WIDTH = 100
"""Columns of the formats that are set for a screen."""
ENDINGS = {each: form for each, form in BY_ENDING.items() if form in PICTURES}
ENDINGS[".txt"] = "table"


class Trace:
    """One output's graph with the numbers on it: in a notebook, its picture.

    Attributes:
        trace: what the formats draw.
    """

    def __init__(self, trace: tracing.Trace) -> None:
        self.trace = trace

    @property
    def value(self) -> Any:
        return self.trace.evaluation.value

    @property
    def gradient(self) -> dict[str, Any]:
        return self.trace.evaluation.gradient

    @property
    def warnings(self) -> list[Finding]:
        """As the commands tell them."""
        return self.trace.evaluation.findings

    def text(
        self,
        form: Form = "table",
        *,
        depth: int | None = None,
        only: Sequence[str] = (),
        lines: tuple[int, int] | None = None,
        digits: int | None = None,
        full: bool = False,
        width: int = WIDTH,
    ) -> str:
        """The graph in one of the formats of `adiff trace`.

        Args:
            depth: levels of loops and calls that are opened; what fills a screen where it is None.
            only: names, of which what lies between them and the output is shown.
            lines: the first and the last line of the source that are shown.
            full: arrays are printed whole.

        Raises:
            UsageError: there is no such name, or too much for a picture.
        """
        write = import_module(f"autodiff_cli.report.trace.{form}").text
        with self.trace.outcome.machine.open():
            view = View(self.trace, Choice(depth, tuple(only), lines))
            view.sweep()
            return "".join(write(view, Style(digits, full, width, False)))

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Writes the graph to a file, in the format of its ending; `options` as for `text`."""
        from autodiff_cli.data.output import write_whole

        ending = os.path.splitext(path)[1].lower()
        form = ENDINGS.get(ending, ending.removeprefix("."))
        if form not in Form.__args__:  # type: ignore[attr-defined]
            known = ", ".join(f".{name}" for name in ("svg", "html", "dot", "mmd", "json", "txt"))
            raise UsageError(
                f"got {os.fspath(path)!r}, whose ending no format has", help=f"there are {known}"
            )
        text = self.text(form, **options)  # type: ignore[arg-type]
        write_whole(os.fspath(path), text.encode(errors="backslashreplace"))

    def __repr__(self) -> str:
        return self.text("table").rstrip("\n")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """The picture; the table where there is too much for one."""
        shown = {"text/plain": repr(self)}
        try:
            shown["image/svg+xml"] = self.text("svg")
        except AdiffError:
            from autodiff_cli.api.notebook import html_of_text

            shown["text/html"] = html_of_text(repr(self))
        return shown
