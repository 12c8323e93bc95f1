"""`adiff examples`: the programs that ship, to read, to run, to start from."""

from __future__ import annotations

from pathlib import Path

import click

from autodiff_cli.commands.eval import ExamplesFirst
from autodiff_cli.errors import UsageError, did_you_mean

FOLDER = Path(__file__).resolve().parents[1] / "examples"

EXAMPLES = """\b
Examples:
  adiff examples
  adiff examples newton
  adiff examples newton > newton.ad && adiff eval newton.ad
"""


def programs() -> dict[str, Path]:
    """The programs that ship, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.ad"))}


@click.command("examples", cls=ExamplesFirst, epilog=EXAMPLES)
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the example programs, or print one, or a data file of one."""
    known = programs()
    if name is None:
        width = max(map(len, known))
        for stem, path in known.items():
            click.echo(f"{stem:<{width}}  {summary(path)}")
        return
    path = known.get(name.removesuffix(".ad"))
    if path is None:
        data = {path.name: path for path in FOLDER.iterdir() if path.suffix in (".csv", ".json")}
        path = data.get(name)
        if path is None:
            raise UsageError(
                f"there is no example `{name}`",
                help=did_you_mean(name, [*known, *data]) or "`adiff examples` lists them",
            )
    click.echo(path.read_text(encoding="utf-8"), nl=False)


def command_line(path: Path) -> str:
    """The command of an example: its first line, without the `#`."""
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("#").strip()


def summary(path: Path) -> str:
    """The first sentence of an example's prose."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    prose = []
    for line in lines:
        if not line.startswith("#"):
            break
        prose.append(line.removeprefix("#").strip())
    return " ".join(prose).split(". ")[0].rstrip(".")
