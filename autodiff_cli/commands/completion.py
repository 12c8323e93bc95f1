"""`adiff completion`: the script that makes a shell complete adiff's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from autodiff_cli.commands.eval import ExamplesFirst

EXAMPLES = """\b
Examples:
  adiff completion bash >> ~/.bashrc
  adiff completion fish > ~/.config/fish/completions/adiff.fish
"""


@click.command("completion", cls=ExamplesFirst, epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print the completion script for a shell."""
    from autodiff_cli.commands.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "adiff", "_ADIFF_COMPLETE").source())
