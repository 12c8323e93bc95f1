"""How long a reader waits for the first screen of a large trace, and what it takes to show it."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from measure import Row, against, interleaved

ROUNDS = 3
STEPS = 250_000
PROGRAM = f"s = x; for i in range({STEPS}) {{ s = s + sin(s * x) * 1e-6 }}; y = s^2"
SCREEN = 40
"""Lines."""
LARGEST = 2.0
"""Of the time of the evaluation: what a first screen may take."""


def rows() -> list[Row]:
    with TemporaryDirectory() as folder:
        program = Path(folder) / "loop.ad"
        program.write_text(PROGRAM)
        adiff = [sys.executable, "-m", "autodiff_cli"]
        evaluation = [*adiff, "eval", str(program), "x=0.5"]
        trace = [*adiff, "trace", str(program), "x=0.5", "--format"]
        subjects = {
            "table": [*trace, "table"],
            "table, unfolded": [*trace, "table", "--unfold"],
            "tree": [*trace, "tree"],
            "steps": [*trace, "steps"],
            "svg": [*trace, "svg"],
        }
        peaks = {name: _first_screen(command) for name, command in subjects.items()}
        peak = _first_screen(evaluation)
        runs = {name: partial(_first_screen, command) for name, command in subjects.items()}
        seconds = interleaved({"eval": partial(_first_screen, evaluation), **runs}, ROUNDS)
    found = []
    for name in subjects:
        at_most = LARGEST if name == "table" else None
        found.append(
            against(f"{name}: first screen", seconds[name], "eval", seconds["eval"], at_most)
        )
    for name, bytes_ in peaks.items():
        found.append(
            Row(
                what=f"{name}: peak memory",
                measured=f"{bytes_ / 1e6:.0f} MB",
                peer=f"eval: {peak / 1e6:.0f} MB",
                ratio=f"{bytes_ / peak:.3g}",
            )
        )
    return found


def _first_screen(command: list[str]) -> int:
    """Runs a command until it has written a screen, or all that it has to write.

    Gives the bytes that it took at most, as seen every hundredth of a second.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        ended, peaks = Event(), [0]
        status = Path(f"/proc/{running.pid}/status")

        def watch() -> None:
            while not ended.wait(0.01):
                for line in status.read_text(encoding="utf-8").splitlines():
                    if line.startswith("VmHWM"):
                        peaks.append(int(line.split()[1]) * 1024)

        watching = Thread(target=watch)
        watching.start()
        for _, _ in zip(range(SCREEN), running.stdout, strict=False):
            pass
        ended.set()
        watching.join()
        running.kill()
    return peaks[-1]
