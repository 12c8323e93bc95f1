"""What is wrong with a record is told alike, however records are worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.batch.bad_records import (
    PROGRAM,
    WANTED,
    check_bad_records,
    check_stopped,
    write_bad_files,
)
from tests.commands.shell import adiff

if TYPE_CHECKING:
    from pathlib import Path

WAYS = {
    "as arrays": (),
    "a few at a time": ("--batch", "3"),
    "by two processes": ("--workers", "2"),
}


@pytest.mark.parametrize("way", WAYS)
def test_bad_records(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_bad_records(*WAYS[way])


def test_bad_records_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_bad_records("--of", "y", "--wrt", "t", program=f"{PROGRAM}; z = grad(t^2, t)")


@pytest.mark.parametrize("file", WANTED)
def test_they_stop_it_or_are_left_out(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_bad_files()
    command = ("map", "-e", PROGRAM, file, "--only-new", "-q", "--to", "csv")
    check_stopped(adiff(*command), file)
    done = adiff(*command, "--on-error", "skip")
    numbers = [one for _, one in WANTED[file] if isinstance(one, float) or one == "nan"]
    assert [float(line.split(",")[0]) for line in done.out.splitlines()[1:]] == pytest.approx(
        [float(one) for one in numbers], nan_ok=True
    )
    total = len(WANTED[file])
    assert done.err.endswith(f"{total - len(numbers)} of {total} records skipped\n")
    assert done.status == 1
