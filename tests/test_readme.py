"""What the documents show on a terminal is what a terminal shows."""

from __future__ import annotations

import doctest
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands.shell import adiff
from tests.documents import ROOT, agrees, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.documents import Block

fcntl = pytest.importorskip("fcntl", reason="there are pseudo-terminals on POSIX only")
import pty  # noqa: E402
import termios  # noqa: E402

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "grammar/README.md")
PROMPT = "$ "
ROWS, COLUMNS = 40, 80


def on_terminal(command: str, folder: Path) -> str:
    """What a shell command writes to a terminal without colours, both streams of it."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONPATH")
    }
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
        "TERM": "dumb",
        "PYTHONUTF8": "1",
    }
    with subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    ):
        os.close(terminal)
        written = b"".join(_read_all(controller))
    os.close(controller)
    return written.decode().replace("\r\n", "\n")


def _read_all(controller: int) -> Iterator[bytes]:
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # how Linux says that the other side is closed
            return
        if not part:
            return
        yield part


def dialogue(block: Block) -> list[tuple[str, str]]:
    """The commands of a block, each with what it shows."""
    pairs: list[tuple[str, str]] = []
    for line in block.text.splitlines(keepends=True):
        if line.startswith(PROMPT):
            pairs.append((line.removeprefix(PROMPT).strip(), ""))
        else:
            command, shown = pairs[-1]
            pairs[-1] = command, shown + line
    return pairs


@pytest.mark.parametrize(
    "block", [b for document in DOCUMENTS for b in blocks(document, "console")], ids=str
)
def test_commands_show_what_the_documents_show(block: Block, tmp_path: Path) -> None:
    for file in blocks(block.document):
        if file.name:
            (tmp_path / file.name).write_text(file.text, encoding="utf-8")
    for command, shown in dialogue(block):
        got = on_terminal(command, tmp_path)
        assert agrees(got, shown), f"$ {command}\n{got}"


@pytest.mark.parametrize("shown", ["result\t4.0\n", "result\t5.1\n", "5.0\n", ""])
def test_a_document_that_shows_what_is_not_so_fails(shown: str, tmp_path: Path) -> None:
    got = on_terminal("adiff eval -e '2 + 3.0' | cat", tmp_path)
    assert agrees(got, "result\t5.0\n")
    assert not agrees(got, shown)


class Agreeing(doctest.OutputChecker):
    """Two texts are alike where their numbers are, to as many digits as are shown."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return agrees(got, want)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_shows_what_the_documents_show(document: str) -> None:
    text = "\n".join(block.text for block in blocks(document, "pycon"))
    examples = doctest.DocTestParser().get_doctest(text, {}, document, document, 0)
    report: list[str] = []
    doctest.DocTestRunner(Agreeing()).run(examples, out=report.append)
    assert not report, "".join(report)


def install_lines() -> list[str]:
    return [
        line
        for block in blocks("README.md", "sh")
        for line in block.text.splitlines()
        if "python3 -m venv" in line
    ]


def test_the_two_install_lines_are_those_that_the_checks_run() -> None:
    to_use, to_test = install_lines()
    checks = [line.strip() for line in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()]
    assert to_use in checks
    assert to_test in checks
    assert "adiff eval" in to_use
    assert to_test.endswith("-m pytest -q")


def test_every_folder_of_the_layout_is_there_and_named() -> None:
    [layout] = [block.text for block in blocks("README.md", "text")]
    named = {line.split()[0].rstrip("/") for line in layout.splitlines()}
    package = {
        path.name
        for path in (ROOT / "autodiff_cli").iterdir()
        if path.is_dir() and not path.name.startswith((".", "__"))
    }
    assert package <= named
    homes = (ROOT, *(ROOT / "autodiff_cli" / folder for folder in ("", "data", "engine", "report")))
    assert all(any((home / name).is_dir() for home in homes) for name in named)


def test_the_picture_is_what_the_command_draws() -> None:
    picture = (ROOT / "tests/report/trace/golden/readme.svg").read_text(encoding="utf-8")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(tests/report/trace/golden/readme.svg)" in text
    program = "y = x^2 * sin(x)"
    assert f"adiff trace -e '{program}' x=3\n" in text
    assert adiff("trace", "-e", program, "x=3", "--format", "svg").out == picture


def test_the_fit_s_picture_is_what_the_command_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = ROOT / "tests/report/fits/readme.svg"
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"({picture.relative_to(ROOT)})" in text
    words = ("fit", "-e", "y = a / (1 + exp(b - c*t))", "pasture.csv", "a=70", "b=2", "c=0.1")
    assert f"{words[2]}' {' '.join(words[3:])} --plot" in text
    monkeypatch.chdir(ROOT / "autodiff_cli/examples")
    drawn = adiff(*words, "--format", "svg").out
    assert agrees(drawn, picture.read_text(encoding="utf-8"))
