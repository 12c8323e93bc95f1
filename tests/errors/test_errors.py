"""Wrong programs, one a file: all that `adiff` writes to standard error, and its exit status.

`NAME.ad` begins with its command line, and `NAME.expected` ends with the exit status. After a
change that is meant, `ADIFF_REGENERATE=1 pytest tests/errors` writes the expected files anew.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from autodiff_cli.commands.main import main

HERE = Path(__file__).parent
PROGRAMS = sorted(HERE.glob("*.ad"))
NEVER_SHOWN = re.compile(
    r"internal error|Traceback|\$END|_NEWLINE|\b[LR](PAR|SQB|BRACE)\b|\bUnexpected\w+|Token\("
)


def adiff(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Standard error of a command, with its exit status as the last line."""
    for variable in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "argv", ["adiff", *words])
    with pytest.raises(SystemExit) as left:
        main()
    return f"{capsys.readouterr().err}exit status {left.value.code}\n"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_message(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    hash_sign, program, *words = shlex.split(first)
    assert (hash_sign, program) == ("#", "adiff")
    assert path.name in words
    monkeypatch.chdir(HERE)
    got = adiff(words, monkeypatch, capsys)
    assert not NEVER_SHOWN.search(got)
    expected = path.with_suffix(".expected")
    if os.environ.get("ADIFF_REGENERATE") == "1":
        expected.write_text(got, encoding="utf-8")
    assert got == expected.read_text(encoding="utf-8")


def test_no_expected_file_is_left_over() -> None:
    stems = {path.stem for path in PROGRAMS}
    assert [path.name for path in HERE.glob("*.expected") if path.stem not in stems] == []


FILES = [
    # (file, its bytes, or None for none, "folder" for a folder), what is told, exit status
    ("latin.ad", "y = é".encode("latin-1"), "latin.ad: not UTF-8, byte 0xe9 at offset 4", 2),
    ("nothing.ad", b"", "the program nothing.ad is empty", 3),
    ("blank.ad", b"\n  # only a comment\n\n", "the program blank.ad is empty", 3),
    ("folder", "folder", "folder: is a folder, want a file", 2),
    ("missing.ad", None, "missing.ad: no such file", 2),
]


@pytest.mark.parametrize(
    ("name", "content", "told", "status"), FILES, ids=lambda value: str(value)[:12]
)
def test_file_that_holds_no_program(
    name: str,
    content: bytes | str | None,
    told: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content == "folder":
        (tmp_path / name).mkdir()
    elif isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    heading, *_, remedy, last = adiff(["eval", name], monkeypatch, capsys).splitlines()
    assert heading == f"error: {told}"
    assert remedy.startswith("  = help: ") or name == "missing.ad"
    assert last == f"exit status {status}"
