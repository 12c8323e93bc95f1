"""Time, memory and signals end a process of its own: whatever runs, and whatever is read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.commands.shell import ADIFF, environment, process

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 2**20
ALLOWANCE = 100 * MEBIBYTE
"""Above --max-memory, for Python and what it loads."""
ENDS = 40
"""Seconds within which a command ends that has a limit of one, on a machine with much to do."""
DEEP = "fn f(n) { a = ones(2*10^6); if n <= 0 { 0 } else { f(n - 1) + a[0] } }\nf(200) * x"
LOOP = "y = x\nwhile true { y = y * 1.0 }\ny"
NUMPY = {
    "convolve": ("sum(convolve(x, x))", "x=ones(10^6)"),
    "svdvals": ("sum(svdvals(x))", "x=ones([3000, 3000])"),
}


MEASURED = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss, file=sys.stderr)
"""
"""What runs a command from a small process: a child's peak begins with that of its parent."""


def ended(*words: str, cwd: Path | None = None) -> tuple[int, str, int]:
    """The status of a command line, what it said, and its peak memory in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *ADIFF, *words],
        cwd=cwd,
        env=environment({"PYTHONPATH": os.getcwd()}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    *said, measured = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    status, kilobytes = map(int, measured.split())
    return status, "\n".join(said), kilobytes * 1024


MEMORY = {
    "arrays in the frames of a recursion": (20, "eval", "-e", DEEP, "x=1"),
    "a Jacobian": (200, "eval", "-e", "2 * x", "x=ones(4900)", "--jacobian", "--json"),
    "a sparse file": (50, "eval", "-e", "sum(x)", "x=@sparse.csv"),
    "a sparse program": (50, "eval", "sparse.csv"),
    "a device without an end": (50, "eval", "-e", "sum(x)", "x=@/dev/zero"),
    "a program without an end": (50, "eval", "/dev/zero"),
    "what unpacks to a thousand times as much": (50, "eval", "-e", "sum(x)", "x=@bomb.npz"),
    "a trace": (50, "trace", "-e", "y = x\nfor i in range(10^6) { y = sin(y) }\ny", "x=1"),
    "an array that is no node": (50, "why", "-e", "x * sum(ones([9000, 900]))", "x=1"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of data is Linux's")
@pytest.mark.parametrize("name", MEMORY)
def test_memory_is_that_of_the_process(name: str, tmp_path: Path) -> None:
    with open(tmp_path / "sparse.csv", "wb") as file:
        file.truncate(2**30)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(2**25))
    allowed, *words = MEMORY[name]
    status, said, peak = ended(*words, "--max-memory", f"{allowed}M", cwd=tmp_path)
    assert status == 1, said
    assert "--max-memory allows" in said
    assert peak <= allowed * MEBIBYTE + ALLOWANCE


TIME = {
    "reading a program": ("eval", "pipe"),
    "reading an input": ("eval", "-e", "x", "x=@pipe"),
    "reading the inputs": ("eval", "-e", "x", "--inputs", "pipe"),
    "writing": ("eval", "-e", "x", "x=1", "-o", "pipe"),
    "running": ("eval", "-e", LOOP, "x=1"),
    "in NumPy: convolve": ("eval", "-e", *NUMPY["convolve"]),
    "in NumPy: svdvals": ("check", "-e", *NUMPY["svdvals"]),
    "drawing": ("trace", "-e", "y = x\nfor i in range(60000) { y = sin(y) }\ny", "x=1", "--unfold"),
}


@pytest.mark.parametrize("name", TIME)
def test_time_ends_whatever_is_done(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = process(*TIME[name], "--timeout", "1.5", cwd=tmp_path, env={"PYTHONPATH": os.getcwd()})
    assert done.status == 1, done
    assert "--timeout: 1.5 seconds are over" in done.err


def test_time_ends_a_statement_of_a_prompt_and_not_the_prompt() -> None:
    lines = "x = ones([3000, 3000])\ns = svdvals(x)\ny = 40 + 2\n"
    done = process("repl", "--timeout", "1", stdin=lines)
    assert "--timeout: 1 seconds are over" in done.err
    assert "42" in done.out


@pytest.mark.parametrize("name", NUMPY)
def test_interrupt_ends_a_long_call_into_numpy(name: str) -> None:
    program, given = NUMPY[name]
    running = started("eval", "-e", f'print("here")\n{program}', given)
    assert running.stderr.readline() == b"here\n"
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=ENDS) == (b"", b"error: interrupted\n")
    assert running.returncode == 130


LOADED = (
    "autodiff_cli.commands.help",
    "autodiff_cli.errors",
    "click",
    "autodiff_cli.commands.main",
)


@pytest.mark.parametrize("module", LOADED)
def test_interrupt_while_modules_load_is_silent(module: str) -> None:
    """From the first line that is ours on; what comes before is Python's own start."""
    words = [sys.executable, "-X", "importtime", *ADIFF[1:], "eval", "-e", "while true { }"]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, env=environment())
    assert running.stderr is not None
    while line := running.stderr.readline():
        if line.rstrip().endswith(b" " + module.encode()):
            break
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=ENDS)[1]
    told = [line for line in said.splitlines() if not line.startswith(b"import time:")]
    # Where click is reading the command line, it ends the line that ^C stands on.
    assert [line for line in told if line] in ([], [b"error: interrupted"])
    assert running.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_leaves_no_temporary_file(number: int, tmp_path: Path) -> None:
    script = f"""if True:
        import os, sys
        from autodiff_cli.data import output
        os.fsync = lambda descriptor: os.kill(os.getpid(), {int(number)})
        output.write_whole("out.txt", b"content")
    """
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment({"PYTHONPATH": os.getcwd()}),
        capture_output=True,
        timeout=ENDS,
    )
    assert done.returncode == -number
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["eval", "trace", "functions"])
def test_width_that_no_screen_has(command: str) -> None:
    words = () if command == "functions" else ("-e", "x^2", "x=3", "--format", "table")
    done = process(command, *words, env={"COLUMNS": "1000000000"})
    assert done.status == 0
    assert len(done.out) < 10**6


def started(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*ADIFF, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
