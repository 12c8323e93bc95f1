"""`adiff repl`: the first prompt, from key to screen, and what a long session costs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from functools import partial
from select import select
from tempfile import TemporaryDirectory
from time import perf_counter

from measure import Row, against, duration, interleaved, is_installed

ROUNDS = 15
NAMES = 1_000
KEYS = "x500 * sin(x501) + exp(-x2 / x999)^2 - log(x7 * x8 + 1)"
TIMES = 4
MOST = 16e-3
STATEMENTS = 10_000
BLOCK = 200
QUIET = 0.03
"""Seconds without a change, after which none comes."""
DRAWN = b"\x1b[?25h"
"""What ends a picture of the prompt: the cursor is seen again."""


def rows() -> list[Row]:
    if not is_installed("pexpect"):
        return []
    with TemporaryDirectory() as folder:
        found = [_first_prompt(folder), *_keys(folder)]
    return [*found, *_long_session()]


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    return {
        **kept,
        "PYTHONPYCACHEPREFIX": os.path.join(folder, "bytecode"),
        "ADIFF_HISTORY": "",
        "TERM": "xterm-256color",
    }


def _spawned(folder: str):
    import pexpect

    spawned = pexpect.spawn(
        sys.executable,
        ["-m", "autodiff_cli", "repl"],
        env=_environment(folder),
        dimensions=(24, 80),
        timeout=60,
    )
    spawned.delaybeforesend = None
    spawned.expect_exact(b"adiff> ")
    return spawned


def _first_prompt(folder: str) -> Row:
    peer = "import numpy, prompt_toolkit"

    def imports() -> None:
        subprocess.run(
            [sys.executable, "-c", "import numpy, prompt_toolkit"],
            env=_environment(folder),
            check=True,
        )

    opened = []

    def first() -> None:
        opened.append(_spawned(folder))

    seconds = interleaved({"repl": first, peer: imports}, ROUNDS)
    for each in opened:
        each.close(force=True)
    return against("first prompt", seconds["repl"], peer, seconds[peer], 1.5)


def _keys(folder: str) -> list[Row]:
    """Every key with its preview, and completions, with many names bound."""
    spawned = _spawned(folder)
    for start in range(0, NAMES, 100):
        text = "; ".join(f"x{i} = {i + 1}" for i in range(start, start + 100))
        spawned.send(f"\x1b[200~{text}\x1b[201~\r")
        spawned.expect_exact(f"x{start + 99} = ".encode())
    _drawn(spawned, b"\x03")
    typed, completed = [], []
    for _ in range(TIMES):
        typed += [_drawn(spawned, key.encode()) for key in KEYS]
        _drawn(spawned, b"\x03")
        for begun in (b"x", b"s", b"lo", b"x99"):
            for key in begun:
                _drawn(spawned, bytes([key]))
            completed += [_drawn(spawned, key) for key in (b"\t", b"\t", b"\t")]
            _drawn(spawned, b"\x03")
    spawned.close(force=True)
    return [_row("a key, with its preview", typed), _row("Tab, with completions", completed)]


def _drawn(spawned: object, key: bytes) -> float:
    """Seconds from a key until the last of what it changes is on the screen."""
    terminal: int = spawned.child_fd  # type: ignore[attr-defined]
    begun = last = perf_counter()
    os.write(terminal, key)
    seen = b""
    while select([terminal], [], [], QUIET)[0] or DRAWN not in seen:
        seen += os.read(terminal, 65536)
        last = perf_counter()
    return last - begun


def _row(what: str, seconds: list[float]) -> Row:
    worst = statistics.quantiles(seconds, n=20)[-1]
    return Row(
        what=f"{what}, {NAMES:,} names bound: 95th percentile",
        measured=duration(worst),
        peer=f"median {duration(statistics.median(seconds))}",
        target=f"< {duration(MOST)}",
        met=worst < MOST,
    )


def _long_session() -> list[Row]:
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.repl.state import State

    state = State(Settings(seed=0))
    state.run("x = 1; k = 2")
    seconds: list[float] = []
    for turn in range(STATEMENTS // 4):
        for text in (f"n{turn} = k * {turn}", "x = x + 1", "y = x^2 + n0", "y * x"):
            begun = perf_counter()
            state.run(text)
            seconds.append(perf_counter() - begun)
    early, late = seconds[8 : 8 + BLOCK], seconds[-BLOCK:]
    rebound = State(Settings(seed=0))
    rebound.run("x = 1")
    run = partial(rebound.run, "y = x^2; x = y / y")
    for _ in range(STATEMENTS):
        run()
    rebound.session.drop()
    nodes = rebound.session.nodes()
    return [
        against(f"statements around the {STATEMENTS:,}th", late, "around the 10th", early, 1.5),
        Row(
            what=f"nodes kept after {STATEMENTS:,} rebindings of two names",
            measured=f"{nodes}",
            target="≤ 10",
            met=nodes <= 10,
        ),
    ]
