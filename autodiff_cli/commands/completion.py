"""`adiff completion`: the script that makes a shell complete adiff's words."""

from __future__ import annotations

import click

from autodiff_cli.commands.help import ExamplesFirst

EXAMPLES = (
    "adiff completion bash >> ~/.bashrc",
    "adiff completion zsh >> ~/.zshrc",
    "mkdir -p ~/.config/fish && adiff completion fish >> ~/.config/fish/config.fish",
)


@click.command("completion", cls=ExamplesFirst, examples=EXAMPLES)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print the completion script for a shell."""
    from click.shell_completion import ShellComplete, get_completion_class

    from autodiff_cli.commands.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "adiff", "_ADIFF_COMPLETE")
    # The base class's, as bash's own looks which bash is installed here, where the script may
    # be written for another machine.
    click.echo(ShellComplete.source(script))
