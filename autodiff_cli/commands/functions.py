"""`adiff functions`: what is built in."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLES = (
    "adiff functions",
    "adiff functions tanh",
    "adiff functions '^'",
    "adiff functions | grep sum",
)


def _completions(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from autodiff_cli.interpreter.catalogue import entries

    return [name for name in entries() if name.startswith(begun)]


@click.command("functions", cls=ExamplesFirst, examples=EXAMPLES)
@click.argument("name", required=False, shell_complete=_completions)
def command(name: str | None) -> None:
    """List the built-in functions; explain one, or an operator."""
    from autodiff_cli.interpreter.catalogue import entries, operators
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import load
    from autodiff_cli.interpreter.run import run
    from autodiff_cli.report.functions import as_list, as_page

    known = entries()
    width = min(shutil.get_terminal_size().columns, 100)
    if name is None:
        click.echo(as_list(known, width), nl=False)
        return
    entry = known.get(name) or operators().get(name)
    if entry is None:
        raise UsageError(f"there is no built-in function `{name}`", help=_remedy(name, known))
    from autodiff_cli.engine.graph import value_of
    from autodiff_cli.language.source import Source

    outcome = run(load(Source("<example>", entry.example)), {}, settings=Settings(seed=0))
    (result,) = outcome.outputs.values()
    click.echo(as_page(entry, value_of(result), width), nl=False)


def _remedy(name: str, known: Iterable[str]) -> str:
    from autodiff_cli.interpreter.builtins import CONSTANTS
    from autodiff_cli.language.elsewhere import elsewhere
    from autodiff_cli.language.parser import keywords

    if name in CONSTANTS:
        return f"`{name}` is a constant, {CONSTANTS[name]}"
    if name in keywords():
        return f"`{name}` is a word of the language: grammar/README.md tells of it"
    return elsewhere(name) or did_you_mean(name, known) or "`adiff functions` lists them"
