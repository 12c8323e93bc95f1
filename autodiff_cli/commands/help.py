"""Help that opens with examples, for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExamplesFirst(click.Command):
    """A command whose help opens with its examples.

    Attributes:
        examples: command lines that work as they stand.
    """

    def __init__(self, *args: Any, examples: Sequence[str], **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_examples(formatter)
        formatter.write_paragraph()
        super().format_help(context, formatter)

    def format_examples(self, formatter: click.HelpFormatter) -> None:
        formatter.write_heading("Examples")
        formatter.write("".join(f"  {line}\n" for line in self.examples))
