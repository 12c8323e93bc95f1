"""Manners: pipes, signals, encodings, and streams that are closed, full or gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.shell import ADIFF, Done, adiff, check, environment, process

LONG = ("eval", "-e", "x", "x=arange(100000)", "--wrt", "")
FOREVER = 'print("begun"); while true { y = x }; y'


@pytest.mark.parametrize("form", ["plain", "json", "csv", "npz", "table"])
def test_reader_that_goes_early(form: str) -> None:
    done = process(*LONG, "--format", form, shell='"$@" | head -c 1 >/dev/null')
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("words", [("examples", "newton"), ("--help",), ("completion", "bash")])
def test_reader_that_is_gone(words: tuple[str, ...]) -> None:
    assert process(*words, shell='"$@" | true').err == ""


def test_error_stream_that_is_gone() -> None:
    done = process("eval", "-e", "x", shell='"$@" 2>&1 >/dev/null | true')
    assert (done.status, done.out, done.err) == (0, "", "")


CLOSED = {
    "output": (("eval", "-e", "x", "x=1"), ">&-", 2, "standard output is closed"),
    "output, with -o": (("eval", "-e", "x", "x=1", "-o", "FILE"), ">&-", 0, ""),
    "errors": (("eval", "-e", "1/x", "x=0"), "2>&-", 0, ""),
    "errors, of an error": (("eval", "-e", "x"), "2>&-", 2, ""),
    "input": (("eval", "-e", "x", "x=1"), "<&-", 0, ""),
    "all": (("eval", "-e", "x", "x=1", "-o", "FILE"), "<&- >&- 2>&-", 0, ""),
    "full": (("eval", "-e", "x", "x=1"), ">/dev/full", 2, "no space left"),
    "full, of help": (("eval", "--help"), ">/dev/full", 2, "no space left"),
    "full, of an example": (("examples", "newton"), ">/dev/full", 2, "no space left"),
    "full, of errors": (("eval", "-e", "x"), "2>/dev/full", 2, ""),
    "full, of warnings": (("eval", "-e", "1/x", "x=0", "-o", "FILE"), "2>/dev/full", 0, ""),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_closed_or_full(name: str, tmp_path: Path) -> None:
    words, redirection, status, said = CLOSED[name]
    file = str(tmp_path / "out.json")
    done = process(*(file if w == "FILE" else w for w in words), shell=f'"$@" {redirection}')
    assert done.status == status
    assert said in done.err
    assert len(done.err.splitlines()) <= 2
    if "FILE" in words:
        assert json.loads(Path(file).read_text(encoding="utf-8"))["output"] == "result"


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
    ],
    ids=str,
)
def test_utf_8_whatever_the_locale(env: dict[str, str]) -> None:
    program = 'print("σ → ∞"); μ = σ^2'
    done = process("eval", "-", "σ=2", stdin=program, env=env)
    assert (done.out, done.err) == ("μ\t4.0\ndμ/dσ\t4.0\n", "σ → ∞\n")
    assert "dμ/d…" in process("eval", "-", "σ=2", "--format", "table", stdin=program, env=env).out
    assert "√" in process("examples", "newton", env=env).out
    wrong = process("eval", "-", stdin="σ + + ×", env=env)
    assert "σ + + ×" in wrong.err


def test_name_of_a_file_that_is_no_utf_8(tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/\xff.ad")
    try:
        Path(name).write_text("1 / x", encoding="utf-8")
    except OSError:
        pytest.skip("the file system takes UTF-8 only")
    for options in ([], ["--json"], ["--strict"], ["--strict", "--json"]):
        done = process("eval", name, "x=0", *options)
        assert done.status == (4 if "--strict" in options else 0)
    assert process("eval", "-e", "x + \udcff", "x=1").status == 3


def interrupted(*arguments: str, number: int = signal.SIGINT) -> Done:
    """Runs a program that says `begun` and goes on for ever, and sends it a signal then."""
    running = subprocess.Popen(
        [*ADIFF, "eval", "-e", FOREVER, "x=1", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        assert running.stderr is not None
        assert running.stderr.readline() == b"begun\n"
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    return check(Done(running.returncode, out.decode(), err.decode()))


def test_interrupt(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("before", encoding="utf-8")
    done = interrupted("-o", str(path))
    assert (done.status, done.out, done.err) == (130, "", "error: interrupted\n")
    assert path.read_text(encoding="utf-8") == "before"
    assert os.listdir(tmp_path) == ["out.json"]


def test_interrupt_as_json() -> None:
    done = interrupted("--json")
    assert (done.status, done.error["kind"]) == (130, "interrupted")


def test_interrupt_while_it_waits_for_its_program() -> None:
    running = subprocess.Popen(
        ["bash", "-c", 'echo ready; exec "$@"', "bash", *ADIFF, "eval", "-", "x=1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        assert running.stdout is not None
        running.stdout.readline()
        # It reads until the end of its input: the first byte is taken when it waits for more.
        _wait_until_it_reads(running.pid)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    done = check(Done(running.returncode, out.decode(), err.decode()))
    assert (done.status, done.err) == (130, "error: interrupted\n")


def _wait_until_it_reads(pid: int) -> None:
    """Until the process sleeps in a read of its standard input, a pipe."""
    place = Path(f"/proc/{pid}/wchan")
    if not place.exists():
        pytest.skip("needs /proc")
    for _ in range(1_000_000):
        if "pipe" in place.read_text(encoding="utf-8"):
            return
    pytest.skip("the kernel does not say what a process waits for")


# ── colour ────────────────────────────────────────────────────────────────────────────

COLOURED = ("eval", "-e", "1 / x", "x=0", "--format", "table")

COLOURS = {
    "pipes": ({}, [], False),
    "never": ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
    "always": ({}, ["--color", "always"], True),
    "always, written together": ({}, ["--color=always"], True),
    "always goes before NO_COLOR": ({"NO_COLOR": "1"}, ["--color", "always"], True),
    "always goes before a dumb terminal": ({"TERM": "dumb"}, ["--color", "always"], True),
    "FORCE_COLOR": ({"FORCE_COLOR": "1"}, [], True),
    "NO_COLOR goes before it": ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
    "empty ones count for nothing": ({"FORCE_COLOR": "", "NO_COLOR": ""}, [], False),
}


@pytest.mark.parametrize("name", COLOURS)
def test_colour(name: str) -> None:
    env, options, colour = COLOURS[name]
    done = process(*COLOURED, *options, env=env)
    assert ("\x1b[" in done.out) == ("\x1b[" in done.err) == colour
    wrong = process("eval", "--bogus", *options, env=env)
    assert ("\x1b[" in wrong.err) == colour


def test_file_gets_no_colour(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    adiff(*COLOURED, "--color", "always", "-o", str(path))
    assert "\x1b" not in path.read_text(encoding="utf-8")


def test_a_process_that_calls_the_entry_point_goes_on() -> None:
    code = (
        "import sys\n"
        "from autodiff_cli.__main__ import start\n"
        "sys.argv = ['adiff', 'eval', '-e', '1 + 1']\n"
        "try:\n    start()\nexcept SystemExit as end:\n    print('status', end.code)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "result\t2\nstatus 0\n"
