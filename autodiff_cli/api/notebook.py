"""How results and errors show themselves where there is more than a terminal."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from autodiff_cli.errors import AdiffError
from autodiff_cli.report.diagnostics import as_text

if TYPE_CHECKING:
    from autodiff_cli.explain.evaluation import Evaluation

STYLE = "font-family: monospace; line-height: 1.2; white-space: pre"


def html_of_text(text: str) -> str:
    return f'<pre style="{STYLE}">{escape(text)}</pre>'


def html_of_result(evaluation: Evaluation) -> str:
    """The table of a terminal, and below it what there is to tell."""
    from autodiff_cli.report.table import as_table

    parts = [as_table([evaluation], color=False), *map(as_text, evaluation.findings)]
    return "".join(map(html_of_text, parts))


def annotate(error: AdiffError) -> None:
    """Adds to an error what Python's own traceback is to end with: place, remedy and all."""
    _, _, rest = as_text(error).partition("\n")
    if rest and not getattr(error, "__notes__", None):
        error.add_note(rest.rstrip("\n"))


def _render(error: AdiffError) -> list[str]:
    """What IPython shows in place of a traceback, which is of no use to whoever wrote a program."""
    return as_text(error, color=True).splitlines()


AdiffError._render_traceback_ = _render  # type: ignore[attr-defined]
