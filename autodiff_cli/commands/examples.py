"""`adiff examples`: the programs that ship, to read, to run, to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

DATA = (".csv", ".json")

EXAMPLES = (
    "adiff examples",
    "adiff examples newton",
    "adiff examples newton > newton.ad && adiff eval newton.ad",
)


def programs() -> dict[str, Path]:
    """The programs that ship, by name."""
    return {path.stem: path for path in sorted(_folder().glob("*.ad"))}


def data_files() -> dict[str, Path]:
    """The files that the programs read, by name."""
    return {path.name: path for path in sorted(_folder().iterdir()) if path.suffix in DATA}


def _completions(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    return [name for name in (*programs(), *data_files()) if name.startswith(begun)]


@click.command("examples", cls=ExamplesFirst, examples=EXAMPLES)
@click.argument("name", required=False, shell_complete=_completions)
def command(name: str | None) -> None:
    """List the programs that ship; print one, or its data."""
    known = programs()
    if name is None:
        width = max(map(len, known), default=0)
        for stem, path in known.items():
            click.echo(f"{stem:<{width}}  {summary(path)}")
        return
    files = {**known, **data_files()}
    if name.removesuffix(".ad") in known:
        name = name.removesuffix(".ad")
    if name not in files:
        raise UsageError(
            f"there is no example `{name}`",
            help=did_you_mean(name, files) or "`adiff examples` lists them",
        )
    click.echo(files[name].read_text(encoding="utf-8"), nl=False)


def _folder() -> Path:
    # Imported here, as `adiff --help` loads this module and needs no paths.
    from pathlib import Path

    return Path(__file__).resolve().parents[1] / "examples"


def summary(path: Path) -> str:
    """The first sentence of an example's prose."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    prose = []
    for line in lines:
        if not line.startswith("#"):
            break
        prose.append(line.removeprefix("#").strip())
    return " ".join(prose).split(". ")[0].rstrip(".")
