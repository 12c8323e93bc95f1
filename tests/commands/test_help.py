"""Help, version, the examples that ship, and completion."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import click
import pytest

from autodiff_cli import __version__
from autodiff_cli.commands.examples import data_files, programs
from autodiff_cli.commands.main import COMMANDS, cli
from tests.commands.shell import ADIFF, adiff, environment

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = click.Context(cli, info_name="adiff")
HELPS = {(): cli, **{(name,): cli.get_command(CONTEXT, name) for name in COMMANDS}}
EXAMPLES = [(words, line) for words, command in HELPS.items() for line in command.examples]


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_opens_with_examples(words: tuple[str, ...], option: str) -> None:
    done = adiff(*words, option)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "Examples:"
    shown = [line.strip() for line in lines[1 : lines.index("")]]
    assert shown == list(HELPS[words].examples)
    assert all(len(line) <= 80 for line in lines), done.out
    assert f"Usage: {' '.join(('adiff', *words))} " in done.out


@pytest.mark.parametrize(("words", "line"), EXAMPLES)
def test_example_works_as_it_stands(words: tuple[str, ...], line: str, tmp_path: Path) -> None:
    assert "adiff" in line
    script = f'adiff() {{ {" ".join(ADIFF)} "$@"; }}\n{line}\n'
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment({"HOME": str(tmp_path)}),
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
    assert done.stdout or written


def test_every_option_has_help() -> None:
    for command in HELPS.values():
        assert command.help
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, parameter.name


def test_version() -> None:
    assert adiff("--version").out == f"adiff {__version__}\n"


def test_examples_are_listed_and_printed() -> None:
    listed = adiff("examples").out.splitlines()
    assert [line.split()[0] for line in listed] == list(programs())
    for name, path in {**programs(), **data_files()}.items():
        assert adiff("examples", name).out == path.read_text(encoding="utf-8")
    assert adiff("examples", "newton.ad") == adiff("examples", "newton")


def test_example_that_is_not_there() -> None:
    done = adiff("examples", "newtom")
    assert (done.status, done.out) == (2, "")
    assert "did you mean `newton`?" in done.err


# ── completion ────────────────────────────────────────────────────────────────────────

SHELLS = ("bash", "zsh", "fish")
CHECKS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_script(shell: str, tmp_path: Path) -> None:
    done = adiff("completion", shell)
    assert (done.status, done.err) == (0, "")
    assert f"_ADIFF_COMPLETE={shell}_complete" in done.out
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(done.out, encoding="utf-8")
    subprocess.run([*CHECKS[shell], str(script)], check=True)


def test_completion_for_no_shell() -> None:
    assert adiff("completion", "csh").status == 2
    assert adiff("completion").status == 2


WORDS = {
    "a command": (["ev"], ["eval"]),
    "commands": ([""], list(COMMANDS)),
    "an option": (
        ["eval", "--max-"],
        ["--max-steps", "--max-nodes", "--max-depth", "--max-memory"],
    ),
    "a choice": (["eval", "--at-kink", ""], ["subgradient", "nan", "error"]),
    "a shell": (["completion", ""], list(SHELLS)),
    "an example": (["examples", "legen"], ["legendre"]),
    "a file": (["eval", "--inputs", "some"], ["some.json"]),
    "a program": (["eval", "some"], ["some.json"]),
    "a file to write": (["eval", "-o", "some"], ["some.json"]),
}

COMPLETE = """
mkdir bin
printf '#!/bin/sh\\nexec %s "$@"\\n' "$ADIFF" > bin/adiff
chmod +x bin/adiff
PATH="$PWD/bin:$PATH"
eval "$(adiff completion bash)"
spec=$(complete -p adiff)
function=${spec##*-F }
COMP_WORDS=(adiff "$@")
COMP_CWORD=$#
# Outside of a real completion, what asks for the names of files is answered here.
compopt() { COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); }
${function%% *} adiff
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("name", WORDS)
def test_completion_in_bash(name: str, tmp_path: Path) -> None:
    words, want = WORDS[name]
    (tmp_path / "some.json").touch()
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", *words],
        cwd=tmp_path,
        env=environment({"ADIFF": " ".join(ADIFF)}),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == want
    assert not re.search("error|Traceback", done.stderr)
