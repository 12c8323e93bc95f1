"""Whole processes, as the shell starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import Row, against, interleaved

ROUNDS = 25


def rows() -> list[Row]:
    script = Path(sysconfig.get_path("scripts")) / "adiff"
    if not script.exists():
        sys.exit(f"there is no {script}: install the package with `pip install -e .`")
    adiff = [sys.executable, str(script)]
    evaluate = "adiff eval -e 'x^2*sin(x)' x=3 --json"
    commands = {
        evaluate: [*adiff, "eval", "-e", "x^2*sin(x)", "x=3", "--json"],
        "adiff --help": [*adiff, "--help"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "bare python": [sys.executable, "-c", "pass"],
    }
    with TemporaryDirectory() as folder:
        subjects = {
            name: partial(_run, command, _environment(folder)) for name, command in commands.items()
        }
        seconds = interleaved(subjects, ROUNDS)
    numpy, bare = seconds["import numpy"], seconds["bare python"]
    return [
        against(evaluate, seconds[evaluate], "import numpy", numpy, 0.8),
        against(evaluate, seconds[evaluate], "bare python", bare),
        against("adiff --help", seconds["adiff --help"], "import numpy", numpy, 0.65),
        against("adiff --help", seconds["adiff --help"], "bare python", bare),
    ]


def _environment(folder: str) -> dict[str, str]:
    """As in a shell, with the byte code that an installed adiff has.

    It is made by the first run, which is not counted, in a folder that goes away again.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.endswith("_NUM_THREADS")
    }
    environment["PYTHONPYCACHEPREFIX"] = os.path.join(folder, "bytecode")
    return environment


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
